"""Templates of being: adjectives, comparison, profession, existence, having, liking, weather."""

from training.phrasebook import particles
from training.phrasebook.adjectives import FEELINGS, THINGS, TRAITS
from training.phrasebook.clauses import PLAIN, Entry, finish, korean_stem
from training.phrasebook.draw import Draw
from training.phrasebook.english import BE_PAST, BE_PRESENT, predicate, sentence, with_article
from training.phrasebook.frames import FRAMES
from training.phrasebook.noun_phrases import NUMBERS, PLURAL, SINGULAR, bare
from training.phrasebook.nouns import of_kind
from training.phrasebook.people import NARRATED, REPEATABLE, YOU
from training.phrasebook.places import PLACES
from training.phrasebook.stems import ABSENT, EXIST, Stem, copula, copula_past, not_copula
from training.phrasebook.verbs import VERBS


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


def thing_is_and(draw: Draw) -> Entry | None:
    """이 가방은 예쁘지만 비싸다 ↔ This bag is pretty but expensive."""
    first, second = draw.pick(THINGS), draw.pick(THINGS)
    opposite = {("big", "small"), ("long", "short"), ("heavy", "light"), ("difficult", "easy"),
                ("interesting", "boring"), ("expensive", "cheap")}  # fmt: skip
    names = (first.english, second.english)
    if first is second or names in opposite or names[::-1] in opposite:
        return None
    good = {"delicious", "cheap", "pretty", "interesting", "light", "easy", "small"}
    bad = {"expensive", "boring", "heavy", "difficult", "big", "sad", "long"}
    contrast = (names[0] in good and names[1] in bad) or (names[0] in bad and names[1] in good)
    shared = tuple(noun for noun in first.nouns if noun in second.nouns)
    if not shared or "short" in names:
        return None
    noun = draw.pick(shared)
    korean, english = draw.pick(SINGULAR)
    past = draw.chance(0.3)
    joined = first.korean.past() if past and contrast else first.korean
    link = joined.but() if contrast else joined.and_()
    word = "but" if contrast else "and"
    ending = _tensed(second.korean, past, False).plain()
    be = _be("he", past, False)
    return Entry(
        f"{particles.topic(f'{korean} {noun.korean}')} {link} {ending}",
        sentence(f"{english} {noun.english} {be} {names[0]} {word} {names[1]}"),
        f"be {names[0]} {word} {names[1]}+{noun.english}",
    )


def comparison(draw: Draw) -> Entry | None:
    """이 책은 저 책보다 더 비싸다 ↔ This book is more expensive than that book."""
    adjective = draw.pick(THINGS)
    noun, other = draw.pick(adjective.nouns), draw.pick(adjective.nouns)
    first, second = draw.pick(SINGULAR), draw.pick(SINGULAR)
    different = noun.kinds & other.kinds & {"food", "readable", "clothes", "goods", "vehicle",
                                            "furniture", "device", "animal", "stationery"}  # fmt: skip
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
    if trait and (past or "child" in person.tags and "group" in person.tags):
        return None
    korean_time, english_time = draw.pick(_FEELING_TIMES) if past else ("", "")
    if not past and not trait and draw.chance(0.4):
        korean_time, english_time = "지금", "now"
    stem = _tensed(feeling.korean, past, negative)
    spoken = person is YOU
    be = _be(person.agreement, past, False if spoken else negative)
    if spoken and negative:
        stem = _tensed(feeling.korean, past, True)
        be += "n't"
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
        stem = Stem(stem.stem, stem.stem + "어", stem.kind).past() if False else stem
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
    """책상 위에 책 두 권이 있다 ↔ There are two books on the desk."""
    if draw.chance(0.3):
        holder = PLACES[draw.pick(("room", "office", "living_room", "kitchen"))]
        where, english_where = f"{holder.korean}에", f"in {holder.name}"
        noun = draw.pick(of_kind("inroom", "animal"))
    else:
        furniture = draw.pick((*of_kind("furniture"), *of_kind("heavy")))
        spots = _SPOTS if "furniture" in furniture.kinds else _SPOTS[2:]
        spot, preposition = draw.pick(spots)
        kinds = ("onfurniture",) if preposition == "on" else ("animal", "inroom")
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
    what = f"{noun.korean} {number} {noun.counter}" if kind == "many" else noun.korean
    amount = {"one": with_article(noun.english), "none": f"no {noun.english}",
              "many": f"{word} {noun.plural}"}[kind]  # fmt: skip
    stem = ABSENT if kind == "none" else EXIST
    ending = (stem.past() if past else stem).plain()
    be = _be("they" if kind == "many" else "he", past, False)
    return Entry(
        f"{where} {particles.subject(what)} {ending}",
        f"There {be} {amount} {english_where}",
        f"exist+{noun.english}+{english_where}|{past}",
    )


