"""Readers for raw parallel text: line files, TSV and gettext catalogues, each optionally gzipped.

Line files and TSV are streamed; one line is in memory at a time. A gettext catalogue is small and
is parsed as a whole.
"""

import gzip
import itertools
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

LONGEST_LINE = 1 << 20  # bytes; a longer "line" means that the file is not lines of text
_VALUES_SEEN = 10  # values of a filtered column to name when one of the recipe's is not found
_GZIP_MAGIC = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


class RawPair(NamedTuple):
    """One pair as it stands in the file.

    Attributes:
        line: Line number, from 1 (for a gettext catalogue: the entry's line, or its position).
        source: Text in the source language.
        target: Text in the target language.
        problem: Why the file itself marks the pair as unfit (such as "fuzzy"), or None.
    """

    line: int
    source: str
    target: str
    problem: str | None = None


def read_lines(path: Path) -> Iterator[str]:
    """Yields the lines of a UTF-8 text file without their line ends.

    Raises:
        ValueError: The file is missing, empty, not UTF-8, a damaged gzip, or not made of lines.
    """
    with _open(path) as stream:
        number = offset = 0
        while line := _next_line(stream, path, number + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise ValueError(
                    f"{path}: line {number} is too long; expected one sentence a line, up to "
                    f"{LONGEST_LINE} bytes. Split the file into lines."
                )
            yield _decode(line, path, number, offset)
            offset += len(line)
        if not number:
            raise ValueError(
                f"{path}: file is empty; expected one sentence a line. Received 0 lines. "
                "Check how the file was written."
            )


def read_two_files(source: Path, target: Path) -> Iterator[RawPair]:
    """Yields line n of `source` with line n of `target`.

    Raises:
        ValueError: As `read_lines`, or the files have different numbers of lines.
    """
    sources, targets = read_lines(source), read_lines(target)
    missing = object()
    pairs = itertools.zip_longest(sources, targets, fillvalue=missing)
    for number, (left, right) in enumerate(pairs, start=1):
        if left is missing or right is missing:
            rest = number + sum(1 for _ in pairs)
            counts = (number - 1, rest) if left is missing else (rest, number - 1)
            raise ValueError(
                f"{source}: number of lines differs from {target}; expected line n of one to "
                f"translate line n of the other. Received {counts[0]} and {counts[1]} lines. "
                f"Compare the files from line {min(counts)} upwards."
            )
        yield RawPair(number, left, right)


def read_tsv(
    path: Path,
    source_column: str | int,
    target_column: str | int,
    header: bool | None,
    where: Mapping[str | int, Sequence[str]] | None = None,
) -> Iterator[RawPair]:
    """Yields two columns of a tab-separated file. Quotation marks have no special meaning.

    Args:
        path: The file.
        source_column: Name from the header line, or number from 1.
        target_column: The same for the target language.
        header: Whether line 1 names the columns; None means: if a column is given by name.
        where: Column → values it may have; a pair with another one has the problem "filtered by
            column".

    Raises:
        ValueError: As `read_lines`, or a column is missing, or a value of `where` is nowhere in
            the file (raised at its end).
    """
    columns = (source_column, target_column, *(where or ()))
    if header is None:
        header = any(isinstance(column, str) for column in columns)
    lines = read_lines(path)
    names = next(lines).split("\t") if header else None
    places = [_place(path, column, names) for column in columns]
    needed = max(places) + 1
    allowed = [frozenset(values) for values in (where or {}).values()]
    found: list[set[str]] = [set() for _ in allowed]
    for number, line in enumerate(lines, start=2 if header else 1):
        fields = line.split("\t")
        if len(fields) < needed:
            raise ValueError(
                f"{path}: line {number} has too few columns; expected at least {needed}, separated "
                f"by tabs. Received {len(fields)}: {line[:60]!r}. Correct or remove that line."
            )
        problem = None
        for place, values, seen in zip(places[2:], allowed, found, strict=True):
            if fields[place] not in values:
                problem = "filtered by column"
            if len(seen) < _VALUES_SEEN or fields[place] in values:
                seen.add(fields[place])
        yield RawPair(number, fields[places[0]], fields[places[1]], problem)
    for column, values, seen in zip(columns[2:], allowed, found, strict=True):
        _check_found(path, column, values, seen)


def _check_found(path: Path, column, values: frozenset[str], seen: set[str]) -> None:
    """A value that no line has is most likely misspelt, and would silently drop its lines."""
    if missing := sorted(values - seen):
        raise ValueError(
            f"{path}: column {column!r} never has the value {', '.join(missing)}; expected the "
            f"values in `where` to be in the file. Received {', '.join(sorted(seen)[:10])}. "
            "Correct or remove the value."
        )


def read_gettext(path: Path, source_field: str, target_field: str) -> Iterator[RawPair]:
    """Yields msgid and msgstr of a `.po` or `.mo` catalogue (gzipped ones too).

    A plural entry gives two pairs: singular with the first form, plural with the last one (a
    language with one form, such as Korean, pairs it with both).

    Args:
        path: The catalogue.
        source_field: "msgid" or "msgstr".
        target_field: The other one.

    Raises:
        ValueError: The file is missing or is not a valid catalogue.
    """
    flipped = (source_field, target_field) == ("msgstr", "msgid")
    count = 0
    for position, entry in enumerate(_catalogue(path), start=1):
        texts = [(entry.msgid, entry.msgstr)]
        if entry.msgid_plural:
            forms = [entry.msgstr_plural[key] for key in sorted(entry.msgstr_plural)] or [""]
            texts = [(entry.msgid, forms[0]), (entry.msgid_plural, forms[-1])]
        for original, translation in texts:
            count += 1
            pair = (translation, original) if flipped else (original, translation)
            yield RawPair(
                getattr(entry, "linenum", None) or position,
                *pair,
                _gettext_problem(entry, translation),
            )
    if not count:
        raise ValueError(
            f"{path}: catalogue is empty; expected entries with msgid and msgstr. "
            "Received 0 entries. Check the path."
        )


def _gettext_problem(entry, translation: str) -> str | None:
    if entry.obsolete:
        return "obsolete"
    if "fuzzy" in entry.flags:
        return "fuzzy"
    return None if translation else "untranslated"


def _catalogue(path: Path):
    import polib

    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    parse = polib.mofile if kind == "mo" else polib.pofile
    with _open(path) as stream, tempfile.NamedTemporaryFile(suffix=f".{kind}") as copy:
        try:
            shutil.copyfileobj(stream, copy)
            copy.flush()
            return parse(copy.name)
        except (OSError, EOFError, zlib.error, UnicodeDecodeError, struct.error) as error:
            reason = str(error).replace(copy.name, path.name).rstrip(".")
            raise ValueError(
                f"{path}: content is not a valid .{kind} catalogue; expected gettext syntax. "
                f"Received: {reason}. Check it with msgfmt --check."
            ) from error


def _open(path: Path):
    if not path.is_file():
        what = "is a directory" if path.is_dir() else "is missing"
        raise ValueError(f"{path}: file {what}; expected a readable file. Check the path.")
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == _GZIP_MAGIC
        return gzip.open(path, "rb") if packed else path.open("rb")
    except OSError as error:
        raise ValueError(
            f"{path}: file cannot be opened; expected a readable file. Received: {error.strerror}. "
            "Check its permissions."
        ) from error


def _next_line(stream, path: Path, number: int) -> bytes:
    try:
        return stream.readline(LONGEST_LINE + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(
            f"{path}: file is cut off or damaged at line {number}; expected a complete file. "
            f"Received: {error}. Download or write the file again."
        ) from error


def _decode(line: bytes, path: Path, number: int, offset: int) -> str:
    if number == 1:
        if line[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise ValueError(
                f"{path}: line 1 is not UTF-8 (byte 0); expected UTF-8 text. Received a UTF-16 "
                f"byte order mark. Convert the file: iconv -f UTF-16 -t UTF-8."
            )
        line = line.removeprefix(_BOM)
    try:
        return line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: line {number} is not UTF-8 (byte {offset + error.start} of the text); "
            f"expected UTF-8 text. Received byte 0x{line[error.start]:02x}. "
            "Convert the file with iconv, or correct that line."
        ) from error


def _place(path: Path, column, names: list[str] | None) -> int:
    if isinstance(column, int):
        if column < 1 or (names and column > len(names)):
            raise ValueError(
                f"{path}: line 1: column {column} is missing; expected a number from 1"
                f"{f' to {len(names)}' if names else ''}. Received {column}. Correct the number."
            )
        return column - 1
    if names is None or column not in names:
        found = ", ".join(names) if names else "no header"
        raise ValueError(
            f"{path}: line 1: column {column!r} is missing; expected one of the header's names. "
            f"Received header: {found}. Correct the name, or give column numbers from 1."
        )
    return names.index(column)
