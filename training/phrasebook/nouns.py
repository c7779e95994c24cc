"""Nouns. To add one, add one line to the table.

Columns: Korean | English | plural | counter | kinds
    plural   empty: the regular one; "-": English cannot count it (bread, music)
    counter  the Korean counter (사과 두 개), and the English measure of what English cannot
             count (물 한 잔, a glass of water); empty: never counted here
    kinds    what `frames.py`, `adjectives.py` and `states.py` select by
"""

from dataclasses import dataclass

from training.phrasebook.english import plural as regular_plural

_TABLE = """
사과       | apple          |          | 개       | food grocery red edible
바나나     | banana         |          | 개       | food grocery edible
오렌지     | orange         |          | 개       | food grocery edible
토마토     | tomato         | tomatoes | 개       | food grocery red edible
감자       | potato         | potatoes | 개       | food grocery edible
달걀       | egg            |          | 개       | food grocery edible
샌드위치   | sandwich       |          | 개       | food dish edible makeable
햄버거     | hamburger      |          | 개       | food dish edible makeable
빵         | bread          | -        |          | food grocery edible makeable
밥         | rice           | -        |          | food dish
김치       | kimchi         | -        |          | food dish grocery edible makeable
고기       | meat           | -        |          | food dish grocery edible
생선       | fish           | -        |          | food dish grocery edible
수프       | soup           | -        |          | food dish edible makeable hot
피자       | pizza          | -        |          | food dish edible makeable
치즈       | cheese         | -        |          | food grocery edible
초콜릿     | chocolate      | -        |          | food grocery edible
아이스크림 | ice cream      | -        |          | food edible
물         | water          | -        | 잔 glass | drink cold
우유       | milk           | -        | 잔 glass | drink cold hot
주스       | juice          | -        | 잔 glass | drink cold edible
커피       | coffee         | -        | 잔 cup   | drink hot edible
녹차       | green tea      | -        | 잔 cup   | drink hot
책         | book           |          | 권       | readable book text priced size story gift lost
소설       | novel          |          | 권       | readable book text story long
잡지       | magazine       |          | 권       | readable book gift ondesk story
만화책     | comic book     |          | 권       | readable book gift ondesk story
신문       | newspaper      |          |          | readable ondesk
사전       | dictionary     |          | 권       | book priced lost
편지       | letter         |          | 통       | letter writing long sendable
이메일     | email          |          | 통       | letter writing long sendable
시         | poem           |          | 편       | readable writing text long sad
보고서     | report         |          |          | report text long
영화       | movie          |          | 편       | movie story long sad
드라마     | drama          |          | 편       | drama story sad
텔레비전   | television     | -        |          | drama
노래       | song           |          | 곡       | song sad
음악       | music          | -        |          | music
라디오     | the radio      | -        |          | music
코트       | coat           |          | 벌       | clothes color pretty priced
셔츠       | shirt          |          | 벌       | clothes color pretty priced
치마       | skirt          |          | 벌       | clothes color pretty priced
모자       | hat            |          | 개       | goods color pretty priced gift lost
가방       | bag            |          | 개       | goods color pretty priced size heavy lost inroom
시계       | watch          |          | 개       | goods priced pretty gift lost
우산       | umbrella       |          | 개       | goods color pretty size gift lost
컵         | cup            |          | 개       | goods color pretty size gift ondesk
열쇠       | key            |          | 개       | lost size ondesk
꽃         | flower         |          | 송이     | color pretty drawable gift
나무       | tree           |          |          | drawable size
의자       | chair          |          | 개       | size heavy inroom fixable wipe
책상       | desk           |          | 개       | size heavy inroom wipe furniture
탁자       | table          |          | 개       | size heavy inroom wipe furniture
상자       | box            |          | 개       | size heavy inroom openable
연필       | pencil         |          | 자루     | stationery ondesk gift lost tool
펜         | pen            |          | 자루     | stationery ondesk gift lost color tool
공책       | notebook       |          | 권       | stationery ondesk gift lost color
컴퓨터     | computer       |          | 대       | device priced inroom fixable usable
카메라     | camera         |          | 대       | device priced fixable lost gift
휴대전화   | phone          |          | 대       | device priced fixable usable lost
자전거     | bicycle        |          | 대       | vehicle color priced fixable rideable
자동차     | car            |          | 대       | vehicle color priced fixable drivable size
말         | horse          |          | 마리     | rideable drawable
개         | dog            |          | 마리     | animal drawable size
고양이     | cat            |          | 마리     | animal drawable size
토끼       | rabbit         |          | 마리     | animal drawable size
사진       | photo          |          | 장       | photo
그림       | picture        |          | 장       | picture
집         | house          |          |          | drawable cleanable size
방         | room           |          |          | cleanable size
부엌       | kitchen        |          |          | cleanable
거실       | living room    |          |          | cleanable
교실       | classroom      |          |          | cleanable
문         | door           |          |          | openable
창문       | window         |          |          | openable size wipe
버스       | bus            | buses    |          | ride
지하철     | subway         |          |          | ride
기차       | train          |          |          | ride
한국어     | Korean         | -        |          | language study
영어       | English        | -        |          | language study
일본어     | Japanese       | -        |          | language study
수학       | math           | -        |          | study
역사       | history        | -        |          | study
과학       | science        | -        |          | study
피아노     | piano          |          |          | instrument
기타       | guitar         |          |          | instrument
축구       | soccer         | -        |          | sport
농구       | basketball     | -        |          | sport
테니스     | tennis         | -        |          | racket
의사       | doctor         |          | 명       | job
간호사     | nurse          |          | 명       | job
선생님     | teacher        |          |          | job
학생       | student        |          | 명       | job people
가수       | singer         |          | 명       | job
화가       | painter        |          | 명       | job
작가       | writer         |          | 명       | job
변호사     | lawyer         |          | 명       | job
요리사     | cook           |          | 명       | job
경찰관     | police officer |          | 명       | job
기자       | reporter       |          | 명       | job
아이       | child          | children | 명       | people
남자       | man            | men      | 명       | people
여자       | woman          | women    | 명       | people
소년       | boy            |          | 명       | people
소녀       | girl           |          | 명       | people
"""


@dataclass(frozen=True)
class Noun:
    """A noun in both languages; `plural` is empty when English cannot count it."""

    korean: str
    english: str
    plural: str
    counter: str
    measure: str
    kinds: frozenset[str]

    @property
    def countable(self) -> bool:
        """Whether English gives it "a" and a plural."""
        return bool(self.plural)


def _parse(line: str) -> Noun:
    korean, english, plural, counter, kinds = (cell.strip() for cell in line.split("|"))
    counter, _, measure = counter.partition(" ")
    plural = "" if plural == "-" else plural or regular_plural(english)
    return Noun(korean, english, plural, counter, measure, frozenset(kinds.split()))


NOUNS: tuple[Noun, ...] = tuple(_parse(line) for line in _TABLE.strip().splitlines())


def of_kind(*kinds: str) -> tuple[Noun, ...]:
    """The nouns that have any of the kinds, in table order."""
    return tuple(noun for noun in NOUNS if noun.kinds & set(kinds))


def noun(english: str) -> Noun:
    """The noun with this English name.

    Raises:
        KeyError: when the table has no such noun.
    """
    return {entry.english: entry for entry in NOUNS}[english]
