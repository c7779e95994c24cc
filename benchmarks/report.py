"""Tables on the terminal and in Markdown, and the summary line."""

import statistics
from dataclasses import dataclass

from benchmarks.engines import OWN

HOW_TO_READ = """\
Each run takes {sentences} sentences ({single} at batch 1) from text to text: tokenizing, sorting \
by length, padding, decoding, joining. At batch 1 each sentence is a call of its own, in the order \
of the file. Every cell was run {rounds} times, both engines in turn; min is the fastest run. \
Ratios are CTranslate2's time over ours, so above 1 ours is faster. Tokens per second count the \
pieces of each engine's own translations, end tokens included.

Both engines get the same vocabulary, weights and limit (twice the source's tokens plus 10). \
CTranslate2 gets batches sorted by length, each with its own limit and, where there are several \
threads, as many batches at once, on a thread each, as ours does; a single sentence gets all \
threads. It gives no scores, and of OpenMP's ways for idle threads to wait it has the one that \
was faster in a trial. Its length penalty is {other_penalty} for our {own_penalty}: it divides \
a score by n^{other_penalty}, ours by ((5 + n) / 6)^{own_penalty}, which grow alike at the \
references' mean length. Its beam search ends when as many hypotheses are finished as the beam \
is wide, ours when no better one is possible. That is a difference of definition, so beam texts \
may differ; BLEU tells what it does.

CPU only: `Translator.load(bundle, device="cuda")` runs the same file on onnxruntime's \
CUDAExecutionProvider, but for want of a GPU that has not been measured yet."""


