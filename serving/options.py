"""Decoding options of one call: the caller's values over the manifest's defaults, checked."""

import dataclasses
import difflib
import math
import operator
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, TypedDict

from serving.manifest import Manifest
from serving.tokenizer import UNKNOWN_ID, Tokenizer


class SearchOptions(TypedDict, total=False):
    """Keyword arguments of each method of ``Translator``; None, or none, takes the default.

    Attributes:
        beam_size: Hypotheses kept while searching, at least 1; 1 is greedy search.
        num_hypotheses: Most hypotheses returned per text, at most ``beam_size``; fewer come back
            where the search found fewer, and one for an empty text.
        length_penalty: Exponent of the length in the score, at least 0; higher values favor
            longer translations.
        coverage_penalty: Weight of the source tokens that no target token attended to in the
            score, at least 0; beam search then favors hypotheses that translate everything.
        min_length: Fewest tokens before the end token is allowed; ``max_length`` is stronger, its
            default too.
        max_length: Most tokens, end token included; 0 stands for ``2 * source tokens + 10`` and
            never above the model's ``max_target_length``.
        no_repeat_ngram: No sequence of so many tokens occurs twice in a translation; 0 allows it.
        suppressed_tokens: Tokens that no translation may hold, a prefix aside. Each is a word that
            the target tokenizer leaves in one piece, such as ``the``, or else a piece as
            ``Translation.tokens`` spells it, such as ``▁the``, ``ing`` or ``<unk>``.
        attention_layer: Decoder layer whose attention is returned and counts for
            ``coverage_penalty``: from 0, or from the end by negative numbers; -1 is the last.
        attention_head: Its head, from 0; -1 is the mean over all.
        return_attention: Whether to return attention weights.
    """

    beam_size: int | None
    num_hypotheses: int | None
    length_penalty: float | None
    coverage_penalty: float | None
    min_length: int | None
    max_length: int | None
    no_repeat_ngram: int | None
    suppressed_tokens: Iterable[str] | None
    attention_layer: int | None
    attention_head: int | None
    return_attention: bool


@dataclass(frozen=True)
class DecodingOptions:
    """Checked options; every field has a value."""

    beam_size: int
    num_hypotheses: int
    length_penalty: float
    coverage_penalty: float
    min_length: int
    max_length: int
    no_repeat_ngram: int
    attention_layer: int
    attention_head: int
    suppressed_ids: tuple[int, ...] = ()
    return_attention: bool = False


# Requests that become the graph's input of the same name.
_GRAPH_OPTIONS = tuple(
    field.name
    for field in dataclasses.fields(DecodingOptions)
    if field.default is dataclasses.MISSING
)
MOST_HYPOTHESES = 256  # of a beam: memory grows with it, and quality does not
_MOST = 2**31 - 1  # of the graph's integers
_MOST_PENALTY = 20  # the graph's float32 holds ((5 + 256) / 6) ** 20; useful ones are below 3
_LIMITS = {
    "beam_size": (1, MOST_HYPOTHESES),
    "num_hypotheses": (1, _MOST),
    "min_length": (0, _MOST),
    "max_length": (0, _MOST),
    "no_repeat_ngram": (0, _MOST),
}


