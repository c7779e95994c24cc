"""Trains a recipe: data, vocabulary, model, then plain `compile` and `fit`."""

import contextlib
import itertools
import json
import math
from pathlib import Path

import keras

from serving.tokenizer import tokenizer_files
from training.batching import TrainingStream
from training.building import build_batches, build_model, check_model, take_weights
from training.callbacks import (
    CurveLog,
    PeriodCount,
    PeriodicEvaluation,
    StateSaver,
    out_of_patience,
    rank,
)
from training.checkpoints import average_weights, replace_checkpoint, save_step, saved_steps
from training.evaluate import translate
from training.metadata import checkpoint_metadata, measured_on
from training.recipe import Recipe
from training.run_directory import (
    RunDirectory,
    TrainingText,
    pick_examples,
    read_pairs,
    some_of_each,
)
from training.scoring import PerplexityScorer, make_bleu, score_texts
from training.state import Progress, load_state
from training.tensorboard_log import TensorBoardLog
from zoo.checkpoint import WEIGHTS, load_weights


def train(
    recipe: Recipe,
    data_dir: str | Path,
    run_dir: str | Path,
    resume: bool = False,
    verbose: int | str = "auto",
) -> dict:
    """Trains a model and leaves checkpoint directories behind.

    A run that was interrupted goes on from its last saved state when `resume` is true: the data
    order, dropout and optimizer continue as if nothing had happened.

    Args:
        recipe: what to train; with `resume` the recipe of the run.
        data_dir: where the recipe's paths start.
        run_dir: where everything goes, see `RunDirectory`.
        resume: whether to go on with the run in `run_dir`.
        verbose: Keras's progress: 0 none, 1 a bar, 2 a line for each evaluation period; "auto" is
            a bar on a terminal and lines otherwise.

    Returns:
        The scores of `run_dir/final`.

    Raises:
        ConfigError: the recipe cannot be used, or the directory is in use, such as by another
            process that trains there.
        ValueError: from the data, with file and line.
        FloatingPointError: the loss is no longer finite.
    """
    run, data = RunDirectory(run_dir), Path(data_dir)
    make_bleu(recipe.train.tokenize)  # a mistake is to show before anything is read or written
    if not resume:
        check_model(recipe)
        run.start(recipe, data)
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.train.precision)
    try:
        with run.held():
            return _Training(recipe, data, run, verbose).run()
    finally:
        keras.config.set_dtype_policy(previous)


