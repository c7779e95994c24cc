"""Templates of two clauses: because, so, if, when, but, and, before, after, while, that."""

from training.phrasebook import particles
from training.phrasebook.adjectives import THINGS
from training.phrasebook.clauses import Entry, draw_event, english_clause, korean_stem
from training.phrasebook.draw import Draw
from training.phrasebook.english import BE_PAST, BE_PRESENT, predicate, sentence
from training.phrasebook.frames import FRAMES
from training.phrasebook.noun_phrases import ALONE, SINGULAR, bare
from training.phrasebook.nouns import of_kind
from training.phrasebook.people import NARRATED, POSSESSIVE, REPEATABLE, YOU, Person
from training.phrasebook.situations import DAILY, FEELING_REASONS, RESULTS, WEATHER, Act
from training.phrasebook.stems import Stem
from training.phrasebook.verbs import VERBS

# Times that suit every reason: (Korean, English, part of the day).
_PAST_TIMES = (("", ""), ("어제", "yesterday"), ("오늘 아침에", "this morning"),
               ("지난 토요일에", "last Saturday"), ("어제 저녁에", "yesterday evening"))  # fmt: skip
_FUTURE_TIMES = (("내일", "tomorrow"), ("이번 주말에", "this weekend"),
                 ("이번 토요일에", "this Saturday"))  # fmt: skip
_HONORIFIC = {"eat", "drink", "sleep"}
_ADULT = {"drive", "work", "cook"}


def _may(person: Person, *acts: Act) -> bool:
    names = {act.verb.name for act in acts}
    if "elder" in person.tags and (names & _HONORIFIC or "school" in f"{acts}"):
        return False
    return not ("child" in person.tags and names & _ADULT)


def _korean_act(act: Act, stem: Stem) -> str:
    return f"{act.korean} {stem.plain()}".strip()


def _say(act: Act, person: Person, aspect: str, negative: bool = False, subject: str = "") -> str:
    auxiliary, main = predicate(act.verb.english, aspect, person.agreement, negative)
    tail = act.english.replace("{poss}", POSSESSIVE.get(person.pronoun, "their"))
    words = [subject or person.english, auxiliary, main, tail]
    return " ".join(word for word in words if word)


def _reason(draw: Draw) -> tuple[str, Act, Person]:
    reason = draw.pick(tuple(RESULTS))
    people = REPEATABLE if reason in FEELING_REASONS else NARRATED
    return reason, draw.pick(RESULTS[reason]), draw.pick(people)


def _reason_clauses(reason: str, person: Person, past: bool) -> tuple[Stem, str, bool]:
    """Returns the Korean stem (present), the English clause, and whether it is weather."""
    if reason in WEATHER:
        weather = WEATHER[reason]
        return weather.korean, weather.past if past else weather.present, True
    be = (BE_PAST if past else BE_PRESENT)[person.agreement]
    return FEELING_REASONS[reason], f"{be} {reason}", False


def _join(*words: str) -> str:
    return " ".join(word for word in words if word)


def because(draw: Draw) -> Entry | None:
    """나는 어제 피곤했기 때문에 집에 갔다 ↔ I went home yesterday because I was tired."""
    reason, act, person = _reason(draw)
    if not _may(person, act):
        return None
    time = draw.pick(_PAST_TIMES)
    if act.english == "lunch" and time[0] not in ("", "어제", "지난 토요일에"):
        return None
    stem, english, weather = _reason_clauses(reason, person, past=True)
    aspect = "past_can" if act.prevented else "past"
    ending = _korean_act(act, korean_stem(act.verb.korean, aspect, act.prevented))
    topic, cause = particles.topic(person.korean), stem.past().because()
    korean = (
        _join(time[0], cause, topic, ending) if weather else _join(topic, time[0], cause, ending)
    )
    cause_english = english if weather else f"{person.pronoun} {english}"
    main = _say(act, person, aspect, act.prevented)
    return Entry(
        korean,
        sentence(_join(main, time[1], "because", cause_english)),
        f"{act.name}|because {reason}",
    )


