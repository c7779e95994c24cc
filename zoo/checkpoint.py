"""A trained model as one directory: configuration, weights, tokenizer."""

import contextlib
import dataclasses
import json
import shutil
from pathlib import Path

from zoo.models import FAMILIES

FORMAT_VERSION = 1
WEIGHTS = "model.weights.h5"


def save_weights(model, path):
    """Writes a model's weights alone; Keras would add the optimizer's, with Adam twice as many."""
    with _without_optimizer(model):
        model.save_weights(path, overwrite=True)


def load_weights(model, path):
    """Sets a model's weights; its optimizer, if it is compiled, stays as it is."""
    with _without_optimizer(model):
        model.load_weights(path)


@contextlib.contextmanager
def _without_optimizer(model):
    """Hides the optimizer from Keras, which takes it for a part of the weights."""
    optimizer = getattr(model, "optimizer", None)
    model.optimizer = None
    try:
        yield
    finally:
        model.optimizer = optimizer


def save_checkpoint(model, directory, metadata=None, tokenizer_files=()):
    """Writes a checkpoint directory.

    Args:
        model: a model of this zoo.
        directory: where to write; created, and existing files of a checkpoint are replaced.
        metadata: JSON values to keep beside the weights, such as languages, preset and scores.
        tokenizer_files: files to copy in.

    Returns:
        The directory, a `Path`.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    description = {
        "format_version": FORMAT_VERSION,
        "family": type(model).__name__.lower(),
        "config": model.config.to_dict(),
        "metadata": metadata or {},
    }
    text = json.dumps(description, indent=2, ensure_ascii=False)  # before any file is touched
    save_weights(model, directory / WEIGHTS)
    for path in map(Path, tokenizer_files):
        if path.resolve() != (directory / path.name).resolve():
            shutil.copyfile(path, directory / path.name)
    (directory / "config.json").write_text(text + "\n", encoding="utf-8")
    return directory


def load_checkpoint(directory):
    """Reads a checkpoint directory, on any Keras backend, whichever one wrote it.

    Args:
        directory: what `save_checkpoint` wrote.

    Returns:
        `(model, metadata)`.

    Raises:
        ValueError: the directory is no checkpoint, or a newer version of this package wrote it.
    """
    directory = Path(directory)
    path = directory / "config.json"
    missing = [p.name for p in (path, directory / WEIGHTS) if not p.is_file()]
    if missing:
        remedy = "Name the `final` or `best` directory of a training run."
        if (directory / "final" / path.name).is_file():
            remedy = f"This is a training run; its checkpoint is {directory / 'final'}."
        raise ValueError(
            f"{directory}: {', '.join(missing)} not found; expected a checkpoint directory. "
            f"{remedy}"
        )
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        version, family = description["format_version"], description["family"]
        config = dict(description["config"])
        newer = version > FORMAT_VERSION
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: not a checkpoint description ({error!r}). Train or save again."
        ) from error
    if newer:
        raise ValueError(
            f"{path}: format_version {version} is newer than this package reads "
            f"({FORMAT_VERSION}). Upgrade the package, or save with the matching release."
        )
    if not isinstance(family, str) or family not in FAMILIES:
        raise ValueError(
            f"{path}: family is unknown; expected one of {', '.join(FAMILIES)}. "
            f"Received {family!r}. Import the module that adds it to zoo.FAMILIES first."
        )
    family = FAMILIES[family]
    known = {field.name for field in dataclasses.fields(family.config_class)}
    if set(config) - known:
        raise ValueError(
            f"{path}: config has unknown fields; expected some of {', '.join(sorted(known))}. "
            f"Received {', '.join(sorted(set(config) - known))}. Remove them."
        )
    model = family(family.config_class(**config))
    load_weights(model, directory / WEIGHTS)
    return model, description.get("metadata") or {}