def having(draw: Draw) -> Entry | None:
    """그는 고양이 두 마리가 있다 ↔ He has two cats; 나는 우산이 필요하다 ↔ I need an umbrella."""
    person = draw.pick(tuple(p for p in NARRATED if "elder" not in p.tags))
    need = draw.chance(0.5)
    kinds = (
        ("findable", "device", "vehicle", "clothes") if need else ("animal", "vehicle", "device")
    )
    noun = draw.pick(of_kind(*kinds))
    number, word = draw.pick(NUMBERS[:3])
    many = draw.chance(0.35) and word != "one"
    what = f"{noun.korean} {number} {noun.counter}" if many else noun.korean
    name = f"{word} {noun.plural}" if many else with_article(noun.english)
    if many and need and "vehicle" in noun.kinds:
        return None
    past = draw.chance(0.3)
    stem = Stem("필요하", "필요해", "adjective") if need else EXIST
    forms = ("needed" if past else "needs") if need else ("had" if past else "has")
    plain = ("needed" if past else "need") if need else ("had" if past else "have")
    verb = forms if person.agreement == "he" else plain
    ending = (stem.past() if past else stem).plain()
    topic = particles.topic(person.korean)
    return Entry(
        f"{topic} {particles.subject(what)} {ending}",
        sentence(f"{person.english} {verb} {name}"),
        f"{plain}+{noun.english}|{many}",
    )


_WEATHER = (("비가 오", "비가 와", "rain"), ("눈이 오", "눈이 와", "snow"))
_WEATHER_ADJECTIVES = (("춥", "추워", "추우", "cold"), ("덥", "더워", "더우", "hot"),
                       ("좋", "좋아", "", "nice"))  # fmt: skip


def liking(draw: Draw) -> Entry | None:
    """그녀는 사과를 좋아한다 ↔ She likes apples; … 책을 읽는 것을 …, … reading books."""
    person = draw.pick(NARRATED)
    verb = VERBS[draw.pick(("like", "like", "hate"))]
    negative = verb.name == "like" and draw.chance(0.35)
    aspect = "past" if draw.chance(0.3) else "present"
    frame = draw.pick(_LIKED)
    gerund = draw.chance(0.5) or not frame.objects
    if "adult" in frame.who and "child" in person.tags:
        return None
    noun = draw.pick(frame.objects) if frame.objects else None
    phrase = bare(noun, frame.article, generic=True) if noun else None
    if not gerund and (frame.article == "the" or noun.english == "television"):
        return None
    what = [particles.object_(phrase.korean)] if phrase else []
    text = [phrase.english] if phrase else []
    if gerund:
        what.append(f"{frame.verb.korean.modifier()} 것을")
        text.insert(0, frame.verb.english.ing)
    elif "play the" in frame.name or "take" in frame.name:
        return None
    auxiliary, main = predicate(verb.english, aspect, person.agreement, negative)
    words = [person.english, auxiliary, main, *text]
    ending = finish(korean_stem(verb.korean, aspect, negative), PLAIN)
    kind = f"{frame.name if gerund else ''}+{phrase.head if phrase else ''}"
    return Entry(
        " ".join([particles.topic(person.korean), *what, ending]),
        sentence(" ".join(word for word in words if word)),
        f"{verb.name}|{kind}|{aspect}{negative}",
    )


_LIKED = tuple(
    frame
    for frame in FRAMES
    if "h" in frame.modes and frame.name not in ("buy", "use", "wipe", "take", "learn")
)


def feeling_about_person(draw: Draw) -> Entry | None:
    """그는 그녀를 사랑한다 ↔ He loves her."""
    person, other = draw.pick(NARRATED), draw.pick(REPEATABLE)
    verb = VERBS[draw.pick(("love", "like", "know", "hate"))]
    negative = verb.name != "hate" and draw.chance(0.3)
    aspect = "past" if draw.chance(0.3) else "present"
    if verb.name == "know" and aspect == "past" and negative:
        return None
    if person is other or "elder" in person.tags or {person.english, other.english} <= {"I", "we"}:
        return None
    if verb.name == "know" and other.tags & {"elder", "related"} and "self" in person.tags:
        return None
    if person.tags & {"pronoun"} and other.english == person.english:
        return None
    auxiliary, main = predicate(verb.english, aspect, person.agreement, negative)
    words = [person.english, auxiliary, main, other.object_]
    stem = korean_stem(verb.korean, aspect, negative)
    return Entry(
        f"{particles.topic(person.korean)} {particles.object_(other.korean)} {stem.plain()}",
        sentence(" ".join(word for word in words if word)),
        f"{verb.name}+{other.english}|{aspect}{negative}",
    )