def so(draw: Draw) -> Entry | None:
    """나는 어제 피곤해서 집에 갔다 ↔ I was tired yesterday, so I went home."""
    reason, act, person = _reason(draw)
    if not _may(person, act):
        return None
    time = draw.pick(_PAST_TIMES)
    if act.english == "lunch" and time[0] not in ("", "어제", "지난 토요일에"):
        return None
    stem, english, weather = _reason_clauses(reason, person, past=True)
    aspect = "past_can" if act.prevented else "past"
    ending = _korean_act(act, korean_stem(act.verb.korean, aspect, act.prevented))
    topic = particles.topic(person.korean)
    if weather:
        korean = _join(time[0], stem.so(), topic, ending)
        first, second = english, _say(act, person, aspect, act.prevented)
    else:
        korean = _join(topic, time[0], stem.so(), ending)
        first = f"{person.english} {english}"
        second = _say(act, person, aspect, act.prevented, subject=person.pronoun)
    return Entry(
        korean, sentence(f"{_join(first, time[1])}, so {second}"), f"{act.name}|so {reason}"
    )


def but(draw: Draw) -> Entry | None:
    """나는 피곤했지만 숙제를 했다 ↔ I was tired, but I did my homework."""
    reason, act, person = _reason(draw)
    if not _may(person, act) or (reason == "sad" and not act.prevented):
        return None
    time = draw.pick(_PAST_TIMES)
    if act.english == "lunch" and time[0] not in ("", "어제", "지난 토요일에"):
        return None
    stem, english, weather = _reason_clauses(reason, person, past=True)
    negative = not act.prevented
    ending = _korean_act(act, korean_stem(act.verb.korean, "past", negative))
    topic, contrast = particles.topic(person.korean), stem.past().but()
    if weather:
        korean = _join(time[0], contrast, topic, ending)
        first, second = english, _say(act, person, "past", negative)
    else:
        korean = _join(topic, time[0], contrast, ending)
        first = f"{person.english} {english}"
        second = _say(act, person, "past", negative, subject=person.pronoun)
    return Entry(
        korean, sentence(f"{_join(first, time[1])}, but {second}"), f"{act.name}|but {reason}"
    )


def if_(draw: Draw) -> Entry | None:
    """내일 비가 오면 나는 집에 있을 것이다 ↔ I will stay at home if it rains tomorrow."""
    reason, act, person = _reason(draw)
    if not _may(person, act):
        return None
    stem, english, weather = _reason_clauses(reason, person, past=False)
    time = draw.pick(_FUTURE_TIMES)
    ending = _korean_act(act, korean_stem(act.verb.korean, "future", act.prevented))
    topic, main = particles.topic(person.korean), _say(act, person, "future", act.prevented)
    if weather:
        korean = _join(time[0], stem.if_(), topic, ending)
        condition = f"{english} {time[1]}"
    else:
        korean = _join(topic, time[0], stem.if_(), ending)
        condition = f"{person.pronoun} {english} {time[1]}"
    return Entry(korean, sentence(f"{main} if {condition}"), f"{act.name}|if {reason}")


def advice(draw: Draw) -> Entry | None:
    """피곤하면 집에서 쉬어 ↔ Rest at home if you are tired."""
    reason = draw.pick(tuple(RESULTS))
    act = draw.pick(RESULTS[reason])
    if reason == "busy" or "work" in act.verb.name:
        return None
    stem, english, weather = _reason_clauses(reason, YOU, past=False)
    verb = act.verb.korean
    ending = f"{verb.stem}지 마" if act.prevented else verb.intimate()
    order = f"{'do not ' if act.prevented else ''}{act.verb.english.base}"
    order = order.replace("do not", "don't")
    condition = english if weather else f"you {english}"
    tail = act.english.replace("{poss}", "your")
    return Entry(
        _join(stem.if_(), act.korean, ending),
        sentence(_join(order, tail, "if", condition)),
        f"{act.name}|advice {reason}",
    )


def whenever(draw: Draw) -> Entry | None:
    """나는 피곤할 때 커피를 마신다 ↔ I drink coffee when I am tired."""
    reason, act, person = _reason(draw)
    if not _may(person, act) or "two" in act.english or act.english == "to the hospital":
        return None
    stem, english, weather = _reason_clauses(reason, person, past=False)
    ending = _korean_act(act, korean_stem(act.verb.korean, "present", act.prevented))
    topic, main = particles.topic(person.korean), _say(act, person, "present", act.prevented)
    if weather:
        return Entry(
            _join(stem.when(), topic, ending),
            sentence(f"{main} when {english}"),
            f"{act.name}|when {reason}",
        )
    return Entry(
        _join(topic, stem.when(), ending),
        sentence(f"{main} when {person.pronoun} {english}"),
        f"{act.name}|when {reason}",
    )


