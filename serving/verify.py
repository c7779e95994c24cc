"""Proves a bundle on the machine where it will run: files, tokenizer, golden translations.

Golden examples are what float32 weights answer, and float32 graphs must answer the same. What int8
graphs answer depends a little on the instructions that a CPU has, and on odd texts, of which golden
examples are full, a little changes every word. So int8 is judged by how likely it finds the golden
translations, word by word; how many texts come out equal is reported and is no condition.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from serving.manifest import BundleError
from serving.options import DecodingOptions
from serving.pretrained import find_bundle
from serving.rows import Row, end_row
from serving.tokenizer import END_ID
from serving.translation import END_TOKEN, Translation
from serving.translator import Translator

GOLDEN_NAME = "golden.json"
SHORTLIST_GOLDEN_NAME = "golden.shortlist.json"  # searches with a shortlist answer otherwise
SCORE_TOLERANCE = 1e-3
MOST_DRIFT = 0.1  # int8; measured on trained Transformers: 0.005 to 0.012, wrong texts: 1.8 to 2.4


@dataclass(frozen=True)
class Verification:
    """What ``verify`` found in a bundle that is in order.

    Attributes:
        examples: Golden examples.
        equal: Those whose translation has the golden text; all of them in float32.
        drift: Mean difference between the graph's log-probability of a golden translation and the
            recorded one, per token and without sign; None in float32, where scores are compared.
    """

    examples: int
    equal: int
    drift: float | None = None


def verify(
    bundle: str | os.PathLike,
    device: str = "cpu",
    threads: int | None = None,
    precision: str | None = None,
    shortlist: bool = False,
) -> Verification:
    """Checks every file and the graph's tensors, and translates the golden examples again.

    In float32 tokens, texts and scores must be the recorded ones. In int8 the log-probabilities of
    the recorded translations may differ by 0.1 per token in the mean, see the module.

    Args:
        bundle: As for ``Translator.load``.
        device: As for ``Translator.load``.
        threads: As for ``Translator.load``.
        precision: As for ``Translator.load``.
        shortlist: As for ``Translator.load``; golden examples are those made with it.

    Raises:
        BundleError: The bundle is damaged, or gives something else than was recorded at export;
            names each example.
        ValueError: An argument is wrong, or the bundle has no graph of this precision.
    """
    translator = Translator.load(bundle, device, threads, precision, shortlist)
    path = find_bundle(bundle) / (SHORTLIST_GOLDEN_NAME if shortlist else GOLDEN_NAME)
    drift = None
    try:
        golden = json.loads(path.read_text(encoding="utf-8"))
        pairs = _translate(translator, golden)
        if translator.precision == "float32":
            problems = [problem for pair in pairs for problem in _differences(translator, *pair)]
        else:
            drift = _drift(translator, golden)
            problems = _drift_problems(drift)
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"golden examples cannot be read ({error!r}). Export the bundle again."
        raise BundleError(str(path), [problem]) from error
    if problems:
        raise BundleError(str(path), problems)
    equal = sum(result.text == entry["text"] for entry, result in pairs)
    return Verification(len(golden), equal, drift)


def _translate(translator: Translator, golden: list) -> list[tuple[dict[str, Any], Translation]]:
    """Each golden entry with its translation."""
    by_beam: dict[int, list[dict[str, Any]]] = {}
    for entry in golden:
        by_beam.setdefault(entry["beam_size"], []).append(entry)
    pairs = []
    for beam_size, entries in by_beam.items():
        results = translator.translate([e["source"] for e in entries], beam_size=beam_size)
        pairs += zip(entries, results, strict=True)
    return pairs


def _drift(translator: Translator, golden: list[dict[str, Any]]) -> float:
    """What `golden_drift` finds in a graph."""
    defaults = vars(translator.manifest.decoding)

    def score(source_ids: list[int], ids: list[int]) -> float:
        row = Row(tuple(source_ids), tuple(ids), truncated=False)
        greedy = {"beam_size": 1, "num_hypotheses": 1, "max_length": len(ids)}
        return translator.graph.run([row], DecodingOptions(**defaults | greedy))["scores"][0, 0]

    return golden_drift(golden, score, defaults["length_penalty"])


def golden_drift(
    golden: list[dict[str, Any]],
    score: Callable[[list[int], list[int]], float],
    length_penalty: float,
) -> float:
    """Mean change of the log-probability of golden translations, per token, without sign.

    Args:
        golden: The entries of ``golden.json``.
        score: Source ids and ids → the score of greedy search with all of these ids forced.
        length_penalty: Of those scores, and of the recorded ones.
    """
    found = []
    for entry in golden:
        length = len(entry["ids"])
        if length:
            change = abs(float(score(entry["source_ids"], entry["ids"])) - entry["score"])
            # A score is a sum of log-probabilities over ((5 + length) / 6) ** penalty.
            found.append(change * ((5 + length) / 6) ** length_penalty / length)
    return sum(found) / max(len(found), 1)


def _drift_problems(drift: float) -> list[str]:
    if drift <= MOST_DRIFT:
        return []
    return [
        f"the graph finds the golden translations too likely or too unlikely; expected a change of "
        f"at most {MOST_DRIFT} in the log-probability of a token. Received {drift:.3f}. Use "
        "float32 on this machine, or export the bundle again."
    ]


def _differences(translator: Translator, entry: dict[str, Any], result: Translation) -> list[str]:
    limit = translator.manifest.limits.max_source_length
    pieces = translator.source_tokenizer.encode(entry["source"])
    tokens = (
        *translator.target_tokenizer.pieces(entry["ids"]),
        *((END_TOKEN,) if END_ID in entry["ids"] else ()),
    )
    checks = {
        "source_ids": (end_row(pieces, limit) if pieces else [], entry["source_ids"]),
        "tokens": (result.tokens, tokens),
        "text": (result.text, entry["text"]),
    }
    where = f"{entry['source'][:40]!r}, beam_size {entry['beam_size']}"
    problems = [
        f"{where}: {name} differ; expected {str(expected)[:80]}. Received {str(received)[:80]}."
        for name, (received, expected) in checks.items()
        if received != expected
    ]
    if not abs(result.score - entry["score"]) <= SCORE_TOLERANCE:
        problems.append(
            f"{where}: score differs by more than {SCORE_TOLERANCE}; expected {entry['score']}. "
            f"Received {result.score:.5f}."
        )
    return problems
