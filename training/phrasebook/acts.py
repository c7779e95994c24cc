"""Saying an `Act` of `situations.py` in both languages, and who may be its subject."""

from training.phrasebook.english import predicate
from training.phrasebook.people import POSSESSIVE, Person
from training.phrasebook.situations import Act
from training.phrasebook.stems import Stem

# Times that suit every act: (Korean, English).
PAST_TIMES = (
    ("", ""),
    ("어제", "yesterday"),
    ("지난 토요일에", "last Saturday"),
    ("오늘 아침에", "this morning"),
    ("어제 저녁에", "yesterday evening"),
)
LUNCH_TIMES = PAST_TIMES[:3]
_HONORIFIC = {"eat", "drink", "sleep"}
_ADULT = {"drive", "work", "cook"}


def may(person: Person, *acts: Act) -> bool:
    """Whether the person may do the acts: no honorific verbs for elders, no work for children."""
    names = {act.verb.name for act in acts}
    school = any("school" in act.english or "homework" in act.english for act in acts)
    if "elder" in person.tags and (names & _HONORIFIC or school):
        return False
    if person.agreement == "they" and "wear" in names:
        return False  # several people do not wear "a coat"
    return not ("child" in person.tags and names & _ADULT)


def at_lunch(time: tuple[str, str], *acts: Act) -> bool:
    """Whether somebody would have lunch in the morning or in the evening."""
    return any(act.english == "lunch" for act in acts) and time not in LUNCH_TIMES


def join(*words: str) -> str:
    """The words that are not empty, with spaces."""
    return " ".join(word for word in words if word)


def korean_act(act: Act, stem: Stem) -> str:
    """빵을 먹었다."""
    return join(act.korean, stem.plain())


def english_act(
    act: Act, person: Person, aspect: str, negative: bool = False, subject: str = ""
) -> str:
    """He ate bread; `subject` replaces the person's name ("he")."""
    auxiliary, main = predicate(act.verb.english, aspect, person.agreement, negative)
    tail = act.english
    if "{poss}" in tail:
        tail = tail.replace("{poss}", POSSESSIVE[person.pronoun])
    return join(subject or person.english, auxiliary, main, tail)
