"""Tiny models of every preset and of every switch that a configuration has."""

import functools
import random
from dataclasses import dataclass, field

import keras
import numpy as np
import pytest

import zoo

RECURRENT = {"embedding_width": 6, "units": 8}
TRANSFORMER = {
    "width": 8,
    "feedforward_width": 12,
    "num_heads": 2,
    "encoder_layers": 1,
    "decoder_layers": 1,
}
LENGTHS = {"max_source_length": 10, "max_target_length": 9}

# name: preset and what differs from it. The presets themselves come first.
VARIANTS = {name: (name, {}) for name in zoo.list_presets()} | {
    "transformer_small": ("transformer_small", {"encoder_layers": 2, "decoder_layers": 2}),
    "seq2seq_bidirectional": (
        "seq2seq_tiny",
        {"cell": "lstm", "num_layers": 2, "bidirectional": True},
    ),
    "bahdanau_lstm": ("bahdanau_tiny", {"cell": "lstm", "attention_units": 5}),
    "luong_plain": (
        "luong_tiny",
        {"cell": "gru", "num_layers": 2, "input_feeding": False},
    ),
    "luong_concat_local_m": (
        "luong_tiny",
        {"score": "concat", "window": "local_m", "window_size": 1},
    ),
    "luong_location_local_m": (
        "luong_tiny",
        {"score": "location", "window": "local_m", "window_size": 2, "input_feeding": False},
    ),
    "luong_dot_local_p": (
        "luong_tiny",
        {"cell": "gru", "score": "dot", "bidirectional": False, "window": "local_p"},
    ),
    "transformer_tiny_shallow": ("transformer_tiny_shallow", {"encoder_layers": 3}),
    "transformer_tiny_ssru": ("transformer_tiny_ssru", {"decoder_layers": 2}),
    "transformer_shared_learned": (
        "transformer_tiny",
        {"norm": "post", "positions": "learned", "share_embeddings": True},
    ),
    "transformer_rotary_untied": (
        "transformer_tiny",
        {"positions": "rotary", "tie_output": False},
    ),
}
# Rows of several lengths; the last one has nothing but its end token.
SOURCE = np.array([[5, 6, 7, 8, 2], [9, 4, 2, 0, 0], [2, 0, 0, 0, 0]], "int32")
TARGET = np.array([[1, 4, 9, 5, 7], [1, 8, 2, 0, 0], [1, 10, 6, 2, 0]], "int32")


def build_tiny(name, **overrides):
    """A model of `VARIANTS[name]` whose weights, biases included, are far from uniform."""
    preset, settings = VARIANTS[name]
    sizes = TRANSFORMER if preset.startswith("transformer") else RECURRENT
    fields = {**LENGTHS, **sizes, **settings, **overrides}
    random.seed(3)
    model = zoo.build(
        preset,
        vocabulary_size=11,
        target_vocabulary_size=None if fields.get("share_embeddings") else 12,
        **fields,
    )
    generator = np.random.default_rng(5)
    for weight in model.weights:
        if weight.dtype == "float32":
            weight.assign_add(generator.normal(scale=0.4, size=weight.shape))
    return model


@dataclass
class Case:
    """A tiny model and its translations of `source`, which several tests look at."""

    name: str
    model: zoo.TranslationModel
    source: np.ndarray = field(default_factory=SOURCE.copy)
    target: np.ndarray = field(default_factory=TARGET.copy)

    def logits(self, source=None, target=None):
        inputs = {
            "source_ids": self.source if source is None else source,
            "target_ids": self.target if target is None else target,
        }
        return keras.ops.convert_to_numpy(self.model(inputs))

    @functools.cached_property
    def own_logits(self):
        return self.logits()

    @functools.cached_property
    def greedy(self):
        return self.model.translate_ids(self.source, length_penalty=0.6)

    @functools.cached_property
    def beam(self):
        return self.model.translate_ids(
            self.source, beam_size=3, num_hypotheses=2, length_penalty=0.6
        )


@pytest.fixture(scope="session", params=VARIANTS)
def case(request):
    return Case(request.param, build_tiny(request.param))


@pytest.fixture(scope="session")
def tiny():
    """`tiny(name, **overrides)` builds a model of a variant."""
    return build_tiny
