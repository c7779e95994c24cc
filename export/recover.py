"""`python -m export.recover BUNDLE CHECKPOINT`: a bundle back to a checkpoint, to train it further.

BUNDLE is a directory that `python -m export` wrote, or the name of a model of the package. The
weights are those of its float32 graph, or else of its int8 graph: those are rounded, which a little
training mends.
"""

import argparse
import os
import sys
from pathlib import Path

from export.__main__ import report_missing
from serving import standard_streams

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def main(arguments=None):
    """Runs the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m export.recover",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", help="a directory, or a model of the package such as en-ko")
    parser.add_argument("checkpoint", type=Path, help="directory to write")
    options = parser.parse_args(arguments)
    try:
        standard_streams.prepare()
        from export.unbundle import recover_checkpoint

        drift = recover_checkpoint(options.bundle, options.checkpoint)
    except ModuleNotFoundError as error:
        return report_missing("export.recover", error)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"export.recover: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("export.recover: interrupted", file=sys.stderr)
        return 130
    print(
        f"wrote {options.checkpoint}; {drift:.4f} off its golden translations in the "
        "log-probability of a token\n"
        f"train it further: --set model.start_from={options.checkpoint}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
