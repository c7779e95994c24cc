"""Keras = ONNX = SavedModel for every family, cell and search option."""

import json
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest

from serving.tokenizer import load_tokenizers
from serving.translator import Translator

OPTIONS = {
    "greedy": {},
    "greedy_prefix": {"prefix_ids": np.array([[7, 8], [9, 0], [0, 0], [11, 12]])},
    "greedy_lengths": {"min_length": 6, "max_length": 9},
    "beam": {"beam_size": 4, "num_hypotheses": 3},
    "beam_wide": {"beam_size": 7, "length_penalty": 1.0},
    "beam_prefix": {"beam_size": 3, "prefix_ids": np.array([[7, 8], [9, 0], [0, 0], [11, 12]])},
    "beam_lengths": {"beam_size": 2, "num_hypotheses": 2, "min_length": 5, "max_length": 7},
    "greedy_suppressed": {"suppressed_ids": np.arange(3, 150), "min_length": 4},
    "greedy_ngram": {"no_repeat_ngram": 1},
    "beam_ngram": {"beam_size": 3, "no_repeat_ngram": 2, "suppressed_ids": np.arange(3, 150)},
    "greedy_coverage": {"coverage_penalty": 0.7},
    "beam_coverage": {"beam_size": 4, "num_hypotheses": 2, "coverage_penalty": 0.7},
    "beam_head": {"beam_size": 2, "attention_layer": 0, "attention_head": 1},
}
TYPES = {"length_penalty": "float32", "coverage_penalty": "float32"}


def source_rows():
    """Four sentences of very different lengths, heavily padded."""
    rng = np.random.default_rng(1)
    rows = np.zeros((4, 20), "int32")
    for row, length in zip(rows, (19, 1, 6, 12), strict=True):
        row[:length] = rng.integers(4, 280, length)
        row[length] = 2
    return rows


@pytest.fixture(scope="module")
def sessions(exported):
    """A function from a variant's name to its onnxruntime session, opened once."""
    opened = {}

    def session(name):
        if name not in opened:
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 3
            path = exported(name).bundle / "translate.onnx"
            opened[name] = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        return opened[name]

    return session


def run_onnx(session, source_ids, **options):
    """Feeds only what is given: everything else has its default inside the file."""
    feeds = {name: np.asarray(value, TYPES.get(name, "int32")) for name, value in options.items()}
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"source_ids": source_ids, **feeds}), strict=True))


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_onnx_matches_keras(exported, sessions, variant, options):
    rows = source_rows()
    model = exported(variant).model
    if unknown := options.keys() - set(model.search_options):
        assert not unknown & {put.name for put in sessions(variant).get_inputs()}
        with pytest.raises(ValueError, match=min(unknown)):
            model.translate_ids(rows, **options)
        return
    expected = model.translate_ids(rows, **options)
    received = run_onnx(sessions(variant), rows, **options)
    assert received.keys() == expected.keys()
    np.testing.assert_array_equal(received["ids"], expected["ids"])
    np.testing.assert_array_equal(received["lengths"], expected["lengths"])
    np.testing.assert_allclose(received["scores"], expected["scores"], atol=1e-4)
    if "attention" in expected:
        np.testing.assert_allclose(received["attention"], expected["attention"], atol=1e-5)


def test_onnx_batch_matches_singles(sessions, variant):
    rows = source_rows()
    batch = run_onnx(sessions(variant), rows, beam_size=3)
    for index, row in enumerate(rows):
        single = run_onnx(sessions(variant), row[None, : np.count_nonzero(row)], beam_size=3)
        length = single["lengths"][0, 0]
        assert batch["lengths"][index, 0] == length
        np.testing.assert_array_equal(batch["ids"][index, 0, :length], single["ids"][0, 0, :length])
        np.testing.assert_allclose(batch["scores"][index], single["scores"][0], atol=1e-4)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_onnx_batch_of_nothing_gives_nothing(sessions, variant, beam_size):
    result = run_onnx(sessions(variant), np.zeros((0, 3), "int32"), beam_size=beam_size)
    assert {value.shape[0] for value in result.values()} == {0}


