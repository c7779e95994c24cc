"""Our engine against CTranslate2: convert, load, verify, time, and put the tables together."""

import itertools
from dataclasses import dataclass

from benchmarks import report, wait_policy
from benchmarks.engines import OTHER, OWN
from benchmarks.pairs import Penalties, matching_penalty, open_pair
from benchmarks.timing import Cell, Result, time_cells
from benchmarks.worker import read_lines

VERIFY_BATCH = 64
SAME_SHARE = 0.99


@dataclass
class FootprintTask:
    """What one fresh process is to load, and the files that it reads."""

    pair: str
    precision: str
    engine: str
    arguments: dict
    files: list


class Comparison:
    """One run of the benchmark over all pairs.

    Args:
        options: the command line.
        scratch: directory for converted models.
        steps: shows progress.

    Raises:
        ValueError: a file or bundle is not what it should be.
        RuntimeError: a checkpoint cannot be converted.
    """

    def __init__(self, options, scratch, steps):
        self._options = options
        self._steps = steps
        self._texts, self._references = _read_both(options)
        steps.start(len(options.pair) * len(options.precisions) + 2)
        self._pairs = {
            triple[0]: open_pair(*triple, options.precisions, scratch, steps.advance)
            for triple in options.pair
        }
        first = next(iter(self._pairs.values()))
        other = matching_penalty(options.length_penalty, first, self._references)
        self.penalties = Penalties(options.length_penalty, other)
        probe = (OTHER, options.precisions[0], max(options.threads), self.penalties)
        wait_policy.choose(first.arguments(*probe), options.source.resolve(), steps.advance)
        steps.finish("converted")
        self._engines = {
            (pair.name, precision, threads): pair.open(precision, threads, self.penalties)
            for pair in self._pairs.values()
            for precision in options.precisions
            for threads in options.threads
            if not pair.reasons[precision]
        }
        axes = (options.precisions, options.threads, options.batches, options.beams)
        cells = (Cell(*values) for values in itertools.product(self._pairs, *axes))
        self.results = [Result(c, reason=self._pairs[c.pair].reasons[c.precision]) for c in cells]
        self._verified = []

    @property
    def num_texts(self):
        """Number of sentences."""
        return len(self._texts)

    def verify(self):
        """Translates everything once with each engine, in each precision and search.

        Raises:
            RuntimeError: greedy search in float32 gives different texts for more than 1 % of the
                sentences; the message shows the first.
        """
        threads = max(self._options.threads)
        beams = {precision: set(self._options.beams) for precision in self._options.precisions}
        beams.setdefault("float32", set()).add(1)  # greedy search is the proof
        keys = [
            Cell(name, precision, threads, VERIFY_BATCH, beam_size)
            for (name, precision, count) in self._engines
            for beam_size in sorted(beams[precision])
            if count == threads
        ]
        self._steps.start(2 * len(keys))
        for cell in keys:
            texts = []
            for engine in self._engines[cell.pair, cell.precision, threads]:
                self._steps.advance(f"verifying {cell}, {engine.name}")
                texts.append(engine.translate(self._texts, cell.beam_size, VERIFY_BATCH))
            if (cell.precision, cell.beam_size) == ("float32", 1):
                require_same(cell.pair, self._texts, *texts)
            self._verified.append((cell, *texts))
        self._steps.finish("verified")

    def time(self):
        """Times all cells, after a short run of every engine."""
        for engines in self._engines.values():
            for engine, beam in itertools.product(engines, self._options.beams):
                engine.translate(self._texts[:64], beam, 16)
        measured = sum(not result.reason for result in self.results)
        self._steps.start(measured * 2 * self._options.rounds)
        time_cells(
            self.results,
            lambda cell: self._engines[cell.pair, cell.precision, cell.threads],
            self._texts_of,
            self._options.rounds,
            self._steps.advance,
        )
        self._steps.finish("timed")
        for result in self.results:
            for samples in (result.own, result.other):
                samples.tokens = self._pairs[result.cell.pair].count_tokens(samples.texts)

    def _texts_of(self, cell):
        single = self._options.single_sentences
        return self._texts[:single] if cell.batch_size == 1 and single else self._texts

    def sections(self):
        """The tables: what was verified, then the cells of each pair."""
        rows = [
            (cell, own, other, *(self._pairs[cell.pair].count_tokens(t) for t in (own, other)))
            for cell, own, other in self._verified
        ]
        sections = [report.verification_section(rows, self._references)]
        for name in self._pairs:
            chosen = [result for result in self.results if result.cell.pair == name]
            sections.append(report.cell_section(name, chosen))
        return sections

    def explanation(self):
        """How to read the tables, in paragraphs."""
        reasons = [
            f"{pair.name}, {precision}: {reason}"
            for pair in self._pairs.values()
            for precision, reason in pair.reasons.items()
            if reason
        ]
        missing = [f"Not measured: {'; '.join(reasons)}."] if reasons else []
        reading = report.HOW_TO_READ.format(
            sentences=self.num_texts,
            single=len(self._texts[: self._options.single_sentences]),
            rounds=self._options.rounds,
            own_penalty=self.penalties.own,
            other_penalty=self.penalties.other,
        )
        return [reading, report.thread_note(self.results), *missing]

    def footprint_tasks(self):
        """What to measure in fresh processes: each pair, precision and engine, one thread."""
        return [
            FootprintTask(
                pair.name,
                precision,
                engine,
                pair.arguments(engine, precision, 1, self.penalties),
                pair.files(engine, precision),
            )
            for pair in self._pairs.values()
            for precision in self._options.precisions
            for engine in (OWN, OTHER)
            if engine == OTHER or not pair.reasons[precision]
        ]


def _read_both(options):
    texts = read_lines(options.source, options.sentences)
    references = read_lines(options.target, options.sentences)
    if len(texts) != len(references) or not texts:
        raise ValueError(
            f"{options.target}: lines do not match {options.source}; expected as many, at least "
            f"one. Received {len(references)} and {len(texts)}. Name files of one set."
        )
    return texts, references


def require_same(name, texts, own, other):
    """Checks that two engines give the same translations.

    Args:
        name: the pair, for the message.
        texts: source texts.
        own: our translations.
        other: CTranslate2's translations.

    Raises:
        RuntimeError: less than `SAME_SHARE` of them are equal.
    """
    different = [i for i, (a, b) in enumerate(zip(own, other, strict=True)) if a != b]
    if len(own) - len(different) < SAME_SHARE * len(own):
        i = different[0]
        raise RuntimeError(
            f"{name}: greedy texts differ in {len(different)} of {len(own)} sentences; expected at "
            f"most {1 - SAME_SHARE:.0%}. Received, for {texts[i]!r}, {own[i]!r} from ours and "
            f"{other[i]!r} from CTranslate2. Check that checkpoint and bundle belong together."
        )
