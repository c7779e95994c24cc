"""English morphology: articles, plurals, agreement, and the predicate of a clause."""

from dataclasses import dataclass

_VOWELS = tuple("aeiou")
_SILENT_H = ("hour", "honest")

BE_PRESENT = {"I": "am", "you": "are", "he": "is", "they": "are"}
BE_PAST = {"I": "was", "you": "were", "he": "was", "they": "were"}
CONTRACTIONS = {
    "do not": "don't",
    "does not": "doesn't",
    "did not": "didn't",
    "will not": "won't",
    "cannot": "can't",
    "could not": "couldn't",
    "is not": "isn't",
    "are not": "aren't",
    "am not": "am not",
    "was not": "wasn't",
    "were not": "weren't",
}


def with_article(phrase: str) -> str:
    """Puts "a" or "an" before a phrase: a red apple, an apple, an hour."""
    vowel = phrase.startswith(_VOWELS) or phrase.startswith(_SILENT_H)
    return f"{'an' if vowel and not phrase.startswith('uni') else 'a'} {phrase}"


def plural(noun: str) -> str:
    """The regular plural: books, boxes, diaries."""
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in _VOWELS:
        return noun[:-1] + "ies"
    return noun + "s"


@dataclass(frozen=True)
class EnglishVerb:
    """The forms of a verb; words after the first ("look for") are carried along unchanged."""

    base: str
    past: str
    ing: str

    @property
    def third(self) -> str:
        """The third person singular: eats, watches, studies, does, goes."""
        first, *rest = self.base.split(" ")
        if first in ("do", "go"):
            return " ".join([first + "es", *rest])
        return " ".join([plural(first), *rest])

    def present(self, agreement: str) -> str:
        """The present form for "I", "you", "he" (third singular) or "they"."""
        return self.third if agreement == "he" else self.base

    @property
    def hides_tense(self) -> bool:
        """Whether present and past are spelled alike ("read")."""
        return self.base == self.past


_MODALS = {
    "have_to": EnglishVerb("have to", "had to", ""),
    "want": EnglishVerb("want to", "wanted to", ""),
}


def _modal(aspect: str, verb: EnglishVerb) -> tuple[str, EnglishVerb]:
    """Turns "have_to" and "want" (and their pasts) into a full verb in a simple tense."""
    name = aspect.removeprefix("past_")
    if name not in _MODALS:
        return aspect, verb
    modal = _MODALS[name]
    third = "has to" if name == "have_to" else "wants to"
    joined = _ModalVerb(f"{modal.base} {verb.base}", f"{modal.past} {verb.base}", "", third)
    return ("past" if aspect.startswith("past_") else "present"), joined


@dataclass(frozen=True)
class _ModalVerb(EnglishVerb):
    third_form: str = ""

    @property
    def third(self) -> str:
        """Has to eat, wants to eat."""
        return f"{self.third_form} {self.base.split(' ', 2)[2]}"


def predicate(
    verb: EnglishVerb,
    aspect: str,
    agreement: str,
    negative: bool = False,
    question: bool = False,
    contracted: bool = False,
) -> tuple[str, str]:
    """Returns (auxiliary, main verb); the auxiliary is "" where English has none.

    Args:
        verb: the verb.
        aspect: present, past, progressive, past_progressive, future, can, past_can, have_to,
            past_have_to, want or past_want.
        agreement: "I", "you", "he" or "they".
        negative: negate the clause.
        question: use an auxiliary that can go before the subject.
        contracted: write don't for do not, as speech does.
    """
    aspect, verb = _modal(aspect, verb)
    if aspect in ("present", "past") and not (negative or question):
        return "", verb.past if aspect == "past" else verb.present(agreement)
    auxiliary = {
        "present": "does" if agreement == "he" else "do",
        "past": "did",
        "progressive": BE_PRESENT[agreement],
        "past_progressive": BE_PAST[agreement],
        "future": "will",
        "can": "can",
        "past_can": "could",
    }[aspect]
    if negative:
        auxiliary = negate(auxiliary, contracted)
    return auxiliary, verb.ing if aspect.endswith("progressive") else verb.base


def negate(auxiliary: str, contracted: bool) -> str:
    """does → does not, or doesn't; can → cannot, or can't."""
    full = "cannot" if auxiliary == "can" else f"{auxiliary} not"
    return CONTRACTIONS[full] if contracted else full


def sentence(text: str) -> str:
    """Capitalizes the first letter."""
    return text[0].upper() + text[1:]
