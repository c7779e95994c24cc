"""Templates of two clauses that follow from each other: because, so, but, if, when."""

from typing import NamedTuple

from training.phrasebook import particles
from training.phrasebook.acts import PAST_TIMES, at_lunch, english_act, join, korean_act, may
from training.phrasebook.clauses import Entry, korean_stem
from training.phrasebook.draw import Draw
from training.phrasebook.english import BE_PAST, BE_PRESENT, sentence
from training.phrasebook.people import NARRATED, REPEATABLE, YOU, Person
from training.phrasebook.situations import FEELING_REASONS, RESULTS, WEATHER, Act
from training.phrasebook.stems import Stem

_FUTURE_TIMES = (("내일", "tomorrow"), ("이번 주말에", "this weekend"),
                 ("이번 토요일에", "this Saturday"))  # fmt: skip


class _Reason(NamedTuple):
    """A reason and one result; `english` has no subject when a person feels it."""

    name: str
    act: Act
    person: Person
    stem: Stem
    english: str
    weather: bool

    def korean(self, time: str, linked: str, ending: str) -> str:
        """Weather comes before the person, a feeling after: 비가 와서 나는 …, 나는 피곤해서 …."""
        topic = particles.topic(self.person.korean)
        if self.weather:
            return join(time, linked, topic, ending)
        return join(topic, time, linked, ending)

    def clause(self, subject: str) -> str:
        """It rained; he was tired."""
        return self.english if self.weather else f"{subject} {self.english}"


def _draw_reason(draw: Draw, past: bool) -> _Reason | None:
    name = draw.pick(tuple(RESULTS))
    act = draw.pick(RESULTS[name])
    person = draw.pick(REPEATABLE if name in FEELING_REASONS else NARRATED)
    if not may(person, act):
        return None
    if name in WEATHER:
        weather = WEATHER[name]
        english = weather.past if past else weather.present
        return _Reason(name, act, person, weather.korean, english, True)
    be = (BE_PAST if past else BE_PRESENT)[person.agreement]
    return _Reason(name, act, person, FEELING_REASONS[name], f"{be} {name}", False)


def because(draw: Draw) -> Entry | None:
    """나는 어제 피곤했기 때문에 집에 갔다 ↔ I went home yesterday because I was tired."""
    reason, time = _draw_reason(draw, past=True), draw.pick(PAST_TIMES)
    if reason is None or at_lunch(time, reason.act):
        return None
    act, person = reason.act, reason.person
    aspect = "past_can" if act.prevented else "past"
    ending = korean_act(act, korean_stem(act.verb.korean, aspect, act.prevented))
    main = english_act(act, person, aspect, act.prevented)
    return Entry(
        reason.korean(time[0], reason.stem.past().because(), ending),
        sentence(join(main, time[1], "because", reason.clause(person.pronoun))),
        f"{act.name}|because {reason.name}",
    )


def so(draw: Draw) -> Entry | None:
    """나는 어제 피곤해서 집에 갔다 ↔ I was tired yesterday, so I went home."""
    reason, time = _draw_reason(draw, past=True), draw.pick(PAST_TIMES)
    if reason is None or at_lunch(time, reason.act):
        return None
    aspect = "past_can" if reason.act.prevented else "past"
    return _two(reason, time, reason.stem.so(), aspect, reason.act.prevented, "so")


def but(draw: Draw) -> Entry | None:
    """나는 피곤했지만 숙제를 했다 ↔ I was tired, but I did my homework."""
    reason, time = _draw_reason(draw, past=True), draw.pick(PAST_TIMES)
    if reason is None or at_lunch(time, reason.act):
        return None
    measured = reason.act.english.startswith(("two", "a glass", "a cup"))
    if not reason.act.prevented and (measured or reason.name == "sad"):
        return None
    return _two(reason, time, reason.stem.past().but(), "past", not reason.act.prevented, "but")


def _two(
    reason: _Reason, time: tuple[str, str], linked: str, aspect: str, negative: bool, word: str
) -> Entry:
    act, person = reason.act, reason.person
    ending = korean_act(act, korean_stem(act.verb.korean, aspect, negative))
    subject = "" if reason.weather else person.pronoun
    second = english_act(act, person, aspect, negative, subject=subject)
    first = join(reason.clause(person.english), time[1])
    return Entry(
        reason.korean(time[0], linked, ending),
        sentence(f"{first}, {word} {second}"),
        f"{act.name}|{word} {reason.name}",
    )


def if_(draw: Draw) -> Entry | None:
    """내일 비가 오면 나는 집에 있을 것이다 ↔ I will stay at home if it rains tomorrow."""
    reason = _draw_reason(draw, past=False)
    if reason is None:
        return None
    times = _FUTURE_TIMES if reason.weather else (("", ""),)
    if reason.name in ("busy", "tired", "sick"):
        times = (("", ""), ("내일", "tomorrow"))
    act, person, time = reason.act, reason.person, draw.pick(times)
    ending = korean_act(act, korean_stem(act.verb.korean, "future", act.prevented))
    main = english_act(act, person, "future", act.prevented)
    return Entry(
        reason.korean(time[0], reason.stem.if_(), ending),
        sentence(join(main, "if", reason.clause(person.pronoun), time[1])),
        f"{act.name}|if {reason.name}",
    )


def whenever(draw: Draw) -> Entry | None:
    """나는 피곤할 때 커피를 마신다 ↔ I drink coffee when I am tired."""
    reason = _draw_reason(draw, past=False)
    if reason is None:
        return None
    act, person = reason.act, reason.person
    if "two" in act.english or act.english == "to the hospital" or act.verb.name == "wear":
        return None
    if act.prevented and act.english.startswith("a "):
        return None  # "does not meet a friend" wants a plural, which the acts do not have
    ending = korean_act(act, korean_stem(act.verb.korean, "present", act.prevented))
    main = english_act(act, person, "present", act.prevented)
    return Entry(
        reason.korean("", reason.stem.when(), ending),
        sentence(join(main, "when", reason.clause(person.pronoun))),
        f"{act.name}|when {reason.name}",
    )


def advice(draw: Draw) -> Entry | None:
    """피곤하면 집에서 쉬어 ↔ Rest at home if you are tired."""
    name = draw.pick(tuple(RESULTS))
    act = draw.pick(RESULTS[name])
    if name == "busy" or act.verb.name in ("work", "cry"):
        return None
    weather = WEATHER.get(name)
    stem = weather.korean if weather else FEELING_REASONS[name]
    condition = weather.present if weather else f"{YOU.english} are {name}"
    verb = act.verb.korean
    ending = f"{verb.stem}지 마" if act.prevented else verb.intimate()
    order = f"don't {act.verb.english.base}" if act.prevented else act.verb.english.base
    return Entry(
        join(stem.if_(), act.korean, ending),
        sentence(join(order, act.english.replace("{poss}", "your"), "if", condition)),
        f"{act.name}|advice {name}",
    )
