"""Frozen dataclasses ↔ TOML tables: types, ranges, suggestions and comments from one place.

A key's default, meaning and range stand together in its dataclass field, made by `key()`. From
there come the check when a file is read and the comment when a file is written, so the two cannot
drift apart.
"""

import dataclasses
import difflib
import json
import math
import re
import types
import typing
from collections.abc import Mapping
from typing import Any

_MISSING = dataclasses.MISSING
_BARE_KEY = re.compile("[A-Za-z0-9_-]+")
_TYPE_NAMES = {str: "a string", int: "an integer", float: "a number", bool: "true or false"}


def key(meaning, default=_MISSING, *, low=None, above=None, high=None, below=None, choices=None):
    """Declares one key of a TOML table as a dataclass field.

    Args:
        meaning: what the key does, in a few words; becomes the comment in a written file.
        default: the default; a key without one is required.
        low, above: smallest allowed value, or the bound it must exceed.
        high, below: largest allowed value, or the bound it must stay under.
        choices: the allowed strings.
    """
    limits = {"low": low, "above": above, "high": high, "below": below}
    metadata = {
        "meaning": meaning,
        "choices": choices,
        "limits": {name: value for name, value in limits.items() if value is not None},
    }
    if isinstance(default, dict):
        return dataclasses.field(default_factory=lambda: dict(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def suggestion(name: str, known) -> str:
    """Returns "Did you mean X?" when `name` looks like one of `known`, else the list of them."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    if close:
        return f"Did you mean {close[0]}?"
    return f"Known: {', '.join(known)}."


def read_table(cls, table: Mapping[str, Any], prefix: str = "") -> tuple[Any, list[str]]:
    """Turns a TOML table into `cls`; nested dataclasses are nested tables.

    Args:
        cls: a frozen dataclass whose fields were made by `key()` or are dataclasses.
        table: what `tomllib` read.
        prefix: dotted path of the table, with a trailing dot, for the messages.

    Returns:
        (instance, problems). The instance is None when there are problems.
    """
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    problems = [
        f"unknown key {prefix}{name}. {suggestion(prefix + name, [prefix + f for f in fields])}"
        for name in table
        if name not in fields
    ]
    values = {}
    for name, field in fields.items():
        if name in table:
            value, found = _read_value(hints[name], field, table[name], prefix + name)
            values[name] = value
            problems += found
        elif _is_required(field):
            problems.append(
                f"{prefix}{name} is missing; expected {_rule(hints[name], field)}. "
                f"Received nothing. Add {prefix}{name}."
            )
    return (None, problems) if problems else (cls(**values), [])


def _is_required(field) -> bool:
    return field.default is _MISSING and field.default_factory is _MISSING


def _default(field):
    """Returns the default, or `dataclasses.MISSING` for a required key."""
    return field.default if field.default_factory is _MISSING else field.default_factory()


def _read_value(hint, field, value, path):
    """Returns (converted value, problems) for one key."""
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            return None, [
                f"{path} is not a table; expected [{path}]. Received {value!r}. "
                f"Write a [{path}] table."
            ]
        return read_table(hint, value, f"{path}.")
    if typing.get_origin(hint) is tuple:
        return _read_list(typing.get_args(hint)[0], field, value, path)
    return _read_scalar(hint, field, value, path)


def _read_list(item_hint, field, value, path):
    if not isinstance(value, list):
        return None, [
            f"{path} is not a list; expected [...]. Received {value!r}. Put {path} in brackets."
        ]
    results = [
        _read_value(item_hint, field, item, f"{path}[{index}]") for index, item in enumerate(value)
    ]
    return tuple(item for item, _ in results), [p for _, found in results for p in found]


def _read_scalar(hint, field, value, path):
    fits = isinstance(value, dict if typing.get_origin(hint) is dict else hint)
    if hint is float and type(value) is int:
        value, fits = float(value), True
    if hint is not bool and isinstance(value, bool):
        fits = False
    rule = _rule(hint, field)

    def problem(what, hint=""):
        return None, [f"{path} {what}; expected {rule}. Received {value!r}. Change {path}.{hint}"]

    if not fits:
        return problem("has the wrong type")
    choices = field.metadata.get("choices")
    if choices and value not in choices:
        return problem("is not a known value", f" {suggestion(value, choices)}")
    if not _within(value, field.metadata.get("limits", {})):
        return problem("is out of range")
    return value, []


def _within(value, limits) -> bool:
    checks = {
        "low": lambda bound: value >= bound,
        "above": lambda bound: value > bound,
        "high": lambda bound: value <= bound,
        "below": lambda bound: value < bound,
    }
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return all(checks[name](bound) for name, bound in limits.items())


def _rule(hint, field) -> str:
    """Describes what a key accepts: "an integer >= 1", "one of "bleu", "loss"", "a string"."""
    if field.metadata.get("choices"):
        return "one of " + ", ".join(f'"{choice}"' for choice in field.metadata["choices"])
    if typing.get_origin(hint) is tuple:
        return "a list"
    if dataclasses.is_dataclass(hint) or typing.get_origin(hint) is dict or hint is dict:
        return "a table"
    signs = {"low": ">=", "above": ">", "high": "<=", "below": "<"}
    limits = field.metadata.get("limits", {})
    bounds = " and ".join(f"{signs[name]} {bound}" for name, bound in limits.items())
    if isinstance(hint, types.UnionType):
        return " or ".join(_TYPE_NAMES[kind] for kind in typing.get_args(hint))
    return f"{_TYPE_NAMES[hint]} {bounds}".strip()


def write_table(instance, path: str = "", only: frozenset[str] | None = None) -> str:
    """Writes a dataclass as commented TOML; `read_table` gives the same instance back.

    Args:
        instance: the dataclass.
        path: dotted path of the table; "" for the top level.
        only: dotted keys to write; None for all. Tables without a key are left out.

    Returns:
        TOML text in which every key has a comment: meaning, allowed values, default.
    """
    hints = typing.get_type_hints(type(instance))
    lines, tables = [], []
    for field in dataclasses.fields(instance):
        value, name = getattr(instance, field.name), f"{path}.{field.name}".lstrip(".")
        if dataclasses.is_dataclass(value):
            tables.append(write_table(value, name, only))
        elif only is None or name in only:
            lines.append(f"# {_comment(hints[field.name], field)}")
            lines.append(f"{field.name} = {to_toml(value)}\n")
    header = f"[{path}]\n" if path and lines else ""
    return header + "\n".join(lines) + ("\n" if lines else "") + "".join(tables)


def _comment(hint, field) -> str:
    rule = _rule(hint, field)
    if _is_required(field):
        return f"{field.metadata['meaning']}; {rule}; required"
    return f"{field.metadata['meaning']}; {rule}; default {to_toml(_default(field))}"


def to_toml(value) -> str:
    """Returns a value as TOML: a scalar, a list, a dict or a dataclass as an inline table."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple | list):
        if any(dataclasses.is_dataclass(item) for item in value):
            return "[\n" + "".join(f"  {to_toml(item)},\n" for item in value) + "]"
        return "[" + ", ".join(to_toml(item) for item in value) + "]"
    if dataclasses.is_dataclass(value):
        changed = {
            field.name: getattr(value, field.name)
            for field in dataclasses.fields(value)
            if getattr(value, field.name) != _default(field)
        }
        return to_toml(changed)
    if isinstance(value, Mapping):
        items = (f"{_key_to_toml(name)} = {to_toml(item)}" for name, item in value.items())
        return "{ " + ", ".join(items) + " }"
    return repr(value)


def _key_to_toml(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else to_toml(name)
