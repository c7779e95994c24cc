"""The one tokenizer: SentencePiece with the special ids that every part of the project shares.

Training and export borrow this class, so production splits text exactly as training did.
"""

import codecs
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import sentencepiece

from serving.subword_sampling import SubwordSampler, model_type

PAD_ID = 0
START_ID = 1
END_ID = 2
UNKNOWN_ID = 3

JOINT_FILE = "tokenizer.model"
SOURCE_FILE = "tokenizer.source.model"
TARGET_FILE = "tokenizer.target.model"
TOKENIZER_FILES = (JOINT_FILE, SOURCE_FILE, TARGET_FILE)


class Tokenizer:
    """Turns text into ids and back with a SentencePiece model.

    Args:
        model_proto: The serialized SentencePiece model (the bytes of a `.model` file). Its special
            ids must be pad 0, start 1, end 2, unknown 3.
        name: What error messages call the model.

    Raises:
        ValueError: The bytes are not a SentencePiece model, or its special ids differ.

    Instances are immutable, may be shared between threads and can be pickled.
    """

    def __init__(self, model_proto: bytes, *, name: str = "Tokenizer"):
        self._processor = _open(model_proto, name)
        self._size = self._processor.get_piece_size()
        self.model_proto = bytes(model_proto)

    @classmethod
    def load(cls, path) -> "Tokenizer":
        """Reads a `.model` file.

        Raises:
            ValueError: The file is missing, not a SentencePiece model, or has other special ids.
        """
        path = Path(path)
        if not path.is_file():
            raise ValueError(
                f"{path}: file is missing; expected a SentencePiece model. "
                "Check the path, or train a vocabulary first."
            )
        return cls(path.read_bytes(), name=str(path))

    @property
    def vocabulary_size(self) -> int:
        """Number of ids, the four special ones included."""
        return self._size

    @property
    def kind(self) -> str:
        """The algorithm of the SentencePiece model: "unigram", "bpe", "word" or "char"."""
        return ("unigram", "bpe", "word", "char")[model_type(self.model_proto) - 1]

    def encode(self, text: str) -> list[int]:
        """Returns the ids of the best segmentation, without start or end.

        Raises:
            ValueError: `text` is not a string of valid Unicode.
        """
        return self._encode(text, "Tokenizer.encode")

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns `encode` of each text, in order.

        Raises:
            ValueError: A text is not a string of valid Unicode.
        """
        return [
            self._encode(text, f"Tokenizer.encode_batch: texts[{index}]")
            for index, text in enumerate(texts)
        ]

    def sample(self, text: str, alpha: float, seed: int) -> list[int]:
        """Draws one random segmentation (subword regularization); it decodes as `encode` does.

        Unigram models draw from all segmentations with probability proportional to P ** alpha
        (Kudo 2018): a smaller alpha is more random, 0.1 to 0.5 is usual. BPE models drop each
        merge with probability alpha (Provilkov et al. 2020): 0.1 is usual.

        The draw is a pure function of (model, text, alpha, seed): other calls, threads and
        processes have no influence on it.

        Raises:
            ValueError: `text` is not a string of valid Unicode, alpha is out of range, or the
                model is neither unigram nor BPE.
        """
        _check_text(text, "Tokenizer.sample")
        return self._sampler.sample(self._processor.normalize(text), alpha, seed)

    def decode(self, ids: Sequence[int]) -> str:
        """Returns the text of ids up to the first end id; pad and start are left out.

        Raises:
            ValueError: An id lies outside the vocabulary.
        """
        return self._processor.decode(self._readable(ids, "Tokenizer.decode"))

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Returns readable pieces such as "▁the" up to the first end id, as `decode` reads them.

        Raises:
            ValueError: An id lies outside the vocabulary.
        """
        pieces = self._pieces
        return [pieces[token] for token in self._readable(ids, "Tokenizer.pieces")]

    def piece_id(self, piece: str) -> int | None:
        """Returns the id of a piece as `pieces` spells it; None for what is no piece."""
        found = self._processor.piece_to_id(piece)  # unknown's id for what is no piece
        return found if self._processor.id_to_piece(found) == piece else None

    def num_settled(self, ids: Sequence[int]) -> int:
        """Returns how many ids have their final text, whatever ids may follow.

        The others are bytes at the end, of a character whose last byte is still to come.
        """
        places, tail = [], bytearray()  # of the byte pieces at the end
        for place in reversed(range(len(ids))):
            token = int(ids[place])
            if self._processor.is_byte(token):
                places.append(place)
                tail.append(int(self._processor.id_to_piece(token)[1:-1], 16))  # <0xE2>
            elif token not in (PAD_ID, START_ID):  # those have no text
                break
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        decoder.decode(bytes(reversed(tail)))
        num_open = len(decoder.getstate()[0])
        return places[num_open - 1] if num_open else len(ids)

    def _encode(self, text: str, where: str) -> list[int]:
        _check_text(text, where)
        return self._processor.encode(text)

    def _readable(self, ids: Iterable[int], where: str) -> list[int]:
        kept = list(map(int, ids))
        if END_ID in kept:
            kept = kept[: kept.index(END_ID)]
        if kept and not 0 <= min(kept) <= max(kept) < self._size:
            wrong = next(token for token in kept if not 0 <= token < self._size)
            raise ValueError(
                f"{where}: ids contains an id outside the vocabulary; expected 0 to "
                f"{self._size - 1}. Received {wrong}. "
                "Use the tokenizer that the model was trained with."
            )
        if PAD_ID in kept or START_ID in kept:
            kept = [token for token in kept if token not in (PAD_ID, START_ID)]
        return kept

    @cached_property
    def _pieces(self) -> list[str]:
        return self._processor.id_to_piece(list(range(self._size)))

    @cached_property
    def _sampler(self) -> SubwordSampler:
        return SubwordSampler(self._processor, self.model_proto)

    def __reduce__(self):
        return Tokenizer, (self.model_proto,)


