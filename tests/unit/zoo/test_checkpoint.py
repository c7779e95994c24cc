"""Models on disk: checkpoint directories and Keras's own file."""

import json
import warnings

import h5py
import keras
import numpy as np
import pytest

import zoo
from zoo.checkpoint import load_weights


@pytest.fixture(scope="module")
def model(tiny):
    return tiny("luong_tiny")


@pytest.fixture
def directory(model, tmp_path):
    return zoo.save_checkpoint(model, tmp_path / "best", {"preset": "luong_tiny", "step": 3})


def _edit(directory, **changes):
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    "name",
    [
        "seq2seq_bidirectional",
        "bahdanau_small",
        "luong_location_local_m",
        "luong_dot_local_p",
        "transformer_shared_learned",
        "transformer_rotary_untied",
        "transformer_tiny_ssru",
    ],
)
def test_keras_file_gives_the_same_logits(tiny, tmp_path, name):
    model = tiny(name)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.config == model.config
    ids = np.array([[4, 5, 2]], "int32")
    inputs = {"source_ids": ids, "target_ids": ids}
    np.testing.assert_allclose(loaded(inputs), model(inputs), atol=1e-6)


@pytest.mark.parametrize("name", ["seq2seq_small", "bahdanau_tiny", "transformer_base"])
def test_checkpoint_gives_the_same_logits(tiny, tmp_path, name):
    model = tiny(name)
    zoo.save_checkpoint(model, tmp_path)
    loaded, metadata = zoo.load_checkpoint(tmp_path)
    assert type(loaded) is type(model)
    assert metadata == {}
    ids = np.array([[4, 5, 2]], "int32")
    inputs = {"source_ids": ids, "target_ids": ids}
    np.testing.assert_allclose(loaded(inputs), model(inputs), atol=1e-6)


def test_optimizer_is_no_part_of_a_checkpoint(tmp_path):
    model = zoo.build("luong_tiny", vocabulary_size=12, embedding_width=6, units=8)
    ids = np.array([[4, 5, 2]], "int32")
    inputs = {"source_ids": ids, "target_ids": ids}
    model.compile(keras.optimizers.Adam(0.1), "mse")
    model(inputs)
    model.optimizer.build(model.trainable_variables)
    optimizer = model.optimizer
    zoo.save_checkpoint(model, tmp_path)
    assert model.optimizer is optimizer
    with h5py.File(tmp_path / "model.weights.h5") as file:
        assert "optimizer" not in file

    saved = keras.ops.convert_to_numpy(model(inputs))
    optimizer.apply([keras.ops.ones(v.shape) for v in model.trainable_variables])
    assert np.abs(keras.ops.convert_to_numpy(model(inputs)) - saved).max() > 0.01
    moments = [v.numpy() for v in optimizer.variables]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Keras's, of an optimizer that is not in the file
        load_weights(model, tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model(inputs)), saved)
    for kept, before in zip(optimizer.variables, moments, strict=True):
        np.testing.assert_array_equal(kept.numpy(), before)


def test_checkpoint_holds_what_it_says(model, directory, tmp_path):
    description = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    assert description == {
        "format_version": 1,
        "family": "luong",
        "config": model.config.to_dict(),
        "metadata": {"preset": "luong_tiny", "step": 3},
    }
    loaded, metadata = zoo.load_checkpoint(directory)
    assert metadata == {"preset": "luong_tiny", "step": 3}
    assert loaded.config == model.config


def test_tokenizer_files_are_copied_also_onto_themselves(model, tmp_path):
    tokenizer = tmp_path / "tokenizer.model"
    tokenizer.write_bytes(b"pieces")
    directory = zoo.save_checkpoint(model, tmp_path / "a", tokenizer_files=[tokenizer])
    assert (directory / "tokenizer.model").read_bytes() == b"pieces"
    zoo.save_checkpoint(model, tmp_path / "a", tokenizer_files=[directory / "tokenizer.model"])
    assert (directory / "tokenizer.model").read_bytes() == b"pieces"


def test_missing_files_are_named(directory):
    (directory / "model.weights.h5").unlink()
    with pytest.raises(ValueError, match=r"best: model\.weights\.h5 not found; expected a check"):
        zoo.load_checkpoint(directory)
    with pytest.raises(ValueError, match=r"config\.json, model\.weights\.h5 not found"):
        zoo.load_checkpoint(directory / "nothing")


@pytest.mark.parametrize("text", ["{", "[]", "{}", "null"])
def test_broken_description_is_refused(directory, text):
    (directory / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"config\.json: not a checkpoint description"):
        zoo.load_checkpoint(directory)


def test_newer_format_and_unknown_family_are_refused(directory):
    _edit(directory, format_version=2)
    with pytest.raises(ValueError, match=r"format_version 2 is newer than this package reads"):
        zoo.load_checkpoint(directory)
    _edit(directory, format_version=1, family="mamba")
    with pytest.raises(ValueError, match=r"family is unknown; expected one of seq2seq.*'mamba'"):
        zoo.load_checkpoint(directory)


@pytest.mark.parametrize("changes", [{"format_version": "1"}, {"config": {"width": 4}}])
def test_description_of_another_shape_is_refused(directory, changes):
    _edit(directory, **changes)
    with pytest.raises(ValueError, match=r"config\.json: "):
        zoo.load_checkpoint(directory)
