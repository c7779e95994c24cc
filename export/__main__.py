"""`python -m export CHECKPOINT OUT`: writes a verified bundle."""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def main(arguments=None):
    """Runs the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m export", description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="directory that training wrote")
    parser.add_argument("bundle", type=Path, help="directory to write")
    parser.add_argument("--examples", type=Path, help="source texts, one a line, to keep as golden")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing bundle")
    options = parser.parse_args(arguments)

    from rich.console import Console

    console = Console(stderr=True)
    started = time.perf_counter()
    try:
        with console.status("loading TensorFlow") as status:
            from export.bundle import export_bundle

            def report(line):
                console.print(f"[dim]{time.perf_counter() - started:5.1f} s[/dim]  {line}")
                status.update(line)

            examples = ()
            if options.examples:
                examples = options.examples.read_text(encoding="utf-8").splitlines()
            manifest, comparisons = export_bundle(
                options.checkpoint, options.bundle, examples, options.overwrite, report
            )
    except (ValueError, RuntimeError, OSError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 2
    _print_table(console, comparisons)
    size = sum(info.bytes for info in manifest.files.values())
    seconds = time.perf_counter() - started
    console.print(f"wrote {options.bundle} ({size / 1e6:.1f} MB) in {seconds:.0f} s")
    return 0


def _print_table(console, comparisons):
    from rich.table import Table

    table = Table(title="parity with Keras")
    for column in ("artefact", "beam", "sentences", "ids differ", "ties", "scores", "attention"):
        table.add_column(column, justify="left" if column == "artefact" else "right")
    for item in comparisons:
        numbers = [item.beam_size, item.rows, len(item.different), len(item.ties)]
        largest = [item.largest.get(name) for name in ("scores", "attention")]
        shown = ["–" if value is None else f"{value:.1e}" for value in largest]
        table.add_row(item.artefact, *map(str, numbers), *shown)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
