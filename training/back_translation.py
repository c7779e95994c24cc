"""Back-translation: training pairs from text in the target language alone (Sennrich et al. 2016).

A model of the other direction writes the sources. What it gets wrong does less harm there than in
the targets, which people wrote; what it makes up can be left out by translating its sources once
more and asking how much of the text comes back.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from training.cleaning import Filters
from training.state import write_bytes

LEAST_CHRF = 40.0


def back_translate(
    texts: Iterable[str],
    translate: Callable[[list[str]], Sequence[str]],
    *,
    again: Callable[[list[str]], Sequence[str]] | None = None,
    least_chrf: float = LEAST_CHRF,
    held_out: Iterable[str] = (),
) -> tuple[list[tuple[str, str]], Counter]:
    """Makes a pair of each text whose translation can be trusted.

    Args:
        texts: sentences in the language that the new model is to write; they are normalised as
            those of a corpus are.
        translate: translates a list of them into the language that it is to read; "" for one that
            it cannot translate whole.
        again: translates back; None to trust every translation.
        least_chrf: with `again`, how much of a text must come back: sacreBLEU's chrF2 of a
            sentence, 0 to 100 (Popović 2015).
        held_out: sentences that must not be learnt, such as the targets of a test set.

    Returns:
        `(pairs, dropped)`: a list of (translation, text), in the texts' order, and the number of
        texts dropped by reason.

    Raises:
        ValueError: `least_chrf` is out of range.
    """
    from sacrebleu.metrics import CHRF

    if not 0 <= least_chrf <= 100:
        raise ValueError(
            "back_translate: least_chrf is out of range; expected 0 to 100. "
            f"Received {least_chrf}. Use {LEAST_CHRF:g}."
        )
    normalize, dropped = Filters().normalize, Counter()
    reasons = {"": "empty", **{normalize(text): "held out" for text in held_out}}
    new = []
    for text in map(normalize, texts):
        if text in reasons:
            dropped[reasons[text]] += 1
        else:
            new.append(text)
            reasons[text] = "repeated"
    pairs = []
    for pair in zip(map(normalize, translate(new)), new, strict=True):
        if pair[0] and pair[0] != pair[1]:
            pairs.append(pair)
        else:
            dropped["not translated"] += 1
    if again is None:
        return pairs, dropped
    metric, proven = CHRF(), []
    back = again([translation for translation, _ in pairs])
    for pair, other in zip(pairs, back, strict=True):
        if metric.sentence_score(other, [pair[1]]).score >= least_chrf:
            proven.append(pair)
        else:
            dropped["lost on the way back"] += 1
    return proven, dropped


def write_pairs(path: str | Path, pairs: Iterable[tuple[str, str]]) -> None:
    """Writes a TSV corpus, source and target, atomically.

    Raises:
        ValueError: as `check_new`.
        OSError: it cannot be written there.
    """
    check_new(path)
    text = "".join(f"{source}\t{target}\n" for source, target in pairs)
    write_bytes(Path(path), text.encode())


def check_new(path: str | Path) -> None:
    """Makes sure that a file can be written, which may be hours later.

    Raises:
        ValueError: there is such a file: none of somebody's is overwritten.
        OSError: nothing can be written there.
    """
    path = Path(path)
    if path.exists():
        raise ValueError(
            f"{path}: exists already; expected a new file. Name another, or delete it."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.unlink()
