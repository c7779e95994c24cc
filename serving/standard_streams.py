"""Standard output and error as the commands of all packages use them."""

import os
import sys


def prepare() -> None:
    """Makes both UTF-8 with plain line ends, whatever the terminal's or the file's default is.

    A closed standard error swallows what is written to it.

    Raises:
        ValueError: Standard output is closed, so no result could be seen.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  for the process's life
    if sys.stdout is None:
        raise ValueError("standard output is closed; expected a place for results. Redirect it.")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # what replaces it may not have it
            stream.reconfigure(encoding="utf-8", errors="replace", newline="\n")


def reader_left() -> int:
    """After a BrokenPipeError: what is still to be written goes nowhere; returns the status."""
    # Python flushes stdout once more at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141