@dataclass
class Section:
    """One table with a heading and a line on how to read it."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    note: str = ""


def summary(results):
    """The last line: cells where our fastest run is at least as fast, of all; median of ratios.

    A cell that was not measured counts among all and not among those at or above; the median is
    over the measured ones.
    """
    ratios = [result.ratio for result in results if not result.reason]
    above = sum(ratio >= 1.0 for ratio in ratios)
    median = f"{statistics.median(ratios):.2f}" if ratios else "not measured"
    return f"cells at or above CTranslate2: {above} of {len(results)}, median {median}"


def _same(own, other):
    same = sum(a == b for a, b in zip(own, other, strict=True))
    return f"{same} of {len(own)}"


def cell_section(pair, results):
    """The table of one pair.

    Args:
        pair: its name.
        results: its `Result`s.
    """
    columns = (
        *("precision", "threads", "batch", "search"),
        *("ours min s", "ours median s", "CT2 min s", "CT2 median s"),
        *("ours tokens/s", "CT2 tokens/s", "ratio of min", "ratio of medians", "same text"),
    )
    rows = [_cell_row(result) for result in results]
    note = "Ratio: CTranslate2's time over ours; above 1 ours is faster."
    return Section(f"{pair}: ours against CTranslate2", columns, rows, note)


def _cell_row(result):
    cell, own, other = result.cell, result.own, result.other
    start = (cell.precision, str(cell.threads), str(cell.batch_size), cell.search)
    if result.reason:
        return (*start, *("–",) * 8, "not measured")
    return (
        *start,
        *(f"{value:.3f}" for value in (own.fastest, own.median, other.fastest, other.median)),
        f"{own.tokens / own.fastest:.0f}",
        f"{other.tokens / other.fastest:.0f}",
        f"{result.ratio:.2f}",
        f"{result.median_ratio:.2f}",
        _same(own.texts, other.texts),
    )


def thread_note(results):
    """The most CPU seconds per second that each engine used, by number of threads."""
    measured = [result for result in results if not result.reason]
    parts = []
    for threads in sorted({result.cell.threads for result in measured}):
        chosen = [result for result in measured if result.cell.threads == threads]
        own = max(max(result.own.cores) for result in chosen)
        other = max(max(result.other.cores) for result in chosen)
        parts.append(f"with {threads}: ours {own:.2f}, CTranslate2 {other:.2f}")
    return f"Most cores in use during a run, by threads: {'; '.join(parts) or 'not measured'}."


def verification_section(verified, references):
    """Whether both engines give the same text, and how good it is.

    Args:
        verified: tuples of cell, our texts, CTranslate2's texts, our tokens, CTranslate2's tokens.
        references: reference translations.
    """
    from sacrebleu.metrics import BLEU

    columns = (
        *("pair", "precision", "search", "same text"),
        *("ours BLEU", "CT2 BLEU", "CT2 − ours", "ours tokens", "CT2 tokens"),
    )
    rows = []
    for cell, own, other, *tokens in verified:
        scores = [BLEU().corpus_score(texts, [references]).score for texts in (own, other)]
        label = (cell.pair, cell.precision, cell.search, _same(own, other))
        numbers = (*(f"{score:.2f}" for score in scores), f"{scores[1] - scores[0]:+.2f}")
        rows.append((*label, *numbers, *map(str, tokens)))
    note = "BLEU: sacreBLEU, 13a. Tokens: pieces of the translations, end tokens included."
    return Section("The same text", columns, rows, note)


def footprint_section(tasks, found, sentences):
    """Start, memory and files.

    Args:
        tasks: `FootprintTask`s.
        found: for each task the results of `benchmarks.footprint.measure`.
        sentences: sentences translated before memory is read.
    """
    columns = (
        *("pair", "precision", "engine", "files MB", "import + load s"),
        *("first sentence ms", "peak memory MB", "frameworks loaded"),
    )
    rows = []
    for task, runs in zip(tasks, found, strict=True):
        size = sum(path.stat().st_size for path in dict.fromkeys(task.files))
        start, first, peak = (
            statistics.median(run[key] for run in runs) for key in ("start", "first", "peak")
        )
        frameworks = sorted({name for run in runs for name in run["frameworks"]})
        label = (task.pair, task.precision, task.engine, f"{size / 1e6:.1f}")
        numbers = (f"{start:.2f}", f"{first * 1e3:.1f}", f"{peak / 1e6:.0f}")
        rows.append((*label, *numbers, ", ".join(frameworks) or "none"))
    note = (
        f"Fresh processes, one thread, median of {len(found[0])}; memory after {sentences} "
        "sentences by greedy search at batch 16. Our load also checks every file of the bundle "
        "against its hash."
    )
    return Section("A fresh process", columns, rows, note)


def baseline_section(name, measured, threads):
    """Our engine against the SavedModel and Keras.

    Args:
        name: the model's name.
        measured: what `benchmarks.baselines.measure` returned.
        threads: threads of every engine.
    """
    others = [engine for engine in measured["rows"][0]["seconds"] if engine != OWN]
    columns = (f"{OWN} in", "batch", *(f"{engine} min s" for engine in (OWN, *others)))
    columns += tuple(f"{engine} / {OWN}" for engine in others)
    columns += tuple(f"{engine} same text" for engine in others)
    rows = []
    for row in measured["rows"]:
        fastest = {engine: min(seconds) for engine, seconds in row["seconds"].items()}
        times = tuple(f"{fastest[engine]:.3f}" for engine in (OWN, *others))
        ratios = tuple(f"{fastest[engine] / fastest[OWN]:.2f}" for engine in others)
        same = tuple(f"{row['same'][engine]} of {measured['sentences']}" for engine in others)
        rows.append((row["precision"], str(row["batch_size"]), *times, *ratios, *same))
    search = "greedy" if measured["beam_size"] == 1 else f"beam {measured['beam_size']}"
    note = (
        f"{measured['sentences']} sentences, {search}, threads: {threads}; text in, text out. "
        f"{' and '.join(others)} compute in float32."
    )
    return Section(f"{name}: ours against TensorFlow and Keras", columns, rows, note)


def markdown(heading, paragraphs, sections, last_line):
    """A Markdown document that ends with `last_line`."""
    parts = [f"# {heading}", *paragraphs]
    for section in sections:
        parts += [
            f"## {section.title}",
            markdown_table(section.columns, section.rows),
            section.note,
        ]
    return "\n\n".join([*filter(None, parts), last_line]) + "\n"


def markdown_table(columns, rows):
    """A table whose first column is text and whose others are numbers, all as they are shown."""
    lines = [columns, ["---"] + ["---:"] * (len(columns) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def print_sections(sections, paragraphs):
    """Prints tables and paragraphs with rich; wide tables are not folded into 80 columns."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.width = max(console.width, 150)
    for section in sections:
        table = Table(title=section.title, caption=section.note, title_justify="left")
        for index, column in enumerate(section.columns):
            table.add_column(column, justify="right" if index else "left")
        for row in section.rows:
            table.add_row(*row)
        console.print(table)
    for paragraph in paragraphs:
        console.print(paragraph, highlight=False, markup=False)
