"""tf2onnx gives the same graph when it is made faster, and one even where an optimizer fails."""

import collections

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
import tf2onnx
from tf2onnx import optimizer
from tf2onnx.graph import Graph

from export.fast_tf2onnx import OPTIMIZERS, fast_tf2onnx
from export.rewrites.scopes import graphs

WEIGHTS = np.random.default_rng(0).normal(size=(4, 4)).astype("float32")


def function(x, count):
    """A loop with a branch in it, and things to optimize: twins, transposes, constants."""

    def body(step, value):
        value = tf.transpose(tf.transpose(value)) @ tf.transpose(tf.constant(WEIGHTS))
        value = tf.cond(step > 1, lambda: value + tf.abs(x), lambda: value - tf.abs(x))
        return step + 1, tf.reshape(tf.reshape(value, (-1,)), tf.shape(x)) * (tf.ones(()) + 1)

    _, result = tf.while_loop(lambda step, _: step < count, body, (0, x))
    return {"result": tf.tanh(result) + tf.tanh(result)}


SIGNATURE = [tf.TensorSpec([None, 4], tf.float32, "x"), tf.TensorSpec([], tf.int32, "count")]


def convert():
    traced = tf.function(function, input_signature=SIGNATURE, autograph=False)
    model, _ = tf2onnx.convert.from_function(traced, input_signature=SIGNATURE, opset=18)
    return model


def run(model):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    x = np.linspace(-1, 1, 12, dtype="float32").reshape(3, 4)
    return session.run(["result"], {"x": x, "count": np.array(3, "int32")})[0]


def operations(model):
    """How often each operation stands in each graph."""
    return [collections.Counter(node.op_type for node in g.node) for g in graphs(model.graph)]


@pytest.fixture(scope="module")
def plain():
    return convert()


def remember(kind, name, ran, monkeypatch):
    """Makes an optimizer write its name into a list when it runs."""
    plain = kind._optimize

    def optimize(self, graph):
        ran.append(name)
        return plain(self, graph)

    monkeypatch.setattr(kind, "_optimize", optimize)


def test_result_is_the_same_graph(plain, monkeypatch):
    ran = []
    original = Graph.extract_sub_graph_nodes
    for name, kind in optimizer._get_optimizers().items():
        remember(kind, name, ran, monkeypatch)
    with fast_tf2onnx():
        assert Graph.extract_sub_graph_nodes is not original
        fast = convert()
    assert operations(fast) == operations(plain)
    np.testing.assert_array_equal(run(fast), run(plain))
    assert set(ran) == set(OPTIMIZERS)
    assert Graph.extract_sub_graph_nodes is original


def test_optimizers_matter_here(plain, monkeypatch):
    monkeypatch.setattr("export.fast_tf2onnx.OPTIMIZERS", ("remove_back_to_back",))
    with fast_tf2onnx():
        assert operations(convert()) != operations(plain)


def test_failing_optimizer_is_left_out(plain, monkeypatch):
    def fail(self, graph):
        raise KeyError("no")

    monkeypatch.setattr(optimizer._get_optimizers()["merge_duplication"], "_optimize", fail)
    with fast_tf2onnx():
        model = convert()
    np.testing.assert_array_equal(run(model), run(plain))
    assert operations(model) != operations(plain)


def test_hooks_are_put_back_when_a_conversion_fails():
    before = optimizer.optimize_graph, Graph.extract_sub_graph_nodes
    with pytest.raises(ValueError, match="stop"), fast_tf2onnx():
        raise ValueError("stop")
    assert before == (optimizer.optimize_graph, Graph.extract_sub_graph_nodes)


def test_every_optimizer_named_is_known():
    assert set(OPTIMIZERS) < set(optimizer._get_optimizers())
