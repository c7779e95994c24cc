"""Parallel text: what to read, cleaned, weighted, one pair at a time."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from training.cleaning import CorpusReport, Filters, Report, SeenPairs
from training.readers import RawPair, read_gettext, read_tsv, read_two_files

__all__ = ["Corpus", "Filters", "Pair", "Report", "clean_pairs", "corpus_fingerprint", "raw_pairs"]

_BLOCK = 16  # pairs among which the copies of a fractional weight are dealt out at random


@dataclass(frozen=True)
class Corpus:
    """Where parallel text lies. Every file may be gzipped (told by content, not by name).

    Args:
        source: The source language's lines; or, without `target`, one file with both languages:
            a gettext catalogue when the name ends in `.po` or `.mo` (before `.gz`), else TSV.
        target: The target language's lines, line by line parallel to `source`.
        weight: How often an epoch holds each pair: 2.0 twice, 0.5 a random half, chosen once.
        source_column: TSV: a name from the header line, or a number from 1 (default 1).
            Gettext: "msgid" (default) or "msgstr".
        target_column: TSV: a name or a number (default 2). Gettext: "msgstr" (default) or "msgid".
        header: TSV: whether line 1 names the columns; None means: if a column is given by name.
        where: TSV: a name or number of a column → the values it may have. A pair is kept when every
            column named here has one of its values; the others count as "filtered by column".

    Raises:
        ValueError: The weight is not above 0, or column options do not suit the kind of file.
    """

    source: str | Path
    target: str | Path | None = None
    weight: float = 1.0
    source_column: str | int | None = None
    target_column: str | int | None = None
    header: bool | None = None
    where: Mapping[str | int, Sequence[str]] | None = None

    def __post_init__(self):
        problems = []
        if not 0 < self.weight < 1e4:
            problems.append(
                f"weight is out of range; expected above 0, below 10000. Received {self.weight}."
            )
        columns = (self.source_column, self.target_column)
        if self.kind == "files" and columns != (None, None):
            problems.append(
                f"columns do not suit two files; expected none. Received {columns}. Drop target "
                "for a TSV file."
            )
        allowed = {"msgid", "msgstr"}
        if self.kind == "gettext" and set(self.columns) != allowed:
            problems.append(
                f"columns do not suit a catalogue; expected msgid and msgstr. Received {columns}."
            )
        problems += self._problems_of_where()
        if problems:
            raise ValueError(f"Corpus {self.name}: {' '.join(problems)} Correct the corpus entry.")

    def _problems_of_where(self) -> list[str]:
        if not self.where:
            return []
        if self.kind != "tsv":
            return [f"where does not suit {self.kind}; expected a TSV file. Received {self.where}."]
        return [
            f"where[{column!r}] is not a list of values; expected one string or more, such as "
            f'["news"]. Received {values!r}.'
            for column, values in self.where.items()
            if not isinstance(values, list | tuple)
            or not values
            or not all(isinstance(value, str) for value in values)
        ]

    @property
    def name(self) -> str:
        """File names for reports and messages."""
        if self.target is None:
            return Path(self.source).name
        return f"{Path(self.source).name} + {Path(self.target).name}"

    @property
    def kind(self) -> str:
        """ "files", "tsv" or "gettext"."""
        if self.target is not None:
            return "files"
        name = Path(self.source).name.removesuffix(".gz")
        return "gettext" if name.endswith((".po", ".mo")) else "tsv"

    @property
    def columns(self) -> tuple:
        """Source and target column with the defaults of this kind of file filled in."""
        defaults = ("msgid", "msgstr") if self.kind == "gettext" else (1, 2)
        given = (self.source_column, self.target_column)
        return tuple(d if g is None else g for g, d in zip(given, defaults, strict=True))

    @property
    def paths(self) -> list[Path]:
        """The files, one or two."""
        return [Path(path) for path in (self.source, self.target) if path is not None]


class Pair(NamedTuple):
    """A clean pair and how often an epoch holds it (1 unless the corpus has another weight)."""

    source: str
    target: str
    copies: int = 1


def raw_pairs(corpus: Corpus) -> Iterator[RawPair]:
    """Yields the pairs of one corpus as they stand, lazily.

    Raises:
        ValueError: A file is missing, empty, damaged, not UTF-8, lacks a column, or the two files
            differ in length. The message names file and line.
    """
    if corpus.kind == "files":
        return read_two_files(*corpus.paths)
    path = corpus.paths[0]
    if corpus.kind == "gettext":
        return read_gettext(path, *corpus.columns)
    return read_tsv(path, *corpus.columns, corpus.header, corpus.where)


def clean_pairs(
    corpora: Sequence[Corpus],
    filters: Filters | None = None,
    *,
    seed: int = 0,
    report: Report | None = None,
) -> Iterator[Pair]:
    """Yields the clean pairs of all corpora in order, lazily; never holds a corpus in memory.

    The same arguments and files give the same pairs.

    Args:
        corpora: What to read.
        filters: What to keep; the default is `Filters()`.
        seed: Chooses which pairs a fractional weight takes.
        report: Emptied at the start and filled on the way; complete when the iterator is.

    Raises:
        ValueError: As `raw_pairs`; files that are missing are all named before anything is read.
            Also when no pair is left at the end.
    """
    filters = filters or Filters()
    report = Report() if report is None else report
    report.corpora[:] = []
    _check_present(corpora)
    seen = SeenPairs() if filters.drop_duplicates else None
    for index, corpus in enumerate(corpora):
        tally = CorpusReport(corpus.name)
        report.corpora.append(tally)
        copies = _copies(corpus.weight, [seed, index])
        for source, target in _cleaned(corpus, filters, seen, tally):
            times = next(copies)
            tally.used += times
            if times:
                yield Pair(source, target, times)
    if not report.kept:
        raise ValueError(
            f"{', '.join(corpus.name for corpus in corpora)}: no pair is left after cleaning; "
            f"expected at least 1. Dropped {report.dropped}. Loosen the filters, or check that "
            "source and target are not swapped or the same file."
        )


def corpus_fingerprint(
    corpora: Sequence[Corpus], filters: Filters | None = None, *, seed: int = 0
) -> str:
    """Returns a digest of everything that `clean_pairs` depends on, file contents included.

    Raises:
        ValueError: Files are missing.
    """
    _check_present(corpora)
    digest = hashlib.sha256()
    for corpus in corpora:
        options = [corpus.kind, *corpus.columns, corpus.weight, corpus.header]
        if corpus.where:
            kept = {str(column): sorted(values) for column, values in corpus.where.items()}
            options.append(sorted(kept.items()))
        digest.update(json.dumps(options).encode())
        for path in corpus.paths:
            with path.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    digest.update(json.dumps([asdict(filters or Filters()), seed]).encode())
    return digest.hexdigest()


def _cleaned(corpus: Corpus, filters: Filters, seen: SeenPairs | None, tally: CorpusReport):
    for line, source, target, problem in raw_pairs(corpus):
        tally.read += 1
        source, target = filters.normalize(source), filters.normalize(target)
        reason = problem or filters.reason_to_drop(source, target)
        if reason is None and seen is not None and not seen.add(source, target):
            reason = "duplicate"
        if reason is None:
            tally.kept += 1
            yield source, target
        else:
            tally.drop(reason, line, source, target)


def _copies(weight: float, seed: list[int]) -> Iterator[int]:
    """Yields how often each next pair is held: `weight` on average, exact over the whole."""
    generator = np.random.default_rng(seed)
    phase = generator.random()
    start = 0
    while True:
        marks = np.floor(np.arange(start, start + _BLOCK + 1) * weight + phase)
        yield from generator.permutation(np.diff(marks).astype(int)).tolist()
        start += _BLOCK


def _check_present(corpora: Sequence[Corpus]) -> None:
    if not corpora:
        raise ValueError(
            "clean_pairs: corpora is empty; expected at least one Corpus. Received 0. Add one."
        )
    missing = [str(path) for corpus in corpora for path in corpus.paths if not path.is_file()]
    if missing:
        raise ValueError(
            f"{', '.join(missing)}: file is missing; expected a readable file. Check the path."
        )
