"""Keras's recurrent layers as native ONNX nodes: the same numbers, and no Loop."""

import sys

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from onnx import numpy_helper

from export.native_rnn import native_rnn, plain_rnn
from export.onnx import trace
from export.saved_model import write_saved_model

GRU, LSTM, BOTH = keras.layers.GRU, keras.layers.LSTM, keras.layers.Bidirectional
SEQUENCES = {"return_sequences": True, "return_state": True}
LENGTHS = (6, 1, 3, 4, 5)  # a full row, a row of one token, and three between
FEATURES = 3
KERAS_RNN = sys.modules["keras.src.backend.tensorflow.rnn"]  # its package hides it


def repeating_pair():
    """A pair whose forward half repeats its last output, which `Bidirectional` turns off."""
    pair = BOTH(GRU(4, **SEQUENCES))
    pair.forward_layer.zero_output_for_mask = False
    return pair


NATIVE = {
    "gru": lambda: GRU(4, **SEQUENCES),
    "lstm": lambda: LSTM(4, **SEQUENCES),
    "gru_last": lambda: GRU(4),
    "lstm_last": lambda: LSTM(4, return_state=True),
    "gru_backwards": lambda: GRU(4, go_backwards=True, **SEQUENCES),
    "lstm_backwards": lambda: LSTM(4, go_backwards=True, **SEQUENCES),
    "lstm_backwards_last": lambda: LSTM(4, go_backwards=True),
    "gru_reset_before": lambda: GRU(4, reset_after=False, **SEQUENCES),
    "lstm_without_bias": lambda: LSTM(4, use_bias=False, **SEQUENCES),
    "gru_dropout": lambda: GRU(4, dropout=0.5, recurrent_dropout=0.5, **SEQUENCES),
    "gru_zeros_at_padding": lambda: GRU(4, zero_output_for_mask=True, **SEQUENCES),
    "gru_zeros_at_padding_last": lambda: GRU(4, zero_output_for_mask=True),
    "generic_layer": lambda: keras.layers.RNN(keras.layers.LSTMCell(4), **SEQUENCES),
    "no_cudnn": lambda: LSTM(4, use_cudnn=False, **SEQUENCES),
    "both_gru": lambda: BOTH(GRU(4, **SEQUENCES)),
    "both_lstm": lambda: BOTH(LSTM(4, **SEQUENCES)),
    "both_lstm_last": lambda: BOTH(LSTM(4, return_state=True)),
    "both_gru_sum": lambda: BOTH(GRU(4, **SEQUENCES), merge_mode="sum"),
    "both_gru_average": lambda: BOTH(GRU(4, **SEQUENCES), merge_mode="ave"),
    "both_lstm_product": lambda: BOTH(LSTM(4, **SEQUENCES), merge_mode="mul"),
    "both_gru_separate": lambda: BOTH(GRU(4, **SEQUENCES), merge_mode=None),
    "both_gru_separate_last": lambda: BOTH(GRU(4), merge_mode=None),
}
APART = {  # pairs that one node of two directions cannot express
    "two_widths": lambda: BOTH(
        GRU(4, **SEQUENCES), backward_layer=GRU(5, go_backwards=True, **SEQUENCES)
    ),
    "two_kinds": lambda: BOTH(
        GRU(4, reset_after=False, return_sequences=True),
        backward_layer=LSTM(4, go_backwards=True, return_sequences=True),
    ),
    "two_resets": lambda: BOTH(
        GRU(4, **SEQUENCES),
        backward_layer=GRU(4, go_backwards=True, reset_after=False, **SEQUENCES),
    ),
    "turned_round": lambda: BOTH(
        GRU(4, go_backwards=True, **SEQUENCES), backward_layer=GRU(4, **SEQUENCES)
    ),
    "repeats_at_padding": repeating_pair,
}
LOOPS = {
    "other_activation": lambda: GRU(4, activation="relu", **SEQUENCES),
    "other_gates": lambda: LSTM(4, recurrent_activation="hard_sigmoid", **SEQUENCES),
    "both_other_activation": lambda: BOTH(LSTM(4, activation="softsign", **SEQUENCES)),
    "simple": lambda: keras.layers.SimpleRNN(4, **SEQUENCES),
    "stacked_cells": lambda: keras.layers.RNN(
        [keras.layers.GRUCell(4), keras.layers.GRUCell(3)], **SEQUENCES
    ),
}


