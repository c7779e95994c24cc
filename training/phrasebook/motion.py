"""Templates of going, living, giving and calling: the particles 에, 에게, (으)로."""

from training.phrasebook import particles
from training.phrasebook.clauses import (
    PLAIN,
    Entry,
    Event,
    draw_event,
    english_clause,
    finish,
    is_self_or_you,
    korean_stem,
)
from training.phrasebook.draw import Draw
from training.phrasebook.english import predicate, sentence
from training.phrasebook.frames import FRAMES
from training.phrasebook.noun_phrases import object_phrase
from training.phrasebook.nouns import NOUNS, of_kind
from training.phrasebook.people import A_FRIEND, COMPANIONS, NARRATED, OBJECT_PEOPLE, Person
from training.phrasebook.places import FUTURE, HABIT, OFTEN, PAST, PLACES, Place, Time
from training.phrasebook.verbs import VERBS, Verb

_NEAR = (("버스", "bus"), ("지하철", "subway"), ("자전거", "bicycle"), ("자동차", "car"))
_FAR = (("기차", "train"), ("버스", "bus"), ("비행기", "plane"), ("자동차", "car"))
_ISLAND = (("비행기", "plane"), ("배", "ship"))
_HOURS = (("여섯 시에", "at six o'clock"), ("일곱 시에", "at seven o'clock"),
          ("여덟 시에", "at eight o'clock"), ("아홉 시에", "at nine o'clock"),
          ("열 시에", "at ten o'clock"))  # fmt: skip

_DESTINATIONS = tuple(PLACES[key] for key in (
    "home school library park cafe restaurant market store supermarket bookstore department_store "
    "office hospital bank station airport hotel theater beach museum post_office pool gym "
    "Seoul Busan Jeju"
).split())  # fmt: skip
_TOWNS = tuple(place for place in _DESTINATIONS if "town" in place.tags)

_TENSES = (("past", PAST), ("past", PAST), ("future", FUTURE), ("present", HABIT), ("want", ()),
           ("have_to", FUTURE))  # fmt: skip


def _transport(place: Place) -> tuple[tuple[str, str], ...]:
    if place.key == "Jeju":
        return _ISLAND
    return _FAR if "town" in place.tags else _NEAR


def _suits(place: Place, time: Time, aspect: str) -> bool:
    if "day" in place.tags and time.part in ("night", "evening"):
        return False
    town = "town" in place.tags
    if time.scale == "week" and not town and place.key not in ("beach", "museum", "hospital"):
        return False
    return not (
        aspect == "present"
        and (
            town
            or place.key
            in (
                "hotel",
                "airport",
                "department_store",
                "museum",
                "hospital",
                "bank",
                "post_office",
                "station",
            )
        )
    )


def going(draw: Draw) -> Entry | None:
    """그는 어제 민수와 함께 버스로 시장에 갔다 ↔ He went to the market with Minsu by bus …."""
    person, place = draw.pick(NARRATED), draw.pick(_DESTINATIONS)
    verb = VERBS["go"]
    aspect, times = draw.pick(_TENSES)
    often = aspect == "present" and draw.chance(0.4)
    times = OFTEN if often else times
    time = draw.pick(times) if times and draw.chance(0.8) else None
    if time and not _suits(place, time, aspect) or aspect == "present" and not time:
        return None
    vehicle = draw.pick(_transport(place)) if draw.chance(0.4) else None
    companion = draw.pick(COMPANIONS) if draw.chance(0.25) and place.key != "home" else None
    if companion is person or (vehicle and vehicle[1] == "car" and "child" in person.tags):
        return None
    negative = aspect in ("past", "future", "want") and not vehicle and draw.chance(0.3)
    stem = korean_stem(verb.korean, aspect, negative, other=not is_self_or_you(person))
    auxiliary, main = predicate(verb.english, aspect, person.agreement, negative)
    korean = [
        particles.topic(person.korean),
        time.korean if time else "",
        f"{particles.together(companion.korean)} 함께" if companion else "",
        particles.direction(vehicle[0]) if vehicle else "",
        f"{place.korean}에",
        stem.plain(),
    ]
    english = [
        person.english,
        auxiliary,
        time.english if time and often else "",
        main,
        place.to,
        f"with {companion.english}" if companion else "",
        f"by {vehicle[1]}" if vehicle else "",
        time.english if time and not often else "",
    ]
    return _entry(korean, english, f"go+{place.key}|{negative}{aspect}|{vehicle}")


def _entry(korean: list[str], english: list[str], combination: str) -> Entry:
    return Entry(
        " ".join(word for word in korean if word),
        sentence(" ".join(word for word in english if word)),
        combination,
    )