def test_translator_matches_keras_text(exported, variant, lines):
    made = exported(variant)
    source, target = load_tokenizers(made.checkpoint)
    translator = Translator.load(made.bundle)
    for line, result in zip(lines, translator.translate(lines), strict=True):
        expected = made.model.translate_ids([[*source.encode(line), 2]])
        ids = expected["ids"][0, 0, : expected["lengths"][0, 0]].tolist()
        assert result.text == target.decode(ids)
        assert result.score == pytest.approx(float(expected["scores"][0, 0]), abs=1e-4)


def test_saved_model_matches_keras_in_a_fresh_process(exported, lines):
    made = exported("luong_lstm")
    texts = [*lines, "", "   "]
    program = (
        "import json, sys, tensorflow as tf, tensorflow_text\n"
        "loaded = tf.saved_model.load(sys.argv[1])\n"
        "result = loaded.signatures['serving_default'](text=tf.constant(json.loads(sys.argv[2])))\n"
        "print(json.dumps([t.decode() for t in result['text'].numpy()]))\n"
    )
    path = str(made.bundle / "saved_model" / "1")
    completed = subprocess.run(
        [sys.executable, "-c", program, path, json.dumps(texts)],
        capture_output=True,
        text=True,
        check=True,
    )
    received = json.loads(completed.stdout.splitlines()[-1])
    expected = [result.text for result in Translator.load(made.bundle).translate(texts)]
    assert received == expected
    assert received[-2:] == ["", ""]


def test_graph_holds_both_searches_and_each_weight_once(exported, variant):
    made = exported(variant)
    graph = onnx.load(made.bundle / "translate.onnx").graph
    branches = [node for node in graph.node if node.op_type == "If"]
    assert len(branches) == 1
    weights = sum(int(np.prod(weight.shape)) for weight in made.model.weights)
    # A weight that both searches hold is stored once: both point to one place of a file.
    contents = {
        tensor.raw_data: list(tensor.dims)
        for inner in _graphs(graph)
        for tensor in inner.initializer
        if np.prod(tensor.dims) > 64 and tensor.data_type == onnx.TensorProto.FLOAT
    }
    tables = ([40, 16], [30, 16], [40, 4], [30, 4])  # positions: constants of the graph, no weights
    stored = sum(int(np.prod(dims)) for dims in contents.values() if dims not in tables)
    biases = {node.input[3] for node in graph.node if node.op_type == "LSTM"}
    zeros = sum(  # ONNX has two biases where Keras's LSTM has one
        int(np.prod(tensor.dims)) // 2 for tensor in graph.initializer if tensor.name in biases
    )
    assert stored - zeros <= weights


RECURRENT_LAYERS = {  # nodes of the encoder, with their direction
    "seq2seq_gru": ["GRU forward"],
    "seq2seq_lstm": ["LSTM bidirectional"] * 2,
    "bahdanau_gru": ["GRU bidirectional"],
    "bahdanau_lstm": ["LSTM bidirectional"],
    "luong_lstm": ["LSTM bidirectional"],
    "luong_gru_local": ["GRU bidirectional"],
}


def test_encoder_is_native_and_only_searches_loop(exported, variant):
    graph = onnx.load(exported(variant).bundle / "translate.onnx").graph
    assert [node for node in graph.node if node.op_type in ("Loop", "Scan")] == []
    found = []
    for node in graph.node:
        if node.op_type in ("GRU", "LSTM"):
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            found.append(f"{node.op_type} {attributes['direction'].decode()}")
            assert node.input[4], "the node reads padding: it has no sequence_lens"
    assert found == RECURRENT_LAYERS.get(variant, [])


def _graphs(graph):
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _graphs(attribute.g)


@pytest.mark.parametrize("name", ["bahdanau_gru", "transformer_pre"])
def test_loops_carry_only_what_changes(exported, name):
    graph = onnx.load(exported(name).bundle / "translate.onnx").graph
    for inner in _graphs(graph):
        for node in inner.node:
            if node.op_type == "Loop":
                body = node.attribute[0].g
                producers = {out: n for n in body.node for out in n.output}
                for value, result in zip(body.input[2:], body.output[1:], strict=False):
                    origin = result.name
                    while origin in producers and producers[origin].op_type == "Identity":
                        origin = producers[origin].input[0]
                    assert origin != value.name