def inputs(lengths=LENGTHS):
    """x `(B, S, D)` with values at padding too, and its mask `(B, S)`."""
    x = np.random.default_rng(0).normal(size=(len(lengths), max(lengths), FEATURES))
    return x.astype("float32"), np.arange(max(lengths)) < np.array(lengths)[:, None]


def randomize(layer, x):
    """Builds a layer with weights far from zero, biases included."""
    layer(x)
    rng = np.random.default_rng(1)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(0, 0.7, weight.shape))
    return layer


def convert(function, arrays, specs=None):
    """The ONNX model of a function of named tensors, its results, and TensorFlow's."""
    specs = specs or [
        tf.TensorSpec(
            [None] * (a.ndim - 1) + [None if a.dtype == bool else a.shape[-1]], a.dtype, n
        )
        for n, a in arrays.items()
    ]

    def named(*tensors):
        results = keras.tree.flatten(function(*tensors))
        return {f"result_{index:02}": value for index, value in enumerate(results)}

    expected = named(*map(tf.constant, arrays.values()))
    model, messages = trace(named, specs)
    assert not messages
    model.ir_version = 10
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    received = session.run(list(expected), arrays)
    return model, received, [value.numpy() for value in expected.values()]


def compare(function, arrays, specs=None):
    """Converts, compares the numbers, and returns the types of the nodes."""
    model, received, expected = convert(function, arrays, specs)
    assert len(received) == len(expected)
    for value, wanted in zip(received, expected, strict=True):
        assert value.shape == wanted.shape
        np.testing.assert_allclose(value, wanted, atol=5e-6)
    return [node.op_type for node in model.graph.node]


def recurrent(types):
    return [name for name in types if name in ("GRU", "LSTM", "Loop")]


@pytest.mark.parametrize("masked", [True, False], ids=["padded", "full"])
@pytest.mark.parametrize("make", NATIVE.values(), ids=NATIVE.keys())
def test_layer_matches_keras_without_a_loop(make, masked):
    x, mask = inputs()
    layer = randomize(make(), x)
    if masked:
        types = compare(lambda x, mask: layer(x, mask=mask), {"x": x, "mask": mask})
    else:
        types = compare(layer, {"x": x})
    assert "Loop" not in types
    assert len(recurrent(types)) == 1


@pytest.mark.parametrize("make", APART.values(), ids=APART.keys())
def test_pair_that_does_not_fit_together_is_two_nodes(make):
    x, mask = inputs()
    layer = randomize(make(), x)
    types = compare(lambda x, mask: layer(x, mask=mask), {"x": x, "mask": mask})
    assert "Loop" not in types
    assert len(recurrent(types)) == 2


@pytest.mark.parametrize("make", LOOPS.values(), ids=LOOPS.keys())
def test_layer_that_no_node_expresses_matches_keras(make):
    x, mask = inputs()
    layer = randomize(make(), x)
    types = compare(lambda x, mask: layer(x, mask=mask), {"x": x, "mask": mask})
    assert set(recurrent(types)) == {"Loop"}


def test_unrolled_layer_matches_keras():
    x, mask = inputs()
    layer = randomize(GRU(4, unroll=True, **SEQUENCES), x)

    def fixed(x, mask):
        return layer(tf.ensure_shape(x, (None, 6, None)), mask=mask)

    masked = compare(lambda x, m: fixed(x, tf.ensure_shape(m, (None, 6))), {"x": x, "mask": mask})
    assert recurrent(masked) == []
    assert recurrent(compare(lambda x: fixed(x, None), {"x": x})) == ["GRU"]


@pytest.mark.parametrize("cell", [GRU, LSTM])
def test_stacked_pairs_match_keras_and_share_transposes(cell):
    x, mask = inputs()
    first = randomize(BOTH(cell(4, **SEQUENCES)), x)
    second = randomize(BOTH(cell(5, **SEQUENCES)), first(x)[0])

    def stack(x, mask):
        y, *states = first(x, mask=mask)
        return second(y, mask=mask), states

    types = compare(stack, {"x": x, "mask": mask})
    assert recurrent(types) == [cell.__name__] * 2
    assert types.count("Transpose") == 2  # in front and behind
    assert types.count("ReduceSum") == 1


