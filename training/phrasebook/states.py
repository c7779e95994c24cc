"""Templates of being: adjectives, comparison, profession, existence."""

from training.phrasebook import particles
from training.phrasebook.adjectives import FEELINGS, THINGS, TRAITS
from training.phrasebook.clauses import Entry
from training.phrasebook.draw import Draw
from training.phrasebook.english import BE_PAST, BE_PRESENT, CONTRACTIONS, sentence, with_article
from training.phrasebook.noun_phrases import NUMBERS, PLURAL, SINGULAR
from training.phrasebook.nouns import of_kind
from training.phrasebook.people import NARRATED, YOU
from training.phrasebook.places import PLACES
from training.phrasebook.stems import ABSENT, EXIST, Stem, copula, copula_past, not_copula


def _tensed(stem: Stem, past: bool, negative: bool) -> Stem:
    stem = stem.not_long() if negative else stem
    return stem.past() if past else stem


def _be(agreement: str, past: bool, negative: bool) -> str:
    form = (BE_PAST if past else BE_PRESENT)[agreement]
    return f"{form} not" if negative else form


def thing_is(draw: Draw) -> Entry | None:
    """이 책은 재미있다 ↔ This book is interesting."""
    adjective = draw.pick(THINGS)
    noun = draw.pick(adjective.nouns)
    several = draw.chance(0.25) and bool(noun.counter)
    korean, english = draw.pick(PLURAL if several else SINGULAR)
    past, negative = draw.chance(0.35), draw.chance(0.3)
    stem = _tensed(adjective.korean, past, negative)
    subject = f"{korean} {noun.korean}{'들' if several else ''}"
    be = _be("they" if several else "he", past, negative)
    name = noun.plural if several else noun.english
    return Entry(
        f"{particles.topic(subject)} {stem.plain()}",
        sentence(f"{english} {name} {be} {adjective.english}"),
        f"be {adjective.english}+{noun.english}|{past}{negative}",
    )


_BOTH = (
    "pretty and cheap", "delicious and cheap", "pretty and light", "small and light",
    "big and heavy", "small and pretty", "easy and interesting", "difficult and boring",
    "long and boring", "long and sad", "short and interesting", "big and expensive",
    "pretty but expensive", "delicious but expensive", "difficult but interesting",
    "long but interesting", "short but sad", "small but heavy", "big but light", "easy but boring",
    "sad but interesting", "short but boring", "small but expensive", "big but cheap",
    "long but easy", "short but difficult",
)  # fmt: skip


def thing_is_and(draw: Draw) -> Entry | None:
    """이 가방은 예쁘지만 비싸다 ↔ This bag is pretty but expensive."""
    text, past = draw.pick(_BOTH), draw.chance(0.35)
    names = text.split(" ")
    first, second = (
        next(adjective for adjective in THINGS if adjective.english == name)
        for name in (names[0], names[2])
    )
    shared = tuple(noun for noun in first.nouns if noun in second.nouns)
    if not shared:
        return None
    noun, (korean, english) = draw.pick(shared), draw.pick(SINGULAR)
    if names[1] == "but":
        link = (first.korean.past() if past else first.korean).but()
    else:
        link = first.korean.and_()
    return Entry(
        f"{particles.topic(f'{korean} {noun.korean}')} {link} "
        f"{_tensed(second.korean, past, False).plain()}",
        sentence(f"{english} {noun.english} {_be('he', past, False)} {text}"),
        f"be {text}+{noun.english}",
    )


def comparison(draw: Draw) -> Entry | None:
    """이 책은 저 책보다 더 비싸다 ↔ This book is more expensive than that book."""
    adjective = draw.pick(THINGS)
    noun, other = draw.pick(adjective.nouns), draw.pick(adjective.nouns)
    first, second = draw.pick(SINGULAR), draw.pick(SINGULAR[:2])
    different = noun.kinds & other.kinds & {"food", "readable", "clothes", "goods", "vehicle",
                                            "furniture", "device", "animal"}  # fmt: skip
    if first == second or not (different or noun is other):
        return None
    return Entry(
        f"{particles.topic(f'{first[0]} {noun.korean}')} {second[0]} {other.korean}보다 더 "
        f"{adjective.korean.plain()}",
        sentence(
            f"{first[1]} {noun.english} is {adjective.comparative} than {second[1]} {other.english}"
        ),
        f"{adjective.comparative}+{noun.english}+{other.english}",
    )


