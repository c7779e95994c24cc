"""Small Transformers with random weights, and the CTranslate2 models made from them."""

import io
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
import sentencepiece

import zoo
from benchmarks.ctranslate2_model import convert

BASE = {
    "width": 16,
    "feedforward_width": 24,
    "num_heads": 2,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "max_source_length": 20,
    "max_target_length": 60,
}
VARIANTS = {
    "pre": {},
    "post": {"norm": "post"},
    "post_learned": {
        "norm": "post",
        "positions": "learned",
        "tie_output": False,
        "encoder_layers": 3,
    },
    "shared": {"share_embeddings": True, "decoder_layers": 1},
}
LINES = [
    "the cat sleeps on the mat.",
    "a dog runs to the river.",
    "we read a book at home 🙂",
    "home",
]


@dataclass
class Converted:
    """A model, its checkpoint, and the directory that was converted from it."""

    model: zoo.Transformer
    checkpoint: Path
    directory: Path

    @property
    def tokenizer(self):
        """The tokenizer's file."""
        return self.checkpoint / "tokenizer.model"


def make_converted(settings, home, change=lambda model: None):
    """Builds, saves and converts a model; `change` may alter its weights first."""
    writer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES * 5),
        model_writer=writer,
        vocab_size=60,
        hard_vocab_limit=False,
        minloglevel=2,
        num_threads=1,
        **{"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3},
    )
    tokenizer = home / "tokenizer.model"
    tokenizer.write_bytes(writer.getvalue())
    size = sentencepiece.SentencePieceProcessor(model_proto=writer.getvalue()).vocab_size()
    keras.utils.set_random_seed(7)
    model = zoo.build("transformer_tiny", vocabulary_size=size, **{**BASE, **settings})
    rng = np.random.default_rng(5)
    for weight in model.trainable_variables:  # far from the initial near-uniform predictions
        weight.assign(weight + rng.normal(0, 0.3, weight.shape))
    change(model)
    checkpoint = zoo.save_checkpoint(model, home / "checkpoint", {}, [tokenizer])
    return Converted(model, checkpoint, convert(checkpoint, home / "converted"))


@pytest.fixture(params=VARIANTS)
def variant(request, converted):
    """Each variant in turn, `Converted`."""
    return converted(request.param)


@pytest.fixture
def convert_new(tmp_path):
    """`make_converted` in a directory of its own: a function of settings and change."""
    return lambda settings, change: make_converted(settings, tmp_path, change)


@pytest.fixture(scope="session")
def converted(tmp_path_factory):
    """A function from a variant's name to its `Converted`, made once."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = make_converted(VARIANTS[name], tmp_path_factory.mktemp(name))
        return made[name]

    return get


@pytest.fixture
def lines():
    """Texts of different lengths that the tokenizer knows."""
    return LINES