@pytest.mark.parametrize("shape", [(1, None), (None, 1), (1, 1)], ids=str)
@pytest.mark.parametrize("make", [NATIVE["gru_backwards"], NATIVE["both_lstm"]])
def test_known_axes_of_size_one_match_keras(make, shape):
    lengths = [shape[1] or 4] * (shape[0] or 3)
    x, mask = inputs(lengths)
    layers = [randomize(make(), x)]
    layers.append(randomize(make(), layers[0](x)[0]))
    specs = [tf.TensorSpec([*shape, FEATURES], name="x"), tf.TensorSpec(shape, tf.bool, "mask")]

    def stack(x, mask):
        y, *states = layers[0](x, mask=mask)
        return layers[1](y, mask=mask), states

    assert "Loop" not in compare(stack, {"x": x, "mask": mask}, specs)


def test_layer_inside_a_loop_matches_keras():
    x, mask = inputs()
    layer = randomize(BOTH(GRU(4, **SEQUENCES)), x)
    project = randomize(keras.layers.Dense(FEATURES), layer(x)[0])

    def twice(x, mask):
        return tf.while_loop(
            lambda turn, x: turn < 2,
            lambda turn, x: (turn + 1, project(layer(x, mask=mask)[0])),
            (0, x),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, None, FEATURES])),
        )[1]

    model, (received,), (expected,) = convert(twice, {"x": x, "mask": mask})
    np.testing.assert_allclose(received, expected, atol=5e-6)
    (loop,) = (node for node in model.graph.node if node.op_type == "Loop")
    body = next(a.g for a in loop.attribute if a.HasField("g"))
    assert recurrent(node.op_type for node in body.node) == ["GRU"]


@pytest.mark.parametrize("cell", [GRU, LSTM])
def test_weights_are_initializers_in_their_final_form(cell):
    x, mask = inputs()
    layer = randomize(BOTH(cell(4, return_sequences=True)), x)
    model, *_ = convert(lambda x, mask: layer(x, mask=mask), {"x": x, "mask": mask})
    node = next(node for node in model.graph.node if node.op_type == cell.__name__)
    stored = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    gates = 3 if cell is GRU else 4
    shapes = [(2, 4 * gates, FEATURES), (2, 4 * gates, 4), (2, 8 * gates)]
    assert [stored[name].shape for name in node.input[1:4]] == shapes
    large = [array for array in stored.values() if array.size >= 4 * gates]
    assert len(large) == 3
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    assert (attributes["direction"], attributes["hidden_size"]) == (b"bidirectional", 4)


@pytest.mark.parametrize("both", [False, True], ids=["forward", "both"])
@pytest.mark.parametrize("cell", [GRU, LSTM])
def test_initial_states_and_a_row_without_tokens_match_keras(cell, both):
    x, mask = inputs((6, 0, 3))
    layer = cell(4, **SEQUENCES)
    layer = randomize(BOTH(layer) if both else layer, x)
    count = (2 if cell is LSTM else 1) * (2 if both else 1)
    rng = np.random.default_rng(2)
    states = {f"state_{i}": rng.normal(size=(3, 4)).astype("float32") for i in range(count)}

    def start(x, mask, *states):
        return layer(x, mask=mask, initial_state=list(states))

    types = compare(start, {"x": x, "mask": mask, **states})
    assert recurrent(types) == [cell.__name__]


def test_default_states_cost_no_node():
    x, mask = inputs()
    layer = randomize(GRU(4, return_sequences=True), x)
    model, *_ = convert(lambda x, mask: layer(x, mask=mask), {"x": x, "mask": mask})
    node = next(node for node in model.graph.node if node.op_type == "GRU")
    assert len([name for name in node.input if name]) == 5  # X, W, R, B, sequence_lens


