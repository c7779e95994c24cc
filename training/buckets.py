"""Length buckets: the few shapes into which batches are padded.

Every shape that reaches a compiled training step costs one compilation, so shapes are few. Buckets
form one chain, each with a source and a target bound; a pair belongs to the first whose bounds both
fit. Each bucket has a fixed number of rows. What is left over when a bucket's pairs do not fill
whole batches moves up to the next bucket, so an epoch ends with at most one smaller batch, and the
number of distinct shapes is at most the number of buckets plus one.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Bucket:
    """One shape of batches.

    Attributes:
        rows: Pairs in a full batch.
        source_length: Padded source tokens, S.
        target_length: Padded target tokens, T.
    """

    rows: int
    source_length: int
    target_length: int


def plan_buckets(
    source_lengths: np.ndarray,
    target_lengths: np.ndarray,
    *,
    tokens_per_batch: int,
    max_sentences: int,
    max_source_length: int,
    max_target_length: int,
    growth: float = 1.2,
    multiple: int = 4,
) -> tuple[list[Bucket], np.ndarray]:
    """Chooses the chain of buckets for a corpus and the bucket of each pair.

    Target bounds start at `multiple` and grow by the factor `growth`, rounded up to `multiple`, up
    to the longest target. Source bounds are the target bounds times the corpus's mean ratio of
    lengths, rounded up in the same way. A batch has `tokens_per_batch // max(S, T)` rows.

    Args:
        source_lengths: Integer (N,), tokens with the end token.
        target_lengths: Integer (N,), the same.
        tokens_per_batch: Most padded tokens of a batch, for source and target each.
        max_sentences: Most rows of a batch.
        max_source_length: No bound is above it.
        max_target_length: No bound is above it.
        growth: Above 1; smaller means less padding and more shapes.
        multiple: Bounds are multiples of it (save where a maximum cuts them).

    Returns:
        The buckets, shortest first, and uint16 (N,), each pair's bucket.

    Raises:
        ValueError: An option is out of range, or one pair of the longest bucket exceeds the budget.
    """
    _check(tokens_per_batch, max_sentences, growth, multiple)
    longest_source, longest_target = int(source_lengths.max()), int(target_lengths.max())
    ratio = float(source_lengths.mean() / target_lengths.mean())
    last = (_round_up(longest_source, multiple), _round_up(longest_target, multiple))
    bounds, step = [], 0
    while not bounds or bounds[-1] != last:
        step = _round_up(max(step * growth, step + 1), multiple)
        bounds.append((min(_round_up(step * ratio, multiple), last[0]), min(step, last[1])))
    bounds = [(min(s, max_source_length), min(t, max_target_length)) for s, t in bounds]
    _check_budget(bounds[-1], tokens_per_batch)
    buckets = [
        Bucket(min(max_sentences, tokens_per_batch // max(source, target)), source, target)
        for source, target in bounds
    ]
    sources, targets = np.array(bounds).T
    of_source, of_target = (
        np.searchsorted(limits, lengths)
        for limits, lengths in ((sources, source_lengths), (targets, target_lengths))
    )
    return buckets, np.maximum(of_source, of_target).astype(np.uint16)


def _round_up(value: float, multiple: int) -> int:
    return -int(-value // multiple) * multiple


def _check(tokens_per_batch: int, max_sentences: int, growth: float, multiple: int) -> None:
    checks = [
        ("tokens_per_batch", tokens_per_batch, tokens_per_batch >= 1, "1 or more"),
        ("max_sentences", max_sentences, max_sentences >= 1, "1 or more"),
        ("growth", growth, growth > 1, "above 1"),
        ("multiple", multiple, multiple >= 1, "1 or more"),
    ]
    problems = [
        f"{name} is out of range; expected {rule}. Received {value}."
        for name, value, good, rule in checks
        if not good
    ]
    if problems:
        raise ValueError(f"Batches: {' '.join(problems)} Correct the recipe.")


def _check_budget(longest: tuple[int, int], tokens_per_batch: int) -> None:
    if tokens_per_batch < max(longest):
        raise ValueError(
            "Batches: tokens_per_batch is smaller than one padded sentence; expected at least "
            f"{max(longest)}. Received {tokens_per_batch}. Raise tokens_per_batch, or lower "
            "max_source_length and max_target_length."
        )
