"""``python -m serving``: the commands of ``serving.commands``, or the package that they lack."""

import sys

from serving.extras import missing_package

try:
    from serving.commands import main

    if __name__ == "__main__":
        sys.exit(main())
except ModuleNotFoundError as error:
    print(missing_package("error", error, "serving", "serve"), file=sys.stderr)
    sys.exit(2)
