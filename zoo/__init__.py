"""Attention Zoo: translation models in Keras, from a fixed vector to self-attention."""

from zoo import layers, masks, search
from zoo.checkpoint import load_checkpoint, save_checkpoint
from zoo.models import FAMILIES, Bahdanau, Luong, Seq2Seq, Transformer, TranslationModel
from zoo.presets import PRESETS

__all__ = [
    "FAMILIES",
    "PRESETS",
    "Bahdanau",
    "Luong",
    "Seq2Seq",
    "Transformer",
    "TranslationModel",
    "build",
    "layers",
    "list_presets",
    "load_checkpoint",
    "masks",
    "save_checkpoint",
    "search",
]


def list_presets():
    """The names of all presets, family by family."""
    return list(PRESETS)


def build(preset, *, vocabulary_size, target_vocabulary_size=None, **overrides):
    """A new model with random weights.

    Args:
        preset: one of `list_presets()`.
        vocabulary_size: number of source ids, the four special ones included.
        target_vocabulary_size: number of target ids; None means the same.
        **overrides: other fields of the preset's configuration.

    Returns:
        A `TranslationModel`, a `keras.Model`.

    Raises:
        ValueError: the preset is unknown, or the configuration is not sound.
    """
    if preset not in PRESETS:
        raise ValueError(
            f"zoo.build: preset is unknown; expected one of {', '.join(PRESETS)}. "
            f"Received {preset!r}. List them with zoo.list_presets()."
        )
    config_class = PRESETS[preset].config_class
    family = next(cls for cls in FAMILIES.values() if cls.config_class is config_class)
    return family.from_preset(
        preset,
        vocabulary_size=vocabulary_size,
        target_vocabulary_size=target_vocabulary_size,
        **overrides,
    )
