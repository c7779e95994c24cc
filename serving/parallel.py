"""Several runs of a session at the same time, each on one thread."""

import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import onnxruntime as ort

Item = TypeVar("Item")
Result = TypeVar("Result")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a Linux container: microseconds, of how many


def in_order(
    run: Callable[[Item, ort.RunOptions | None], Result], items: Sequence[Item], workers: int
) -> Iterator[Result]:
    """Runs a session on each item, several at once, and yields the results in the items' order.

    Few results wait at a time, so a slow consumer does not fill the memory. When a run fails, or
    the consumer goes away or is interrupted, the others are stopped in the middle.

    Args:
        run: Calls ``session.run`` with these run options, which may be None; must be safe to call
            from other threads.
        items: What to run it on.
        workers: Most runs at a time; with 1, or one item, this thread does the work.

    Raises:
        Exception: What the first failing ``run`` raised.
    """
    if workers == 1 or len(items) < 2:
        yield from (run(item, None) for item in items)
        return
    options = ort.RunOptions()
    options.log_severity_level = 4  # a run that is stopped on purpose is no error to log
    waiting = deque()
    with ThreadPoolExecutor(workers, "serving") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(run, item, options))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BaseException:  # KeyboardInterrupt, and GeneratorExit of a consumer that goes away
            options.terminate = True
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def physical_cores() -> int:
    """Cores that this process may use; hardware threads of one core count once on Linux.

    A container's limit of CPU time counts too, rounded up to whole cores.
    """
    try:
        allowed = os.sched_getaffinity(0)
    except AttributeError:  # not on this system
        return os.cpu_count() or 1
    return min(len({_siblings(cpu) for cpu in allowed}), _quota())


def _quota() -> float:
    try:
        microseconds, period = _QUOTA.read_text().split()
        return max(1, math.ceil(int(microseconds) / int(period)))
    except (OSError, ValueError):  # none, or "max"
        return math.inf


def _siblings(cpu: int) -> str:
    path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    try:
        return path.read_text()
    except OSError:
        return str(cpu)