def quicken_tensorflow() -> None:
    """Turns grappler's remapper off: a Transformer's training step takes 0.6 of the time on a CPU.

    Does nothing on other backends.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.optimizer.set_experimental_options({"remapping": False})


def periods(step: int, last_step: int, length: int) -> list[tuple[int, int]]:
    """Returns (first, end) of the evaluation periods from `step` on.

    A resumed run's first period is the rest of the one it was interrupted in, so evaluations
    fall on the same steps as without the interruption.
    """
    bounds = [step, *range((step // length + 1) * length, last_step, length), last_step]
    return [(first, end) for first, end in itertools.pairwise(bounds) if first < end]


class _Training:
    """One call of `train`, step by step."""

    def __init__(self, recipe: Recipe, data: Path, run: RunDirectory, verbose):
        from rich.console import Console

        self.recipe, self.data, self.run_directory = recipe, data, run
        console = Console(highlight=False, soft_wrap=True)
        self.say = console.print
        self.verbose = (1 if console.is_terminal else 2) if verbose == "auto" else verbose
        self.progress = Progress()
        self.measured = {}

    def run(self) -> dict:
        quicken_tensorflow()
        keras.utils.set_random_seed(self.recipe.train.seed)
        self._prepare()
        self._fit()
        return self._finish()

    def _prepare(self) -> None:
        recipe, run = self.recipe, self.run_directory
        self.say(f"[bold]{recipe.name}[/] on Keras {keras.version()} ({keras.backend.backend()})")
        self.say(f"Run directory {run.path}: recipe, tokenizer, logs, states, checkpoints")
        text = TrainingText(recipe, self.data, self.say)  # writes a generated corpus, if any
        valid = [read_pairs([corpus], self.data) for corpus in recipe.data.valid]
        self.valid = some_of_each(valid)
        self.translated = some_of_each(valid, recipe.train.valid_sentences or None)
        self.test = read_pairs(recipe.data.test, self.data) if recipe.data.test else None
        self.tokenizers = text.tokenizers(run)
        self.model = build_model(recipe, self.tokenizers)
        scored = [zip(*part, strict=True) for part in (self.valid, self.test) if part]
        held_out = list(itertools.chain.from_iterable(scored))
        store = text.encode(run, self.tokenizers, self.model.config, held_out)
        self.batches = build_batches(recipe, store, self.tokenizers)
        self.say(
            f"{self.batches.batches_per_epoch:,} batches an epoch, "
            f"{self.batches.padding:.0%} of their positions padding"
        )
        self.say(f"Model {recipe.model.preset}: {self.model.count_params():,} parameters")
        self.perplexity = PerplexityScorer(
            self.model, self.tokenizers, *self.valid, recipe.train.batch_tokens
        )
        if recipe.model.start_from and not run.state.exists():
            take_weights(self.model, recipe)
            self.say(f"Starting from the weights in {recipe.model.start_from}")
        if run.state.exists():
            self.progress = load_state(run.state, self.model)
            self.say(f"Resuming at step {self.progress.step}")

    def _fit(self) -> None:
        settings, run, progress = self.recipe.train, self.run_directory, self.progress
        self.tensorboard = self._open_tensorboard()
        callbacks = [
            CurveLog(run.log, progress),
            *([self.tensorboard] if self.tensorboard else []),
            PeriodicEvaluation(
                run.evaluations,
                progress,
                self._evaluate,
                settings.monitor,
                settings.patience,
                self._keep,
            ),
            StateSaver(run.state, progress, settings.save_every),
        ]
        every = settings.evaluate_every
        callbacks.append(PeriodCount(-(-settings.steps // every)))
        for start, end in periods(progress.step, settings.steps, every):
            if out_of_patience(progress, settings.patience):
                self.say(f"No better {settings.monitor} since step {progress.best_step}: stopped")
                break
            number = start // every
            stream = TrainingStream(self.batches, start_step=start, twice=settings.r_drop > 0)
            with contextlib.closing(stream):
                self.model.fit(
                    stream,
                    steps_per_epoch=end - start,
                    initial_epoch=number,
                    epochs=number + 1,
                    callbacks=callbacks,
                    shuffle=False,
                    verbose=self.verbose,
                )
            self.say(self.latest)  # not from the callback: Keras's bar is still open there

    def _open_tensorboard(self) -> TensorBoardLog | None:
        try:
            return TensorBoardLog(self.run_directory.tensorboard, self.progress)
        except ImportError as error:
            self.say(f"No logs for TensorBoard: {error}. To get them: pip install tensorboard")
            return None

    def _evaluate(self, model) -> dict:
        perplexity = self.perplexity.score()
        sources, references = self.translated
        translations = translate(model, self.tokenizers, sources)
        scores = score_texts(translations, references, self.recipe.train.tokenize)
        self.measured["valid"] = measured_on(self.recipe.data.valid, len(sources), 1, scores)
        return {
            "loss": math.log(perplexity),
            "perplexity": perplexity,
            "bleu": scores.bleu,
            "chrf": scores.chrf,
        }

    def _keep(self, model, scores: dict, is_best: bool) -> None:
        step, run = self.progress.step, self.run_directory
        self.latest = f"Step {step}: {_line(scores)}{'  [bold]best so far[/]' if is_best else ''}"
        self.latest += self._time_left()
        if self.tensorboard:
            self.tensorboard.log_scores(scores)
        save_step(model, run.checkpoints, step, self.recipe.train.average_last)
        if is_best:
            replace_checkpoint(
                model, run.best, self._metadata(step, scores, "best"), self._tokenizer_files()
            )

    def _time_left(self) -> str:
        """How long the updates to come take, if all of them are done."""
        missing = self.recipe.train.steps - self.progress.step
        seconds = missing * self.progress.train_seconds / max(self.progress.step, 1)
        return f"  ({missing:,} updates left, {math.ceil(seconds / 60):,} min)" if missing else ""

    def _finish(self) -> dict:
        """Averages the last weights and makes `final` of the better of average and best."""
        run, model = self.run_directory, self.model
        best = json.loads((run.best / "config.json").read_text(encoding="utf-8"))["metadata"]
        kept, scores, step = "best", best["scores"], best["step"]
        files = saved_steps(run.checkpoints)
        if len(files) > 1:
            average_weights(model, files)
            averaged = self._evaluate(model)
            self.say(f"Best (step {step}): {_line(scores)}")
            self.say(f"Average of {len(files)} checkpoints: {_line(averaged)}")
            monitor = self.recipe.train.monitor
            if rank(averaged, monitor) >= rank(scores, monitor):
                kept, scores = f"average of {len(files)}", averaged
                step = self.progress.step
        if kept == "best":
            self.measured = best.get("measured_on", {})  # a resumed run may not have evaluated
            load_weights(model, run.best / WEIGHTS)
        scores = {f"valid_{name}": value for name, value in scores.items()}
        if self.test:
            translations = translate(model, self.tokenizers, self.test[0], beam_size=4)
            test = score_texts(translations, self.test[1], self.recipe.train.tokenize)
            self.measured["test"] = measured_on(self.recipe.data.test, len(self.test[0]), 4, test)
            scores |= {"test_bleu": test.bleu, "test_chrf": test.chrf}
            self.say(f"Test, beam 4: BLEU {test.bleu:.2f} ({test.bleu_signature})")
            self.say(f"              chrF {test.chrf:.2f} ({test.chrf_signature})")
        metadata = self._metadata(step, scores, kept)
        replace_checkpoint(model, run.final, metadata, self._tokenizer_files())
        self.say(f"Wrote {run.final}: weights of the {kept}")
        return scores

    def _metadata(self, step: int, scores: dict, weights: str) -> dict:
        examples = pick_examples(self.valid[0])
        return checkpoint_metadata(self.recipe, step, weights, scores, self.measured, examples)

    def _tokenizer_files(self) -> list[Path]:
        return tokenizer_files(self.run_directory.tokenizer)


def _line(scores: dict) -> str:
    return (
        f"loss {scores['loss']:.4f}  perplexity {scores['perplexity']:.3f}  "
        f"BLEU {scores['bleu']:.2f}  chrF {scores['chrf']:.2f}"
    )
