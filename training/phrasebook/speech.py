"""Templates of what one says to a listener: questions, answers, requests, invitations."""

from training.phrasebook import particles
from training.phrasebook.clauses import (
    POLITE,
    Entry,
    Event,
    draw_event,
    draw_time,
    english_clause,
    english_question,
    finish,
    is_self_or_you,
    korean_clause,
    korean_stem,
)
from training.phrasebook.draw import Draw
from training.phrasebook.english import predicate, sentence
from training.phrasebook.noun_phrases import ALONE, ANY, GENERIC, UNCOUNTED
from training.phrasebook.people import ANSWERED, ASKED, SPOKEN_NAMES, YOU, Person
from training.phrasebook.places import FUTURE, HABIT, NOW, PAST

# mode of the frame, aspect, times, probability of no time, what objects
_TENSES = (
    ("p", "past", PAST, 0.2, ANY),
    ("p", "past", PAST, 0.2, ANY),
    ("f", "future", FUTURE, 0.1, ANY),
    ("h", "present", HABIT, 0.3, GENERIC),
    ("g", "progressive", NOW, 0.4, ANY),
)


def _drawn(draw: Draw, person: Person) -> tuple[Event, str, str, str] | None:
    """Returns event, aspect, Korean time, English time."""
    mode, aspect, times, timeless, objects = draw.pick(_TENSES)
    event = draw_event(draw, mode, person, objects)
    if draw.chance(timeless):
        return event, aspect, "", ""
    time = draw_time(draw, times, event)
    return (event, aspect, time.korean, time.english) if time else None


def yes_no_question(draw: Draw) -> Entry | None:
    """너는 어제 사과를 먹었어? ↔ Did you eat an apple yesterday?"""
    person = YOU if draw.chance(0.6) else draw.pick(ASKED)
    drawn = _drawn(draw, person)
    if drawn is None:
        return None
    event, aspect, korean_time, english_time = drawn
    stem = korean_stem(event.verb.korean, aspect)
    return Entry(
        korean_clause(particles.topic(person.korean), event, stem.intimate(), time=korean_time)
        + "?",
        english_question(person, event, aspect, english_time),
        f"{event.combination}|{aspect}?",
    )


def modal_question(draw: Draw) -> Entry | None:
    """너는 물을 마시고 싶어? ↔ Do you want to drink water?"""
    mode, aspect = draw.pick((("w", "want"), ("w", "want"), ("c", "can"), ("m", "have_to")))
    person = YOU if draw.chance(0.6) else draw.pick(ASKED)
    event = draw_event(draw, mode, person, ALONE)
    stem = korean_stem(event.verb.korean, aspect, other=not is_self_or_you(person))
    return Entry(
        korean_clause(particles.topic(person.korean), event, stem.intimate()) + "?",
        english_question(person, event, aspect),
        f"{event.combination}|{aspect}?",
    )


def to_you(draw: Draw) -> Entry | None:
    """너는 어제 책을 안 읽었어 ↔ You didn't read a book yesterday."""
    drawn = _drawn(draw, YOU)
    if drawn is None:
        return None
    event, aspect, korean_time, english_time = drawn
    negative = aspect in ("past", "future") and draw.chance(0.4)
    hidden = event.verb.english.hides_tense and aspect == "past" and not negative
    if aspect == "progressive" and event.verb.name == "sleep":
        return None  # nobody tells a sleeper
    if hidden and not korean_time:
        return None
    stem = korean_stem(event.verb.korean, aspect, negative, spoken=True)
    english = english_clause(
        YOU, event, aspect, negative=negative, contracted=True, time=english_time
    )
    return Entry(
        korean_clause("너는", event, stem.intimate(), time=korean_time),
        sentence(english),
        f"{event.combination}|{'not ' if negative else ''}{aspect}|you",
    )


def answer(draw: Draw) -> Entry | None:
    """아니요, 저는 사과를 안 먹었어요 ↔ No, I didn't eat an apple."""
    person = draw.pick(ANSWERED)
    negative = draw.chance(0.5)
    if draw.chance(0.25):
        event, aspect, times = draw_event(draw, "c", person, ALONE), "can", ("", "")
    else:
        drawn = _drawn(draw, person)
        if drawn is None:
            return None
        event, aspect, *times = drawn
    if negative and aspect == "present" and times[1]:
        return None  # "doesn't eat apples every day" leaves open what is denied
    if aspect == "progressive" and negative and times[1] == "":
        return None
    if event.object_ and event.object_.korean.startswith("내 "):
        return None  # 제 is what goes with 저
    if event.verb.english.hides_tense and aspect == "past" and not (times[1] or negative):
        return None
    stem = korean_stem(event.verb.korean, aspect, negative, spoken=True)
    english = english_clause(
        person, event, aspect, negative=negative, contracted=True, time=times[1]
    )
    subject = particles.topic(person.polite)
    return Entry(
        f"{'아니요' if negative else '네'}, "
        + korean_clause(subject, event, finish(stem, POLITE), time=times[0]),
        f"{'No' if negative else 'Yes'}, {english}",
        f"{event.combination}|{'not ' if negative else ''}{aspect}|answer",
    )


