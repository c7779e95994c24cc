"""Encoded pairs on disk: written once as a stream, then memory-mapped.

A store is a directory: flat arrays of both languages' ids (`*.ids`, int32) with the position of
each row (`*.ids.offsets`, int64), the same for text when it is kept (`*.text`, UTF-8 bytes),
`copies` (uint16, when a weight is not 1), and `store.json`, which names what the store was made of.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from serving.tokenizer import Tokenizer
from training.token_writer import DTYPES, SIDES, write_arrays

FORMAT_VERSION = 1


class TokenStore:
    """Encoded pairs, read from disk as they are needed.

    Use `build` to make or reuse one. Lengths are in tokens and include the end token; stored ids
    hold pieces only.

    Args:
        directory: An existing store.

    Attributes:
        description: Contents of `store.json`: fingerprint, counts and limits.
        source_lengths: int32 (N,), tokens of each source with its end token.
        target_lengths: int32 (N,), the same for targets.
        copies: uint16 (N,), how often an epoch holds each pair; None when always once.

    Raises:
        ValueError: The directory is not a complete store of this version.
    """

    def __init__(self, directory):
        self.directory = Path(directory)
        self.description = _read_description(self.directory)
        if problem := _incomplete(self.directory, self.description):
            raise ValueError(
                f"{self.directory}: token store is incomplete; expected the files that store.json "
                f"lists. Received {problem}. Delete the directory and build the store again."
            )
        self._flat, self._offsets = {}, {}
        for name in self.description["arrays"]:
            self._flat[name] = self._map(name, DTYPES[name.partition(".")[2]])
            self._offsets[name] = self._map(f"{name}.offsets", np.dtype("<i8"))
        self.source_lengths, self.target_lengths = (
            (np.diff(self._offsets[f"{side}.ids"]) + 1).astype(np.int32) for side in SIDES
        )
        self.copies = self._map("copies", np.dtype("<u2")) if self._has_copies else None

    @classmethod
    def build(
        cls,
        directory,
        pairs: Callable[[], Iterable[tuple]],
        source_tokenizer: Tokenizer,
        target_tokenizer: Tokenizer,
        *,
        max_source_length: int,
        max_target_length: int,
        keep_text: bool = False,
        fingerprint: str | None = None,
    ) -> "TokenStore":
        """Encodes pairs into `directory`, or reuses what is there when nothing has changed.

        One chunk of pairs is in memory at a time. What an interrupted build left beside the
        directory is removed.

        Args:
            directory: Where the store goes. A stale store there is replaced.
            pairs: Called for each pass; returns (source, target) or (source, target, copies).
            source_tokenizer: Encodes sources.
            target_tokenizer: Encodes targets.
            max_source_length: Most tokens of a source, end token included; longer pairs are
                dropped and counted in `description["dropped"]`.
            max_target_length: The same for targets.
            keep_text: Store the text too, for subword sampling.
            fingerprint: Digest of what `pairs` returns (see `corpus.corpus_fingerprint`); when
                None the pairs themselves are digested in a pass of their own.

        Raises:
            ValueError: A limit is below 2, no pair is left, or a directory that is not a store is
                in the way.
        """
        directory = Path(directory)
        limits = {"source": max_source_length, "target": max_target_length}
        _check_limits(limits)
        tokenizers = {"source": source_tokenizer, "target": target_tokenizer}
        identity = _identity(fingerprint or _digest(pairs()), tokenizers, limits, keep_text)
        if _reusable(directory, identity):
            return cls(directory)
        for left in directory.parent.glob(f"{directory.name}.*.partial*"):
            shutil.rmtree(left, ignore_errors=True)
        partial = directory.with_name(f"{directory.name}.{uuid.uuid4().hex[:8]}.partial")
        partial.mkdir(parents=True)
        try:
            description = write_arrays(partial, pairs(), tokenizers, limits, keep_text)
            description |= {"format_version": FORMAT_VERSION, "fingerprint": identity}
            (partial / "store.json").write_text(json.dumps(description, indent=1) + "\n")
            _replace(partial, directory)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return cls(directory)

    def __len__(self) -> int:
        """Number of stored pairs, N."""
        return self.description["pairs"]

    @property
    def fingerprint(self) -> str:
        """Digest of pairs, tokenizers and limits."""
        return self.description["fingerprint"]

    @property
    def max_source_length(self) -> int:
        """The limit the store was built with, in tokens."""
        return self.description["limits"]["source"]

    @property
    def max_target_length(self) -> int:
        """The limit the store was built with, in tokens."""
        return self.description["limits"]["target"]

    @property
    def has_text(self) -> bool:
        """Whether text was kept."""
        return "source.text" in self._flat

    def ids(self, side: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pieces of some rows: flat int32 ids, and int64 (B,) how many each row has.

        Args:
            side: "source" or "target".
            rows: Integer (B,), rows of the store.
        """
        name = f"{side}.ids"
        starts = self._offsets[name][rows]
        counts = self._offsets[name][np.asarray(rows) + 1] - starts
        # place of each id in the flat file: row start + place within the row
        before = np.cumsum(counts) - counts
        places = np.repeat(starts - before, counts) + np.arange(counts.sum())
        return self._flat[name][places], counts

    def text(self, side: str, row: int) -> str:
        """Returns the text of one row; the store must have been built with `keep_text`."""
        start, end = self._offsets[f"{side}.text"][row : row + 2]
        return self._flat[f"{side}.text"][start:end].tobytes().decode("utf-8")

    def _map(self, name: str, dtype: np.dtype) -> np.ndarray:
        return np.memmap(self.directory / name, dtype=dtype, mode="r").view(np.ndarray)

    @property
    def _has_copies(self) -> bool:
        return "copies" in self.description["bytes"]


