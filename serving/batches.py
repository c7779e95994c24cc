"""Rows of any number through the graph: batches of similar lengths, several at the same time."""

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np

from serving.graph import Graph
from serving.options import DecodingOptions
from serving.parallel import in_order
from serving.rows import Row

_FEWEST_ROWS = 4  # of a batch that is made smaller so that every thread has one


def run_rows(
    graph: Graph,
    rows: Sequence[Row | None],
    options: DecodingOptions,
    batch_size: int,
    workers: int,
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Translates rows, the longest first.

    So the rows of a batch have similar lengths, and memory runs out early or never.

    Args:
        graph: The graph.
        rows: A row per text; None is left out.
        options: Of all rows.
        batch_size: Most rows of a run.
        workers: Most runs at the same time.

    Yields:
        The index of each row and what ``Graph.run`` returned for it, without the first axis.
    """
    order = [index for index, row in enumerate(rows) if row is not None]
    order.sort(key=lambda index: -len(rows[index].source_ids))
    batches = _plan(order, batch_size, workers if graph.rows_are_independent else 1)

    def run(batch, run_options):
        return graph.run([rows[index] for index in batch], options, run_options)

    with contextlib.closing(in_order(run, batches, workers)) as outputs:
        for batch, arrays in zip(batches, outputs, strict=True):
            for position, index in enumerate(batch):
                yield index, {name: array[position] for name, array in arrays.items()}


def _plan(order: list[int], batch_size: int, workers: int) -> list[list[int]]:
    """Cuts rows, sorted by length, into batches that keep all workers at work."""
    fewest = -(-len(order) // batch_size)
    count = min(-(-fewest // workers) * workers, len(order) // _FEWEST_ROWS)
    count = max(count, fewest)
    if count <= workers:  # one round: batches of equal work end together
        return [order[start::count] for start in range(count)]
    size = -(-len(order) // count)
    return [order[start : start + size] for start in range(0, len(order), size)]
