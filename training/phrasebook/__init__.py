"""The embedded corpus: Korean–English sentence pairs from a grammar written for this project.

    from training import phrasebook
    phrasebook.pairs()[0]            # Pair(korean='나는 너를 사랑해', english='I love you')
    phrasebook.split("test")         # pairs whose combinations of words training never sees
    phrasebook.write("data")         # train.ko, train.en, valid.ko, …

Each sentence has exactly one translation, in both directions; `grammar.py` states how. The
held-out parts are cut by combination: all sentences that share a verb, its object, its tense and
their kind (statement, question, answer, …; in two clauses, both verb phrases) fall into the same
part, so the test asks for known words in new company. The same verb and object may meet in
training in another tense or kind.
No data is downloaded: the same pairs come out on every machine.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from training.phrasebook.clauses import Entry
from training.phrasebook.draw import stable_hash
from training.phrasebook.grammar import entries
from training.phrasebook.phrases import phrases
from training.state import write_bytes

SPLITS = ("train", "valid", "test")
HELD_OUT_SIZE = 500
_BUCKETS = 1000
_VALID_BUCKETS = range(0, 25)
_TEST_BUCKETS = range(25, 50)


class Pair(NamedTuple):
    """One sentence in both languages."""

    korean: str
    english: str


def _part(entry: Entry) -> str:
    bucket = stable_hash(f"split:{entry.combination}") % _BUCKETS
    if bucket in _VALID_BUCKETS:
        return "valid"
    return "test" if bucket in _TEST_BUCKETS else "train"


@cache
def _parts() -> dict[str, tuple[Entry, ...]]:
    drawn: dict[str, list[Entry]] = {name: [] for name in SPLITS}
    for entry in entries():
        drawn[_part(entry)].append(entry)
    korean = {word for entry in drawn["train"] for word in entry.korean.split()}
    english = {word for entry in drawn["train"] for word in entry.english.split()}
    parts = {"train": tuple(drawn["train"])}
    for name in ("valid", "test"):
        known = [
            entry
            for entry in drawn[name]
            if korean.issuperset(entry.korean.split()) and english.issuperset(entry.english.split())
        ]
        known.sort(key=lambda entry: stable_hash(entry.korean))
        parts[name] = tuple(known[:HELD_OUT_SIZE])
    return parts


@cache
def pairs() -> tuple[Pair, ...]:
    """All pairs: training, validation, test, in this order."""
    return tuple(pair for name in SPLITS for pair in split(name))


def split(name: str) -> list[Pair]:
    """The pairs of "train", "valid" or "test".

    Held-out sentences that use a word form training does not have, and those beyond
    `HELD_OUT_SIZE`, belong to no part.

    Raises:
        ValueError: when there is no part of that name.
    """
    if name not in SPLITS:
        raise ValueError(
            f"split: name is unknown; expected one of {', '.join(SPLITS)}. Received {name!r}. "
            "Choose one of them."
        )
    return [Pair(entry.korean, entry.english) for entry in _parts()[name]]


def write(directory: str | Path) -> dict[str, int]:
    """Writes train.ko, train.en, valid.ko, … into the directory and returns the counts.

    One sentence a line, UTF-8; line n of the .ko file translates line n of the .en file. The
    directory is made when missing. Beside the parts lie phrases.ko and phrases.en, set phrases of
    every day that no grammar makes; an English one may translate several Korean ones.

    Raises:
        ValueError: a file of one of these names has another content; nothing is written.
    """
    directory = Path(directory)
    parts = {**{name: split(name) for name in SPLITS}, "phrases": phrases()}
    texts = {
        directory / f"{name}.{suffix}": "".join(f"{pair[index]}\n" for pair in part).encode()
        for name, part in parts.items()
        for suffix, index in (("ko", 0), ("en", 1))
    }
    for path, text in texts.items():
        if path.exists() and path.read_bytes() != text:
            raise ValueError(
                f"{path}: would be overwritten; expected no file, or the phrasebook's. Received "
                "another text. Name another directory, or delete the file."
            )
    for path, text in texts.items():
        write_bytes(path, text)
    return {name: len(part) for name, part in parts.items()}
