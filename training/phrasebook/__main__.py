"""Writes the phrasebook to a directory, or prints a sample of it for proofreading.

python -m training.phrasebook DIRECTORY
python -m training.phrasebook --sample 200 --seed 1
"""

import argparse
import random

from training import phrasebook


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.phrasebook", description=__doc__)
    parser.add_argument("directory", nargs="?", help="where train.ko, train.en, … go")
    parser.add_argument("--sample", type=int, default=10, metavar="N", help="pairs to print")
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="which sample")
    options = parser.parse_args()
    if options.directory:
        for name, count in phrasebook.write(options.directory).items():
            print(f"{name}: {count} pairs")
    pairs = phrasebook.pairs()
    sample = random.Random(options.seed).sample(pairs, min(options.sample, len(pairs)))
    for pair in sample:
        print(f"{pair.korean}\t{pair.english}")


if __name__ == "__main__":
    main()
