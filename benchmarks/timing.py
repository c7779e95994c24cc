"""Times the cells of the table: both engines in turn, several rounds over all cells."""

import gc
import statistics
import time
from dataclasses import dataclass, field

# Idle threads of one engine may spin for a moment; the next run starts after that.
SETTLE_SECONDS = 0.2


@dataclass(frozen=True)
class Cell:
    """One row of the table."""

    pair: str
    precision: str
    threads: int
    batch_size: int
    beam_size: int

    @property
    def search(self):
        """The search in words."""
        return "greedy" if self.beam_size == 1 else f"beam {self.beam_size}"

    def __str__(self):
        threads = f"{self.threads} thread" + "s" * (self.threads > 1)
        return f"{self.pair}, {self.precision}, {threads}, batch {self.batch_size}, {self.search}"


@dataclass
class Samples:
    """What one engine did in one cell: seconds, CPU seconds per second, and its texts."""

    seconds: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    tokens: int = 0

    @property
    def fastest(self):
        """Seconds of the fastest run."""
        return min(self.seconds)

    @property
    def median(self):
        """Seconds of the median run."""
        return statistics.median(self.seconds)


@dataclass
class Result:
    """Both engines in one cell; `reason` says why it was not measured."""

    cell: Cell
    own: Samples = field(default_factory=Samples)
    other: Samples = field(default_factory=Samples)
    reason: str = ""

    @property
    def ratio(self):
        """CTranslate2's fastest time over ours: above 1 ours is faster; None if not measured."""
        return None if self.reason else self.other.fastest / self.own.fastest

    @property
    def median_ratio(self):
        """CTranslate2's median time over ours; None if not measured."""
        return None if self.reason else self.other.median / self.own.median


def time_once(engine, texts, beam_size, batch_size, samples):
    """Adds one run to `samples`."""
    gc.collect()
    time.sleep(SETTLE_SECONDS)
    cpu, wall = time.process_time(), time.perf_counter()
    translated = engine.translate(texts, beam_size, batch_size)
    seconds = time.perf_counter() - wall
    samples.seconds.append(seconds)
    samples.cores.append((time.process_time() - cpu) / seconds)
    samples.texts = samples.texts or translated


def time_cells(results, engines, texts, rounds, advance):
    """Runs every measured cell `rounds` times, both engines one after the other.

    A disturbance thus hits one round of a few cells, not all rounds of one. Which engine comes
    first changes from round to round.

    Args:
        results: list of `Result`, filled in.
        engines: function from a cell to `(ours, CTranslate2's)`.
        texts: function from a cell to the source texts.
        rounds: runs of each engine in each cell.
        advance: called with what runs next, before each run.
    """
    for turn in range(rounds):
        for result in results:
            if result.reason:
                continue
            cell = result.cell
            order = list(zip(engines(cell), (result.own, result.other), strict=True))
            for engine, samples in order if turn % 2 == 0 else reversed(order):
                advance(f"round {turn + 1}: {cell}, {engine.name}")
                time_once(engine, texts(cell), cell.beam_size, cell.batch_size, samples)
