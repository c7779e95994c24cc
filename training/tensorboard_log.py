"""The curves of a run as TensorBoard event files, on every Keras backend.

Only the `tensorboard` package is used. `keras.callbacks.TensorBoard` and TensorBoard's own
`EventFileWriter` would import TensorFlow into a JAX process.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path

import keras

from training.callbacks import learning_rate_at
from training.state import Progress

_SCORES = ("loss", "perplexity", "bleu", "chrf")


class TensorBoardLog(keras.callbacks.Callback):
    """Writes `train/loss` and `train/learning_rate`, and `valid/…` for each evaluation.

    Every event is on disk when the call that wrote it returns. A run that goes on writes a second
    file, which begins with the mark that makes TensorBoard drop the steps it repeats.

    Args:
        directory: what `tensorboard --logdir` reads; made when it is missing.
        progress: its step, advanced by `CurveLog`, is the step of what is logged.
        every: updates between two points of the training curves, ≥ 1.

    Raises:
        ImportError: when `tensorboard` is not installed.
    """

    def __init__(self, directory: Path, progress: Progress, every: int = 10):
        super().__init__()
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._events, self._summaries, self._writer = event_pb2, summary_pb2, RecordWriter
        self.progress = progress
        self.every = every
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        # TensorBoard reads files in the order of their names, so the time comes first.
        self.path = directory / f"events.out.tfevents.{time.time():.6f}.{os.getpid()}"
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        # At each but the first start TensorBoard drops what has this step or a later one.
        self._write(
            event_pb2.Event(wall_time=time.time(), file_version="brain.Event:2"),
            event_pb2.Event(wall_time=time.time(), step=progress.step + 1, session_log=start),
        )

    def on_train_batch_end(self, batch, logs=None):
        step = self.progress.step
        if step % self.every == 0:
            rate = learning_rate_at(self._model.optimizer, step)
            self._write_scalars({"train/loss": logs["loss"], "train/learning_rate": rate})

    def log_scores(self, scores: Mapping[str, float]) -> None:
        """Writes the scores of an evaluation at the current step.

        Args:
            scores: `loss`, `perplexity`, `bleu` and `chrf`.
        """
        self._write_scalars({f"valid/{name}": scores[name] for name in _SCORES})

    def _write_scalars(self, scalars: Mapping[str, float]) -> None:
        values = [
            self._summaries.Summary.Value(tag=tag, simple_value=float(value))
            for tag, value in scalars.items()
        ]
        summary = self._summaries.Summary(value=values)
        step = self.progress.step
        self._write(self._events.Event(wall_time=time.time(), step=step, summary=summary))

    def _write(self, *events) -> None:
        with self.path.open("ab") as file:
            for event in events:
                self._writer(file).write(event.SerializeToString())
