"""Templates of one plain clause: who does what, where and when."""

from training.phrasebook import particles
from training.phrasebook.clauses import (
    PLAIN,
    Entry,
    draw_event,
    draw_time,
    english_clause,
    finish,
    is_self_or_you,
    korean_clause,
    korean_stem,
)
from training.phrasebook.draw import Draw
from training.phrasebook.english import sentence, with_article
from training.phrasebook.noun_phrases import ALONE, ANY, GENERIC, NUMBERS, UNCOUNTED
from training.phrasebook.nouns import of_kind
from training.phrasebook.people import NARRATED, Person
from training.phrasebook.places import FUTURE, HABIT, NOW, OFTEN, PAST, THEN, USUALLY, Time


def _tell(
    draw: Draw,
    mode: str,
    aspect: str,
    times: tuple[Time, ...],
    *,
    timeless: float = 0.0,
    negative: bool = False,
    objects: str = ANY,
) -> Entry | None:
    person = draw.pick(NARRATED)
    event = draw_event(draw, mode, person, objects)
    time = None
    if not draw.chance(timeless):
        time = draw_time(draw, times, event)
        if time is None:
            return None
    elif event.verb.english.hides_tense and aspect == "past" and not negative:
        return None  # "I read a book": only a time tells the tense
    often = time in OFTEN or time in USUALLY
    if time in USUALLY and not event.place:
        return None  # "usually eats apples" wants a place to be worth saying
    stem = korean_stem(event.verb.korean, aspect, negative, other=not is_self_or_you(person))
    korean = korean_clause(
        particles.topic(person.korean), event, finish(stem, PLAIN), time=time.korean if time else ""
    )
    english = english_clause(
        person,
        event,
        aspect,
        negative=negative,
        time=time.english if time and not often else "",
        often=time.english if time and often else "",
    )
    kind = f"{event.combination}|{'not ' if negative else ''}{aspect}"
    return Entry(korean, sentence(english), kind)


def past(draw: Draw) -> Entry | None:
    """나는 오늘 아침에 사과를 먹었다 ↔ I ate an apple this morning."""
    return _tell(draw, "p", "past", PAST, timeless=0.15)


def progressive(draw: Draw) -> Entry | None:
    """그는 지금 책을 읽고 있다 ↔ He is reading a book now."""
    return _tell(draw, "g", "progressive", NOW, timeless=0.5)


def past_progressive(draw: Draw) -> Entry | None:
    """그는 그때 책을 읽고 있었다 ↔ He was reading a book then."""
    return _tell(draw, "g", "past_progressive", THEN, timeless=0.3)


def habit(draw: Draw) -> Entry | None:
    """그녀는 매일 커피를 마신다 ↔ She drinks coffee every day."""
    return _tell(draw, "h", "present", HABIT, objects=GENERIC)


def frequency(draw: Draw) -> Entry | None:
    """그녀는 자주 커피를 마신다 ↔ She often drinks coffee."""
    return _tell(draw, "h", "present", OFTEN + USUALLY, objects=GENERIC)


def future(draw: Draw) -> Entry | None:
    """우리는 내일 영화를 볼 것이다 ↔ We will watch a movie tomorrow."""
    return _tell(draw, "f", "future", FUTURE, timeless=0.2)


def bare_present(draw: Draw) -> Entry | None:
    """나는 사과를 먹는다 ↔ I eat an apple."""
    return _tell(draw, "b", "present", (), timeless=1.0, objects=ALONE)


_EARLIER = tuple(time for time in PAST if time.part != "hour")  # "had to … an hour ago" is odd


def ability(draw: Draw) -> Entry | None:
    """지수는 피아노를 칠 수 있다 ↔ Jisu can play the piano."""
    return _tell(draw, "c", "can", (), timeless=1.0, negative=draw.chance(0.4), objects=ALONE)


def duty(draw: Draw) -> Entry | None:
    """나는 내일 방을 청소해야 한다 ↔ I have to clean the room tomorrow."""
    if draw.chance(0.35):
        return _tell(draw, "m", "past_have_to", _EARLIER)
    return _tell(draw, "m", "have_to", FUTURE, timeless=0.4)


def wish(draw: Draw) -> Entry | None:
    """나는 물을 마시고 싶다 ↔ I want to drink water."""
    negative = draw.chance(0.2)
    aspect, times = ("past_want", _EARLIER) if draw.chance(0.3) else ("want", FUTURE)
    objects = UNCOUNTED if negative else ANY
    return _tell(draw, "w", aspect, times, timeless=0.5, negative=negative, objects=objects)


def negative(draw: Draw) -> Entry | None:
    """그는 어제 책을 읽지 않았다 ↔ He did not read a book yesterday."""
    kind = draw.pick(("past", "past", "future", "present", "progressive"))
    if kind == "present":
        return _tell(draw, "h", "present", (), timeless=1.0, negative=True, objects=GENERIC)
    if kind == "progressive":
        return _tell(draw, "g", "progressive", NOW, negative=True, objects=UNCOUNTED)
    mode, times = ("p", PAST) if kind == "past" else ("f", FUTURE)
    return _tell(draw, mode, kind, times, timeless=0.2, negative=True, objects=UNCOUNTED)


_IN_GROUPS = {"eat", "drink", "watch", "listen to", "study", "play+", "play", "sing", "dance",
              "exercise", "swim", "run", "take a walk", "rest", "cook", "work"}  # fmt: skip


def indefinite_subject(draw: Draw) -> Entry | None:
    """한 학생이 책을 읽고 있다 ↔ A student is reading a book; 학생 두 명이 …, two students …."""
    noun = draw.pick(of_kind("people", "job")[:2] + of_kind("people"))
    if not noun.counter:
        return None
    number, word = draw.pick(NUMBERS)
    one = word == "one"
    korean = f"한 {noun.korean}" if one else f"{noun.korean} {number} 명"
    english = with_article(noun.english) if one else f"{word} {noun.plural}"
    tags = frozenset(
        {"adult"} if noun.english in ("man", "woman", "doctor", "nurse") else {"child"}
    )
    person = Person(korean, korean, english, "he" if one else "they", "", tags)
    event = draw_event(draw, "g", person)
    if event.manner == "alone" or not event.place or not (one or event.verb.name in _IN_GROUPS):
        return None
    if not one and event.verb.name == "eat" and event.object_.english.startswith(("a ", "an ")):
        return None  # three nurses do not share an egg
    aspect = draw.pick(("progressive", "past_progressive"))
    stem = korean_stem(event.verb.korean, aspect)
    return Entry(
        korean_clause(particles.subject(korean), event, finish(stem, PLAIN)),
        sentence(english_clause(person, event, aspect)),
        f"{event.combination}|{aspect}|{noun.english}",
    )
