"""Reasons and what follows from them: the material of `because`, `so`, `if`, `when` and `but`.

Each block is a reason and its results, one a line: verb | Korean before it | English after it.
A result that starts with "-" is what the reason prevents. {poss} becomes my, his, her, ….
"""

from typing import NamedTuple

from training.phrasebook.adjectives import FEELINGS
from training.phrasebook.stems import ADJECTIVE, Stem
from training.phrasebook.verbs import VERBS, Verb

_RESULTS = {
    "hungry": """
        eat | 빵을 | bread
        eat | 사과를 | an apple
        eat | 사과 두 개를 | two apples
        eat | 피자를 | pizza
        eat | 햄버거를 | a hamburger
        make | 샌드위치를 | a sandwich
        make | 수프를 | soup
        buy | 빵을 | bread
        go | 식당에 | to the restaurant
    """,
    "thirsty": """
        drink | 물을 | water
        drink | 물 한 잔을 | a glass of water
        drink | 물 두 잔을 | two glasses of water
        drink | 주스를 | juice
        drink | 차가운 우유를 | cold milk
        buy | 주스를 | juice
        go | 카페에 | to the cafe
    """,
    "tired": """
        go | 집에 | home
        rest | 집에서 | at home
        sleep | 방에서 | in the room
        drink | 커피를 | coffee
        - exercise | |
        - study | 한국어를 | Korean
        - clean | 방을 | the room
        - do | 숙제를 | {poss} homework
        - go | 체육관에 | to the gym
        - play+ | 축구를 | soccer
        - cook | |
    """,
    "busy": """
        - watch | 영화를 | a movie
        - watch | 텔레비전을 | television
        - meet | 친구를 | a friend
        - exercise | |
        - take a walk | |
        - eat | 점심을 | lunch
        - go | 공원에 | to the park
        - cook | |
        - read | 신문을 | a newspaper
    """,
    "sick": """
        go | 병원에 | to the hospital
        rest | 집에서 | at home
        stay | 집에 | at home
        - go | 학교에 | to school
        - play+ | 축구를 | soccer
        - exercise | |
        - work | |
        - swim | |
        - meet | 친구를 | a friend
    """,
    "sad": """
        cry | 방에서 | in the room
        listen to | 음악을 | music
        listen to | 슬픈 노래를 | a sad song
        call | 친구에게 | a friend
        meet | 친구를 | a friend
    """,
    "sleepy": """
        drink | 커피를 | coffee
        drink | 커피 한 잔을 | a cup of coffee
        sleep | 방에서 | in the room
        go | 집에 | home
        - read | 책을 | a book
        - study | 수학을 | math
        - do | 숙제를 | {poss} homework
        - watch | 영화를 | a movie
    """,
    "rain": """
        stay | 집에 | at home
        take the | 버스를 | bus
        buy | 우산을 | an umbrella
        rest | 집에서 | at home
        watch | 집에서 영화를 | a movie at home
        - go | 공원에 | to the park
        - take a walk | |
        - play+ | 축구를 | soccer
        - ride | 자전거를 | a bicycle
        - go | 해변에 | to the beach
    """,
    "snow": """
        stay | 집에 | at home
        take the | 지하철을 | subway
        take | 사진을 | a photo
        drink | 따뜻한 커피를 | warm coffee
        - ride | 자전거를 | a bicycle
        - play | 테니스를 | tennis
        - run | 공원에서 | in the park
    """,
    "cold": """
        stay | 집에 | at home
        drink | 따뜻한 녹차를 | warm green tea
        eat | 수프를 | soup
        close | 창문을 | the window
        wear | 코트를 | a coat
        - swim | |
        - take a walk | |
        - go | 해변에 | to the beach
    """,
    "hot": """
        open | 창문을 | the window
        eat | 아이스크림을 | ice cream
        drink | 차가운 물을 | cold water
        drink | 차가운 주스를 | cold juice
        go | 수영장에 | to the swimming pool
        swim | 해변에서 | at the beach
        - exercise | |
        - run | 공원에서 | in the park
        - cook | |
    """,
    "nice": """
        go | 공원에 | to the park
        go | 해변에 | to the beach
        take a walk | |
        ride | 자전거를 | a bicycle
        open | 창문을 | the window
        run | 공원에서 | in the park
        play | 테니스를 | tennis
        take | 공원에서 사진을 | a photo in the park
    """,
}

_DAILY = """
eat | 점심을 | lunch
drink | 커피를 | coffee
drink | 녹차 한 잔을 | a cup of green tea
do | 숙제를 | {poss} homework
watch | 텔레비전을 | television
watch | 영화를 | a movie
listen to | 음악을 | music
listen to | 라디오를 | the radio
clean | 방을 | the room
clean | 부엌을 | the kitchen
exercise | |
take a walk | 공원에서 | in the park
swim | |
study | 한국어를 | Korean
study | 수학을 | math
write | 편지를 | a letter
call | 친구에게 | a friend
meet | 친구를 | a friend
wash | 손을 | {poss} hands
play the | 피아노를 | piano
play the | 기타를 | guitar
go | 시장에 | to the market
go | 도서관에 | to the library
make | 샌드위치를 | a sandwich
buy | 우유를 | milk
sing | 노래를 | a song
draw | 그림을 | a picture
"""


class Act(NamedTuple):
    """A verb with its words: 빵을 먹다, eat bread; `prevented` by the reason it stands under."""

    verb: Verb
    korean: str
    english: str
    prevented: bool = False

    @property
    def name(self) -> str:
        """Verb and words, for the split."""
        return f"{self.verb.name}+{self.english}"


class Weather(NamedTuple):
    """비가 오다, it rains; 날씨가 춥다, the weather is cold."""

    korean: Stem
    present: str
    past: str


def _parse(line: str) -> Act:
    name, korean, english = (cell.strip() for cell in line.split("|"))
    prevented = name.startswith("- ")
    return Act(VERBS[name.removeprefix("- ")], korean, english, prevented)


RESULTS: dict[str, tuple[Act, ...]] = {
    reason: tuple(_parse(line) for line in lines.strip().splitlines())
    for reason, lines in _RESULTS.items()
}
DAILY: tuple[Act, ...] = tuple(_parse(line) for line in _DAILY.strip().splitlines())

WEATHER: dict[str, Weather] = {
    "rain": Weather(Stem("비가 오", "비가 와"), "it rains", "it rained"),
    "snow": Weather(Stem("눈이 오", "눈이 와"), "it snows", "it snowed"),
    "cold": Weather(
        Stem("날씨가 춥", "날씨가 추워", ADJECTIVE, "날씨가 추우"),
        "the weather is cold",
        "the weather was cold",
    ),
    "hot": Weather(
        Stem("날씨가 덥", "날씨가 더워", ADJECTIVE, "날씨가 더우"),
        "the weather is hot",
        "the weather was hot",
    ),
    "nice": Weather(
        Stem("날씨가 좋", "날씨가 좋아", ADJECTIVE),
        "the weather is nice",
        "the weather was nice",
    ),
}
FEELING_REASONS = {
    feeling.english: feeling.korean for feeling in FEELINGS if feeling.english in RESULTS
}
