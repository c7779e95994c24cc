"""A model trained on JAX, loaded and exported on TensorFlow, served by onnxruntime: one model."""

import csv
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

if importlib.util.find_spec("jax") is None:
    pytest.skip("jax is not installed", allow_module_level=True)
if keras.backend.backend() != "tensorflow":
    pytest.skip("only TensorFlow exports", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[2]
STEPS = 80
RECIPE = """
name = "jax"
[data]
source_language = "ko"
target_language = "en"
train = [{ source = "train.ko", target = "train.en" }]
valid = [{ source = "valid.ko", target = "valid.en" }]
[vocabulary]
size = 320
byte_fallback = false
[model]
preset = "bahdanau_tiny"
[model.overrides]
embedding_width = 32
units = 64
attention_units = 64
max_source_length = 24
max_target_length = 24
[train]
steps = 80
batch_tokens = 8192
learning_rate = 0.01
warmup_steps = 20
evaluate_every = 40
monitor = "loss"
valid_sentences = 8
"""
# Trains as the command line does; then the logits, where the weights still are those of JAX.
TRAIN = """
import sys
from pathlib import Path
import keras
import numpy as np
import zoo
from training.__main__ import main

directory = Path(sys.argv[1])
assert keras.backend.backend() == "jax"
code = main(["train", str(directory / "jax.toml"), "--data", str(directory),
             "--run", str(directory / "run")])
if code:
    sys.exit(code)
model, _ = zoo.load_checkpoint(directory / "run" / "final")
with np.load(directory / "inputs.npz") as inputs:
    logits = model(dict(inputs))
np.save(directory / "logits.npy", keras.ops.convert_to_numpy(logits))
"""


def _write_corpus(directory):
    """So few short sentences that one batch holds them all: JAX compiles once for each shape."""
    from training import phrasebook

    for part, count in (("train", 120), ("valid", 16)):
        short = [pair for pair in phrasebook.split(part) if len(pair.english) <= 20]
        chosen = short[:: len(short) // count][:count]
        for language, column in (("ko", "korean"), ("en", "english")):
            text = "".join(f"{getattr(pair, column)}\n" for pair in chosen)
            (directory / f"{part}.{language}").write_text(text, encoding="utf-8")
    (directory / "jax.toml").write_text(RECIPE, encoding="utf-8")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The directory in which JAX trained: its run, and logits for inputs of ours."""
    directory = tmp_path_factory.mktemp("jax")
    _write_corpus(directory)
    source = np.array([[5, 6, 7, 8, 2], [40, 9, 2, 0, 0]], "int32")
    target = np.array([[1, 30, 31, 32], [1, 50, 0, 0]], "int32")
    np.savez(directory / "inputs.npz", source_ids=source, target_ids=target)
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, "-c", TRAIN, str(directory)]
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert "(jax)" in result.stdout
    return directory


@pytest.fixture(scope="module")
def loaded(trained):
    """The model on TensorFlow, and its metadata."""
    import zoo

    return zoo.load_checkpoint(trained / "run" / "final")


def test_jax_learned_and_evaluated(trained):
    with (trained / "run" / "log.csv").open(encoding="utf-8", newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert len(losses) == STEPS
    assert np.mean(losses[-4:]) < 0.75 * losses[0]
    with (trained / "run" / "evaluations.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["40", "80"]
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])


def test_tensorflow_computes_the_logits_of_jax(trained, loaded):
    with np.load(trained / "inputs.npz") as inputs:
        logits = loaded[0](dict(inputs)).numpy()
    expected = np.load(trained / "logits.npy")
    assert np.ptp(expected) > 1.0  # far from the 1e-5 below
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5)


def test_bundle_translates_as_keras_does(trained, loaded):
    from export.bundle import export_bundle
    from serving.tokenizer import load_tokenizers
    from serving.translator import Translator
    from training.evaluate import translate

    model, metadata = loaded
    final, bundle = trained / "run" / "final", trained / "bundle"
    export_bundle(final, bundle, report=lambda line: None)
    golden = json.loads((bundle / "golden.json").read_text(encoding="utf-8"))
    assert len(metadata["examples"]) == 6
    assert set(metadata["examples"]) <= {entry["source"] for entry in golden}

    texts = (trained / "valid.ko").read_text(encoding="utf-8").splitlines()
    translator = Translator.load(bundle)
    for beam_size in (1, 4):
        expected = translate(model, load_tokenizers(final), texts, beam_size=beam_size)
        found = [result.text for result in translator.translate(texts, beam_size=beam_size)]
        assert found == expected
        assert len(set(found)) > 1
