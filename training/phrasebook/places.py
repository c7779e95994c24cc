"""Where and when. Places: key | Korean | English | preposition | tags; times: see `Time`.

Tags of places: "day" is closed at night; "town" is a city. "home" takes no article.
"""

from dataclasses import dataclass

_PLACES = """
home             | 집          | home             | at | inside
school           | 학교        | school           | at | day inside
library          | 도서관      | library          | at | day inside
park             | 공원        | park             | in |
cafe             | 카페        | cafe             | at | inside
restaurant       | 식당        | restaurant       | at | inside
market           | 시장        | market           | at | day
store            | 가게        | store            | at | inside
supermarket      | 슈퍼마켓    | supermarket      | at | inside
bookstore        | 서점        | bookstore        | at | day inside
department_store | 백화점      | department store | at | day inside
kitchen          | 부엌        | kitchen          | in | inside
room             | 방          | room             | in | inside
living_room      | 거실        | living room      | in | inside
office           | 사무실      | office           | at | day inside
hospital         | 병원        | hospital         | at | inside
bank             | 은행        | bank             | at | day inside
station          | 역          | station          | at |
airport          | 공항        | airport          | at | inside
hotel            | 호텔        | hotel            | at | inside
theater          | 영화관      | movie theater    | at | inside
garden           | 정원        | garden           | in |
beach            | 해변        | beach            | at |
museum           | 박물관      | museum           | at | day inside
post_office      | 우체국      | post office      | at | day inside
bus_stop         | 버스 정류장 | bus stop         | at |
pool             | 수영장      | swimming pool    | at | day
gym              | 체육관      | gym              | at | inside
Seoul            | 서울        | Seoul            | in | town
Busan            | 부산        | Busan            | in | town
Jeju             | 제주도      | Jeju Island      | on | town
"""


@dataclass(frozen=True)
class Place:
    """A place; `at` and `to` are whole English phrases."""

    key: str
    korean: str
    english: str
    preposition: str
    tags: frozenset[str]

    @property
    def name(self) -> str:
        """The English noun phrase: the park, school, Seoul."""
        bare = self.key in ("home", "school") or "town" in self.tags
        return self.english if bare else f"the {self.english}"

    @property
    def at(self) -> str:
        """At the station, in the park, at home."""
        return f"{self.preposition} {self.name}"

    @property
    def to(self) -> str:
        """To the station, home."""
        return self.english if self.key == "home" else f"to {self.name}"


def _parse(line: str) -> Place:
    key, korean, english, preposition, tags = (cell.strip() for cell in line.split("|"))
    return Place(key, korean, english, preposition, frozenset(tags.split()))


PLACES: dict[str, Place] = {
    place.key: place for place in (_parse(line) for line in _PLACES.strip().splitlines())
}


@dataclass(frozen=True)
class Time:
    """A time adverbial.

    Args:
        korean: with its particle.
        english: the English phrase.
        part: "" (no part of the day), "morning", "evening" or "night".
        scale: "day" suits every action; "week" suits actions worth telling weeks later.
    """

    korean: str
    english: str
    part: str = ""
    scale: str = "day"


PAST = (
    Time("어제", "yesterday"),
    Time("어제 아침에", "yesterday morning", "morning"),
    Time("어제 저녁에", "yesterday evening", "evening"),
    Time("어젯밤에", "last night", "night"),
    Time("오늘 아침에", "this morning", "morning"),
    Time("한 시간 전에", "an hour ago", "hour"),
    Time("이틀 전에", "two days ago"),
    Time("지난 토요일에", "last Saturday"),
    Time("지난 일요일에", "last Sunday"),
    Time("지난 주말에", "last weekend"),
    Time("지난주에", "last week", "", "week"),
    Time("지난달에", "last month", "", "week"),
)
HABIT = (
    Time("매일", "every day"),
    Time("매일 아침", "every morning", "morning"),
    Time("매일 저녁", "every evening", "evening"),
    Time("매일 밤", "every night", "night"),
    Time("주말마다", "every weekend"),
    Time("토요일마다", "every Saturday"),
    Time("일요일마다", "every Sunday"),
)
FUTURE = (
    Time("내일", "tomorrow"),
    Time("내일 아침에", "tomorrow morning", "morning"),
    Time("내일 저녁에", "tomorrow evening", "evening"),
    Time("오늘 저녁에", "this evening", "evening"),
    Time("오늘 밤에", "tonight", "night"),
    Time("이번 토요일에", "this Saturday"),
    Time("이번 주말에", "this weekend"),
    Time("다음 주에", "next week", "", "week"),
    Time("다음 달에", "next month", "", "week"),
)
NOW = (Time("지금", "now"),)
THEN = (Time("그때", "then"),)
# English puts these before the verb and after "be".
OFTEN = (Time("자주", "often"), Time("가끔", "sometimes"))
USUALLY = (Time("보통", "usually"), Time("항상", "always"))
