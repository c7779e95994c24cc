"""Templates of giving, sending, meeting, calling, and of tools: 에게, 을/를, (으)로."""

from training.phrasebook import particles
from training.phrasebook.clauses import (
    Entry,
    Event,
    draw_event,
    english_clause,
    is_self_or_you,
    korean_stem,
)
from training.phrasebook.draw import Draw
from training.phrasebook.english import predicate
from training.phrasebook.motion import entry
from training.phrasebook.noun_phrases import ANY, UNCOUNTED, object_phrase
from training.phrasebook.nouns import NOUNS, of_kind
from training.phrasebook.people import A_FRIEND, NARRATED, OBJECT_PEOPLE, Person, confusable
from training.phrasebook.places import FUTURE, PAST, PLACES
from training.phrasebook.verbs import VERBS, Verb


def _receivers(person: Person) -> tuple[Person, ...]:
    friends = () if person.english == "my friend" else (A_FRIEND,)
    return tuple(other for other in (*OBJECT_PEOPLE, *friends) if not confusable(person, other))


def giving(draw: Draw) -> Entry | None:
    """나는 어제 지수에게 선물을 주었다 ↔ I gave Jisu a present yesterday."""
    person = draw.pick(NARRATED)
    verb = VERBS[draw.pick(("give", "give", "send", "show"))]
    kinds = {"give": ("gift",), "send": ("sendable", "gift"), "show": ("photo", "picture", "gift")}
    noun = draw.pick(of_kind(*kinds[verb.name]))
    if verb.name == "send" and noun.english == "report":
        return None
    receiver = draw.pick(_receivers(person))
    aspect, times = draw.pick((("past", PAST), ("past", PAST), ("future", FUTURE), ("want", ())))
    time = draw.pick(times) if times and draw.chance(0.7) else None
    negative = draw.chance(0.2)
    phrase = object_phrase(noun, draw, objects=UNCOUNTED if negative else ANY)
    stem = korean_stem(verb.korean, aspect, negative, other=not is_self_or_you(person))
    auxiliary, main = predicate(verb.english, aspect, person.agreement, negative)
    tail = (
        [phrase.english, "to", receiver.object_]
        if verb.name == "send"
        else [receiver.object_, phrase.english]
    )
    return entry(
        [particles.topic(person.korean), time.korean if time else "", f"{receiver.korean}에게",
         particles.object_(phrase.korean), stem.plain()],
        [person.english, auxiliary, main, *tail, time.english if time else ""],
        f"{verb.name}+{phrase.head}|{negative}{aspect}",
    )  # fmt: skip


_WITH_PEOPLE: tuple[tuple[str, str, str], ...] = (
    ("meet", "", "cafe park station restaurant library school"),
    ("help", "", ""),
    ("call", "에게", ""),
    ("wait for", "", "cafe park station bus_stop airport"),
    ("see", "", "park station market library beach"),
)


def with_people(draw: Draw) -> Entry | None:
    """우리는 역에서 그녀를 기다렸다 ↔ We waited for her at the station."""
    person = draw.pick(NARRATED)
    name, particle, where = draw.pick(_WITH_PEOPLE)
    verb: Verb = VERBS[name]
    receiver = draw.pick(_receivers(person))
    place = PLACES[draw.pick(where.split())] if where and draw.chance(0.6) else None
    aspect, times = draw.pick((("past", PAST), ("past", PAST), ("future", FUTURE), ("want", ()),
                               ("have_to", FUTURE), ("past_progressive", ()),
                               ("progressive", ())))  # fmt: skip
    if (name == "meet" and "progressive" in aspect) or (name == "see" and aspect != "past"):
        return None
    if name == "wait for" and aspect == "want":
        return None
    time = draw.pick(times) if times and draw.chance(0.7) else None
    if time and place and "day" in place.tags and time.part in ("evening", "night"):
        return None
    if time and time.scale == "week" and name in ("wait for", "call"):
        return None
    negative = aspect in ("past", "want") and draw.chance(0.25)
    stem = korean_stem(verb.korean, aspect, negative, other=not is_self_or_you(person))
    auxiliary, main = predicate(verb.english, aspect, person.agreement, negative)
    whom = f"{receiver.korean}에게" if particle else particles.object_(receiver.korean)
    return entry(
        [particles.topic(person.korean), time.korean if time else "",
         f"{place.korean}에서" if place else "", whom, stem.plain()],
        [person.english, auxiliary, main, receiver.object_, place.at if place else "",
         time.english if time else ""],
        f"{name}+{receiver.english}|{negative}{aspect}",
    )  # fmt: skip


_TOOLS = tuple(noun for noun in NOUNS if "tool" in noun.kinds)


def instrument(draw: Draw) -> Entry | None:
    """그는 연필로 꽃을 그렸다 ↔ He drew a flower with a pencil."""
    person, tool = draw.pick(NARRATED), draw.pick(_TOOLS)
    mode, aspect = draw.pick((("p", "past"), ("g", "progressive"), ("f", "future")))
    event = draw_event(draw, mode, person)
    drawn = event.verb.name in ("draw", "write") and event.object_.head not in ("email", "report")
    if not drawn or event.companion or event.manner or event.place:
        return None
    event = Event(event.frame, event.object_)
    text = english_clause(person, event, aspect, time=f"with a {tool.english}")
    ending = korean_stem(event.verb.korean, aspect).plain()
    words = [particles.topic(person.korean), particles.direction(tool.korean)]
    return entry(
        [*words, *event.korean_words(), ending], [text], f"{event.combination}|{aspect}|tool"
    )
