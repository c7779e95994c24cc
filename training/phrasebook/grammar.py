"""The list of templates with their shares, and the pairs they give.

The style rule, which makes the mapping a function in both directions:

    plain     (나는 … 먹는다)    statements that nobody in particular hears.
    intimate  (너는 … 먹어)      whatever names the listener "you", asks, orders, or advises.
    polite    (저는 … 먹어요)    answers that open with "Yes," or "No,", and requests with "please".
    let's     (… 먹자)           "Let's".

Short negation (안, 못) belongs to speech and is a contraction in English (don't, can't); long
negation (-지 않다, -ㄹ 수 없다) belongs to plain statements and is written out (do not, cannot).
"because" is -기 때문에 and ", so" is -아서. "have to" is -아야 하다.
이 is "this", 저 "that", and 그 "the"; a noun without them is "a", or as `noun_phrases.py` says.
Statements and requests end without a period, questions end in "?".
"""

from collections.abc import Callable
from functools import cache

from training.phrasebook import causes, giving, joined, motion, speech, statements, states, tastes
from training.phrasebook.clauses import Entry
from training.phrasebook.draw import Draw

Template = Callable[[Draw], Entry | None]

# The examples of the project's owner; they are always in the training part.
OWNERS = (
    Entry("나는 너를 사랑해", "I love you", "owner"),
    Entry("나는 사과를 먹는다", "I eat an apple", "owner"),
    Entry("나는 오늘 아침에 사과를 먹었다", "I ate an apple this morning", "owner"),
)

# How many distinct sentences each template gives.
SHARES: tuple[tuple[Template, int], ...] = (
    (statements.past, 3000),
    (statements.progressive, 1400),
    (statements.past_progressive, 1000),
    (statements.habit, 1600),
    (statements.frequency, 1400),
    (statements.future, 1800),
    (statements.bare_present, 1200),
    (statements.ability, 800),
    (statements.duty, 1000),
    (statements.wish, 1200),
    (statements.negative, 2000),
    (statements.indefinite_subject, 600),
    (speech.yes_no_question, 1600),
    (speech.modal_question, 900),
    (speech.to_you, 900),
    (speech.answer, 1500),
    (speech.request, 900),
    (speech.wh_question, 1800),
    (states.thing_is, 1000),
    (states.thing_is_and, 350),
    (states.comparison, 700),
    (states.person_is, 700),
    (states.profession, 350),
    (states.existence, 700),
    (tastes.having, 400),
    (tastes.needing, 500),
    (tastes.love_and_you, 90),
    (tastes.liking, 1000),
    (tastes.feeling_about_person, 700),
    (motion.going, 1500),
    (motion.arriving, 500),
    (motion.purpose, 900),
    (giving.giving, 1000),
    (giving.with_people, 900),
    (giving.instrument, 250),
    (causes.because, 1000),
    (causes.so, 1000),
    (causes.but, 800),
    (causes.if_, 800),
    (causes.advice, 70),
    (causes.whenever, 700),
    (joined.and_, 800),
    (joined.sequence, 1000),
    (joined.while_, 500),
    (joined.when, 700),
    (joined.thinking, 700),
    (joined.which, 900),
    (joined.both_like, 600),
)
_DRAWS_PER_SENTENCE = 60
_ENGLISH_WORDS = range(3, 15)


@cache
def entries() -> tuple[Entry, ...]:
    """All sentences in the order of `SHARES`; equal ones are kept once.

    Raises:
        RuntimeError: when a template cannot give its share, or when one sentence has two
            translations, which the style rule excludes.
    """
    korean: dict[str, str] = {}
    english: dict[str, str] = {}
    found: list[Entry] = []
    for entry in OWNERS:
        _add(entry, korean, english, found)
    for template, share in SHARES:
        draw = Draw(f"{template.__module__}.{template.__name__}")
        wanted = len(found) + share
        for _ in range(share * _DRAWS_PER_SENTENCE):
            entry = template(draw)
            if entry is not None and len(entry.english.split()) in _ENGLISH_WORDS:
                _add(entry, korean, english, found)
            if len(found) == wanted:
                break
        else:
            raise RuntimeError(
                f"{template.__name__}: share is too large; expected at most "
                f"{len(found) - wanted + share}. Received {share}. Lower it in SHARES."
            )
    return tuple(found)


def _add(entry: Entry, korean: dict[str, str], english: dict[str, str], found: list[Entry]) -> None:
    known = korean.get(entry.korean), english.get(entry.english)
    if known == (None, None):
        korean[entry.korean], english[entry.english] = entry.english, entry.korean
        found.append(entry)
    elif known != (entry.english, entry.korean):
        raise RuntimeError(
            f"{entry.combination}: translation is ambiguous; expected one per sentence. "
            f"Received {entry.korean!r} and {entry.english!r} beside {known}. "
            "Give the two meanings different words."
        )
