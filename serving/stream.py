"""A translation that grows: the graph runs for a few tokens, then for more and more of them."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from serving.graph import Graph
from serving.options import DecodingOptions
from serving.rows import Row
from serving.tokenizer import END_ID, Tokenizer

FIRST_TOKENS = 4  # of the first run
GROWTH = 2  # of the tokens that a run adds; all runs together take twice as long as one


def grow(
    graph: Graph, row: Row, options: DecodingOptions, longest: int, target_tokenizer: Tokenizer
) -> Iterator[tuple[dict[str, np.ndarray], bool]]:
    """Runs greedy search for 4 tokens, then for 12, 28, and so on until it ends.

    Each run begins at the beginning and finds the tokens of the one before again, since the same
    computation gives the same bits. So the last one is a plain run for all tokens.

    Args:
        graph: The graph; it needs the input ``max_length``.
        row: The text. The tokens of its prefix belong to the first run.
        options: With a beam size of 1.
        longest: Most tokens that the model makes.
        target_tokenizer: Tells which tokens have their final text; the others are left out of
            ``lengths`` until they do.

    Yields:
        What the graph returned for the row, without the row's axis; and whether it is the end.
    """
    limit = min(options.max_length or 2 * len(row.source_ids) + 10, longest)
    added = FIRST_TOKENS
    length = len(row.prefix_ids) + added
    while True:
        # The last run has the caller's own limit: the graph's rule is the one that counts.
        last = length >= limit
        chosen = options if last else dataclasses.replace(options, max_length=length)
        output = {name: array[0] for name, array in graph.run([row], chosen).items()}
        ids = output["ids"][0, : output["lengths"][0]].tolist()
        if last or END_ID in ids:
            yield output, True
            return
        output["lengths"] = np.array([target_tokenizer.num_settled(ids)])
        yield output, False
        added *= GROWTH
        length += added
