"""Templates of going, arriving, leaving and living: the particles 에 and (으)로."""

from training.phrasebook import particles
from training.phrasebook.clauses import (
    PLAIN,
    Entry,
    finish,
    is_self_or_you,
    korean_stem,
)
from training.phrasebook.draw import Draw
from training.phrasebook.english import predicate, sentence
from training.phrasebook.frames import FRAMES
from training.phrasebook.noun_phrases import UNCOUNTED, object_phrase
from training.phrasebook.people import A_FRIEND, COMPANIONS, NARRATED
from training.phrasebook.places import FUTURE, HABIT, OFTEN, PAST, PLACES, Place, Time
from training.phrasebook.verbs import VERBS

_NEAR = (("버스", "bus"), ("지하철", "subway"), ("자전거", "bicycle"), ("자동차", "car"))
_FAR = (("기차", "train"), ("버스", "bus"), ("비행기", "plane"), ("자동차", "car"))
_ISLAND = (("비행기", "plane"), ("배", "ship"))
_HOURS = (("여섯 시에", "at six o'clock"), ("일곱 시에", "at seven o'clock"),
          ("여덟 시에", "at eight o'clock"), ("아홉 시에", "at nine o'clock"),
          ("열 시에", "at ten o'clock"))  # fmt: skip

# Where one goes, in `places.py` order; kitchens and bus stops are no destinations.
_DESTINATIONS = tuple(
    place
    for place in PLACES.values()
    if place.key not in ("kitchen", "room", "living_room", "garden", "bus_stop")
)
_TOWNS = tuple(place for place in _DESTINATIONS if "town" in place.tags)

_TENSES = (("past", PAST), ("past", PAST), ("future", FUTURE), ("present", HABIT), ("want", ()),
           ("have_to", FUTURE))  # fmt: skip


def _transport(place: Place) -> tuple[tuple[str, str], ...]:
    if place.key == "Jeju":
        return _ISLAND
    return _FAR if "town" in place.tags else _NEAR


_SELDOM = {"hotel", "airport", "department_store", "museum", "hospital", "bank", "post_office",
           "station"}  # fmt: skip
_WORTH_A_WEEK = {"beach", "museum", "hospital"}


def _suits(place: Place, time: Time, aspect: str) -> bool:
    town = "town" in place.tags
    if "day" in place.tags and time.part in ("night", "evening"):
        return False
    if time.scale == "week" and not town and place.key not in _WORTH_A_WEEK:
        return False
    return aspect != "present" or not (town or place.key in _SELDOM)


def going(draw: Draw) -> Entry | None:
    """그는 어제 민수와 함께 버스로 시장에 갔다 ↔ He went to the market with Minsu by bus …."""
    person, place = draw.pick(NARRATED), draw.pick(_DESTINATIONS)
    verb = VERBS["go"]
    aspect, times = draw.pick(_TENSES)
    often = aspect == "present" and draw.chance(0.4)
    times = OFTEN if often else times
    time = draw.pick(times) if times and draw.chance(0.8) else None
    if (time and not _suits(place, time, aspect)) or (aspect == "present" and not time):
        return None
    vehicle = draw.pick(_transport(place)) if draw.chance(0.4) else None
    companion = draw.pick(COMPANIONS) if draw.chance(0.25) and place.key != "home" else None
    if companion is A_FRIEND and person.english == "my friend":
        companion = None
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
    return entry(korean, english, f"go+{place.key}|{negative}{aspect}|{vehicle}")


def entry(korean: list[str], english: list[str], combination: str) -> Entry:
    """Joins the words that are not empty."""
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
    return entry(
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
        "exercise", "swim", "take a walk", "run",
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
    phrase = object_phrase(noun, draw, frame.article, UNCOUNTED) if noun else None
    aspect, times = draw.pick((("past", PAST), ("past", PAST), ("future", FUTURE)))
    time = draw.pick(times) if draw.chance(0.7) else None
    if time and not _suits(place, time, aspect):
        return None
    go = VERBS["go"]
    auxiliary, main = predicate(go.english, aspect, person.agreement)
    what = [particles.object_(phrase.korean)] if phrase else []
    return entry(
        [particles.topic(person.korean), time.korean if time else "", *what,
         frame.verb.korean.in_order_to(), f"{place.korean}에",
         finish(korean_stem(go.korean, aspect), PLAIN)],
        [person.english, auxiliary, main, place.to, "to", frame.verb.english.base,
         phrase.english if phrase else "", time.english if time else ""],
        f"{frame.name}+{phrase.head if phrase else ''}|go {place.key}",
    )  # fmt: skip
