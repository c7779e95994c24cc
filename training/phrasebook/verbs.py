"""Verbs. Columns: stem | infinitive | form before 으 if irregular | English | past | -ing

Empty English past and -ing are regular (-ed, -ing). Verbs with a noun before 하다 (공부하다)
negate as 공부하지 않아 in speech; the others as 안 먹어.
"""

from dataclasses import dataclass

from training.phrasebook.english import EnglishVerb
from training.phrasebook.stems import EXISTENCE, VERB, Stem

_TABLE = """
먹       | 먹어     |      | eat         | ate         | eating
마시     | 마셔     |      | drink       | drank       | drinking
읽       | 읽어     |      | read        | read        | reading
쓰       | 써       |      | write       | wrote       | writing
사       | 사       |      | buy         | bought      | buying
보       | 봐       |      | watch       |             |
보       | 봐       |      | see         | saw         | seeing
듣       | 들어     | 들으 | listen to   | listened to | listening to
만나     | 만나     |      | meet        | met         | meeting
공부하   | 공부해   |      | study       | studied     | studying
배우     | 배워     |      | learn       |             |
가르치   | 가르쳐   |      | teach       | taught      | teaching
청소하   | 청소해   |      | clean       |             |
닦       | 닦아     |      | wipe        | wiped       | wiping
열       | 열어     |      | open        |             |
닫       | 닫아     |      | close       | closed      | closing
만들     | 만들어   |      | make        | made        | making
그리     | 그려     |      | draw        | drew        | drawing
찍       | 찍어     |      | take        | took        | taking
타       | 타       |      | ride        | rode        | riding
타       | 타       |      | take the    | took the    | taking the
치       | 쳐       |      | play        |             |
치       | 쳐       |      | play the    | played the  | playing the
하       | 해       |      | play+       | played      | playing
하       | 해       |      | speak       | spoke       | speaking
하       | 해       |      | do          | did         | doing
부르     | 불러     |      | sing        | sang        | singing
입       | 입어     |      | wear        | wore        | wearing
고치     | 고쳐     |      | fix         | fixed       | fixing
사용하   | 사용해   |      | use         | used        | using
운전하   | 운전해   |      | drive       | drove       | driving
찾       | 찾아     |      | find        | found       | finding
찾       | 찾아     |      | look for    | looked for  | looking for
잃어버리 | 잃어버려 |      | lose        | lost        | losing
기다리   | 기다려   |      | wait for    | waited for  | waiting for
돕       | 도와     | 도우 | help        |             |
전화하   | 전화해   |      | call        |             |
주       | 줘       |      | give        | gave        | giving
보내     | 보내     |      | send        | sent        | sending
보여 주  | 보여 줘  |      | show        |             |
자       | 자       |      | sleep       | slept       | sleeping
쉬       | 쉬어     |      | rest        |             |
일하     | 일해     |      | work        |             |
운동하   | 운동해   |      | exercise    | exercised   | exercising
수영하   | 수영해   |      | swim        | swam        | swimming
요리하   | 요리해   |      | cook        |             |
산책하   | 산책해   |      | take a walk | took a walk | taking a walk
춤추     | 춤춰     |      | dance       | danced      | dancing
울       | 울어     |      | cry         | cried       | crying
달리     | 달려     |      | run         | ran         | running
가       | 가       |      | go          | went        | going
오       | 와       |      | come        | came        | coming
돌아오   | 돌아와   |      | come back   | came back   | coming back
도착하   | 도착해   |      | arrive      | arrived     | arriving
떠나     | 떠나     |      | leave       | left        | leaving
살       | 살아     |      | live        | lived       | living
있       | 있어     |      | stay        |             |
씻       | 씻어     |      | wash        |             |
좋아하   | 좋아해   |      | like        | liked       | liking
싫어하   | 싫어해   |      | hate        | hated       | hating
사랑하   | 사랑해   |      | love        | loved       | loving
알       | 알아     |      | know        | knew        | knowing
팔       | 팔아     |      | sell        | sold        | selling
"""

_SHORT_NEGATION = ("좋아하", "싫어하", "하")


@dataclass(frozen=True)
class Verb:
    """One meaning: the Korean stem and the English forms."""

    name: str
    korean: Stem
    english: EnglishVerb


def _parse(line: str) -> Verb:
    stem, infinitive, eu, name, past, ing = (cell.strip() for cell in line.split("|"))
    base = name.rstrip("+")
    long_negation = stem.endswith(("하", "춤추")) and stem not in _SHORT_NEGATION
    kind = EXISTENCE if stem == "있" else VERB
    korean = Stem(stem, infinitive, kind, eu, long_negation=long_negation)
    return Verb(name, korean, EnglishVerb(base, past or base + "ed", ing or base + "ing"))


VERBS: dict[str, Verb] = {
    verb.name: verb for verb in (_parse(line) for line in _TABLE.strip().splitlines())
}
