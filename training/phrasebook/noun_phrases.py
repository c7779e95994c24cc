"""Noun phrases: articles, demonstratives, counters, plurals and adjectives in both languages.

    사과 ↔ an apple     그 사과 ↔ the apple     이 사과 ↔ this apple     저 사과 ↔ that apple
    사과 두 개 ↔ two apples     이 사과들 ↔ these apples     민수의 가방 ↔ Minsu's bag
    물 한 잔 ↔ a glass of water     빨간 사과 ↔ a red apple     빵 ↔ bread

A bare countable noun is "a" or "an", or plural in what is generally so (`generic`: habits, likes,
negated presents), or "the" after verbs whose object is one known thing (clean the room). Which of
the three is a matter of the verb and the tense, both of which both languages show.
"""

from typing import NamedTuple

from training.phrasebook.draw import Draw
from training.phrasebook.english import plural, with_article
from training.phrasebook.nouns import Noun
from training.phrasebook.people import SPOKEN_NAMES

ANY, UNCOUNTED, ALONE, GENERIC = "any", "uncounted", "alone", "generic"

NUMBERS = (("한", "one"), ("두", "two"), ("세", "three"), ("네", "four"), ("다섯", "five"))
SINGULAR = (("이", "this"), ("저", "that"), ("그", "the"))
PLURAL = (("이", "these"), ("저", "those"), ("그", "the"))

_MANY = ("개", "권", "자루", "장", "통", "송이")  # more than three still sounds ordinary

# Korean modifier | English | noun kinds
_ADJECTIVES = """
빨간     | red         | color red
파란     | blue        | color
큰       | big         | size
작은     | small       | size
비싼     | expensive   | priced
예쁜     | pretty      | pretty
재미있는 | interesting | story
긴       | long        | long
슬픈     | sad         | sad
따뜻한   | warm        | hot
차가운   | cold        | cold
맛있는   | delicious   | edible
무거운   | heavy       | heavy
새       | new         | device vehicle goods clothes
오래된   | old         | device vehicle book
"""
ADJECTIVES = tuple(
    (korean, english, frozenset(kinds.split()))
    for korean, english, kinds in (
        (cell.strip() for cell in line.split("|")) for line in _ADJECTIVES.strip().splitlines()
    )
)


class Phrase(NamedTuple):
    """A noun phrase; `head` names its noun for the split by combination."""

    korean: str
    english: str
    head: str
    plural: bool = False


def bare(noun: Noun, article: str = "a", generic: bool = False) -> Phrase:
    """The noun alone: an apple, the door, apples (generic), bread."""
    return _modified(noun, "", "", article, generic)


def _modified(noun: Noun, korean: str, english: str, article: str, generic: bool) -> Phrase:
    text = f"{english} {noun.english}".strip()
    if noun.countable and article == "the":
        text = f"the {text}"
    elif noun.countable and (article == "plural" or (generic and article == "a")):
        text = f"{english} {noun.plural}".strip()
    elif noun.countable and article == "a":
        text = with_article(text)
    return Phrase(f"{korean} {noun.korean}".strip(), text, noun.english)


def counted(noun: Noun, draw: Draw) -> Phrase:
    """Some of them: 책 두 권, two books; 물 한 잔, a glass of water."""
    korean, english = draw.pick(NUMBERS if noun.counter in _MANY else NUMBERS[:3])
    if noun.countable:
        name = noun.english if english == "one" else noun.plural
        text = f"{english} {name}"
    else:
        unit = f"a {noun.measure}" if english == "one" else f"{english} {plural(noun.measure)}"
        text = f"{unit} of {noun.english}"
    return Phrase(f"{noun.korean} {korean} {noun.counter}", text, noun.english, english != "one")


def pointed(noun: Noun, draw: Draw, several: bool = False, definite: bool = True) -> Phrase:
    """이/저/그 with a countable noun; `definite` False leaves 그 out, where bare means "the"."""
    options = (PLURAL if several else SINGULAR)[: 3 if definite else 2]
    korean, english = draw.pick(options)
    if several:
        return Phrase(f"{korean} {noun.korean}들", f"{english} {noun.plural}", noun.english, True)
    return Phrase(f"{korean} {noun.korean}", f"{english} {noun.english}", noun.english)


def with_adjective(noun: Noun, draw: Draw, article: str, generic: bool) -> Phrase | None:
    """빨간 사과, a red apple; None when no adjective fits the noun."""
    fitting = [entry for entry in ADJECTIVES if entry[2] & noun.kinds]
    if article == "the":
        fitting = [entry for entry in fitting if entry[1] != "new"]  # one fixes no new bicycle
    if not fitting:
        return None
    korean, english, _ = draw.pick(fitting)
    return _modified(noun, korean, english, article, generic)


def owned(noun: Noun, draw: Draw) -> Phrase:
    """민수의 가방, Minsu's bag; 내 가방, my bag."""
    if draw.chance(0.3):
        return Phrase(f"내 {noun.korean}", f"my {noun.english}", noun.english)
    owner = draw.pick(SPOKEN_NAMES)
    return Phrase(
        f"{owner.korean}의 {noun.korean}", f"{owner.english}'s {noun.english}", noun.english
    )


def object_phrase(
    noun: Noun, draw: Draw, article: str = "a", objects: str = ANY, may_count: bool = True
) -> Phrase:
    """Draws one way to say the noun as an object.

    Args:
        noun: the noun.
        draw: where choices come from.
        article: "a", "the", "plural" or "": what a bare countable noun gets in English.
        objects: ANY way; UNCOUNTED, any way but "two apples"; the noun ALONE; or GENERIC: what
            is generally so, in the plural.
        may_count: "two apples" sounds right here.
    """
    choice = draw.pick(range(20))
    generic = objects == GENERIC
    if choice in (0, 1, 2) and article != "":
        phrase = with_adjective(noun, draw, article, generic)
        if phrase:
            return phrase
    if objects in (ALONE, GENERIC) or article == "":
        return bare(noun, article, generic)
    if choice in (3, 4, 5) and noun.counter and may_count and objects == ANY and article != "the":
        return counted(noun, draw)
    if choice in (6, 7, 8, 9) and noun.countable and not noun.kinds & {"cleanable", "ride"}:
        several = choice == 9 and bool(noun.counter)
        return pointed(noun, draw, several=several, definite=article != "the")
    if choice == 10 and noun.kinds & {"lost", "fixable"}:
        return owned(noun, draw)
    return bare(noun, article)
