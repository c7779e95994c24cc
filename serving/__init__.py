"""Serving: translation with an exported bundle, on numpy, onnxruntime and sentencepiece alone.

Importing this package loads none of them; each name below loads what it needs.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serving.manifest import BundleError, Manifest
    from serving.tokenizer import Tokenizer
    from serving.translation import Hypothesis, Translation
    from serving.translator import Translator

_HOMES = {
    "BundleError": "serving.manifest",
    "Hypothesis": "serving.translation",
    "Manifest": "serving.manifest",
    "Tokenizer": "serving.tokenizer",
    "Translation": "serving.translation",
    "Translator": "serving.translator",
}

__all__ = ["BundleError", "Hypothesis", "Manifest", "Tokenizer", "Translation", "Translator"]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
