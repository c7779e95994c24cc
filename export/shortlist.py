"""Learns a vocabulary shortlist from parallel text: which target tokens a source token gives.

The translation table is that of IBM Model 1 (Brown et al. 1993, §4.2): every target token comes
from one source token of its sentence, or from an empty word, which takes what no word explains.
"""

import itertools

import numpy as np

from serving.tokenizer import END_ID, PAD_ID, UNKNOWN_ID
from zoo.shortlist import Shortlist

PER_TOKEN = 20
FREQUENT = 200
ITERATIONS = 4
MOST_LINKS = 60_000_000  # pairs of a source and a target position that are looked at
_FIRST = UNKNOWN_ID + 1  # ids below are no pieces of text
_EMPTY_WORD = PAD_ID


def learn_shortlist(
    source_ids,
    target_ids,
    source_vocabulary_size,
    target_vocabulary_size,
    per_token=PER_TOKEN,
    frequent=FREQUENT,
    same=None,
    report=lambda line: None,
):
    """Learns which target tokens each source token is likely to give.

    Args:
        source_ids, target_ids: lists of lists of ids, sentence by sentence, without start and end.
            Where they are very many, an even part of them is read.
        source_vocabulary_size, target_vocabulary_size: numbers of ids.
        per_token: N, most target tokens that a source token proposes beside the frequent ones.
        frequent: F, how many of the most frequent target tokens are always candidates.
        same: int32 `(V_source,)`, for each source token the target token that is spelled alike, or
            the end id; they are proposed too, for names and signs that training never saw. None
            stands for no such token.
        report: called with a line of text now and then.

    Returns:
        A `Shortlist`: table `(V_source, N)`, or N + 1 columns with `same`, and frequent
        `(F + 1,)`, the end id first.

    Raises:
        ValueError: the two sides do not belong together, or a number is too small.
    """
    _check(source_ids, target_ids, per_token, frequent)
    pairs = _some_pairs(source_ids, target_ids)
    links = _Links(pairs, target_vocabulary_size)
    report(f"learning a shortlist from {len(pairs):,} sentences, {links.count:,} links")
    for _ in range(ITERATIONS):
        links.improve()
    always = _most_frequent(target_ids, target_vocabulary_size, frequent)
    table = np.full((source_vocabulary_size, per_token), END_ID, "int32")
    links.fill(table, always)
    if same is not None:
        table = np.concatenate([table, np.asarray(same, "int32")[:, None]], axis=1)
    return Shortlist(table, always)


def same_pieces(source, target):
    """For each source id the target id of the same piece, else the end id: int32 `(V_source,)`.

    Args:
        source, target: `serving.Tokenizer`s.
    """
    ids = {target.pieces([i])[0]: i for i in range(_FIRST, target.vocabulary_size)}
    pieces = [source.pieces([i])[0] for i in range(_FIRST, source.vocabulary_size)]
    return np.array([END_ID] * _FIRST + [ids.get(piece, END_ID) for piece in pieces], "int32")


class _Links:
    """Every pair of a source position and a target position of a sentence, and their probabilities.

    Args:
        pairs: list of `(source ids, target ids)`.
        target_size: number of target ids.
    """

    def __init__(self, pairs, target_size):
        lengths = np.array([(len(source) + 1, len(target)) for source, target in pairs])
        sources = np.concatenate([[_EMPTY_WORD, *source] for source, _ in pairs])
        targets = np.concatenate([np.asarray(target, "int64") for _, target in pairs])
        # One place for each target token, and at each place a link to every source token.
        widths = np.repeat(lengths[:, 0], lengths[:, 1])  # (places,)
        begins = np.cumsum(lengths[:, 0]) - lengths[:, 0]
        begins = np.repeat(begins, lengths[:, 1])
        self._starts = np.cumsum(widths) - widths  # (places,), first link of each
        self._widths = widths
        self.count = int(widths.sum())
        inside = np.arange(self.count) - np.repeat(self._starts, widths)
        keys = sources[np.repeat(begins, widths) + inside] * target_size
        keys += np.repeat(targets, widths)
        entries, kind = np.unique(keys, return_inverse=True)
        self._kind = kind.astype("int32")  # (links,), index of an entry of the table
        self._source, self._target = np.divmod(entries, target_size)
        self._probability = np.ones(len(entries))  # p(target | source), (entries,)

    def improve(self):
        """One step of expectation maximisation."""
        weights = self._probability[self._kind]
        totals = np.add.reduceat(weights, self._starts)  # (places,)
        weights /= np.repeat(totals, self._widths)
        counts = np.bincount(self._kind, weights, len(self._probability))
        self._probability = counts / np.bincount(self._source, counts)[self._source]

    def fill(self, table, left_out):
        """Writes the likeliest target tokens of each source token, best first.

        Args:
            table: int `(V_source, N)`, changed in place.
            left_out: target tokens that are not written.
        """
        order = np.lexsort((self._target, -self._probability, self._source))
        wanted = (self._source != _EMPTY_WORD) & ~np.isin(self._target, left_out)
        order = order[wanted[order]]
        source = self._source[order]
        rank = np.arange(len(source)) - np.searchsorted(source, source)
        kept = rank < table.shape[1]
        table[source[kept], rank[kept]] = self._target[order][kept]


def _most_frequent(target_ids, vocabulary_size, count):
    """The end id, and the ids that occur most often: int32, at most `(count + 1,)`."""
    ids = np.fromiter(itertools.chain.from_iterable(target_ids), "int64")
    counts = np.bincount(ids, minlength=vocabulary_size)
    most = np.argsort(-counts, kind="stable")[:count]
    most = most[(counts[most] > 0) & (most != END_ID)]
    return np.concatenate([[END_ID], most]).astype("int32")


def _some_pairs(source_ids, target_ids):
    """Pairs of which both sides have tokens; an even part of them where they are very many."""
    pairs = [pair for pair in zip(source_ids, target_ids, strict=True) if all(map(len, pair))]
    total = sum((len(source) + 1) * len(target) for source, target in pairs)
    return pairs[:: -(-total // MOST_LINKS)] if total else pairs


def _check(source_ids, target_ids, per_token, frequent):
    problems = []
    if len(source_ids) != len(target_ids) or not any(
        len(source) and len(target) for source, target in zip(source_ids, target_ids, strict=False)
    ):
        problems.append(
            "source_ids and target_ids do not belong together; expected as many sentences in both, "
            f"some with tokens. Received {len(source_ids)} and {len(target_ids)}. "
            "Give the two sides of one corpus."
        )
    for name, value in (("per_token", per_token), ("frequent", frequent)):
        if value < 1:
            problems.append(f"{name} is too small; expected at least 1. Received {value}.")
    if problems:
        raise ValueError("\n".join(f"learn_shortlist: {problem}" for problem in problems))