def _check_limits(limits: dict[str, int]) -> None:
    for side, limit in limits.items():
        if limit < 2:
            raise ValueError(
                f"TokenStore.build: max_{side}_length is too small; expected 2 or more (one piece "
                f"and the end token). Received {limit}. Raise it."
            )


def _digest(pairs: Iterable[tuple]) -> str:
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(json.dumps(list(pair)).encode())
    return digest.hexdigest()


def _identity(fingerprint: str, tokenizers: dict, limits: dict, keep_text: bool) -> str:
    protos = [hashlib.sha256(tokenizers[side].model_proto).hexdigest() for side in SIDES]
    parts = [FORMAT_VERSION, fingerprint, protos, limits, keep_text]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _read_description(directory: Path) -> dict:
    try:
        description = json.loads((directory / "store.json").read_text())
        version = description["format_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{directory}: directory is not a token store; expected a readable store.json. "
            f"Received {type(error).__name__}. Build the store with TokenStore.build."
        ) from error
    if version != FORMAT_VERSION:
        raise ValueError(
            f"{directory}: token store has another format version; expected {FORMAT_VERSION}. "
            f"Received {version}. Delete the directory and build the store again."
        )
    return description


def _incomplete(directory: Path, description: dict) -> str | None:
    for name, size in description["bytes"].items():
        path = directory / name
        found = path.stat().st_size if path.is_file() else None
        if found != size:
            return f"{name} of {found} bytes instead of {size}"
    return None


def _reusable(directory: Path, identity: str) -> bool:
    if not directory.exists():
        return False
    try:
        description = _read_description(directory)
    except ValueError:
        return False
    return description["fingerprint"] == identity and not _incomplete(directory, description)


def _replace(partial: Path, directory: Path) -> None:
    if directory.exists():
        if any(directory.iterdir()) and not (directory / "store.json").is_file():
            raise ValueError(
                f"{directory}: directory holds other files; expected a token store or nothing. "
                f"Received {sorted(path.name for path in directory.iterdir())[:3]}. "
                "Choose another directory."
            )
        stale = directory.with_name(f"{partial.name}.stale")
        os.replace(directory, stale)
        os.replace(partial, directory)
        shutil.rmtree(stale)
    else:
        os.replace(partial, directory)
