"""Back-translation: training pairs from text in the target language alone (Sennrich et al. 2016).

A model of the other direction writes the sources. What it gets wrong does less harm there than in
the targets, which people wrote; what it makes up can be left out by translating its sources once
more and asking how much of the text comes back.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from training.cleaning import Filters

LEAST_CHRF = 40.0
BLOCK = 20_000  # texts: minutes of work, which an interruption costs at most

Made = tuple[list[tuple[str, str]], Counter]


def back_translate(
    texts: Iterable[str],
    translate: Callable[[list[str]], Sequence[str]],
    *,
    again: Callable[[list[str]], Sequence[str]] | None = None,
    least_chrf: float = LEAST_CHRF,
    held_out: Iterable[str] = (),
) -> Iterator[Made]:
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
        An iterator over `(pairs, dropped)`, one for each `BLOCK` texts: a list of (translation,
        text), in the texts' order, and the number of texts dropped by reason.

    Raises:
        ValueError: `least_chrf` is out of range.
    """
    if not 0 <= least_chrf <= 100:
        raise ValueError(
            "back_translate: least_chrf is out of range; expected 0 to 100. "
            f"Received {least_chrf}. Use {LEAST_CHRF:g}."
        )
    metric = None
    if again:
        from sacrebleu.metrics import CHRF

        metric = CHRF()
    normalize = Filters().normalize
    reasons = {"": "empty", **{normalize(text): "held out" for text in held_out}}
    return _blocks(map(normalize, texts), normalize, reasons, translate, again, metric, least_chrf)


def _blocks(texts, normalize, reasons, translate, again, metric, least) -> Iterator[Made]:
    """`reasons` says why a text is not to be learnt; each one seen joins it."""
    while block := list(itertools.islice(texts, BLOCK)):
        new, dropped = [], Counter()
        for text in block:
            if text in reasons:
                dropped[reasons[text]] += 1
            else:
                new.append(text)
                reasons[text] = "repeated"
        found = zip(map(normalize, translate(new)), new, strict=True)
        pairs = [pair for pair in found if pair[0] and pair[0] != pair[1]]
        dropped["not translated"] += len(new) - len(pairs)
        if again:
            returned = again([translation for translation, _ in pairs])
            proven = [
                pair
                for pair, text in zip(pairs, returned, strict=True)
                if metric.sentence_score(text, [pair[1]]).score >= least
            ]
            dropped["lost on the way back"] += len(pairs) - len(proven)
            pairs = proven
        yield pairs, +dropped  # without the reasons that none was dropped for


def partial_file(path: str | Path) -> Path:
    """Where `write_pairs` keeps what is done so far."""
    return Path(f"{path}.partial")


def write_pairs(path: str | Path, blocks: Iterable[Made]) -> tuple[int, Counter]:
    """Writes a TSV corpus, source and target, block by block.

    Until all of it is there it is called `PATH.partial`; what an interruption leaves is a corpus,
    too, unless there was no pair yet.

    Args:
        path: a new file.
        blocks: what `back_translate` returns.

    Returns:
        The number of pairs, and of texts dropped by reason.

    Raises:
        ValueError: there is such a file, or part of one: none of somebody's is overwritten.
        OSError: it cannot be written there. Both are known before the first block is asked for.
    """
    _check_new(path)
    partial, count, dropped = partial_file(path), 0, Counter()
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            for pairs, reasons in blocks:
                file.writelines(f"{source}\t{target}\n" for source, target in pairs)
                file.flush()
                count += len(pairs)
                dropped += reasons
    except BaseException:
        if not count:
            partial.unlink(missing_ok=True)  # else the command, mended, would find it in its way
        raise
    partial.rename(path)
    return count, dropped


def _check_new(path):
    for taken in (Path(path), partial_file(path)):
        if taken.exists():
            raise ValueError(
                f"{taken}: exists already; expected a new file. Name another, or move this one."
            )
    Path(path).parent.mkdir(parents=True, exist_ok=True)
