"""Callbacks of `model.fit`: the loss curve, the evaluations, and the resumable state.

An epoch of `fit` is one evaluation period here; `Progress.step` counts updates over all of them.
The callbacks share one `Progress` and must be passed in the order of this file: the loss curve
advances the step, an evaluation judges the weights at that step, and the state stores both.
"""

import csv
import math
import time
from collections.abc import Callable
from pathlib import Path

import keras

from training.state import Progress, save_state, write_bytes


class CurveLog(keras.callbacks.Callback):
    """Writes `step,loss,learning_rate` to a CSV file after every update; counts steps and time.

    The loss is that of the step's own batch: the metrics, which Keras otherwise averages over the
    epoch, are reset before every batch.

    Args:
        path: the file. Rows after `progress.step` are from before a resume and are dropped.
        progress: its step and its seconds are advanced here.

    Raises:
        FloatingPointError: when a loss is not finite.
    """

    def __init__(self, path: Path, progress: Progress):
        super().__init__()
        self.path = Path(path)
        self.progress = progress
        keep_rows(self.path, ["step", "loss", "learning_rate"], progress.step)

    def on_epoch_begin(self, epoch, logs=None):
        self._last = time.perf_counter()

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        loss = float(logs["loss"])
        self.progress.step += 1
        now = time.perf_counter()
        self.progress.train_seconds += now - self._last
        self._last = now
        rate = learning_rate_at(self._model.optimizer, self.progress.step)
        # Nine digits give every float32 back exactly.
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{self.progress.step},{loss:.9g},{rate:.6g}\n")
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"CurveLog: loss is {loss} at step {self.progress.step}; expected a finite number. "
                "Received a diverged model. Lower train.learning_rate or lengthen "
                "train.warmup_steps."
            )


def learning_rate_at(optimizer, step: int) -> float:
    """Returns the rate that update number `step` (from 1) used."""
    schedule = getattr(optimizer, "inner_optimizer", optimizer)._learning_rate
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return float(schedule(step - 1))
    return float(optimizer.learning_rate)


def keep_rows(path: Path, header: list[str], last_step: int) -> None:
    """Makes a CSV file end at `last_step`: rows of later steps, and a torn last row, are dropped.

    Args:
        path: the file; made with its header when it is missing.
        header: the column names; the first is the step.
        last_step: rows with a larger step are dropped.
    """
    rows = []
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if len(row) == len(header)][1:]
    kept = [header, *(row for row in rows if row[0].isdigit() and int(row[0]) <= last_step)]
    text = "".join(",".join(row) + "\n" for row in kept)
    write_bytes(path, text.encode())


class PeriodicEvaluation(keras.callbacks.Callback):
    """Evaluates at the end of every period, remembers the best score, stops without progress.

    Args:
        path: CSV file of the evaluations, with their time and that of all updates before; rows
            after `progress.step` are dropped.
        progress: the best score and the patience counter are kept here.
        evaluate: (model) → scores, a dict with `bleu`, `chrf`, `loss` and `perplexity`.
        monitor: `bleu` (higher is better, then lower loss) or `loss` (lower is better).
        patience: evaluations without a better score until training stops; 0 for never.
        on_evaluated: (model, scores, is_best), called after each evaluation; keeps weights.
    """

    COLUMNS = ("step", "loss", "perplexity", "bleu", "chrf", "seconds", "train_seconds")

    def __init__(
        self,
        path: Path,
        progress: Progress,
        evaluate: Callable,
        monitor: str,
        patience: int,
        on_evaluated: Callable,
    ):
        super().__init__()
        self.path = Path(path)
        self.progress = progress
        self.evaluate = evaluate
        self.monitor = monitor
        self.patience = patience
        self.on_evaluated = on_evaluated
        keep_rows(self.path, list(self.COLUMNS), progress.step)

    def on_epoch_end(self, epoch, logs=None):
        start = time.perf_counter()
        model = self.model
        scores = self.evaluate(model)
        seconds = time.perf_counter() - start
        row = {"step": self.progress.step, **scores, "seconds": seconds}
        row["train_seconds"] = self.progress.train_seconds
        with self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(",".join(_number(row[column]) for column in self.COLUMNS) + "\n")
        is_best = self._judge(scores)
        self.on_evaluated(model, scores, is_best)
        if out_of_patience(self.progress, self.patience):
            model.stop_training = True

    def _judge(self, scores) -> bool:
        progress, (score, negative_loss) = self.progress, rank(scores, self.monitor)
        best = progress.best_score, -progress.best_loss
        is_best = progress.best_score is None or (score, negative_loss) > best
        if is_best:
            progress.best_score, progress.best_loss = score, -negative_loss
            progress.best_step = progress.step
        progress.evaluations_since_best = 0 if is_best else progress.evaluations_since_best + 1
        return is_best


def rank(scores: dict, monitor: str) -> tuple[float, float]:
    """What makes weights better: higher is. Equal scores are told apart by their loss."""
    score = scores["bleu"] if monitor == "bleu" else -scores["loss"]
    return score, -scores["loss"]


class PeriodCount(keras.callbacks.Callback):
    """Lets Keras's progress say "Epoch 2/40" where `fit` is called for one period after the other.

    Args:
        count: periods in all.
    """

    def __init__(self, count: int):
        super().__init__()
        self.count = count

    def set_params(self, params):
        if params:
            params["epochs"] = self.count  # for the progress bar, which comes after this callback
        super().set_params(params)


def _number(value) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def out_of_patience(progress: Progress, patience: int) -> bool:
    """Returns whether training should stop; never with patience 0."""
    return 0 < patience <= progress.evaluations_since_best


class StateSaver(keras.callbacks.Callback):
    """Saves the resumable state every `every` updates and after each evaluation.

    The save that would fall on the last update of a period is left to the end of the period, so a
    state never stands between an update and the evaluation that belongs to it.

    Args:
        path: the state file, replaced atomically.
        progress: saved with the variables.
        every: updates between two saves, ≥ 1.
    """

    def __init__(self, path: Path, progress: Progress, every: int):
        super().__init__()
        self.path = Path(path)
        self.progress = progress
        self.every = every

    def on_train_batch_end(self, batch, logs=None):
        if self.progress.step % self.every == 0 and batch + 1 < self.params["steps"]:
            save_state(self.path, self.model, self.progress)

    def on_epoch_end(self, epoch, logs=None):
        save_state(self.path, self.model, self.progress)
