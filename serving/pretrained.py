"""Models that come with this package, by name."""

import os
from pathlib import Path

from serving.bundle_files import MANIFEST_NAME

_MODELS = Path(__file__).parent / "models"


def pretrained_models() -> dict[str, Path]:
    """Name → bundle directory of each model, such as ``en-ko``; in the order of their names."""
    found = sorted(_MODELS.glob(f"*/{MANIFEST_NAME}"))
    return {path.parent.name: path.parent for path in found}


def find_bundle(bundle: str | os.PathLike) -> Path:
    """The directory of a bundle, which may be given by the name of a model of this package.

    A directory of that name goes first, so that a name never hides somebody's own bundle. What is
    neither is returned as it is.
    """
    path = Path(bundle)
    return path if path.exists() else pretrained_models().get(os.fspath(bundle), path)
