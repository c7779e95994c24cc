"""One error message for all the problems that were found."""

import numbers
from collections.abc import Sequence


def summarize(where: str, problems: Sequence[str]) -> str:
    """Joins problems into one message: a sentence for one, a list for several.

    Args:
        where: What was being read or called, such as ``manifest.json``.
        problems: Full sentences, at least one.

    Returns:
        ``where: problem`` or ``where: N problems:`` followed by one line each.
    """
    if len(problems) == 1:
        return f"{where}: {problems[0]}"
    lines = "".join(f"\n  - {problem}" for problem in problems)
    return f"{where}: {len(problems)} problems:{lines}"


def raise_problems(where: str, problems: Sequence[str]) -> None:
    """Raises a ValueError that lists the problems, if there are any."""
    if problems:
        raise ValueError(summarize(where, problems))


def check_count(name: str, value: object, problems: list[str]) -> None:
    """Adds a problem unless an argument is an integer of at least 1."""
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_integer or value < 1:
        problems.append(
            f"{name} is out of range; expected an integer of at least 1. Received {value!r}."
        )
