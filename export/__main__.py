"""`python -m export CHECKPOINT OUT`: writes a verified bundle."""

import argparse
import gzip
import os
import sys
import time
import zlib
from pathlib import Path

from serving import standard_streams
from serving.extras import missing_package
from serving.lines import decode_lines

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def main(arguments=None):
    """Runs the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m export", description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="directory that training wrote")
    parser.add_argument("bundle", type=Path, help="directory to write")
    parser.add_argument("--examples", type=Path, help="source texts, one a line, to keep as golden")
    parser.add_argument(
        "--valid",
        type=Path,
        nargs=2,
        metavar=("SOURCE", "TARGET"),
        help="texts and their translations, one a line, .gz allowed: adds int8 graphs to the "
        "bundle if they translate these as well as float32",
    )
    parser.add_argument(
        "--shortlist",
        type=Path,
        nargs=2,
        metavar=("SOURCE", "TARGET"),
        help="training texts and their translations, as for --valid: adds graphs that choose "
        "among likely target tokens only, if they translate the --valid texts as well; faster",
    )
    parser.add_argument(
        "--int8-only",
        action="store_true",
        help="keep the int8 graphs alone, once they are proven: for an app, a quarter of the size",
    )
    parser.add_argument(
        "--beam-size",
        type=int,
        default=1,
        help="of the search where a caller does not say; default 1, greedy",
    )
    parser.add_argument("--length-penalty", type=float, default=0.6, help="the same; default 0.6")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing bundle")
    options = parser.parse_args(arguments)

    started = time.perf_counter()
    try:
        standard_streams.prepare()
        from rich.console import Console

        console = Console(stderr=True)
        with console.status("loading TensorFlow") as status:
            from export.bundle import export_bundle

            def report(line):
                console.print(f"[dim]{time.perf_counter() - started:5.1f} s[/dim]  {line}")
                status.update(line)

            result = export_bundle(
                options.checkpoint,
                options.bundle,
                examples=read_lines(options.examples) if options.examples else (),
                valid=_parallel("--valid", options.valid),
                overwrite=options.overwrite,
                report=report,
                valid_name=options.valid[0].name if options.valid else "",
                shortlist=_parallel("--shortlist", options.shortlist),
                int8_only=options.int8_only,
                beam_size=options.beam_size,
                length_penalty=options.length_penalty,
            )
    except ModuleNotFoundError as error:
        return report_missing("export", error)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"export: {str(error).removeprefix('export: ')}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("export: interrupted; nothing was written", file=sys.stderr)
        return 130
    _print_table(console, result.findings)
    for name, found in result.measured.items():
        _print_measured(console, name, found)
    size = sum(info.bytes for info in result.manifest.files.values())
    seconds = time.perf_counter() - started
    console.print(f"wrote {options.bundle} ({size / 1e6:.1f} MB) in {seconds:.0f} s")
    return 0


def report_missing(command, error):
    """Says which package a command lacks; returns its exit status."""
    print(missing_package(command, error, "exporting", "export"), file=sys.stderr)
    return 2


def read_lines(path):
    """The lines of a UTF-8 text file, gzip or not.

    Raises:
        ValueError: The file is missing, a damaged gzip, or not UTF-8; naming file and line.
    """
    if not path.is_file():
        raise ValueError(
            f"{path}: file is missing; expected sentences, one a line. Check the path."
        )
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if packed else path.open("rb") as stream:
            return list(decode_lines(stream, path))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: damaged gzip ({error}). Copy the file again.") from error


def _parallel(option, paths):
    """The lines of two files that belong together; None for no files."""
    if paths is None:
        return None
    source, target = paths
    sides = read_lines(source), read_lines(target)
    if len(sides[0]) != len(sides[1]) or not sides[0]:
        raise ValueError(
            f"{option}: {source} and {target} do not belong together; expected as many lines in "
            f"both. Received {len(sides[0])} and {len(sides[1])}. Name the two sides of one set."
        )
    return sides


def _print_measured(console, name, report):
    for search, scores in report.bleu.items():
        shown = ", ".join(f"{graph} {score:.2f}" for graph, score in scores.items())
        console.print(f"BLEU of {report.sentences:,} sentences, {search}: {shown}")
    console.print(f"{name} {'written' if report.written else 'not written'}: {report.reason}")


def _print_table(console, findings):
    """The lines of `parity.md`."""
    from rich.table import Table

    from export.gate.findings import COLUMNS, OK

    table = Table(title="parity with Keras")
    for column in COLUMNS:
        table.add_column(column, justify="right" if column in ("largest", "mean") else "left")
    for finding in findings:
        table.add_row(*finding.cells(), style=None if finding.verdict == OK else "bold")
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