def test_mask_of_an_embedding_reaches_the_node():
    ids = np.array([[1, 2, 3, 4], [5, 0, 0, 0], [1, 2, 0, 0]], "int32")
    embedding = keras.layers.Embedding(6, FEATURES, mask_zero=True)
    layer = BOTH(GRU(4, return_sequences=True))
    model = keras.Sequential([embedding, layer, keras.layers.LSTM(3)])
    randomize(model, ids)
    specs = [tf.TensorSpec([None, None], tf.int32, "ids")]
    converted, messages = trace(lambda ids: {"y": model(ids)}, specs)
    assert not messages
    converted.ir_version = 10
    session = onnxruntime.InferenceSession(
        converted.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    np.testing.assert_allclose(session.run(["y"], {"ids": ids})[0], model(ids), atol=5e-6)
    assert recurrent(node.op_type for node in converted.graph.node) == ["GRU", "LSTM"]


def traced(layer, mask=None, steps=None, batch=None, dtype="float32", **call):
    """Types of the operations that a layer traces to."""
    spec = tf.TensorSpec([batch, steps, FEATURES], dtype)
    function = tf.function(lambda x: layer(x, mask=mask, **call), [spec], autograph=False)
    return {operation.type for operation in function.get_concrete_function().graph.get_operations()}


@pytest.mark.parametrize(
    ("make", "call"),
    [
        (lambda: GRU(4, stateful=True), {"batch": 5}),
        (lambda: LSTM(4, dropout=0.5), {"training": True}),
        (lambda: GRU(4, recurrent_dropout=0.5), {"training": True}),
        (lambda: GRU(4, dtype="mixed_float16"), {}),
        (lambda: BOTH(GRU(4, dtype="float64"), dtype="float64"), {"dtype": "float64"}),
    ],
    ids=["stateful", "dropout", "recurrent_dropout", "float16", "both_float64"],
)
def test_what_no_node_expresses_traces_step_by_step(make, call):
    layer = make()
    layer(inputs()[0])
    with native_rnn():
        types = traced(layer, **call)
    assert "PyFuncStateless" not in types
    assert "While" in types


def test_contexts_leave_keras_as_it_was():
    before = [GRU.inner_loop, LSTM.inner_loop, keras.layers.RNN.inner_loop, BOTH.call]
    layer = GRU(4)
    layer(inputs()[0])
    for context in (native_rnn, plain_rnn):
        with pytest.raises(KeyError), context():
            raise KeyError
        after = [GRU.inner_loop, LSTM.inner_loop, keras.layers.RNN.inner_loop, BOTH.call]
        assert after == before
        assert "While" in traced(layer)


def test_gpu_leaves_no_cudnn_kernel_in_a_trace(monkeypatch):
    layers = [GRU(4), LSTM(4), BOTH(GRU(4))]
    for layer in layers:
        layer(inputs()[0])
    monkeypatch.setattr(KERAS_RNN, "_is_gpu_available", lambda: True)
    for layer in layers:
        with tf.device("CPU"):
            assert "CudnnRNNV3" in traced(layer)  # what a machine with a GPU would do
            with plain_rnn():
                types = traced(layer)
            assert "While" in types
            assert "CudnnRNNV3" not in types
            with native_rnn():
                assert traced(layer) & {"CudnnRNNV3", "While", "PyFuncStateless"} == {
                    "PyFuncStateless"
                }


def test_python_function_of_somebody_else_is_reported():
    def sine(x):
        return {"y": tf.numpy_function(np.sin, [x], tf.float32, stateful=False)}

    _, messages = trace(sine, [tf.TensorSpec([None, 3], tf.float32, "x")])
    assert any("PyFuncStateless" in message for message in messages)


def test_saved_model_written_beside_a_gpu_holds_no_cudnn_kernel(monkeypatch, tmp_path):
    layer = GRU(4)
    layer(inputs()[0])
    monkeypatch.setattr(KERAS_RNN, "_is_gpu_available", lambda: True)
    module = tf.Module()
    module.weights = [weight.value for weight in layer.weights]
    signature = [tf.TensorSpec([None, None, FEATURES], name="x")]
    for name in ("translate_text", "translate_ids"):
        setattr(module, name, tf.function(lambda x: {"y": layer(x)}, signature, autograph=False))
    path = write_saved_model(module, tmp_path)
    stored = (path / "saved_model.pb").read_bytes()
    assert b"While" in stored
    assert b"CudnnRNNV3" not in stored
