"""How fast bundles translate: text in, text out, against CTranslate2, TensorFlow and Keras.

    python benchmarks/decode_speed.py \\
        --pair tiny runs/tiny/final runs/tiny/bundle \\
        --source test_2016_flickr.en.gz --target test_2016_flickr.de.gz

A pair is a name, the checkpoint of a Transformer and the bundle exported from it. The checkpoint is
converted to CTranslate2, in a temporary directory, and both engines translate the same sentences.
Everything is timed on both sides: tokenizing, sorting, padding, decoding, joining. Before that,
greedy search in float32 must give the same text for 99 % of the sentences, or nothing is measured.

`--baseline NAME CHECKPOINT BUNDLE`, for any family and any number of times, compares a bundle with
its SavedModel and with Keras, on fewer sentences. Figures are of use only on a machine that does
nothing else. The tables go to the terminal and to `--output`; the last line of both is

    cells at or above CTranslate2: N of M, median R

that is, the cells in which our fastest run takes no longer than CTranslate2's, and the median of
the ratios of the fastest runs. Cells that cannot be measured count in M alone.
"""

import argparse
import shlex
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("ctranslate2", "sacrebleu", "onnxruntime", "sentencepiece", "rich")


def main(arguments=None):
    """Runs the benchmark; returns its exit status."""
    options = _parse(arguments)
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        print(
            f"decode_speed: {', '.join(missing)} not installed; expected the dev extra. "
            'Run: python -m pip install --constraint constraints.txt --editable ".[dev]"',
            file=sys.stderr,
        )
        return 2
    sys.path.insert(0, str(ROOT))  # Python put this file's own directory there

    from benchmarks.machine import prepare_environment

    prepare_environment()  # before NumPy comes in

    from benchmarks.program import run

    words = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "benchmarks/decode_speed.py", *map(_without_home, words)])
    try:
        with tempfile.TemporaryDirectory(prefix="decode_speed_") as scratch:
            run(options, Path(scratch), command)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"decode_speed: {error}", file=sys.stderr)
        return 1
    return 0


def _parse(arguments):
    description, usage = __doc__.split("\n\n", 1)
    parser = argparse.ArgumentParser(
        description=description,
        epilog=usage,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    triple = {"nargs": 3, "metavar": ("NAME", "CHECKPOINT", "BUNDLE"), "action": "append"}
    parser.add_argument("--pair", required=True, **triple)
    parser.add_argument("--source", type=Path, required=True, help="sentences, one a line, or .gz")
    parser.add_argument("--target", type=Path, required=True, help="their reference translations")
    count = {"type": _positive, "metavar": "N"}
    parser.add_argument("--sentences", help="only the first N (default: all)", **count)
    parser.add_argument("--single-sentences", help="only the first N at batch 1", **count)
    parser.add_argument("--rounds", default=3, help="runs of each cell (default: 3)", **count)
    parser.add_argument("--threads", default=[1, 2], nargs="+", **count)
    parser.add_argument("--batches", default=[1, 16, 64], nargs="+", **count)
    parser.add_argument("--beams", default=[1, 4], nargs="+", **count)
    names = ("float32", "int8")
    parser.add_argument("--precisions", nargs="+", choices=names, default=list(names))
    parser.add_argument("--length-penalty", type=float, default=0.6, help="ours (default: 0.6)")
    parser.add_argument("--baseline", default=[], **triple)
    parser.add_argument("--baseline-batches", default=[1, 16], nargs="+", **count)
    parser.add_argument("--baseline-sentences", default=100, **count)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "decode_speed.md")
    options = parser.parse_args(arguments)
    names = [name for name, *_ in options.pair]
    if len(set(names)) < len(names):
        parser.error(f"--pair: names must differ. Received {', '.join(names)}. Rename one.")
    return options


def _without_home(word):
    """The last parts of an absolute path; where it lies on this machine is nobody's business."""
    path = Path(word)
    return "/".join(("…", *path.parts[-2:])) if path.is_absolute() else str(word)


def _positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1. Received {number}.")
    return number


if __name__ == "__main__":
    sys.exit(main())