def tokenizer_files(directory) -> list[Path]:
    """Returns the tokenizer files of a checkpoint or bundle: one (joint) or two (source, target).

    Raises:
        ValueError: The directory has neither, or has both kinds.
    """
    directory = Path(directory)
    present = {name for name in TOKENIZER_FILES if (directory / name).exists()}
    if present == {JOINT_FILE}:
        return [directory / JOINT_FILE]
    if present == {SOURCE_FILE, TARGET_FILE}:
        return [directory / SOURCE_FILE, directory / TARGET_FILE]
    raise ValueError(
        f"{directory}: tokenizer files are missing or ambiguous; expected either {JOINT_FILE}, or "
        f"{SOURCE_FILE} and {TARGET_FILE}. Received {', '.join(sorted(present)) or 'none'}. "
        "Keep the files of one training run."
    )


def load_tokenizers(directory) -> tuple[Tokenizer, Tokenizer]:
    """Returns (source, target) of a checkpoint or bundle; one object twice when it is joint.

    Raises:
        ValueError: The files are missing, ambiguous or not valid tokenizers.
    """
    loaded = [Tokenizer.load(path) for path in tokenizer_files(directory)]
    return loaded[0], loaded[-1]


def _open(model_proto: bytes, where: str) -> sentencepiece.SentencePieceProcessor:
    try:
        processor = sentencepiece.SentencePieceProcessor()
        processor.load_from_serialized_proto(bytes(model_proto))
        size = processor.get_piece_size()
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"{where}: content is not a SentencePiece model; expected the bytes of a .model file. "
            f"Received {len(model_proto)} bytes. Copy or train the file again."
        ) from error
    found = (processor.pad_id(), processor.bos_id(), processor.eos_id(), processor.unk_id())
    if size == 0 or found != (PAD_ID, START_ID, END_ID, UNKNOWN_ID):
        raise ValueError(
            f"{where}: special ids differ; expected pad {PAD_ID}, start {START_ID}, end {END_ID}, "
            "unknown {}. Received pad {}, start {}, end {}, unknown {}. Train the model with "
            "pad_id=0 bos_id=1 eos_id=2 unk_id=3.".format(UNKNOWN_ID, *found)
        )
    return processor


def _check_text(text: str, where: str) -> None:
    if not isinstance(text, str):
        raise ValueError(
            f"{where}: text is not a string; expected str. Received {type(text).__name__}. "
            "Pass one string."
        )
    problem = unicode_problem(text)
    if problem:
        raise ValueError(f"{where}: {problem}")


def unicode_problem(text: str) -> str | None:
    """Says which character of a text has no place in Unicode; None for a valid text."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return (
            "text is not valid Unicode; expected no lone surrogates. Received "
            f"U+{ord(text[error.start]):04X} at character {error.start}. Remove that character."
        )
    return None
