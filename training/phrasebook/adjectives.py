"""Predicate adjectives and the noun kinds they describe.

Columns: stem | infinitive | form before 으 | kind | English | comparative | noun kinds
"""

from typing import NamedTuple

from training.phrasebook.nouns import Noun, of_kind
from training.phrasebook.stems import ADJECTIVE, EXISTENCE, Stem

_THINGS = """
맛있     | 맛있어     |          | existence | delicious   | more delicious   | edible
비싸     | 비싸       |          | adjective | expensive   | more expensive   | priced
싸       | 싸         |          | adjective | cheap       | cheaper          | priced
예쁘     | 예뻐       |          | adjective | pretty      | prettier         | pretty
크       | 커         |          | adjective | big         | bigger           | size animal
작       | 작아       |          | adjective | small       | smaller          | size animal
재미있   | 재미있어   |          | existence | interesting | more interesting | story
지루하   | 지루해     |          | adjective | boring      | more boring      | story
슬프     | 슬퍼       |          | adjective | sad         | sadder           | sad
길       | 길어       |          | adjective | long        | longer           | long
짧       | 짧아       |          | adjective | short       | shorter          | long
무겁     | 무거워     | 무거우   | adjective | heavy       | heavier          | heavy
가볍     | 가벼워     | 가벼우   | adjective | light       | lighter          | heavy
어렵     | 어려워     | 어려우   | adjective | difficult   | more difficult   | text
쉽       | 쉬워       | 쉬우     | adjective | easy        | easier           | text
"""

_PEOPLE = """
행복하   | 행복해     |          | adjective | happy       | happier          |
슬프     | 슬퍼       |          | adjective | sad         | sadder           |
바쁘     | 바빠       |          | adjective | busy        | busier           |
피곤하   | 피곤해     |          | adjective | tired       | more tired       |
아프     | 아파       |          | adjective | sick        | sicker           |
배가 고프 | 배가 고파 |          | adjective | hungry      | hungrier         |
목이 마르 | 목이 말라 |          | adjective | thirsty     | thirstier        |
졸리     | 졸려       |          | adjective | sleepy      | sleepier         |
친절하   | 친절해     |          | adjective | kind        | kinder           |
키가 크  | 키가 커    |          | adjective | tall        | taller           |
"""


class Adjective(NamedTuple):
    """A predicate adjective in both languages."""

    korean: Stem
    english: str
    comparative: str
    kinds: frozenset[str]

    @property
    def nouns(self) -> tuple[Noun, ...]:
        """The countable nouns it describes."""
        return tuple(noun for noun in of_kind(*self.kinds) if noun.countable)


def _parse(line: str) -> Adjective:
    stem, infinitive, eu, kind, english, comparative, kinds = (
        cell.strip() for cell in line.split("|")
    )
    korean = Stem(stem, infinitive, {"adjective": ADJECTIVE, "existence": EXISTENCE}[kind], eu)
    return Adjective(korean, english, comparative, frozenset(kinds.split()))


THINGS: tuple[Adjective, ...] = tuple(_parse(line) for line in _THINGS.strip().splitlines())
FEELINGS: tuple[Adjective, ...] = tuple(_parse(line) for line in _PEOPLE.strip().splitlines())
TRAITS = ("kind", "tall")  # lasting; no "now", no reason for a nap
