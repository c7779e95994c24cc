"""Reproducible subword sampling.

SentencePiece's own sampler mixes a per-process salt into its seed, so that two processes given the
same seed draw different segmentations. Here a draw depends on nothing but its arguments.
"""

import math
import random
import re
from functools import lru_cache

_SPACE = "▁"
_UNIGRAM, _BPE = 1, 2  # TrainerSpec.ModelType in sentencepiece_model.proto
_UNKNOWN_PENALTY = 10.0  # below the worst piece, as in SentencePiece's unigram lattice
_LONGEST_CACHED_WORD = 32


class SubwordSampler:
    """Draws segmentations of normalized text from one SentencePiece model.

    No piece reaches across a space (SentencePiece's default), so words are drawn independently and
    the tables of frequent words are kept. A model whose pieces do cross spaces is drawn as a whole.

    Args:
        processor: The loaded model.
        model_proto: Its bytes, read for the kind of model.
    """

    def __init__(self, processor, model_proto: bytes):
        self._kind = model_type(model_proto)
        ids = range(processor.get_piece_size())
        plain = [
            i
            for i in ids
            if not (processor.is_control(i) or processor.is_unknown(i) or processor.is_byte(i))
            and not processor.is_unused(i)
        ]
        self._ids = {processor.id_to_piece(i): i for i in plain}
        self._scores = {piece: processor.get_score(i) for piece, i in self._ids.items()}
        self._longest = max(map(len, self._ids), default=1)
        self._lowest = min(self._scores.values(), default=0.0) - _UNKNOWN_PENALTY
        self._unknown = processor.unk_id()
        self._bytes = [processor.piece_to_id(f"<0x{byte:02X}>") for byte in range(256)]
        self._byte_fallback = self._bytes[0] != self._unknown
        crosses = any(_SPACE in piece[1:] for piece in self._ids)
        self._words = re.compile(r".+" if crosses else f"{_SPACE}?[^{_SPACE}]*", re.DOTALL)
        self._cached_table = lru_cache(maxsize=1 << 14)(self._table)

    def sample(self, normalized: str, alpha: float, seed: int) -> list[int]:
        """Returns the ids of one draw; `normalized` is what the model's normalizer returned.

        Raises:
            ValueError: alpha is out of range, or the model is neither unigram nor BPE.
        """
        self._check(alpha)
        generator = random.Random(int(seed))
        draw = self._draw_unigram if self._kind == _UNIGRAM else self._draw_bpe
        pieces = []
        for word in self._words.findall(normalized):
            if word:
                pieces += draw(word, alpha, generator)
        return self._to_ids(pieces)

    def _check(self, alpha: float) -> None:
        if self._kind not in (_UNIGRAM, _BPE):
            raise ValueError(
                "Tokenizer.sample: the model cannot be sampled; expected a unigram or BPE model. "
                f"Received model type {self._kind}. Train the vocabulary with kind='unigram'."
            )
        allowed = 0.0 <= alpha <= 1.0 if self._kind == _BPE else 0.0 <= alpha < math.inf
        if not allowed:
            rule = "0 to 1 (the chance to drop a merge)" if self._kind == _BPE else "0 or more"
            raise ValueError(
                f"Tokenizer.sample: alpha is out of range; expected {rule}. Received {alpha}. "
                "Use 0.1 for BPE, 0.1 to 0.5 for unigram."
            )

    def _draw_unigram(self, word: str, alpha: float, generator: random.Random) -> list[str]:
        """Backward sampling over the table of one word."""
        table = self._cached_table if len(word) <= _LONGEST_CACHED_WORD else self._table
        ends = table(word, alpha)
        pieces, end = [], len(word)
        while end:
            choices = ends[end]  # [(begin, cumulative probability)]
            begin = choices[-1][0]
            if len(choices) > 1:
                threshold = generator.random()
                begin = next((b for b, cumulative in choices if threshold < cumulative), begin)
            pieces.append(word[begin:end])
            end = begin
        pieces.reverse()
        return pieces

    def _table(self, word: str, alpha: float) -> list[list[tuple[int, float]]]:
        """Forward sums: for each end, where its last piece may begin and how likely that is."""
        totals = [0.0]  # log of the summed weight of every segmentation of word[:end]
        ends = [[]]
        for end in range(1, len(word) + 1):
            weighted = []
            for begin in range(max(0, end - self._longest), end):
                score = self._scores.get(word[begin:end])
                if score is None and begin == end - 1:
                    score = self._lowest
                if score is not None:
                    weighted.append((begin, totals[begin] + alpha * score))
            highest = max(weight for _, weight in weighted)
            shares = [math.exp(weight - highest) for _, weight in weighted]
            total = sum(shares)
            totals.append(highest + math.log(total))
            cumulative, row = 0.0, []
            for (begin, _), share in zip(weighted, shares, strict=True):
                cumulative += share / total
                row.append((begin, cumulative))
            ends.append(row)
        return ends

    def _draw_bpe(self, word: str, alpha: float, generator: random.Random) -> list[str]:
        """Merges the best pair that is not dropped until none is left."""
        pieces = list(word)
        while len(pieces) > 1:
            best, best_score = -1, -math.inf
            for index in range(len(pieces) - 1):
                score = self._scores.get(pieces[index] + pieces[index + 1])
                if score is None or (alpha and generator.random() < alpha):
                    continue
                if score > best_score:
                    best, best_score = index, score
            if best < 0:
                break
            pieces[best : best + 2] = [pieces[best] + pieces[best + 1]]
        return pieces

    def _to_ids(self, pieces: list[str]) -> list[int]:
        """Unknown characters become bytes, or one unknown id for each run of them."""
        ids = []
        for piece in pieces:
            token = self._ids.get(piece)
            if token is not None:
                ids.append(token)
            elif self._byte_fallback:
                ids += [self._bytes[byte] for byte in piece.encode("utf-8")]
            elif not ids or ids[-1] != self._unknown:
                ids.append(self._unknown)
        return ids


def model_type(model_proto: bytes) -> int:
    """Reads trainer_spec.model_type (ModelProto field 2, TrainerSpec field 3; default unigram)."""
    for field, value in _fields(model_proto):
        if field == 2 and isinstance(value, bytes):
            for inner, inner_value in _fields(value):
                if inner == 3 and isinstance(inner_value, int):
                    return inner_value
    return _UNIGRAM


def _fields(message: bytes):
    """Yields (field number, value) of a protobuf message: int for varints, bytes otherwise."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        wire = key & 7
        if wire == 0:
            value, position = _varint(message, position)
        else:
            size = {1: 8, 5: 4}.get(wire)
            if size is None:
                size, position = _varint(message, position)
            value, position = message[position : position + size], position + size
        yield key >> 3, value


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position
