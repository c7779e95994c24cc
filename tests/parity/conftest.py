"""Bundles exported from small models with random weights, one of each kind, made on demand."""

import io
import shutil
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
import sentencepiece

import zoo
from export.bundle import export_bundle

RECURRENT = {"embedding_width": 12, "units": 16}
TRANSFORMER = {
    "width": 16,
    "feedforward_width": 24,
    "num_heads": 2,
    "encoder_layers": 1,
    "decoder_layers": 2,
}
VARIANTS = {
    "seq2seq_gru": ("seq2seq_tiny", RECURRENT),
    "seq2seq_lstm": (
        "seq2seq_tiny",
        {**RECURRENT, "cell": "lstm", "num_layers": 2, "bidirectional": True},
    ),
    "bahdanau_gru": ("bahdanau_tiny", RECURRENT),
    "bahdanau_lstm": ("bahdanau_tiny", {**RECURRENT, "cell": "lstm", "normalize": True}),
    "luong_lstm": ("luong_tiny", RECURRENT),
    "luong_gru_local": (
        "luong_tiny",
        {**RECURRENT, "cell": "gru", "window": "local_p", "window_size": 3, "input_feeding": False},
    ),
    "transformer_pre": ("transformer_tiny", TRANSFORMER),
    "transformer_post": (
        "transformer_tiny",
        {**TRANSFORMER, "norm": "post", "positions": "rotary", "tie_output": False},
    ),
    "transformer_ssru": ("transformer_tiny_ssru", TRANSFORMER),
}
LINES = [
    "나는 학교에 간다.",
    "너는 집에서 책을 읽는다.",
    "the cat sleeps on the mat.",
    "a dog runs to the river.",
    "we read a book at home 🙂",
]


@dataclass
class Exported:
    """A model, its checkpoint and the bundle made from it."""

    model: zoo.TranslationModel
    checkpoint: Path
    bundle: Path


def make_checkpoint(name, directory):
    """Writes a checkpoint of a variant with random weights; returns the model."""
    preset, overrides = VARIANTS[name]
    writer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES * 5),
        model_writer=writer,
        vocab_size=330,
        byte_fallback=True,
        hard_vocab_limit=False,
        minloglevel=2,
        num_threads=1,
        **{"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3},
    )
    directory.mkdir(parents=True)
    tokenizer = directory / "tokenizer.model"
    tokenizer.write_bytes(writer.getvalue())
    processor = sentencepiece.SentencePieceProcessor(model_proto=writer.getvalue())
    keras.utils.set_random_seed(3)
    model = zoo.build(
        preset,
        vocabulary_size=processor.vocab_size(),
        max_source_length=40,
        max_target_length=30,
        **overrides,
    )
    rng = np.random.default_rng(3)
    for weight in model.trainable_variables:  # far from the initial near-uniform predictions
        weight.assign(weight + rng.normal(0, 0.3, weight.shape))
    metadata = {"preset": preset, "tokenize": "intl"}
    zoo.save_checkpoint(model, directory, metadata, [tokenizer])
    return model


@pytest.fixture(params=VARIANTS)
def variant(request):
    """The name of each variant in turn."""
    return request.param


@pytest.fixture(scope="session")
def lines():
    """The examples that every bundle was exported with."""
    return LINES


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A function from a variant's name to its `Exported`, made once."""
    made = {}

    def export(name):
        if name not in made:
            home = tmp_path_factory.mktemp(name)
            model = make_checkpoint(name, home / "checkpoint")
            export_bundle(
                home / "checkpoint", home / "bundle", examples=LINES, report=lambda line: None
            )
            made[name] = Exported(model, home / "checkpoint", home / "bundle")
        return made[name]

    return export


@pytest.fixture
def quick(exported, monkeypatch):
    """A checkpoint whose conversions are remembered, so that an export takes seconds."""
    made = exported("seq2seq_gru")
    path = made.bundle / "translate.onnx"
    monkeypatch.setattr("export.bundle.convert", lambda *_: onnx.load(path))
    saved = made.bundle / "saved_model"
    monkeypatch.setattr(
        "export.bundle.write_saved_model", lambda _, to: shutil.copytree(saved, to) / "1"
    )
    return made


@pytest.fixture
def export_again():
    """A function that exports what an `Exported` was made from once more, and says nothing."""

    def export(made, directory, **options):
        return export_bundle(made.checkpoint, directory, report=lambda line: None, **options)

    return export
