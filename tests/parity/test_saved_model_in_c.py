"""A C program translates with the SavedModel as Python does: no Python takes part."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text
from tensorflow.core.protobuf import saved_model_pb2

from serving.translator import Translator

LIBRARIES = ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")
TEXT_OPERATIONS = Path(tensorflow_text.__file__).parent / "python/ops/_sentencepiece_tokenizer.so"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The C program, linked with the libraries inside TensorFlow's wheel."""
    compiler, wheel = shutil.which("cc"), Path(tf.sysconfig.get_lib())
    libraries = [wheel / name for name in LIBRARIES]
    if not compiler or not all(path.is_file() for path in (*libraries, TEXT_OPERATIONS)):
        pytest.skip("needs a C compiler and TensorFlow's libraries for Linux")
    built = tmp_path_factory.mktemp("c") / "saved_model"
    source = Path(__file__).resolve().parents[1] / "e2e" / "saved_model.c"
    command = [compiler, "-std=gnu11", "-Wall", "-Wextra", "-Werror"]
    command += ["-isystem", tf.sysconfig.get_include(), source, "-o", built]
    command += [*libraries, f"-Wl,-rpath,{wheel}"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return built


def translate(program, bundle, texts, *libraries):
    """Runs the program on texts; returns the finished process."""
    directory = bundle / "saved_model" / "1"
    stored = saved_model_pb2.SavedModel.FromString((directory / "saved_model.pb").read_bytes())
    signature = stored.meta_graphs[0].signature_def["serving_default"]
    tensors = [signature.inputs["text"].name]
    tensors += [signature.outputs[name].name for name in ("text", "score")]
    return subprocess.run(
        [program, directory, *tensors, *libraries],
        input="\n".join(texts).encode(),
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        timeout=120,
    )


@pytest.mark.parametrize("name", ["luong_lstm", "transformer_pre"])
def test_c_program_matches_translator(exported, program, lines, name):
    bundle = exported(name).bundle
    texts = [*lines, "", "   ", "🙂", "the cat " * 60, "가", "a dog", "a dog"]
    completed = translate(program, bundle, texts, TEXT_OPERATIONS)
    assert completed.returncode == 0, completed.stderr
    # Translations of random weights hold line breaks of their own.
    _, *fields = re.split(r"^(-?\d+\.\d{6})\t", completed.stdout.decode(), flags=re.MULTILINE)
    expected = Translator.load(bundle).translate(texts)
    assert [text.removesuffix("\n") for text in fields[1::2]] == [item.text for item in expected]
    scores = [float(score) for score in fields[::2]]
    np.testing.assert_allclose(scores, [item.score for item in expected], rtol=0, atol=1e-4)
    assert len(set(scores)) > 5


def test_without_the_text_operations_the_error_names_one(exported, program):
    completed = translate(program, exported("luong_lstm").bundle, ["a dog"])
    assert completed.returncode == 1
    assert completed.stdout == b""
    assert "Op type not registered 'SentencepieceOp'" in completed.stderr.decode()
