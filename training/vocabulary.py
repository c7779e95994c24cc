"""Train the SentencePiece vocabularies that the whole project shares."""

import io
import random
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import sentencepiece

from serving.tokenizer import (
    END_ID,
    JOINT_FILE,
    PAD_ID,
    SOURCE_FILE,
    START_ID,
    TARGET_FILE,
    UNKNOWN_ID,
    Tokenizer,
)
from training.state import write_bytes

_KINDS = ("unigram", "bpe")
_THREADS = 16  # the pieces depend on the number of threads, so it is never the machine's
_LONGEST_SENTENCE = 1 << 16  # bytes; longer ones would be skipped


def train_tokenizers(
    pairs: Callable[[], Iterable[tuple]],
    directory,
    *,
    vocabulary_size: int,
    kind: str = "unigram",
    joint: bool = True,
    byte_fallback: bool = True,
    character_coverage: float = 0.9995,
    normalization: str = "nmt_nfkc",
    max_sentences: int = 2_000_000,
    seed: int = 0,
) -> tuple[Tokenizer, Tokenizer]:
    """Trains one joint vocabulary or one for each language, and writes the tokenizer files.

    The result is a pure function of the pairs and the options, on any machine.

    Args:
        pairs: Called for each pass; returns pairs whose first two items are source and target.
        directory: Where the files go; it is made when missing. Tokenizer files there are replaced.
        vocabulary_size: Number of ids of each vocabulary, the 4 special ones and, with
            `byte_fallback`, the 256 bytes included. A unigram vocabulary comes out smaller when
            the text cannot fill it: read `Tokenizer.vocabulary_size`. BPE must reach the size.
        kind: "unigram" or "bpe".
        joint: One vocabulary for both languages.
        byte_fallback: Write unknown characters as bytes, so that any text survives.
        character_coverage: Share of the characters that become pieces of their own, 0.9 to 1.
            0.9995 suits large character sets (with byte fallback), 1.0 small alphabets.
        normalization: SentencePiece's rule: "nmt_nfkc", "nfkc", "identity", or "nmt_nfkc_cf" and
            "nfkc_cf", which also lower the case.
        max_sentences: Most sentences a vocabulary is trained on; of more, a random sample is held
            in memory.
        seed: Chooses that sample.

    Returns:
        The source and the target tokenizer; the same object twice when joint.

    Raises:
        ValueError: An option is out of range, there is no text, or the text cannot fill a BPE
            vocabulary of that size.
    """
    _check(vocabulary_size, kind, character_coverage, max_sentences)
    options = {
        "vocab_size": vocabulary_size,
        "model_type": kind,
        "byte_fallback": byte_fallback,
        "character_coverage": character_coverage,
        "normalization_rule_name": normalization,
    }
    sides = {JOINT_FILE: (0, 1)} if joint else {SOURCE_FILE: (0,), TARGET_FILE: (1,)}
    models = {
        name: _train(_sample(_sentences(pairs(), columns), max_sentences, seed), options)
        for name, columns in sides.items()
    }
    write_tokenizers(Path(directory), models)
    tokenizers = [Tokenizer(model) for model in models.values()]
    return tokenizers[0], tokenizers[-1]


def _check(vocabulary_size: int, kind: str, coverage: float, max_sentences: int) -> None:
    checks = [
        ("kind", kind, kind in _KINDS, f"one of {_KINDS}"),
        ("vocabulary_size", vocabulary_size, vocabulary_size > 4, "more than the 4 special ids"),
        ("character_coverage", coverage, 0.9 <= coverage <= 1, "0.9 to 1"),
        ("max_sentences", max_sentences, max_sentences >= 1, "1 or more"),
    ]
    problems = [
        f"{name} is out of range; expected {rule}. Received {value!r}."
        for name, value, good, rule in checks
        if not good
    ]
    if problems:
        raise ValueError(f"train_tokenizers: {' '.join(problems)} Correct the recipe.")


def _sentences(pairs: Iterable[tuple], columns: tuple[int, ...]) -> Iterator[str]:
    for pair in pairs:
        for column in columns:
            yield pair[column]


def _sample(sentences: Iterator[str], size: int, seed: int) -> list[str]:
    """Keeps a uniform sample of a stream of unknown length (reservoir)."""
    generator = random.Random(seed)
    kept = []
    for count, sentence in enumerate(sentences):
        if count < size:
            kept.append(sentence)
        elif (place := generator.randrange(count + 1)) < size:
            kept[place] = sentence
    return kept


def _train(sentences: list[str], options: dict) -> bytes:
    if not any(sentences):
        raise ValueError(
            "train_tokenizers: pairs holds no text; expected at least one sentence. "
            f"Received {len(sentences)} sentences. Check the corpus and its filters."
        )
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            pad_id=PAD_ID,
            bos_id=START_ID,
            eos_id=END_ID,
            unk_id=UNKNOWN_ID,
            pad_piece="<pad>",
            hard_vocab_limit=options["model_type"] == "bpe",
            max_sentence_length=_LONGEST_SENTENCE,
            num_threads=_THREADS,
            minloglevel=3,
            **options,
        )
    except RuntimeError as error:
        raise ValueError(_explain(str(error), len(sentences), options)) from error
    return model.getvalue()


def _explain(message: str, count: int, options: dict) -> str:
    size = options["vocab_size"]
    if found := re.search(r"value <= (\d+)", message):
        return (
            f"train_tokenizers: vocabulary_size is too large for this text; expected at most "
            f"{found[1]} with {count} sentences. Received {size}. Set vocabulary_size={found[1]}, "
            'add text, or use kind="unigram", which takes what the text gives.'
        )
    if found := re.search(r"required_chars\. \d+ vs (\d+)", message):
        return (
            f"train_tokenizers: vocabulary_size is too small for the characters of this text; "
            f"expected at least {found[1]}. Received {size}. Raise vocabulary_size, or lower "
            "character_coverage."
        )
    if "charsmap" in message:
        return (
            "train_tokenizers: normalization is unknown; expected nmt_nfkc, nfkc, nmt_nfkc_cf, "
            f"nfkc_cf or identity. Received {options['normalization_rule_name']!r}. Correct it."
        )
    return (
        f"train_tokenizers: SentencePiece refused the options; expected a trainable set. "
        f"Received {options}, answered {message!r}. Correct the options."
    )


def write_tokenizers(directory: Path, models: dict[str, bytes]) -> None:
    """Writes tokenizer files, by name, in the place of those that are there."""
    for name, model in models.items():
        write_bytes(directory / name, model)
    for name in {JOINT_FILE, SOURCE_FILE, TARGET_FILE} - models.keys():
        (directory / name).unlink(missing_ok=True)
