"""A progress line for the terminal, without dependencies."""

import sys
import time


class ProgressLine:
    """Rewrites one line such as ``1,024 of 4,096 texts (25 %), 310 a second``.

    Args:
        total: Number of texts; None when it is not known.
        shown: False makes every method do nothing.
        stream: Where to write; standard error by default.
    """

    def __init__(self, total: int | None, shown: bool, stream=None):
        self._total = total
        self._stream = stream or sys.stderr
        self._shown = shown and self._stream is not None
        self._done = 0
        self._started = time.monotonic()
        self._drawn = 0.0

    def advance(self, count: int) -> None:
        """Counts more texts as done and redraws, at most ten times a second."""
        self._done += count
        now = time.monotonic()
        if self._shown and (now - self._drawn >= 0.1 or self._done == self._total):
            self._drawn = now
            share = (
                f" of {self._total:,} texts ({self._done / self._total:.0%})"
                if self._total
                else " texts"
            )
            rate = self._done / max(now - self._started, 1e-9)
            line = f"{self._done:,}{share}, {rate:,.0f} a second"
            # \x1b[K clears what a longer line left behind.
            self._stream.write(f"\r{line}\x1b[K")
            self._stream.flush()

    def __enter__(self) -> "ProgressLine":
        return self

    def __exit__(self, *exception) -> None:
        # Ends the line.
        if self._shown and self._drawn:
            self._stream.write("\n")
            self._stream.flush()


def wants_progress(progress: bool | None, num_batches: int | None) -> bool:
    """Decides for ``progress=None``: on a terminal, when there are more than a few batches."""
    if progress is not None:
        return progress
    is_terminal = getattr(sys.stderr, "isatty", None)  # a service may have closed or replaced it
    return bool(is_terminal and is_terminal()) and (num_batches is None or num_batches > 3)
