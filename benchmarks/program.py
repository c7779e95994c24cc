"""The steps of `decode_speed.py`, from the command line to the report."""

import json
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import machine, report
from benchmarks.comparison import Comparison
from benchmarks.worker import run_module

FOOTPRINT_ROUNDS = 3
FOOTPRINT_SENTENCES = 200


class Steps:
    """One bar of the progress display: `start` it with a total, `advance` it before each step."""

    def __init__(self, progress):
        self._progress = progress
        self._task = None
        self._total = 0

    def start(self, total):
        """Shows a new bar of `total` steps."""
        self._total = total
        self._task = self._progress.add_task("", total=total, completed=-1)

    def advance(self, description):
        """Says what begins now; what came before is done."""
        self._progress.update(self._task, advance=1, description=description)

    def finish(self, description):
        """Fills the bar."""
        self._progress.update(self._task, completed=self._total, description=description)


def run(options, scratch, command):
    """Measures, prints the tables and writes them to a file.

    Args:
        options: the command line of `decode_speed.py`.
        scratch: directory for converted models.
        command: the command line as text, for the report.

    Raises:
        ValueError: a file or bundle is not what it should be.
        RuntimeError: a checkpoint cannot be converted, or the engines' texts differ.
    """
    columns = (BarColumn(), TextColumn("{task.percentage:3.0f}%"), TimeElapsedColumn())
    warnings = machine.load_warning()
    console = Console(stderr=True)
    with Progress(*columns, TextColumn("{task.description}"), console=console) as progress:
        for warning in warnings:
            progress.console.print(f"[yellow]{warning}[/yellow]")
        steps = Steps(progress)
        comparison = Comparison(options, scratch, steps)
        comparison.verify()
        other_work = machine.OtherWork()
        comparison.time()
        warnings += other_work.describe()
        sections = comparison.sections()
        sections.append(_footprints(comparison, options, steps))
        sections += _baselines(options, steps)
    known = [machine.describe(command), machine.ctranslate2_environment()]
    paragraphs = [*known, *comparison.explanation(), *warnings]
    last = report.summary(comparison.results)
    text = report.markdown("Decoding speed", paragraphs, sections, last)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text, encoding="utf-8")
    report.print_sections(sections, paragraphs)
    print(f"written to {options.output}")
    print(last)


def _footprints(comparison, options, steps):
    """Start, first sentence, memory and files of each engine, each in a process of its own."""
    tasks = comparison.footprint_tasks()
    steps.start(len(tasks) * FOOTPRINT_ROUNDS)
    found = [[] for _ in tasks]
    common = {
        "source": str(options.source.resolve()),
        "sentences": min(FOOTPRINT_SENTENCES, comparison.num_texts),
    }
    for _ in range(FOOTPRINT_ROUNDS):
        for task, runs in zip(tasks, found, strict=True):
            steps.advance(f"fresh process: {task.pair}, {task.precision}, {task.engine}")
            request = {"engine": task.engine, "arguments": task.arguments, **common}
            runs.append(run_module("footprint", json.dumps(request)))
    steps.finish("fresh processes: done")
    return report.footprint_section(tasks, found, common["sentences"])


def _baselines(options, steps):
    """A table of each baseline."""
    sections = []
    if options.baseline:
        steps.start(len(options.baseline))
    for name, checkpoint, bundle in options.baseline:
        steps.advance(f"SavedModel and Keras: {name}")
        request = {
            "checkpoint": str(Path(checkpoint).resolve()),
            "bundle": str(Path(bundle).resolve()),
            "source": str(options.source.resolve()),
            "sentences": options.baseline_sentences,
            "batches": options.baseline_batches,
            "threads": min(options.threads),
            "rounds": options.rounds,
        }
        measured = run_module("baselines", json.dumps(request))
        sections.append(report.baseline_section(name, measured, request["threads"]))
    if options.baseline:
        steps.finish("SavedModel and Keras: done")
    return sections
