"""Cleaning of parallel text: filters, a duplicate set that stays small, and a report."""

import hashlib
import re
import unicodedata
from array import array
from dataclasses import dataclass, field

# Control characters (tab, line ends and the like are whitespace), zero-width space, BOM.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200b\ufeff]")
_UNICODE_FORMS = ("NFC", "NFKC", "none")
_UNITS = ("characters", "words")


@dataclass(frozen=True)
class Filters:
    """What is kept of a corpus.

    Text is first put into Unicode form NFC, control characters are removed, and every run of
    whitespace becomes one space. Then pairs are dropped, in this order: an empty side; a side
    shorter or longer than allowed; sides of very different lengths; source equal to target; a pair
    that was seen before, in any corpus of the same reading.

    Args:
        unicode_form: "NFC", "NFKC" or "none".
        unit: What lengths count: "characters", or "words" (parts between spaces; not for
            languages that write without spaces).
        min_length: Fewest units a side may have, at least 1.
        max_length: Most units a side may have.
        max_length_ratio: The longer side may have at most this many times the units of the shorter
            one; at least 1, or None for no limit.
        ratio_from: The ratio is looked at only when the longer side has this many units or more.
        drop_identical: Drop pairs whose source equals their target.
        drop_duplicates: Drop pairs seen before. Two different pairs are taken for the same with a
            chance of n² / 2⁶⁵ over n pairs (8-byte digests).

    Raises:
        ValueError: A value is out of range; every problem is named.
    """

    unicode_form: str = "NFC"
    unit: str = "characters"
    min_length: int = 1
    max_length: int = 1000
    max_length_ratio: float | None = 9.0
    ratio_from: int = 20
    drop_identical: bool = True
    drop_duplicates: bool = True

    def __post_init__(self):
        checks = [
            ("unicode_form", self.unicode_form in _UNICODE_FORMS, f"one of {_UNICODE_FORMS}"),
            ("unit", self.unit in _UNITS, f"one of {_UNITS}"),
            ("min_length", self.min_length >= 1, "1 or more"),
            ("max_length", self.max_length >= self.min_length, "min_length or more"),
            (
                "max_length_ratio",
                self.max_length_ratio is None or self.max_length_ratio >= 1,
                "1 or more, or None",
            ),
            ("ratio_from", self.ratio_from >= 0, "0 or more"),
        ]
        problems = [
            f"{name} is out of range; expected {rule}. Received {getattr(self, name)!r}."
            for name, good, rule in checks
            if not good
        ]
        if problems:
            raise ValueError(f"Filters: {' '.join(problems)} Correct the recipe.")

    def normalize(self, text: str) -> str:
        """Returns text in the chosen Unicode form, free of control characters, trimmed."""
        if not text.isascii() and self.unicode_form != "none":
            text = unicodedata.normalize(self.unicode_form, text)
        return " ".join(_CONTROL.sub("", text).split())

    def reason_to_drop(self, source: str, target: str) -> str | None:
        """Returns why a normalized pair is dropped, or None. Duplicates are not looked at here."""
        if not source or not target:
            return "empty"
        lengths = (self._length(source), self._length(target))
        shorter, longer = min(lengths), max(lengths)
        if shorter < self.min_length:
            return "too short"
        if longer > self.max_length:
            return "too long"
        limit = self.max_length_ratio
        if limit is not None and longer >= self.ratio_from and longer > limit * shorter:
            return "length ratio"
        if self.drop_identical and source == target:
            return "identical"
        return None

    def _length(self, text: str) -> int:
        return len(text) if self.unit == "characters" else text.count(" ") + 1


class SeenPairs:
    """A set of pairs that keeps 8 bytes for each: an open-addressing table of digests.

    Memory is 11 to 32 bytes for each pair, whatever its length.
    """

    def __init__(self):
        self._table = array("Q", [0]) * 1024
        self._count = 0

    def add(self, source: str, target: str) -> bool:
        """Remembers a pair; returns False when it was there already."""
        text = f"{source}\0{target}".encode()
        digest = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") or 1
        if not self._insert(digest):
            return False
        self._count += 1
        if self._count * 4 > len(self._table) * 3:
            self._grow()
        return True

    def __len__(self) -> int:
        return self._count

    def _insert(self, digest: int) -> bool:
        table, mask = self._table, len(self._table) - 1
        slot = digest & mask
        while table[slot]:
            if table[slot] == digest:
                return False
            slot = (slot + 1) & mask
        table[slot] = digest
        return True

    def _grow(self) -> None:
        old = self._table
        self._table = array("Q", [0]) * (2 * len(old))
        for digest in old:
            if digest:
                self._insert(digest)


@dataclass
class CorpusReport:
    """What happened to one corpus.

    Attributes:
        name: The corpus.
        read: Pairs read.
        kept: Pairs that passed the filters.
        used: Pairs an epoch holds of it, after the weight.
        dropped: Number of pairs for each reason.
        examples: For each reason a few (line, source, target), shortened.
    """

    name: str
    read: int = 0
    kept: int = 0
    used: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[tuple[int, str, str]]] = field(default_factory=dict)

    def drop(self, reason: str, line: int, source: str, target: str, keep: int = 3) -> None:
        """Counts one dropped pair and keeps the first `keep` as examples."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        shown = self.examples.setdefault(reason, [])
        if len(shown) < keep:
            shown.append((line, source[:60], target[:60]))


@dataclass
class Report:
    """What one reading kept and dropped, corpus by corpus. `str()` and rich both print it."""

    corpora: list[CorpusReport] = field(default_factory=list)

    @property
    def kept(self) -> int:
        """Pairs kept, over all corpora."""
        return sum(corpus.kept for corpus in self.corpora)

    @property
    def dropped(self) -> dict[str, int]:
        """Pairs dropped for each reason, over all corpora."""
        total: dict[str, int] = {}
        for corpus in self.corpora:
            for reason, count in corpus.dropped.items():
                total[reason] = total.get(reason, 0) + count
        return total

    def __str__(self) -> str:
        lines = []
        for corpus in self.corpora:
            lines.append(
                f"{corpus.name}: {corpus.read:,} read, {corpus.kept:,} kept, "
                f"{corpus.used:,} used an epoch"
            )
            for reason, count in sorted(corpus.dropped.items(), key=lambda item: -item[1]):
                lines.append(f"  {count:>9,} {reason}")
                lines += [
                    f"            line {line}: {source!r} | {target!r}"
                    for line, source, target in corpus.examples[reason]
                ]
        return "\n".join(lines)

    def __rich__(self):
        from rich.table import Table
        from rich.text import Text

        table = Table("corpus", "read", "kept", "used", "dropped", "example", title="Corpus")
        for corpus in self.corpora:
            cells = [f"{corpus.read:,}", f"{corpus.kept:,}", f"{corpus.used:,}"]
            table.add_row(Text(corpus.name), *cells, "", "")
            for reason, count in sorted(corpus.dropped.items(), key=lambda item: -item[1]):
                line, source, target = corpus.examples[reason][0]
                example = Text(f"line {line}: {source} | {target}")
                table.add_row("", "", "", "", f"{count:,} {reason}", example)
        return table
