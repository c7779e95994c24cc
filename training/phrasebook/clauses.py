"""Clauses: an `Event` is what happens; this module says it in both languages.

Korean: subject, time, how often, with whom, where, what, how, verb.
English: subject, auxiliary, how often, verb, what, how, with whom, where, time.
"""

from dataclasses import dataclass
from functools import cache

from training.phrasebook import particles
from training.phrasebook.draw import Draw
from training.phrasebook.english import predicate, sentence
from training.phrasebook.frames import FRAMES, MANNER, Frame
from training.phrasebook.noun_phrases import ALONE, ANY, GENERIC, Phrase, object_phrase
from training.phrasebook.people import A_FRIEND, COMPANIONS, Person
from training.phrasebook.places import Place, Time
from training.phrasebook.stems import Stem
from training.phrasebook.verbs import Verb

PLAIN = "plain"
INTIMATE = "intimate"
POLITE = "polite"


@dataclass(frozen=True)
class Entry:
    """A finished pair and the combination it belongs to in the split."""

    korean: str
    english: str
    combination: str


@dataclass(frozen=True)
class Event:
    """A verb with everything but its subject, tense and time."""

    frame: Frame
    object_: Phrase | None = None
    companion: Person | None = None
    place: Place | None = None
    manner: str = ""

    @property
    def verb(self) -> Verb:
        """The verb in both languages."""
        return self.frame.verb

    @property
    def combination(self) -> str:
        """The verb and its object: what the split keeps together."""
        head = self.object_.head if self.object_ else self.place.key if self.place else ""
        return f"{self.verb.name}+{head}"

    def korean_words(self) -> list[str]:
        """What stands before the Korean verb, time excepted."""
        words = []
        if self.companion:
            words.append(f"{particles.together(self.companion.korean)} 함께")
        if self.manner == "alone":
            words.append(MANNER["alone"])
        if self.place:
            words.append(f"{self.place.korean}에서")
        if self.object_:
            words.append(particles.object_(self.object_.korean))
        if self.manner and self.manner != "alone":
            words.append(MANNER[self.manner])
        return words

    def english_words(self) -> list[str]:
        """What stands after the English verb, time excepted."""
        words = [self.object_.english] if self.object_ else []
        words += [self.manner] if self.manner else []
        words += [f"with {self.companion.object_}"] if self.companion else []
        words += [self.place.at] if self.place else []
        return words


def korean_stem(
    verb: Stem, aspect: str, negative: bool = False, spoken: bool = False, other: bool = True
) -> Stem:
    """Adds tense, negation and modal auxiliaries to a Korean verb.

    Args:
        verb: the verb.
        aspect: as in `english.predicate`.
        negative: negate it.
        spoken: short negation (안, 못), which English answers with a contraction.
        other: the subject is neither the speaker nor the listener (-고 싶어 하다).
    """
    past = aspect.startswith("past")
    name = aspect.removeprefix("past_") if aspect != "past" else "present"
    if name in ("present", "future"):
        stem = (verb.not_short() if spoken else verb.not_long()) if negative else verb
        stem = stem.future() if name == "future" else stem
    elif name == "can":
        stem = (verb.unable_short() if spoken else verb.unable()) if negative else verb.able()
    else:
        stem = {
            "progressive": verb.progressive,
            "have_to": verb.obliged,
            "want": verb.wanted_by_other if other else verb.wanted,
        }[name]()
        stem = stem.not_long() if negative else stem
    return stem.past() if past else stem


@cache
def _frames(mode: str, tags: frozenset[str]) -> tuple[Frame, ...]:
    return tuple(
        frame
        for frame in FRAMES
        if mode in frame.modes
        and not (frame.who == "adult" and "child" in tags)
        and not (frame.plain_verb and "elder" in tags)
        and not (frame.name in ("wear", "drive") and tags & {"group", "we"})
    )


def draw_event(draw: Draw, mode: str, person: Person, objects: str = ANY) -> Event:
    """Draws an event of a mode (see `Frame.modes`) that the person may do."""
    frame = draw.pick(_frames(mode, person.tags))
    object_ = None
    if frame.single and objects == GENERIC:
        objects = ALONE
    if frame.objects:
        noun = draw.pick(frame.objects)
        object_ = object_phrase(noun, draw, frame.article, objects, frame.counted)
        if object_.korean.startswith(f"{person.korean}의 "):
            return draw_event(draw, mode, person, objects)  # nobody finds "Minsu's bag" but others
    place = draw.pick(frame.places) if frame.places and draw.chance(0.5) else None
    if place and object_ and object_.head == "house":
        place = None  # 집에서 집을
    companion, manner = None, ""
    if frame.manner and draw.chance(0.2):
        manner = draw.pick(frame.manner.split())
    elif frame.social and draw.chance(0.2):
        companion = draw.pick(COMPANIONS)
    if companion is person or (companion is A_FRIEND and person.english == "my friend"):
        companion = None
    if manner == "alone" and person.agreement == "they":
        manner = ""
    return Event(frame, object_, companion, place, manner)


def fits(time: Time, event: Event) -> bool:
    """Whether the event may happen at that time."""
    if time.part and time.part not in event.frame.parts:
        return False
    if time.scale == "week" and not event.frame.week:
        return False
    closed = event.place is not None and "day" in event.place.tags
    return not (closed and time.part in ("night", "evening"))


def draw_time(draw: Draw, times: tuple[Time, ...], event: Event) -> Time | None:
    """Draws a time; None when the drawn one does not fit the event."""
    time = draw.pick(times)
    return time if fits(time, event) else None


def english_clause(
    person: Person,
    event: Event,
    aspect: str,
    *,
    negative: bool = False,
    contracted: bool = False,
    time: str = "",
    often: str = "",
    subject: str = "",
) -> str:
    """The English clause, not capitalized; `subject` replaces the person's name ("he")."""
    auxiliary, verb = predicate(
        event.verb.english, aspect, person.agreement, negative, contracted=contracted
    )
    words = [subject or person.english, auxiliary, often, verb, *event.english_words(), time]
    return " ".join(word for word in words if word)


def english_question(person: Person, event: Event, aspect: str, time: str = "") -> str:
    """Did Minsu eat an apple yesterday?"""
    auxiliary, verb = predicate(event.verb.english, aspect, person.agreement, question=True)
    words = [auxiliary, person.english, verb, *event.english_words(), time]
    return sentence(" ".join(word for word in words if word)) + "?"


def korean_clause(subject: str, event: Event, ending: str, *, time: str = "") -> str:
    """The Korean clause; `subject` carries its particle and `ending` is the finished verb."""
    words = [subject, time, *event.korean_words(), ending]
    return " ".join(word for word in words if word)


def finish(stem: Stem, style: str) -> str:
    """The verb with the sentence ending of a style."""
    return {PLAIN: stem.plain, INTIMATE: stem.intimate, POLITE: stem.polite}[style]()


def is_self_or_you(person: Person) -> bool:
    """Whether -고 싶다 suits the person; everyone else takes -고 싶어 하다."""
    return bool(person.tags & {"self", "listener", "we"})
