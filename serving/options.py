"""Decoding options of one call: the caller's values over the manifest's defaults, checked."""

import math
import operator
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from serving.manifest import Manifest

# Requests that become an input of the graph.
_GRAPH_OPTIONS = ("beam_size", "num_hypotheses", "length_penalty", "min_length", "max_length")


@dataclass(frozen=True)
class DecodingOptions:
    """Checked options; every field has a value."""

    beam_size: int
    num_hypotheses: int
    length_penalty: float
    min_length: int
    max_length: int
    return_attention: bool = False
    batch_size: int = 32


def resolve_options(
    requested: dict[str, Any],
    manifest: Manifest,
    graph_inputs: Collection[str],
    problems: list[str],
) -> DecodingOptions | None:
    """Fills in the manifest's defaults and checks every option.

    Without ``num_hypotheses`` the default is lowered to ``beam_size`` where needed.

    Args:
        requested: The fields of ``DecodingOptions``; None where the default applies.
        manifest: Gives defaults and limits.
        graph_inputs: Names of the inputs that the graph has.
        problems: Grows by one sentence per wrong option.

    Returns:
        The options, or None when an option was wrong.
    """
    before = len(problems)
    values = dict(requested)
    for name in _GRAPH_OPTIONS:
        if values[name] is None:
            values[name] = getattr(manifest.decoding, name)
        elif name not in graph_inputs:
            problems.append(f"{name} cannot be changed: this bundle's graph has it built in.")
    longest = manifest.limits.max_target_length
    lowest = {"beam_size": 1, "num_hypotheses": 1, "min_length": 0, "max_length": 0}
    for name, low in (lowest | {"batch_size": 1}).items():
        values[name] = _integer(name, values[name], low, problems)
    values["length_penalty"] = _penalty(values["length_penalty"], problems)
    if len(problems) == before:
        if requested["num_hypotheses"] is None:
            values["num_hypotheses"] = min(values["num_hypotheses"], values["beam_size"])
        problems += _contradictions(values, longest)
    if values["return_attention"] and not manifest.attention:
        problems.append(
            "return_attention is not possible: this model has no attention. "
            "Leave it out, or export a model that has attention."
        )
    return DecodingOptions(**values) if len(problems) == before else None


def _integer(name: str, value: Any, low: int, problems: list[str]) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = low - 1
    if number < low or isinstance(value, bool):
        problems.append(
            f"{name} is out of range; expected an integer of at least {low}. Received {value!r}."
        )
    return number


def _penalty(value: Any, problems: list[str]) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        problems.append(
            "length_penalty is out of range; expected a finite number of at least 0. "
            f"Received {value!r}."
        )
    return number


def _contradictions(values: dict[str, Any], longest: int) -> list[str]:
    problems = []
    beam_size, num_hypotheses = values["beam_size"], values["num_hypotheses"]
    if num_hypotheses > beam_size:
        problems.append(
            f"num_hypotheses is above beam_size ({beam_size}). Received {num_hypotheses}. "
            f"Use beam_size={num_hypotheses} or more."
        )
    if values["max_length"] > longest:
        problems.append(
            f"max_length is above the model's limit; expected at most {longest} tokens. "
            f"Received {values['max_length']}."
        )
    elif values["min_length"] > (values["max_length"] or longest):
        problems.append(
            f"min_length is above the longest output ({values['max_length'] or longest} tokens). "
            f"Received {values['min_length']}."
        )
    return problems
