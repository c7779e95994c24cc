"""``python -m serving``: the commands of ``serving.commands``, or the package that they lack."""

import sys

try:
    from serving.commands import main

    if __name__ == "__main__":
        sys.exit(main())
except ModuleNotFoundError as error:
    print(
        f"error: {error.name} is not installed; expected the extra for serving. "
        'Install it, in the repository: pip install ".[serve]"',
        file=sys.stderr,
    )
    sys.exit(2)
