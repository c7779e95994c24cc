"""Choices and comparisons become one ONNX node each, with TensorFlow's results."""

from collections import Counter

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

from export.onnx import trace
from export.rewrites.scopes import graphs

CONDITION = np.array([[True], [False], [True]])
CHOICES = {
    "bool": (np.array([[True, True, False, False]]), np.array([True, False, True, False])),
    "int32": (np.array([[2**24 + 1, -1, 0, 7]], "int32"), np.array(5, "int32")),
    "int64": (np.array([[2**40 + 1, -1, 0, 7]]), np.array(5)),
    "float32": (np.array(0.5, "float32"), np.array([np.inf, -1e9, 0, 7], "float32")),
}


def convert(function, *arrays):
    """Nodes of the converted function, and its result in onnxruntime."""
    names = [f"x{index}" for index in range(len(arrays))]
    signature = [
        tf.TensorSpec([None] * array.ndim, array.dtype, name=name)
        for name, array in zip(names, arrays, strict=True)
    ]
    model, messages = trace(lambda *tensors: {"y": function(*tensors)}, signature)
    assert not messages
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    nodes = Counter(node.op_type for graph in graphs(model.graph) for node in graph.node)
    return nodes, session.run(None, dict(zip(names, arrays, strict=True)))[0]


@pytest.mark.parametrize("dtype", CHOICES)
def test_where_chooses_as_tensorflow_does(dtype):
    first, second = CHOICES[dtype]
    nodes, result = convert(tf.where, CONDITION, first, second)
    expected = np.where(CONDITION, first, second)
    assert result.dtype == expected.dtype == dtype
    np.testing.assert_array_equal(result, expected)
    # onnxruntime's Where takes no booleans
    assert nodes == ({"Where": 1} if dtype != "bool" else {"And": 2, "Not": 1, "Or": 1})


def test_nodes_stay_plain_in_a_loop():
    def collatz(x):  # steps that each number takes to 1
        def body(x, steps):
            odd = tf.equal(x % 2, 1)
            steps = tf.where(tf.greater(x, 1), steps + 1, steps)
            return tf.where(x <= 1, x, tf.where(odd, 3 * x + 1, x // 2)), steps

        return tf.while_loop(lambda x, _: tf.reduce_any(x > 1), body, (x, tf.zeros_like(x)))[1]

    nodes, result = convert(collatz, np.array([6, 1, 7, 27], "int32"))
    assert result.tolist() == [8, 0, 16, 111]
    assert nodes["Where"] == 3