def resolve_options(
    requested: dict[str, Any],
    manifest: Manifest,
    graph_inputs: Collection[str],
    target_tokenizer: Tokenizer,
    problems: list[str],
) -> DecodingOptions | None:
    """Fills in the manifest's defaults and checks every option.

    Without ``num_hypotheses`` the default is lowered to ``beam_size`` where needed.

    Args:
        requested: ``SearchOptions``.
        manifest: Gives defaults and limits.
        graph_inputs: Names of the inputs that the graph has.
        target_tokenizer: Gives the ids of suppressed tokens.
        problems: Grows by one sentence per wrong option.

    Returns:
        The options, or None when an option was wrong.

    Raises:
        TypeError: There is no such option.
    """
    before = len(problems)
    _refuse_unknown(requested)
    values: dict[str, Any] = {}
    for name in _GRAPH_OPTIONS:
        values[name] = requested.get(name)
        if values[name] is None:
            values[name] = getattr(manifest.decoding, name)
        elif name not in graph_inputs:
            problems.append(f"{name} cannot be changed: this bundle's graph has it built in.")
    for name in ("length_penalty", "coverage_penalty"):
        values[name] = _penalty(name, values[name], problems)
    for name, (low, high) in {**_LIMITS, **_attention_choices(manifest)}.items():
        values[name] = _integer(name, values[name], low, high, problems)
    if len(problems) == before:
        if requested.get("num_hypotheses") is None:
            values["num_hypotheses"] = min(values["num_hypotheses"], values["beam_size"])
        problems += _contradictions(values, manifest.limits.max_target_length)
    values["return_attention"] = bool(requested.get("return_attention"))
    if values["return_attention"] and not manifest.attention:
        problems.append(
            "return_attention is not possible: this model has no attention. "
            "Leave it out, or export a model that has attention."
        )
    suppressed = requested.get("suppressed_tokens")
    if suppressed is not None:
        if "suppressed_ids" not in graph_inputs:
            problems.append(
                "suppressed_tokens cannot be used: this bundle's graph has no such input."
            )
        values["suppressed_ids"] = suppressed_ids(suppressed, target_tokenizer, problems)
    return DecodingOptions(**values) if len(problems) == before else None


def suppressed_ids(tokens: Any, tokenizer: Tokenizer, problems: list[str]) -> tuple[int, ...]:
    """The ids of words that are one piece, and of pieces; see ``SearchOptions``.

    Args:
        tokens: An iterable of str.
        tokenizer: The target tokenizer.
        problems: Grows by one sentence per str that is neither; it names the pieces of a word.

    Returns:
        Ids in ascending order, each once.
    """
    listed = list(tokens) if isinstance(tokens, Iterable) else [None]
    if isinstance(tokens, str) or not all(isinstance(token, str) for token in listed):
        problems.append(f"suppressed_tokens must be a list of str. Received {repr(tokens)[:80]}.")
        return ()
    found = set()
    for token in listed:
        word = tokenizer.encode(token)
        whole = len(word) == 1 and word[0] != UNKNOWN_ID
        chosen = word[0] if whole else tokenizer.piece_id(token)
        if chosen is None:
            pieces = ", ".join(tokenizer.pieces(word)) or "none"
            problems.append(
                f"suppressed_tokens has {token!r}; expected one piece of the target vocabulary. "
                f"Received the pieces {pieces}. Suppress one of them, spelled so."
            )
        else:
            found.add(chosen)
    return tuple(sorted(found))


def _refuse_unknown(requested: dict[str, Any]) -> None:
    known = SearchOptions.__annotations__
    for name in requested.keys() - known.keys():
        close = difflib.get_close_matches(name, known, 1)
        remedy = f"Did you mean {close[0]}?" if close else f"Known are {', '.join(known)}."
        raise TypeError(f"Translator: there is no option {name}. {remedy}")


def _attention_choices(manifest: Manifest) -> dict[str, tuple[int, int]]:
    """Lowest and highest layer and head, as far as the manifest tells how many there are."""
    layers, heads = map(manifest.model.config.get, ("decoder_layers", "num_heads"))
    return {
        "attention_layer": (-layers, layers - 1) if type(layers) is int else (-1, _MOST),
        "attention_head": (-1, heads - 1 if type(heads) is int else _MOST),
    }


def _integer(name: str, value: Any, low: int, high: int, problems: list[str]) -> int | None:
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or not low <= number <= high or isinstance(value, bool):
        rule = f"from {low} to {high}" if high < _MOST else f"of at least {low}"
        problems.append(f"{name} is out of range; expected an integer {rule}. Received {value!r}.")
    return number


def _penalty(name: str, value: Any, problems: list[str]) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number <= _MOST_PENALTY:
        problems.append(
            f"{name} is out of range; expected a number from 0 to {_MOST_PENALTY}. "
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
