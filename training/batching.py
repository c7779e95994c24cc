"""Batches for `model.fit`: an endless training stream that resumes exactly.

Items are numpy arrays, so every Keras backend is fed in the same way.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from training.batches import Batch, Batches
from training.token_store import TokenStore

__all__ = ["Batches", "TokenStore", "TrainingStream"]


class TrainingStream(keras.utils.PyDataset):
    """An endless stream of batches for one `fit`: item i is the batch of step start_step + i.

    Step s is batch s mod n of epoch s // n, with n = `batches.batches_per_epoch`. A run that was
    stopped after k steps therefore goes on exactly where it was with `start_step=k`, wherever in an
    epoch that is. Because the stream is endless, `fit` must be told how many steps its epochs have,
    and one `fit` walks on from epoch to epoch:

        stream = TrainingStream(batches, start_step=k)
        model.fit(stream, steps_per_epoch=500, epochs=20, shuffle=False)

    Batches are made ahead in one thread, in order, until `close()`; Keras on TensorFlow holds on to
    a stream for as long as the process lives.

    Before the first epoch Keras reads items 0 and 1 on TensorFlow, and takes a dimension in which
    they agree as fixed for good. Buckets would break that, so item 1 is then item 0 made larger.

    Args:
        batches: Where the batches come from.
        start_step: Steps already done.
        prefetch: How many batches to make ahead; 0 makes each when it is asked for.
        twice: Whether every batch holds its pairs twice, one half after the other, for
            `training.losses.RDropCrossEntropy`.

    Raises:
        ValueError: start_step or prefetch is negative, or a second `fit` uses the stream.
    """

    def __init__(
        self, batches: Batches, *, start_step: int = 0, prefetch: int = 4, twice: bool = False
    ):
        # More Keras workers would hand out wrong items at the start: when Keras peeks at a batch to
        # build metrics, it puts the batches that its workers had ready in front of the queue.
        super().__init__(workers=1, use_multiprocessing=False)
        if start_step < 0 or prefetch < 0:
            raise ValueError(
                "TrainingStream: start_step or prefetch is negative; expected 0 or more. "
                f"Received {start_step} and {prefetch}. Correct them."
            )
        self._batches, self._start_step, self._prefetch = batches, int(start_step), prefetch
        self._twice = twice
        self._started = self._within_epoch = self._used = False
        self._ahead = {}
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "training-stream") if prefetch else None

    @property
    def num_batches(self) -> None:
        """None: the stream does not end."""
        return None

    def batch(self, step: int) -> Batch:
        """Returns the batch of a global step, whatever was read before."""
        inputs, labels = self._batches.batch(*divmod(step, self._batches.batches_per_epoch))
        if self._twice:
            inputs = {name: np.concatenate([ids, ids]) for name, ids in inputs.items()}
            labels = np.concatenate([labels, labels])
        return inputs, labels

    def close(self) -> None:
        """Ends the thread; a batch that is asked for later is made then."""
        if self._thread is not None:
            with self._lock:
                self._thread.shutdown(cancel_futures=True)
                self._thread = None
                self._ahead.clear()

    def __getitem__(self, index: int) -> Batch:
        if index == 1 and not self._started and keras.backend.backend() == "tensorflow":
            inputs, labels = self._item(0)
            larger = {name: np.pad(ids, ((0, 1), (0, 1))) for name, ids in inputs.items()}
            return larger, np.pad(labels, ((0, 1), (0, 1)))
        return self._item(index)

    def on_epoch_begin(self):
        """Called by Keras before the first batch of an epoch is read."""
        self._started = self._within_epoch = True

    def on_epoch_end(self):
        """Called by Keras after an epoch, and at the beginning of `fit`."""
        if self._used and not self._within_epoch:
            raise ValueError(
                "TrainingStream: stream was used by another fit; expected one fit for a stream, "
                "since a second one would begin at start_step again. Make a new TrainingStream "
                "with start_step set to the steps done."
            )
        self._used = self._used or self._within_epoch
        self._within_epoch = False

    def _item(self, index: int) -> Batch:
        step = self._start_step + index
        with self._lock:
            if self._thread is None or not self._started:
                return self.batch(step)
            wanted = range(step, step + self._prefetch + 1)
            for stale in self._ahead.keys() - set(wanted):
                self._ahead.pop(stale).cancel()
            for later in wanted:
                if later not in self._ahead:
                    self._ahead[later] = self._thread.submit(self.batch, later)
            current = self._ahead.pop(step)
        return current.result()
