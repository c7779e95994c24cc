"""Runs one of these modules in a fresh process and reads its result."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

from training import readers

ROOT = Path(__file__).resolve().parents[1]


def run_module(module, *arguments, environment=None):
    """Runs `python -m benchmarks.MODULE ARGUMENTS` from the repository's root.

    Args:
        module: name inside `benchmarks`.
        *arguments: the command line; paths must be absolute.
        environment: variables to add to this process's own.

    Returns:
        The JSON value in the last line of its output, or None when it printed nothing.

    Raises:
        RuntimeError: the process failed; the message holds the last line of its errors.
    """
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    if done.returncode:
        errors = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise RuntimeError(f"benchmarks.{module}: {errors[-1]}")
    lines = done.stdout.strip().splitlines()
    return json.loads(lines[-1]) if lines else None


def read_lines(path, count=None):
    """The lines of a text file, gzip or not; the first `count` of them.

    Raises:
        ValueError: the file has fewer lines than `count`, or is not text.
    """
    lines = list(itertools.islice(readers.read_lines(Path(path)), count))
    if count is not None and len(lines) < count:
        raise ValueError(
            f"{path}: too few lines; expected at least {count}. Received {len(lines)}. "
            "Lower --sentences."
        )
    return lines
