"""Templates of two clauses side by side: and, but, before, after, while, when, that."""

from training.phrasebook import particles
from training.phrasebook.acts import PAST_TIMES, at_lunch, english_act, join, may
from training.phrasebook.adjectives import THINGS
from training.phrasebook.clauses import Entry, draw_event, english_clause, korean_stem
from training.phrasebook.draw import Draw
from training.phrasebook.english import sentence
from training.phrasebook.frames import FRAMES
from training.phrasebook.noun_phrases import ALONE, SINGULAR, bare
from training.phrasebook.nouns import of_kind
from training.phrasebook.people import NARRATED, REPEATABLE, Person, confusable
from training.phrasebook.situations import DAILY
from training.phrasebook.verbs import VERBS

_TOLD = tuple(act for act in DAILY if act.verb.name != "wash")


def and_(draw: Draw) -> Entry | None:
    """나는 방을 청소하고 민수는 음악을 들었다 ↔ I cleaned the room and Minsu listened to music."""
    first, second = draw.pick(_TOLD), draw.pick(_TOLD)
    one, two = draw.pick(REPEATABLE), draw.pick(REPEATABLE)
    joiner = draw.pick(("and", "and", "but"))
    if first.verb is second.verb or confusable(one, two):
        return None
    time = draw.pick(PAST_TIMES)
    if at_lunch(time, first, second) or not (may(one, first) and may(two, second)):
        return None
    past = first.verb.korean.past()
    linked = first.verb.korean.and_() if joiner == "and" else past.but()
    korean = join(
        time[0], particles.topic(one.korean), first.korean, linked,
        particles.topic(two.korean), second.korean, second.verb.korean.past().plain(),
    )  # fmt: skip
    halves = english_act(first, one, "past"), english_act(second, two, "past")
    if joiner == "and":
        english = join(halves[0], "and", halves[1], time[1])
    else:
        english = f"{join(halves[0], time[1])}, but {halves[1]}"
    return Entry(korean, sentence(english), f"{first.name}|{joiner}|{second.name}")


def sequence(draw: Draw) -> Entry | None:
    """나는 숙제를 한 후에 텔레비전을 봤다 ↔ I watched television after I did my homework."""
    first, second = draw.pick(DAILY), draw.pick(DAILY)
    person, word = draw.pick(REPEATABLE), draw.pick(("before", "after"))
    if first.verb is second.verb or not may(person, first, second):
        return None
    if second.verb.name == "wash" and (word == "after" or first.verb.name not in ("eat", "make")):
        return None
    if first.verb.name == "wash" and (word == "before" or second.verb.name not in ("eat", "make")):
        return None
    past = draw.chance(0.7)
    time = draw.pick(PAST_TIMES[:3] if past else (("내일", "tomorrow"), ("", "")))
    aspect = "past" if past else "future"
    link = first.verb.korean.before() if word == "before" else first.verb.korean.after()
    ending = korean_stem(second.verb.korean, aspect).plain()
    clause = english_act(first, person, "past" if past else "present", subject=person.pronoun)
    return Entry(
        join(particles.topic(person.korean), time[0], first.korean, link, second.korean, ending),
        sentence(join(english_act(second, person, aspect), time[1], word, clause)),
        f"{second.name}|{word}|{first.name}",
    )


_BACKGROUND = tuple(act for act in DAILY if act.english in ("music", "the radio", "television"))
_FOREGROUND = tuple(act for act in DAILY if act.verb.name in (
    "eat", "drink", "clean", "exercise", "take a walk", "write", "make", "draw", "study"
))  # fmt: skip


def while_(draw: Draw) -> Entry | None:
    """나는 음악을 들으면서 커피를 마셨다 ↔ I drank coffee while listening to music."""
    behind, act, person = draw.pick(_BACKGROUND), draw.pick(_FOREGROUND), draw.pick(NARRATED)
    if behind.english == "television" and act.verb.name not in ("eat", "drink", "exercise"):
        return None
    if not may(person, act):
        return None
    aspect = draw.pick(("past", "past_progressive", "progressive", "future"))
    ending = korean_stem(act.verb.korean, aspect).plain()
    background = f"while {behind.verb.english.ing} {behind.english}"
    return Entry(
        join(
            particles.topic(person.korean), behind.korean, behind.verb.korean.while_(),
            act.korean, ending,
        ),
        sentence(join(english_act(act, person, aspect), background)),
        f"{act.name}|{aspect} while {behind.name}",
    )  # fmt: skip