_FEELING_TIMES = (("", ""), ("어제", "yesterday"), ("오늘 아침에", "this morning"),
                  ("어젯밤에", "last night"), ("지난주에", "last week"))  # fmt: skip


def person_is(draw: Draw) -> Entry | None:
    """나는 어제 피곤했다 ↔ I was tired yesterday."""
    feeling, person = draw.pick(FEELINGS), draw.pick((*NARRATED, YOU))
    past, negative = draw.chance(0.5), draw.chance(0.3)
    trait = feeling.english in TRAITS
    if trait and (past or ("child" in person.tags and "group" in person.tags)):
        return None
    korean_time, english_time = draw.pick(_FEELING_TIMES) if past else ("", "")
    if english_time == "last week" and feeling.english in ("hungry", "thirsty", "sleepy"):
        return None
    if not past and not trait and draw.chance(0.4):
        korean_time, english_time = "지금", "now"
    stem = _tensed(feeling.korean, past, negative)
    spoken = person is YOU
    be = _be(person.agreement, past, negative)
    be = CONTRACTIONS[be] if spoken and negative else be
    ending = stem.intimate() if spoken else stem.plain()
    words = [particles.topic(person.korean), korean_time, ending]
    text = f"{person.english} {be} {feeling.english} {english_time}".strip()
    return Entry(
        " ".join(word for word in words if word),
        sentence(text),
        f"be {feeling.english}+{person.english}|{past}{negative}",
    )


def profession(draw: Draw) -> Entry | None:
    """그는 의사다 ↔ He is a doctor."""
    person, job = draw.pick((*NARRATED, YOU)), draw.pick(of_kind("job"))
    if "child" in person.tags or "student" in person.english:
        return None
    past, negative = draw.chance(0.35), draw.chance(0.35)
    if negative:
        stem = not_copula(job.korean)
        past = False
    else:
        stem = copula_past(job.korean) if past else copula(job.korean)
    several = person.agreement == "they"
    name = job.plural if several else with_article(job.english)
    spoken = person is YOU
    be = "aren't" if spoken and negative else _be(person.agreement, past, negative)
    ending = stem.intimate() if spoken else stem.plain()
    return Entry(
        f"{particles.topic(person.korean)} {ending}",
        sentence(f"{person.english} {be} {name}"),
        f"be+{job.english}+{person.english}",
    )


_SPOTS = (("위", "on"), ("아래", "under"), ("옆", "next to"))


def existence(draw: Draw) -> Entry | None:
    """책상 위에 책이 두 권 있다 ↔ There are two books on the desk."""
    if draw.chance(0.3):
        holder = PLACES[draw.pick(("room", "office", "living_room", "kitchen"))]
        where, english_where = f"{holder.korean}에", f"in {holder.name}"
        noun = draw.pick(of_kind("inroom", "animal"))
    else:
        furniture = draw.pick((*of_kind("furniture"), *of_kind("heavy")))
        spots = _SPOTS if "furniture" in furniture.kinds else _SPOTS[2:]
        spot, preposition = draw.pick(spots)
        kinds = ("ondesk",) if preposition == "on" else ("animal", "inroom")
        noun = draw.pick(of_kind(*kinds))
        if preposition == "under" and noun.kinds & {"heavy", "device"} and noun.english != "bag":
            return None
        if noun is furniture:
            return None
        where = f"{furniture.korean} {spot}에"
        english_where = f"{preposition} the {furniture.english}"
    past = draw.chance(0.4)
    number, word = draw.pick(NUMBERS)
    kind = draw.pick(("one", "none", "many", "many"))
    if kind == "many" and (word == "one" or not noun.counter):
        return None
    if kind == "many" and word in ("four", "five") and "ondesk" not in noun.kinds:
        return None
    what = particles.subject(noun.korean)
    what = f"{what} {number} {noun.counter}" if kind == "many" else what
    amount = {"one": with_article(noun.english), "none": f"no {noun.english}",
              "many": f"{word} {noun.plural}"}[kind]  # fmt: skip
    stem = ABSENT if kind == "none" else EXIST
    ending = (stem.past() if past else stem).plain()
    be = _be("they" if kind == "many" else "he", past, False)
    return Entry(
        f"{where} {what} {ending}",
        f"There {be} {amount} {english_where}",
        f"exist+{noun.english}+{english_where}|{past}",
    )