def and_(draw: Draw) -> Entry | None:
    """나는 방을 청소하고 민수는 요리를 했다 ↔ I cleaned the room and Minsu listened to music."""
    first, second = draw.pick(DAILY), draw.pick(DAILY)
    one, two = draw.pick(REPEATABLE), draw.pick(REPEATABLE)
    joiner = draw.pick(("and", "but"))
    if first.verb is second.verb or one is two or not (_may(one, first) and _may(two, second)):
        return None
    if one.tags & two.tags & {"pronoun", "definite"} and one.pronoun == two.pronoun:
        return None
    time = draw.pick(_PAST_TIMES)
    if "lunch" in (first.english, second.english) and "아침" in time[0] + "저녁" * 0:
        return None
    if "lunch" in (first.english, second.english) and "저녁" in time[0]:
        return None
    linked = first.verb.korean.and_() if joiner == "and" else first.verb.korean.past().but()
    ending = second.verb.korean.past().plain()
    korean = _join(
        time[0], particles.topic(one.korean), first.korean, linked,
        particles.topic(two.korean), second.korean, ending,
    )  # fmt: skip
    english = (
        f"{_say(first, one, 'past')}{',' if joiner == 'but' else ''} {joiner} "
        f"{_say(second, two, 'past')} {time[1]}".strip()
    )
    return Entry(korean, sentence(english), f"{first.name}|{joiner}|{second.name}")


def sequence(draw: Draw) -> Entry | None:
    """나는 숙제를 한 후에 텔레비전을 봤다 ↔ I watched television after I did my homework."""
    first, second = draw.pick(DAILY), draw.pick(DAILY)
    person = draw.pick(REPEATABLE)
    word = draw.pick(("before", "after"))
    if first.verb is second.verb or not _may(person, first, second):
        return None
    past = draw.chance(0.7)
    time = draw.pick(_PAST_TIMES[:2] + _PAST_TIMES[3:4]) if past else draw.pick(
        (("내일", "tomorrow"), ("", ""))
    )  # fmt: skip
    aspect = "past" if past else "future"
    link = first.verb.korean.before() if word == "before" else first.verb.korean.after()
    ending = korean_stem(second.verb.korean, aspect).plain()
    clause = _say(first, person, "past" if past else "present", subject=person.pronoun)
    return Entry(
        _join(particles.topic(person.korean), time[0], first.korean, link, second.korean, ending),
        sentence(_join(_say(second, person, aspect), time[1], word, clause)),
        f"{second.name}|{word}|{first.name}",
    )


_BACKGROUND = tuple(act for act in DAILY if act.english in ("music", "the radio", "television"))
_FOREGROUND = tuple(
    act
    for act in DAILY
    if act.verb.name
    in ("eat", "drink", "clean", "exercise", "take a walk", "write", "make", "draw", "study")
)


def while_(draw: Draw) -> Entry | None:
    """나는 음악을 들으면서 커피를 마셨다 ↔ I drank coffee while listening to music."""
    behind, act, person = draw.pick(_BACKGROUND), draw.pick(_FOREGROUND), draw.pick(NARRATED)
    if behind.english == "television" and act.verb.name in ("clean", "take a walk", "study"):
        return None
    if not _may(person, act):
        return None
    aspect = draw.pick(("past", "past_progressive", "progressive", "present"))
    ending = korean_stem(act.verb.korean, aspect).plain()
    what = behind.english
    return Entry(
        _join(particles.topic(person.korean), behind.korean, behind.verb.korean.while_(),
              act.korean, ending),
        sentence(f"{_say(act, person, aspect)} while {behind.verb.english.ing} {what}"),
        f"{act.name}|{aspect} while {behind.name}",
    )  # fmt: skip


_ARRIVALS = (
    ("come", "집에", "home"),
    ("arrive", "역에", "at the station"),
    ("arrive", "학교에", "at school"),
    ("come back", "집에", "home"),
    ("call", "", ""),
)