def arriving(draw: Draw) -> Entry | None:
    """우리는 일곱 시에 서울로 떠났다 ↔ We left for Seoul at seven o'clock."""
    person, kind = draw.pick(NARRATED), draw.pick(("leave", "arrive", "come back", "live"))
    place = draw.pick((*_TOWNS, *_DESTINATIONS[-8:])) if kind == "arrive" else draw.pick(_TOWNS)
    verb = VERBS[kind]
    aspect, times = draw.pick((("past", PAST), ("future", FUTURE)))
    hour = draw.pick(_HOURS) if draw.chance(0.5) else None
    if kind == "live":
        aspect, times = draw.pick((("present", ()), ("past", ()), ("want", ())))
        hour = None
    time = draw.pick(times) if times else None
    if time and (time.part or (hour and time.english not in ("yesterday", "tomorrow"))):
        return None
    if time and time.scale == "week" and kind == "arrive" and "town" not in place.tags:
        return None
    preposition = {"arrive": "in" if "town" in place.tags else "at", "leave": "for",
                   "come back": "to", "live": place.preposition}[kind]  # fmt: skip
    if kind == "arrive" and place.key == "Jeju":
        preposition = "on"
    where = particles.direction(place.korean) if kind == "leave" else f"{place.korean}에"
    if kind == "come back":
        where = particles.direction(place.korean)
    negative = kind == "live" and draw.chance(0.4)
    stem = korean_stem(verb.korean, aspect, negative, other=not is_self_or_you(person))
    auxiliary, main = predicate(verb.english, aspect, person.agreement, negative)
    return _entry(
        [particles.topic(person.korean), time.korean if time else "", hour[0] if hour else "",
         where, stem.plain()],
        [person.english, auxiliary, main, preposition, place.name, hour[1] if hour else "",
         time.english if time else ""],
        f"{kind}+{place.key}|{aspect}|{hour}",
    )  # fmt: skip


_PURPOSES = tuple(
    frame
    for frame in FRAMES
    if frame.places and frame.name in (
        "eat", "drink", "read", "buy", "watch", "study", "learn", "take", "play+", "play", "ride",
        "exercise", "swim", "take a walk", "run", "work",
    )
)  # fmt: skip
_NOT_A_GOAL = {"home", "room", "kitchen", "living_room"}


def purpose(draw: Draw) -> Entry | None:
    """그는 책을 사러 서점에 갔다 ↔ He went to the bookstore to buy a book."""
    person, frame = draw.pick(NARRATED), draw.pick(_PURPOSES)
    place = draw.pick(frame.places)
    if place.key in _NOT_A_GOAL or (frame.plain_verb and "elder" in person.tags):
        return None
    if frame.name in ("eat", "drink") and place.key not in ("restaurant", "cafe", "park"):
        return None
    if frame.who == "adult" and "child" in person.tags:
        return None
    noun = draw.pick(frame.objects) if frame.objects else None
    phrase = object_phrase(noun, draw, frame.article, may_count=frame.counted) if noun else None
    aspect, times = draw.pick((("past", PAST), ("past", PAST), ("future", FUTURE)))
    time = draw.pick(times) if draw.chance(0.7) else None
    if time and not _suits(place, time, aspect):
        return None
    go = VERBS["go"]
    auxiliary, main = predicate(go.english, aspect, person.agreement)
    what = [particles.object_(phrase.korean)] if phrase else []
    return _entry(
        [particles.topic(person.korean), time.korean if time else "", *what,
         frame.verb.korean.in_order_to(), f"{place.korean}에",
         finish(korean_stem(go.korean, aspect), PLAIN)],
        [person.english, auxiliary, main, place.to, "to", frame.verb.english.base,
         phrase.english if phrase else "", time.english if time else ""],
        f"{frame.name}+{phrase.head if phrase else ''}|go {place.key}",
    )  # fmt: skip


def _receivers(person: Person) -> tuple[Person, ...]:
    return tuple(
        other
        for other in (*OBJECT_PEOPLE, A_FRIEND)
        if other is not person and not (other.tags & person.tags & {"pronoun", "definite"})
    )


def giving(draw: Draw) -> Entry | None:
    """나는 어제 지수에게 선물을 주었다 ↔ I gave Jisu a present yesterday."""
    person = draw.pick(NARRATED)
    verb = VERBS[draw.pick(("give", "give", "send", "show"))]
    kinds = {"give": ("gift",), "send": ("sendable", "gift"), "show": ("photo", "picture", "gift")}
    noun = draw.pick(of_kind(*kinds[verb.name]))
    if verb.name == "send" and noun.english == "report":
        return None
    phrase = object_phrase(noun, draw)
    receiver = draw.pick(_receivers(person))
    aspect, times = draw.pick((("past", PAST), ("past", PAST), ("future", FUTURE), ("want", ())))
    time = draw.pick(times) if times and draw.chance(0.7) else None
    negative = draw.chance(0.2)
    stem = korean_stem(verb.korean, aspect, negative, other=not is_self_or_you(person))
    auxiliary, main = predicate(verb.english, aspect, person.agreement, negative)
    tail = (
        [phrase.english, "to", receiver.object_]
        if verb.name == "send"
        else [receiver.object_, phrase.english]
    )
    return _entry(
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
    if name in ("see", "meet") and "progressive" in aspect or name == "see" and aspect != "past":
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
    return _entry(
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
    return _entry(
        [*words, *event.korean_words(), ending], [text], f"{event.combination}|{aspect}|tool"
    )
