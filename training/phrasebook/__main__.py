"""Prints a sample of the phrasebook for proofreading, after writing all of it to a DIRECTORY.

python -m training.phrasebook --sample 200 --seed 1
python -m training.phrasebook DIRECTORY
"""

import argparse
import random
import sys

from serving import standard_streams
from training import phrasebook


def main() -> int:
    """Runs the command line; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.phrasebook", description=__doc__)
    parser.add_argument("directory", nargs="?", help="where train.ko, train.en, … go")
    parser.add_argument("--sample", type=int, default=10, metavar="N", help="pairs to print")
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="which sample")
    options = parser.parse_args()
    if options.sample < 0:
        parser.error(f"--sample: expected at least 0. Received {options.sample}.")
    try:
        standard_streams.prepare()
        _run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        return standard_streams.reader_left()
    except (ValueError, OSError) as error:
        print(f"training.phrasebook: {error}", file=sys.stderr)
        return 2
    return 0


def _run(options: argparse.Namespace) -> None:
    if options.directory:
        for name, count in phrasebook.write(options.directory).items():
            print(f"{name}: {count} pairs")
    pairs = phrasebook.pairs()
    sample = random.Random(options.seed).sample(pairs, min(options.sample, len(pairs)))
    for pair in sample:
        print(f"{pair.korean}\t{pair.english}")


if __name__ == "__main__":
    sys.exit(main())
