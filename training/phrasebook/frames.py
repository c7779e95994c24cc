"""What makes sense: which verb takes which objects, where, how, and in which tenses.

To let a verb take more nouns, give a noun one of the kinds; to add a use, add one `Frame`.
"""

from dataclasses import dataclass, field

from training.phrasebook.nouns import Noun, of_kind
from training.phrasebook.places import PLACES, Place
from training.phrasebook.verbs import VERBS, Verb


@dataclass(frozen=True)
class Frame:
    """One use of a verb.

    Args:
        name: the verb's name in `verbs.py`.
        kinds: noun kinds of the object; empty for an intransitive verb.
        where: keys of the places where it happens.
        modes: which sentences it suits. p past, g progressive, h habit, f future, c can,
            m have to, w want to, b bare present, i imperative and let's.
        article: "a": a/an, plural in habits; "the": always definite; "plural": always plural;
            "": none.
        manner: English names of fitting manner adverbs in `MANNER`.
        who: "" anybody, "adult": no children.
        week: also happens "last week" or "next month".
        parts: the parts of the day it suits.
        plain_verb: the act has an honorific Korean verb (드시다, 주무시다); no elders.
        counted: "two apples" sounds right as its object.
        social: "with a friend" sounds right.
        single: one is enough even for a habit: "drives a car every day".
    """

    name: str
    kinds: str = ""
    where: str = ""
    modes: str = "pghfw"
    article: str = "a"
    manner: str = ""
    who: str = ""
    week: bool = False
    parts: str = "morning evening night hour"
    plain_verb: bool = False
    counted: bool = True
    social: bool = False
    single: bool = False
    objects: tuple[Noun, ...] = field(init=False)
    places: tuple[Place, ...] = field(init=False)
    verb: Verb = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "objects", of_kind(*self.kinds.split()))
        object.__setattr__(self, "places", tuple(PLACES[key] for key in self.where.split()))
        object.__setattr__(self, "verb", VERBS[self.name])


MANNER = {
    "quickly": "빨리",
    "slowly": "천천히",
    "quietly": "조용히",
    "hard": "열심히",
    "alone": "혼자",
}

FRAMES: tuple[Frame, ...] = (
    Frame("eat", "food", "home park kitchen", "pghfbwi", manner="quickly slowly alone",
          plain_verb=True, social=True),
    Frame("eat", "dish", "home restaurant", "pghfbwi", manner="quickly slowly alone",
          plain_verb=True, social=True),
    Frame("drink", "drink", "home cafe park kitchen office", "pghfbwi", manner="slowly alone",
          plain_verb=True, social=True),
    Frame("read", "readable", "home library park cafe room", "pghfbwim", manner="quietly alone",
          week=True),
    Frame("write", "writing", "home library cafe room office", "pghfbwim", manner="alone",
          week=True),
    Frame("read", "report", "office home", "pgfim", manner="quickly", who="adult", week=True),
    Frame("write", "report", "office home library", "pgfim", manner="quickly alone", who="adult",
          week=True),
    Frame("buy", "grocery", "market supermarket", "pghfbwim", "plural"),
    Frame("buy", "book", "bookstore", "pgfbwim", week=True),
    Frame("buy", "clothes", "department_store market", "pgfbwim", week=True),
    Frame("buy", "goods", "store department_store", "pgfbwim", week=True),
    Frame("buy", "stationery", "store", "pgfbwim"),
    Frame("watch", "movie", "home theater", "pghfbwi", manner="alone", week=True, social=True,
          parts="evening night"),
    Frame("watch", "drama", "home living_room", "pghfbwi", manner="quietly alone", social=True,
          counted=False),
    Frame("listen to", "music song", "home room cafe park", "pghfbwi", manner="quietly alone"),
    Frame("study", "study", "home school library cafe room", "pghfbwim", week=True, social=True,
          manner="hard alone quietly"),
    Frame("learn", "language", "school", "pgfwm", manner="quickly", week=True),
    Frame("teach", "study", "school", "pghf", who="adult", week=True),
    Frame("clean", "cleanable", "", "pghfbim", "the", manner="quickly alone"),
    Frame("wipe", "wipe", "", "pghfim", "the", manner="quickly"),
    Frame("open", "openable", "", "pfbi", "the", manner="quietly slowly"),
    Frame("close", "openable", "", "pfbi", "the", manner="quietly slowly"),
    Frame("make", "makeable", "home kitchen", "pghfbwimc", social=True),
    Frame("draw", "drawable", "home park room school", "pghfbwic", manner="alone"),
    Frame("draw", "picture", "home park room school", "pghfbwic", manner="alone quietly"),
    Frame("take", "photo", "park beach museum Seoul Busan Jeju", "pghfbw", week=True, social=True),
    Frame("play the", "instrument", "home school room", "pghfbwic", "", manner="quietly alone",
          counted=False),
    Frame("play+", "sport", "park school gym", "pghfbwic", "", week=True, social=True,
          parts="morning evening"),
    Frame("play", "racket", "park gym", "pghfbwic", "", week=True, social=True,
          parts="morning evening"),
    Frame("sing", "song", "home park room school", "pghfbwic", manner="quietly alone", social=True),
    Frame("speak", "language", "", "bcw", ""),
    Frame("wear", "clothes", "", "pg", parts="morning evening"),
    Frame("fix", "fixable", "", "pgfimc", "the", manner="quickly alone", who="adult"),
    Frame("use", "usable", "library office home", "pghfw", who="adult", counted=False,
          single=True),
    Frame("ride", "rideable", "park beach", "pghfbwic", week=True, social=True, counted=False,
          single=True),
    Frame("take the", "ride", "", "pghfbi", "", parts="morning evening hour", counted=False),
    Frame("drive", "drivable", "", "bcghfp", manner="slowly quickly", who="adult", counted=False,
          single=True),
    Frame("find", "lost", "home room park school office", "p"),
    Frame("look for", "lost", "home room park school office", "g"),
    Frame("lose", "lost", "park school station airport museum", "p", counted=False),
    Frame("wait for", "ride", "", "pg", "the", parts="morning evening", counted=False),
    Frame("sleep", "", "home room", "pghfwi", plain_verb=True, parts="night"),
    Frame("rest", "", "home room park hotel", "pghfwim", manner="alone quietly", social=True,
          parts="morning evening"),
    Frame("work", "", "office hospital bank restaurant", "pghfbm", manner="hard", who="adult",
          week=True, parts="morning evening"),
    Frame("exercise", "", "gym park home", "pghfbwim", manner="hard alone", social=True,
          parts="morning evening"),
    Frame("swim", "", "pool beach", "pghfbwic", social=True, week=True, parts="morning"),
    Frame("cook", "", "home kitchen", "pghfbwimc", manner="alone quickly", social=True,
          who="adult", parts="morning evening"),
    Frame("take a walk", "", "park beach", "pghfbwi", manner="alone", social=True,
          parts="morning evening"),
    Frame("dance", "", "home park gym room", "pghfbwic", manner="alone", social=True,
          parts="evening"),
    Frame("run", "", "park beach gym", "pghfbwic", manner="quickly slowly alone", social=True,
          parts="morning evening"),
    Frame("cry", "", "home room park", "pg", manner="alone quietly", parts="morning evening night"),
)  # fmt: skip