# Deeds that one asks a stranger to do, or not to do.
_REQUESTED = {
    "please": {"open", "close", "clean", "wipe", "make", "fix", "buy", "sing", "play the", "read",
               "write", "draw", "cook"},
    "please not": {"open", "close", "sing", "play the", "play+", "run", "swim", "dance", "wipe",
                   "draw", "ride"},
    "lets not": {"eat", "drink", "watch", "buy", "play+", "play", "swim", "run", "dance", "sing",
                 "take the", "ride", "open", "close"},
}  # fmt: skip


def request(draw: Draw) -> Entry | None:
    """창문을 열어 주세요 ↔ Please open the window; 창문을 열어 ↔ Open the window."""
    kind = draw.pick(("please", "please not", "order", "order not", "lets", "lets not"))
    event = draw_event(draw, "i", YOU, UNCOUNTED if kind.endswith("not") else ANY)
    if event.manner == "alone" or (event.companion and not kind.startswith("lets")):
        return None
    if event.verb.name not in _REQUESTED.get(kind, {event.verb.name}):
        return None
    verb, words = event.verb, " ".join([event.verb.english.base, *event.english_words()])
    stem = verb.korean
    if event.frame.plain_verb and kind.startswith("please"):
        return None  # 드세요, 주무세요: an honorific verb that the tables do not have
    korean, english = {
        "please": (stem.request(), f"please {words}"),
        "please not": (stem.stem + "지 마세요", f"please do not {words}"),
        "order": (stem.intimate(), words),
        "order not": (stem.stem + "지 마", f"don't {words}"),
        "lets": (stem.stem + "자", f"let's {words}"),
        "lets not": (stem.stem + "지 말자", f"let's not {words}"),
    }[kind]
    return Entry(korean_clause("", event, korean), sentence(english), f"{event.combination}|{kind}")


_WHAT = {"eat", "drink", "read", "write", "buy", "watch", "make", "draw", "learn", "study", "teach"}


def wh_question(draw: Draw) -> Entry | None:
    """너는 어제 어디에서 책을 읽었어? ↔ Where did you read a book yesterday?"""
    word = draw.pick(("what", "where", "when", "who", "with whom", "why"))
    person = YOU if draw.chance(0.5) else draw.pick(ASKED)
    drawn = _drawn(draw, person)
    if drawn is None:
        return None
    event, aspect, korean_time, english_time = drawn
    builder = {
        "what": _what, "where": _where, "when": _when, "who": _who, "with whom": _whom, "why": _why,
    }[word]  # fmt: skip
    pair = builder(person, event, aspect, korean_time, english_time)
    if pair is None:
        return None
    return Entry(pair[0] + "?", pair[1] + "?", f"{event.combination}|{aspect}|{word}")


def _ask(word: str, person: Person, event: Event, aspect: str, words: list[str]) -> str:
    auxiliary, verb = predicate(event.verb.english, aspect, person.agreement, question=True)
    return " ".join([word, auxiliary, person.english, verb, *[part for part in words if part]])


def _korean(person: Person, aspect: str, event: Event, words: list[str]) -> str:
    ending = korean_stem(event.verb.korean, aspect).intimate()
    return " ".join([particles.topic(person.korean), *[part for part in words if part], ending])


def _what(person: Person, event: Event, aspect: str, korean: str, english: str):
    if event.verb.name not in _WHAT or event.companion or event.manner:
        return None
    place = (f"{event.place.korean}에서", event.place.at) if event.place else ("", "")
    return (
        _korean(person, aspect, event, [korean, place[0], "무엇을"]),
        _ask("What", person, event, aspect, [place[1], english]),
    )


def _where(person: Person, event: Event, aspect: str, korean: str, english: str):
    if not event.frame.places or event.place or event.manner or aspect == "present":
        return None
    return (
        _korean(person, aspect, event, [korean, "어디에서", *event.korean_words()]),
        _ask("Where", person, event, aspect, [*event.english_words(), english]),
    )


def _when(person: Person, event: Event, aspect: str, korean: str, english: str):
    if korean or event.manner or aspect not in ("past", "future"):
        return None
    return (
        _korean(person, aspect, event, ["언제", *event.korean_words()]),
        _ask("When", person, event, aspect, event.english_words()),
    )


def _why(person: Person, event: Event, aspect: str, korean: str, english: str):
    if aspect != "past" or event.manner or event.verb.name in ("find", "lose"):
        return None
    return (
        _korean(person, aspect, event, ["왜", korean, *event.korean_words()]),
        _ask("Why", person, event, aspect, [*event.english_words(), english]),
    )


def _whom(person: Person, event: Event, aspect: str, korean: str, english: str):
    if not event.frame.social or event.companion or event.manner:
        return None
    return (
        _korean(person, aspect, event, [korean, "누구와 함께", *event.korean_words()]),
        _ask("Who", person, event, aspect, [*event.english_words(), "with", english]),
    )


def _who(person: Person, event: Event, aspect: str, korean: str, english: str):
    if aspect == "present" or event.manner or event.companion:
        return None
    asker = SPOKEN_NAMES[0]  # "who" agrees like a third person
    text = english_clause(asker, event, aspect, time=english, subject="who")
    if event.verb.english.hides_tense and aspect == "past" and not korean:
        return None
    ending = korean_stem(event.verb.korean, aspect).intimate()
    return korean_clause("누가", event, ending, time=korean), sentence(text)
