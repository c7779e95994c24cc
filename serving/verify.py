"""Proves a bundle on the machine where it will run: files, tokenizer, golden translations."""

import json
import os
from pathlib import Path
from typing import Any

from serving.manifest import BundleError
from serving.rows import end_row
from serving.tokenizer import END_ID
from serving.translation import END_TOKEN, Translation
from serving.translator import Translator

GOLDEN_NAME = "golden.json"
SCORE_TOLERANCE = 1e-3


def verify(bundle: str | os.PathLike, device: str = "cpu", threads: int | None = None) -> int:
    """Translates the golden examples again and compares tokens, text and score.

    Args:
        bundle: The bundle directory.
        device: As for ``Translator.load``.
        threads: As for ``Translator.load``.

    Returns:
        The number of golden examples, all of which agreed.

    Raises:
        BundleError: The bundle is damaged, or an example gives something else than was recorded
            at export; names each.
    """
    translator = Translator.load(bundle, device, threads)
    path = Path(bundle) / GOLDEN_NAME
    try:
        golden = json.loads(path.read_text(encoding="utf-8"))
        by_beam: dict[int, list[dict[str, Any]]] = {}
        for entry in golden:
            by_beam.setdefault(entry["beam_size"], []).append(entry)
        problems = []
        for beam_size, entries in by_beam.items():
            results = translator.translate([e["source"] for e in entries], beam_size=beam_size)
            for entry, result in zip(entries, results, strict=True):
                problems += _differences(translator, entry, result)
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"golden examples cannot be read ({error!r}). Export the bundle again."
        raise BundleError(str(path), [problem]) from error
    if problems:
        raise BundleError(str(path), problems)
    return len(golden)


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
