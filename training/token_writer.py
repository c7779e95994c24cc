"""Writes encoded pairs as flat arrays, a chunk at a time: the writing half of a token store."""

import itertools
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from serving.tokenizer import Tokenizer

SIDES = ("source", "target")
DTYPES = {"ids": np.dtype("<i4"), "text": np.dtype("u1")}
_CHUNK = 1024  # pairs encoded at a time


class _ArrayWriter:
    """Appends rows to one flat file and the end of each row to its offsets file."""

    def __init__(self, directory: Path, name: str):
        self._dtype = DTYPES[name.partition(".")[2]]
        self._flat = (directory / name).open("wb")
        self._offsets = (directory / f"{name}.offsets").open("wb")
        self._end = 0
        self._offsets.write(np.zeros(1, "<i8").tobytes())

    def append(self, rows: list) -> None:
        lengths = np.fromiter(map(len, rows), "<i8", len(rows))
        self._offsets.write((np.cumsum(lengths) + self._end).astype("<i8").tobytes())
        self._end += int(lengths.sum())
        if self._dtype.itemsize == 1:
            self._flat.write(b"".join(rows))
        else:
            flat = np.fromiter(itertools.chain.from_iterable(rows), self._dtype, lengths.sum())
            self._flat.write(flat.tobytes())

    def close(self) -> None:
        self._flat.close()
        self._offsets.close()


def write_arrays(
    directory: Path,
    pairs: Iterable[tuple],
    tokenizers: dict[str, Tokenizer],
    limits: dict[str, int],
    keep_text: bool,
) -> dict:
    """Encodes pairs chunk by chunk into `directory` and returns what a store says of them.

    Args:
        directory: An empty directory.
        pairs: (source, target) or (source, target, copies).
        tokenizers: For each side.
        limits: For each side the most tokens, end token included.
        keep_text: Write the text too.

    Raises:
        ValueError: No pair is left.
    """
    names = [f"{side}.ids" for side in SIDES]
    names += [f"{side}.text" for side in SIDES] if keep_text else []
    writers = {name: _ArrayWriter(directory, name) for name in names}
    copies, dropped = array("H"), {}
    try:
        for chunk in _chunks(pairs):
            _append(chunk, tokenizers, limits, writers, copies, dropped)
    finally:
        for writer in writers.values():
            writer.close()
    if not copies:
        raise ValueError(
            "TokenStore.build: no pair is left to store; expected at least 1. "
            f"Dropped {dropped}. Raise max_source_length and max_target_length, or check the "
            "corpus."
        )
    counts = np.frombuffer(copies, np.uint16)
    if (counts != 1).any():
        counts.astype("<u2").tofile(directory / "copies")
    return {
        "pairs": len(copies),
        "pairs_per_epoch": int(counts.sum(dtype=np.int64)),
        "limits": limits,
        "dropped": dropped,
        "arrays": names,
        "bytes": {path.name: path.stat().st_size for path in sorted(directory.iterdir())},
    }


def _append(chunk: list[tuple], tokenizers, limits, writers, copies: array, dropped: dict) -> None:
    ids = {
        side: tokenizers[side].encode_batch([pair[column] for pair in chunk])
        for column, side in enumerate(SIDES)
    }
    kept = []
    for index in range(len(chunk)):
        reason = _reason_to_drop(len(ids["source"][index]), len(ids["target"][index]), limits)
        if reason:
            dropped[reason] = dropped.get(reason, 0) + 1
        else:
            kept.append(index)
    for side in SIDES:
        writers[f"{side}.ids"].append([ids[side][index] for index in kept])
    if "source.text" in writers:
        for column, side in enumerate(SIDES):
            writers[f"{side}.text"].append([chunk[index][column].encode() for index in kept])
    copies.extend(chunk[index][2] if len(chunk[index]) > 2 else 1 for index in kept)


def _reason_to_drop(source: int, target: int, limits: dict) -> str | None:
    if not source or not target:
        return "empty"
    if source + 1 > limits["source"]:
        return "source too long"
    if target + 1 > limits["target"]:
        return "target too long"
    return None


def _chunks(pairs: Iterable[tuple]) -> Iterator[list[tuple]]:
    iterator = iter(pairs)
    while chunk := list(itertools.islice(iterator, _CHUNK)):
        yield chunk
