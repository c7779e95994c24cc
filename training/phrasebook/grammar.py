"""The list of templates with their shares, and the pairs they give.

The style rule, which makes the mapping a function in both directions:

    plain     (나는 … 먹는다)    statements that nobody in particular hears.
    intimate  (너는 … 먹어)      whatever names the listener "you", asks, orders, or advises.
    polite    (저는 … 먹어요)    answers that open with "Yes," or "No,", and requests with "please".
    let's     (… 먹자)           "Let's".

Short negation (안, 못) belongs to speech and is a contraction in English (don't, can't); long
negation (-지 않다, -ㄹ 수 없다) belongs to plain statements and is written out (do not, cannot).
"because" is -기 때문에 and ", so" is -아서. "have to" is -아야 하다. 그 is "the", 저 "that", 이 "this".
Statements and requests end without a period, questions end in "?".
"""

from collections.abc import Callable
from functools import cache

from training.phrasebook import motion, speech, statements, states, two_clauses
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
    (states.having, 600),
    (states.liking, 1000),
    (states.feeling_about_person, 700),
    (motion.going, 1500),
    (motion.arriving, 500),
    (motion.purpose, 900),
    (motion.giving, 1000),
    (motion.with_people, 900),
    (motion.instrument, 250),
    (two_clauses.because, 1000),
    (two_clauses.so, 1000),
    (two_clauses.but, 800),
    (two_clauses.if_, 800),
    (two_clauses.advice, 70),
    (two_clauses.whenever, 700),
    (two_clauses.and_, 800),
    (two_clauses.sequence, 1000),
    (two_clauses.while_, 500),
    (two_clauses.when, 700),
    (two_clauses.thinking, 700),
    (two_clauses.which, 900),
    (two_clauses.both_like, 600),
)
_DRAWS_PER_SENTENCE = 60


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
            if entry is not None:
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
