"""Reads JSON values into frozen dataclasses and reports every value that does not fit."""

import dataclasses
from typing import Any, get_args, get_origin, get_type_hints

_SCALARS = {str: "a string", int: "an integer", float: "a number", bool: "true or false"}


def parse(kind: Any, value: Any, where: str, problems: list[str]) -> Any:
    """Converts a decoded JSON value to the type ``kind``.

    Keys that a dataclass does not know are ignored, so that a newer writer may add some.

    Args:
        kind: A dataclass, ``dict[str, X]``, ``tuple[X, ...]``, ``str``, ``int``, ``float``,
            ``bool`` or ``Any``.
        value: What ``json.loads`` returned.
        where: Dotted path of the value, used in messages; empty for the top.
        problems: Grows by one sentence per value that does not fit.

    Returns:
        The converted value. It is meaningless when ``problems`` grew.
    """
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind):
        return _parse_dataclass(kind, value, where, problems)
    if get_origin(kind) is dict:
        if not isinstance(value, dict):
            return _wrong_type(where, "an object", value, problems)
        item = get_args(kind)[1]
        return {
            key: parse(item, entry, _join(where, key), problems) for key, entry in value.items()
        }
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            return _wrong_type(where, "a list", value, problems)
        item = get_args(kind)[0]
        return tuple(
            parse(item, entry, f"{where}[{index}]", problems) for index, entry in enumerate(value)
        )
    if kind is float and type(value) is int:
        return float(value)
    # type() and not isinstance(): true is no integer here.
    if type(value) is not kind:
        return _wrong_type(where, _SCALARS[kind], value, problems)
    return value


def _parse_dataclass(kind: Any, value: Any, where: str, problems: list[str]) -> Any:
    if not isinstance(value, dict):
        return _wrong_type(where, "an object", value, problems)
    hints = get_type_hints(kind)
    known = len(problems)
    arguments = {}
    for field in dataclasses.fields(kind):
        path = _join(where, field.name)
        if field.name in value:
            arguments[field.name] = parse(hints[field.name], value[field.name], path, problems)
        elif not field.metadata.get("may_be_absent"):
            problems.append(f"{path} is missing. Export the bundle again.")
    return kind(**arguments) if len(problems) == known else None


def _wrong_type(where: str, expected: str, value: Any, problems: list[str]) -> None:
    received = repr(value)
    if len(received) > 60:
        received = received[:57] + "..."
    problems.append(
        f"{where or 'the top level'} has the wrong type; expected {expected}. "
        f"Received {received}. Export the bundle again."
    )


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
