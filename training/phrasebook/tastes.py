"""Templates of having, needing, liking, loving and knowing."""

from training.phrasebook import particles
from training.phrasebook.clauses import PLAIN, Entry, finish, korean_stem
from training.phrasebook.draw import Draw
from training.phrasebook.english import EnglishVerb, predicate, sentence, with_article
from training.phrasebook.frames import FRAMES
from training.phrasebook.noun_phrases import NUMBERS, bare
from training.phrasebook.nouns import of_kind
from training.phrasebook.people import NARRATED, REPEATABLE, confusable
from training.phrasebook.stems import ADJECTIVE, EXIST, Stem
from training.phrasebook.verbs import VERBS

_PLAIN_SPOKEN = tuple(person for person in NARRATED if "elder" not in person.tags)  # no 있으시다
_NEEDED = Stem("필요하", "필요해", ADJECTIVE)
_IGNORE = Stem("모르", "몰라")  # 알다 has no -지 않다
_NEED = EnglishVerb("need", "needed", "needing")


def having(draw: Draw) -> Entry | None:
    """그는 고양이가 두 마리 있다 ↔ He has two cats."""
    person, noun = draw.pick(_PLAIN_SPOKEN), draw.pick(of_kind("animal", "vehicle", "device"))
    number, word = draw.pick(NUMBERS[:3])
    if noun.english == "car" and "child" in person.tags:
        return None
    several = word != "one" and "device" not in noun.kinds
    many, past = several and draw.chance(0.5), draw.chance(0.3)
    name = f"{word} {noun.plural}" if many else with_article(noun.english)
    verb = "had" if past else "has" if person.agreement == "he" else "have"
    words = [particles.topic(person.korean), particles.subject(noun.korean)]
    words += [number, noun.counter] if many else []
    ending = (EXIST.past() if past else EXIST).plain()
    return Entry(
        " ".join([*words, ending]),
        sentence(f"{person.english} {verb} {name}"),
        f"have+{noun.english}|{many}",
    )


def needing(draw: Draw) -> Entry | None:
    """나는 연필 두 자루가 필요하다 ↔ I need two pencils."""
    kinds = ("lost", "device", "stationery", "clothes")
    person, noun = draw.pick(_PLAIN_SPOKEN), draw.pick(of_kind(*kinds))
    number, word = draw.pick(NUMBERS[:3])
    many = word != "one" and bool(noun.kinds & {"stationery", "lost"}) and draw.chance(0.5)
    what = f"{noun.korean} {number} {noun.counter}" if many else noun.korean
    name = f"{word} {noun.plural}" if many else with_article(noun.english)
    aspect = draw.pick(("present", "present", "past"))
    negative = not many and draw.chance(0.3)
    auxiliary, main = predicate(_NEED, aspect, person.agreement, negative)
    words = [person.english, auxiliary, main, name]
    ending = korean_stem(_NEEDED, aspect, negative).plain()
    return Entry(
        f"{particles.topic(person.korean)} {particles.subject(what)} {ending}",
        sentence(" ".join(word for word in words if word)),
        f"need+{noun.english}|{many}",
    )


_UNLIKELY = {"buy", "use", "wipe", "take", "learn"}
_LIKED = tuple(frame for frame in FRAMES if "h" in frame.modes and frame.name not in _UNLIKELY)
_LIKED_THINGS = {"eat", "drink", "read", "watch", "listen to", "study", "play+", "play"}


def liking(draw: Draw) -> Entry | None:
    """그녀는 사과를 좋아한다 ↔ She likes apples; … 책을 읽는 것을 …, … reading books."""
    person, frame = draw.pick(NARRATED), draw.pick(_LIKED)
    verb = VERBS[draw.pick(("like", "like", "hate"))]
    negative = verb.name == "like" and draw.chance(0.35)
    aspect = "past" if draw.chance(0.3) else "present"
    gerund = frame.name not in _LIKED_THINGS or draw.chance(0.5)
    if (frame.who == "adult" and "child" in person.tags) or (
        gerund and frame.plain_verb and "elder" in person.tags
    ):
        return None
    noun = draw.pick(frame.objects) if frame.objects else None
    phrase = bare(noun, frame.article, generic=not frame.single) if noun else None
    if not gerund and noun.english == "television":
        return None
    what = [particles.object_(phrase.korean)] if phrase else []
    text = [phrase.english] if phrase else []
    if gerund:
        what.append(f"{frame.verb.korean.modifier()} 것을")
        text.insert(0, frame.verb.english.ing)
    auxiliary, main = predicate(verb.english, aspect, person.agreement, negative)
    words = [person.english, auxiliary, main, *text]
    ending = finish(korean_stem(verb.korean, aspect, negative), PLAIN)
    kind = f"{frame.name if gerund else ''}+{phrase.head if phrase else ''}"
    return Entry(
        " ".join([particles.topic(person.korean), *what, ending]),
        sentence(" ".join(word for word in words if word)),
        f"{verb.name}|{kind}|{aspect}{negative}",
    )


def feeling_about_person(draw: Draw) -> Entry | None:
    """그는 그녀를 사랑한다 ↔ He loves her."""
    person, other = draw.pick(NARRATED), draw.pick(REPEATABLE)
    verb = VERBS[draw.pick(("love", "like", "know", "hate"))]
    negative = verb.name != "hate" and draw.chance(0.3)
    aspect = "past" if draw.chance(0.3) and verb.name != "know" else "present"
    ours = {"I", "we"}
    if confusable(person, other) or ours == {person.english, other.english}:
        return None
    near = person.tags & {"self", "related"}
    if "elder" in person.tags | other.tags and (verb.name != "love" or negative):
        return None
    if "elder" in other.tags and not near:
        return None
    if "related" in other.tags and verb.name == "know" and person.english in ours:
        return None
    auxiliary, main = predicate(verb.english, aspect, person.agreement, negative)
    words = [person.english, auxiliary, main, other.object_]
    if verb.name == "know" and negative:
        stem = _IGNORE
    else:
        stem = korean_stem(verb.korean, aspect, negative)
    return Entry(
        f"{particles.topic(person.korean)} {particles.object_(other.korean)} {stem.plain()}",
        sentence(" ".join(word for word in words if word)),
        f"{verb.name}+{other.english}|{aspect}{negative}",
    )


def love_and_you(draw: Draw) -> Entry | None:
    """민수는 너를 좋아해 ↔ Minsu likes you; 나는 어제 너를 봤어 ↔ I saw you yesterday."""
    person = draw.pick(tuple(p for p in NARRATED if p.tags & {"self", "we", "name", "related"}))
    verb = VERBS[draw.pick(("love", "like", "hate", "meet", "help", "call", "see"))]
    aspect = draw.pick(("present", "past")) if verb.name in ("love", "like", "hate") else "past"
    if "written" in person.tags:
        return None
    negative = verb.name != "see" and draw.chance(0.4)
    auxiliary, main = predicate(verb.english, aspect, person.agreement, negative, contracted=True)
    whom = "너에게" if verb.name == "call" else "너를"
    acts = verb.name not in ("love", "like", "hate")
    time = draw.pick((("", ""), ("어제", "yesterday"))) if acts else ("", "")
    words = [person.english, auxiliary, main, "you", time[1]]
    ending = korean_stem(verb.korean, aspect, negative, spoken=True).intimate()
    korean = [particles.topic(person.korean), time[0], whom, ending]
    return Entry(
        " ".join(word for word in korean if word),
        sentence(" ".join(word for word in words if word)),
        f"{verb.name}+you|{aspect}{negative}",
    )