_ARRIVALS = (
    ("come", "집에", "home", "home"),
    ("come back", "집에", "home", "home"),
    ("arrive", "학교에", "at school", "school"),
    ("arrive", "공원에", "at the park", "park"),
    ("come", "도서관에", "to the library", "library"),
    ("come back", "사무실에", "to the office", "office"),
)


def when(draw: Draw) -> Entry | None:
    """내가 집에 왔을 때 민수는 책을 읽고 있었다 ↔ Minsu was reading a book when I came home."""
    comer, other = draw.pick(NARRATED), draw.pick(NARRATED)
    name, where, english_where, place = draw.pick(_ARRIVALS)
    if confusable(comer, other) or "elder" in comer.tags:
        return None
    event = draw_event(draw, "g", other, ALONE)
    if event.place or event.companion or event.manner or place not in event.frame.where.split():
        return None
    verb = VERBS[name]
    ending = korean_stem(event.verb.korean, "past_progressive").plain()
    clause = join("when", comer.english, verb.english.past, english_where)
    return Entry(
        join(
            particles.subject(comer.korean), where, verb.korean.past().when(),
            particles.topic(other.korean), *event.korean_words(), ending,
        ),
        sentence(join(english_clause(other, event, "past_progressive"), clause)),
        f"{event.combination}|when {name} {english_where}",
    )  # fmt: skip


def thinking(draw: Draw) -> Entry | None:
    """나는 이 책이 재미있다고 생각한다 ↔ I think that this book is interesting."""
    person, adjective = draw.pick(NARRATED), draw.pick(THINGS)
    noun = draw.pick(adjective.nouns)
    korean, english = draw.pick(SINGULAR)
    if english == "that":
        return None  # "thinks that that book"
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
    "buy", "read", "watch", "make", "eat", "drink", "write"
))  # fmt: skip
_WHICH_TIMES = (
    ("", ""), ("어제", "yesterday"), ("오늘 아침에", "this morning"),
    ("지난 주말에", "last weekend"),
)  # fmt: skip
_SEEN_BEFORE = {"big", "small"}
_SHOP_WORDS = {"expensive", "cheap", "pretty"}


def which(draw: Draw) -> Entry | None:
    """내가 어제 산 책은 재미있었다 ↔ The book that I bought yesterday was interesting."""
    person, frame, adjective = draw.pick(NARRATED), draw.pick(_MADE), draw.pick(THINGS)
    shared = tuple(noun for noun in frame.objects if noun.kinds & adjective.kinds)
    if not shared or (frame.plain_verb and "elder" in person.tags):
        return None
    if adjective.english in _SEEN_BEFORE or (frame.who == "adult" and "child" in person.tags):
        return None
    if adjective.english in _SHOP_WORDS and frame.name != "buy":
        return None
    noun, time, past = draw.pick(shared), draw.pick(_WHICH_TIMES), draw.chance(0.5)
    if frame.name in ("eat", "drink", "watch") and not past:
        return None
    if frame.verb.english.hides_tense and not time[0]:
        return None
    ending = (adjective.korean.past() if past else adjective.korean).plain()
    clause = join("that", person.english, frame.verb.english.past, time[1])
    return Entry(
        join(
            particles.subject(person.korean), time[0], frame.verb.korean.past_modifier(),
            particles.topic(noun.korean), ending,
        ),
        sentence(f"the {noun.english} {clause} {'was' if past else 'is'} {adjective.english}"),
        f"{frame.name}+{noun.english}|that is {adjective.english}",
    )  # fmt: skip


def both_like(draw: Draw) -> Entry | None:
    """나는 커피를 좋아하지만 민수는 녹차를 좋아한다 ↔ I like coffee, but Minsu likes green tea."""
    nouns = of_kind(draw.pick(("food", "drink", "study", "sport", "animal", "story")))
    first, second = draw.pick(nouns), draw.pick(nouns)
    one, two = draw.pick(NARRATED), draw.pick(NARRATED)
    if first is second or confusable(one, two):
        return None
    phrases = [bare(noun, "a", generic=True) for noun in (first, second)]
    like = VERBS["like"]

    def says(person: Person, what: str) -> str:
        return f"{person.english} {like.english.present(person.agreement)} {what}"

    return Entry(
        f"{particles.topic(one.korean)} {particles.object_(phrases[0].korean)} "
        f"{like.korean.but()} {particles.topic(two.korean)} "
        f"{particles.object_(phrases[1].korean)} {like.korean.plain()}",
        sentence(f"{says(one, phrases[0].english)}, but {says(two, phrases[1].english)}"),
        f"like {first.english} but {second.english}",
    )
