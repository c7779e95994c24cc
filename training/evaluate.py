"""Translates a test set with a checkpoint or a bundle, and scores it."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import zoo
from serving.manifest import DecodingDefaults, Manifest
from serving.pretrained import find_bundle
from serving.rows import end_row, pad
from serving.tokenizer import load_tokenizers
from training.scoring import (
    PerplexityScorer,
    TextScores,
    check_aligned,
    make_bleu,
    score_texts,
)


@dataclass(frozen=True)
class Evaluation(TextScores):
    """Scores of one test set.

    Attributes:
        perplexity: per target token, end token included; None for a bundle, which has no teacher
            forcing.
        sentences: number of sentences.
        truncated: how many sources were longer than the model takes, so that their ends were cut
            off.
        seconds: time for translating, tokenizing included, loading not.
        beam_size, length_penalty: of the search.
        translations: in the order of the sources.
    """

    perplexity: float | None
    sentences: int
    truncated: int
    seconds: float
    beam_size: int
    length_penalty: float
    translations: tuple[str, ...]

    @property
    def sentences_per_second(self) -> float:
        """Speed of translating."""
        return self.sentences / self.seconds

    def lines(self) -> list[str]:
        """Returns the result as lines to print."""
        lines = [
            f"BLEU {self.bleu:.2f}   {self.bleu_signature}",
            f"chrF {self.chrf:.2f}   {self.chrf_signature}",
        ]
        if self.perplexity is not None:
            lines.append(f"perplexity {self.perplexity:.3f}   per target token, end token included")
        search = f"beam {self.beam_size}, length penalty {self.length_penalty:g}"
        if self.beam_size == 1:
            search = "greedy"
        speed = f"{self.sentences_per_second:.1f} sentences/s"
        if self.truncated:
            lines.append(f"cut {self.truncated} of {self.sentences} sources: too long")
        return [
            *lines,
            f"search {search}",
            f"speed {speed}   {self.sentences} sentences in {self.seconds:.1f} s",
        ]


def translate(
    model,
    tokenizers: tuple,
    texts: Sequence[str],
    *,
    beam_size: int = 1,
    length_penalty: float = 0.6,
    batch_size: int = 64,
    on_progress: Callable[[int], None] | None = None,
) -> list[str]:
    """Translates with a Keras model, in batches of similar length.

    Args:
        model: a translation model of `zoo`.
        tokenizers: (source, target).
        texts: sentences; one without a token becomes an empty translation. Longer ones than the
            model's `max_source_length` are cut there.
        beam_size: hypotheses kept while searching; 1 is greedy search.
        length_penalty: exponent of the length in a hypothesis's score.
        batch_size: sentences in a batch.
        on_progress: called with the number of sentences of each finished batch.

    Returns:
        One translation a text, in the texts' order.
    """
    source, target = tokenizers
    rows = [end_row(source.encode(text), model.config.max_source_length) for text in texts]
    kept = [i for i, text in enumerate(texts) if text.strip() and len(rows[i]) > 1]
    order = sorted(kept, key=lambda i: -len(rows[i]))
    results = [""] * len(texts)
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        found = model.translate_ids(
            pad([rows[i] for i in batch]),
            beam_size=beam_size,
            length_penalty=length_penalty,
        )
        for i, ids in zip(batch, found["ids"], strict=True):
            results[i] = target.decode(ids[0])
        if on_progress:
            on_progress(len(batch))
    return results


def evaluate(
    path: str | Path,
    sources: Sequence[str],
    references: Sequence[str],
    *,
    beam_size: int | None = None,
    length_penalty: float | None = None,
    batch_size: int = 64,
    tokenize: str = "13a",
    output: str | Path | None = None,
    progress: bool = True,
) -> Evaluation:
    """Scores a checkpoint with Keras, or an exported bundle with onnxruntime.

    Args:
        path: a checkpoint directory, or a bundle (it has a manifest.json), be it by the name of
            a model of the package.
        sources, references: aligned sentences.
        beam_size: hypotheses kept while searching; 1 is greedy search. None is what the bundle does
            for callers who do not say; a checkpoint's is 4.
        length_penalty: exponent of the length in a hypothesis's score; None likewise, or 0.6.
        batch_size: sentences in a batch.
        tokenize: sacreBLEU's tokenizer, see `score_texts`.
        output: a file to write the translations to, one a line.
        progress: whether to draw a progress bar on standard error.

    Raises:
        ValueError: the path is neither, the lines do not fit together, or an option is out of
            range; all this is known before anything is translated.
    """
    path = find_bundle(path)
    check_aligned("evaluate", sources, references)
    make_bleu(tokenize)
    for name, value in (("beam_size", beam_size), ("batch_size", batch_size)):
        if value is not None and value < 1:
            raise ValueError(
                f"evaluate: {name} is out of range; expected an integer >= 1. Received {value}. "
                "Use 1 or more."
            )
    if length_penalty is not None and not 0 <= length_penalty < math.inf:
        raise ValueError(
            "evaluate: length_penalty is out of range; expected a number >= 0. Received "
            f"{length_penalty}. Use 0.6."
        )
    if output and (not Path(output).parent.is_dir() or Path(output).is_dir()):
        raise ValueError(
            f"{output}: is a directory, or lies in none; expected a file to write the translations "
            "to. Make its directory, or name another file."
        )
    is_bundle = (path / "manifest.json").is_file()
    defaults = DecodingDefaults(beam_size=4)
    if is_bundle:
        defaults = Manifest.read(path, verify=False).decoding  # the Translator verifies
    options = {
        "beam_size": defaults.beam_size if beam_size is None else beam_size,
        "length_penalty": defaults.length_penalty if length_penalty is None else length_penalty,
    }
    search, options["batch_size"] = dict(options), batch_size
    if is_bundle:
        translations, truncated, seconds = _with_bundle(path, sources, options, progress)
        perplexity = None
    elif (path / "config.json").is_file():
        model, _ = zoo.load_checkpoint(path)
        tokenizers = load_tokenizers(path)
        with _Bar(len(sources), progress) as bar:
            start = time.perf_counter()
            translations = translate(model, tokenizers, sources, on_progress=bar, **options)
            seconds = time.perf_counter() - start
        limit = model.config.max_source_length - 1  # the end token is one, too
        truncated = sum(len(tokenizers[0].encode(text)) > limit for text in sources)
        perplexity = PerplexityScorer(model, tokenizers, sources, references).score()
    else:
        raise ValueError(
            f"{path}: neither a checkpoint nor a bundle; expected a directory with config.json or "
            "manifest.json. Received something else. Pass a run's final folder, or what the "
            "exporter wrote."
        )
    scores = score_texts(translations, references, tokenize)
    if output:
        text = "".join(" ".join(line.splitlines()) + "\n" for line in translations)
        Path(output).write_text(text, encoding="utf-8")
    return Evaluation(
        **asdict(scores),
        perplexity=perplexity,
        sentences=len(sources),
        truncated=truncated,
        seconds=seconds,
        **search,
        translations=tuple(translations),
    )


def _with_bundle(path, sources, options, progress) -> tuple[list[str], int, float]:
    from serving.translator import Translator

    translator = Translator.load(path)
    start = time.perf_counter()
    # None: a line is drawn on a terminal only
    found = translator.translate(list(sources), progress=None if progress else False, **options)
    seconds = time.perf_counter() - start
    return [each.text for each in found], sum(each.truncated for each in found), seconds


class _Bar:
    """A rich progress bar over sentences; calling it with n advances it by n."""

    def __init__(self, total: int, visible: bool):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        self._progress = Progress(
            "translating",
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not visible,
            transient=True,
        )
        self._task = self._progress.add_task("translating", total=total)

    def __call__(self, count: int) -> None:
        self._progress.advance(self._task, count)

    def __enter__(self):
        self._progress.start()
        return self

    def __exit__(self, *exception):
        self._progress.stop()
