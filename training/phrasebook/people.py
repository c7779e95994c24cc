"""Who: the subjects, companions and receivers of the sentences.

Columns of the table: plain Korean | polite Korean | English | agreement | pronoun | tags
    agreement  "I", "you", "he" (any third person singular) or "they"
    pronoun    what English says the second time ("because he was tired"); empty: avoid repeating
    tags       adult: may drive and teach; child; elder: takes no verb that has an honorific twin;
               written: a name that ends in a consonant, which speech would lengthen (수진이는)
"""

from dataclasses import dataclass

_TABLE = """
나          | 저          | I                  | I    | I    | adult self
너          |             | you                | you  | you  | adult listener
그          | 그          | he                 | he   | he   | adult pronoun
그녀        | 그녀        | she                | he   | she  | adult pronoun
우리        | 저희        | we                 | they | we   | adult we
그들        | 그들        | they               | they | they | adult group pronoun
민수        | 민수        | Minsu              | he   | he   | adult name
준호        | 준호        | Junho              | he   | he   | adult name
지수        | 지수        | Jisu               | he   | she  | adult name
유나        | 유나        | Yuna               | he   | she  | adult name
수진        |             | Sujin              | he   | she  | adult name written
지훈        |             | Jihun              | he   | he   | adult name written
내 친구     | 제 친구     | my friend          | he   |      | adult related
내 여동생   | 제 여동생   | my younger sister  | he   | she  | adult related
내 남동생   | 제 남동생   | my younger brother | he   | he   | adult related
우리 어머니 |             | my mother          | he   | she  | adult elder
우리 아버지 |             | my father          | he   | he   | adult elder
그 학생     |             | the student        | he   |      | adult definite
그 남자     |             | the man            | he   | he   | adult definite
그 여자     |             | the woman          | he   | she  | adult definite
그 아이     |             | the child          | he   |      | child definite
그 소년     |             | the boy            | he   | he   | child definite
그 소녀     |             | the girl           | he   | she  | child definite
그 학생들   |             | the students       | they | they | adult group definite
그 아이들   |             | the children       | they | they | child group definite
"""

POSSESSIVE = {"I": "my", "you": "your", "he": "his", "she": "her", "we": "our", "they": "their"}
OBJECT = {"I": "me", "you": "you", "he": "him", "she": "her", "we": "us", "they": "them"}


@dataclass(frozen=True)
class Person:
    """A person in both languages."""

    korean: str
    polite: str
    english: str
    agreement: str
    pronoun: str
    tags: frozenset[str]

    @property
    def object_(self) -> str:
        """The English object form: me, him, Minsu."""
        return OBJECT.get(self.english, self.english)

    @property
    def possessive(self) -> str:
        """The English possessive pronoun; needs `pronoun`."""
        return POSSESSIVE[self.pronoun]


def _parse(line: str) -> Person:
    korean, polite, english, agreement, pronoun, tags = (cell.strip() for cell in line.split("|"))
    return Person(korean, polite, english, agreement, pronoun, frozenset(tags.split()))


PEOPLE: tuple[Person, ...] = tuple(_parse(line) for line in _TABLE.strip().splitlines())
I = PEOPLE[0]  # noqa: E741
YOU = PEOPLE[1]

# Anybody but the listener: plain statements.
NARRATED = tuple(person for person in PEOPLE if person is not YOU)
# People whose English pronoun is known, so that a second clause can say it.
REPEATABLE = tuple(person for person in NARRATED if person.pronoun)
# Whom one talks about politely, in answers with "Yes," and "No,".
ANSWERED = tuple(person for person in PEOPLE if person.polite)
# Whom one asks about in intimate speech.
ASKED = tuple(
    person
    for person in PEOPLE
    if person.tags & {"name", "pronoun", "listener"} and "written" not in person.tags
)
NAMES = tuple(person for person in PEOPLE if "name" in person.tags)
SPOKEN_NAMES = tuple(person for person in NAMES if "written" not in person.tags)
A_FRIEND = Person("친구", "친구", "a friend", "he", "", frozenset())
COMPANIONS = (*NAMES, A_FRIEND, A_FRIEND, A_FRIEND)
# Objects of meet, help, call, wait for, know, love.
OBJECT_PEOPLE = (
    *NAMES,
    *(person for person in PEOPLE if person.tags & {"pronoun", "definite"}),
)


def confusable(one: Person, two: Person) -> bool:
    """Whether a reader may take the two for one: Sujin and she, the boy and he, they and they."""
    if one is two or {one.english, two.english} == {"I", "we"}:
        return True
    same = one.pronoun == two.pronoun or not (one.pronoun and two.pronoun)
    return "pronoun" in one.tags | two.tags and same