def when(draw: Draw) -> Entry | None:
    """내가 집에 왔을 때 민수는 책을 읽고 있었다 ↔ Minsu was reading a book when I came home."""
    comer, other = draw.pick(REPEATABLE), draw.pick(NARRATED)
    name, where, english_where = draw.pick(_ARRIVALS)
    if comer is other or (comer.pronoun == other.pronoun and comer.tags & {"pronoun"}):
        return None
    if comer.tags & other.tags & {"elder", "pronoun"} or (
        "elder" in comer.tags and "학교" in where
    ):
        return None
    event = draw_event(draw, "g", other, ALONE)
    if event.place or event.companion or event.manner:
        return None
    verb = VERBS[name]
    arrival = verb.korean.past().when()
    whom = ""
    if name == "call":
        where, whom = f"{other.korean}에게", other.object_
        if comer.tags & {"definite"} and other.tags & {"definite"}:
            return None
        return None
    ending = korean_stem(event.verb.korean, "past_progressive").plain()
    clause = _join(comer.english, verb.english.past, english_where, whom)
    return Entry(
        _join(particles.subject(comer.korean), where, arrival, particles.topic(other.korean),
              *event.korean_words(), ending),
        sentence(f"{english_clause(other, event, 'past_progressive')} when {clause}"),
        f"{event.combination}|when {name} {english_where}",
    )  # fmt: skip


def thinking(draw: Draw) -> Entry | None:
    """나는 이 책이 재미있다고 생각한다 ↔ I think that this book is interesting."""
    person, adjective = draw.pick(NARRATED), draw.pick(THINGS)
    noun = draw.pick(adjective.nouns)
    korean, english = draw.pick(SINGULAR)
    negative = draw.chance(0.25)
    stem = adjective.korean.not_long() if negative else adjective.korean
    verb = "thinks" if person.agreement == "he" else "think"
    return Entry(
        f"{particles.topic(person.korean)} {korean} {particles.subject(noun.korean)} "
        f"{stem.plain()}고 생각한다",
        sentence(
            f"{person.english} {verb} that {english} {noun.english} is "
            f"{'not ' if negative else ''}{adjective.english}"
        ),
        f"think {adjective.english}+{noun.english}",
    )


_MADE = tuple(frame for frame in FRAMES if frame.name in (
    "buy", "read", "watch", "make", "eat", "drink", "write"))  # fmt: skip
_WHICH_TIMES = (("", ""), ("어제", "yesterday"), ("오늘 아침에", "this morning"),
                ("지난 주말에", "last weekend"))  # fmt: skip


def which(draw: Draw) -> Entry | None:
    """내가 어제 산 책은 재미있었다 ↔ The book that I bought yesterday was interesting."""
    person, frame, adjective = draw.pick(NARRATED), draw.pick(_MADE), draw.pick(THINGS)
    shared = tuple(noun for noun in frame.objects if noun.kinds & adjective.kinds)
    if (
        not shared
        or adjective.english in ("big", "small")
        or (frame.plain_verb and "elder" in person.tags)
    ):
        return None
    noun, time, past = draw.pick(shared), draw.pick(_WHICH_TIMES), draw.chance(0.5)
    if frame.name in ("eat", "drink", "watch") and not past:
        return None
    if frame.verb.english.hides_tense and not time[0]:
        return None
    ending = (adjective.korean.past() if past else adjective.korean).plain()
    be = "was" if past else "is"
    return Entry(
        _join(particles.subject(person.korean), time[0], frame.verb.korean.past_modifier(),
              particles.topic(noun.korean), ending),
        sentence(_join(f"the {noun.english} that", person.english, frame.verb.english.past,
                       time[1], be, adjective.english)),
        f"{frame.name}+{noun.english}|that is {adjective.english}",
    )  # fmt: skip


def both_like(draw: Draw) -> Entry | None:
    """나는 커피를 좋아하지만 민수는 녹차를 좋아한다 ↔ I like coffee, but Minsu likes green tea."""
    kind = draw.pick(("food", "drink", "study", "sport", "animal", "readable", "clothes"))
    nouns = of_kind(kind)
    first, second = draw.pick(nouns), draw.pick(nouns)
    one, two = draw.pick(NARRATED), draw.pick(NARRATED)
    if first is second or one is two:
        return None
    like = VERBS["like"]
    phrases = [bare(noun, "a", generic=True) for noun in (first, second)]
    verbs = [like.english.present(person.agreement) for person in (one, two)]
    return Entry(
        f"{particles.topic(one.korean)} {particles.object_(phrases[0].korean)} "
        f"{like.korean.but()} {particles.topic(two.korean)} "
        f"{particles.object_(phrases[1].korean)} {like.korean.plain()}",
        sentence(
            f"{one.english} {verbs[0]} {phrases[0].english}, but {two.english} {verbs[1]} "
            f"{phrases[1].english}"
        ),
        f"like {first.english} but {second.english}",
    )
