"""The pass that takes loop invariants out of a Loop: before and after."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.rewrites.hoist_loop_invariants import hoist_loop_invariants
from export.rewrites.scopes import bodies

FLOAT, INT, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def value(name, dtype, shape):
    return helper.make_tensor_value_info(name, dtype, shape)


def looping_model():
    """x ← x · (Wᵀ) + Σ(bias), three times; W and bias go round as carried values."""
    body = helper.make_graph(
        [
            helper.make_node("Transpose", ["w_in"], ["wt"], perm=[1, 0]),  # needs w alone
            helper.make_node("Identity", ["wt"], ["wt_same"]),
            helper.make_node("MatMul", ["x_in", "wt_same"], ["product"]),
            helper.make_node("ReduceSum", ["b_in"], ["total"], keepdims=0),  # needs b alone
            helper.make_node("Mul", ["total", "half"], ["halved"]),
            helper.make_node("Add", ["product", "halved"], ["x_out"]),
            helper.make_node("Identity", ["w_in"], ["w_out"]),
            helper.make_node("Identity", ["cond_in"], ["cond_out"]),
        ],
        "body",
        [
            value("turn", INT, []),
            value("cond_in", BOOL, []),
            value("x_in", FLOAT, [None, 3]),
            value("w_in", FLOAT, [3, 3]),
            value("b_in", FLOAT, [3]),
        ],
        [
            value("cond_out", BOOL, []),
            value("x_out", FLOAT, [None, 3]),
            value("w_out", FLOAT, [3, 3]),
            value("b_in", FLOAT, [3]),
        ],
        [numpy_helper.from_array(np.float32(0.5), "half")],
    )
    rng = np.random.default_rng(0)
    graph = helper.make_graph(
        [
            helper.make_node(
                "Loop", ["turns", "", "x", "w", "b"], ["x_last", "w_last", "b_last"], body=body
            ),
            helper.make_node("Mul", ["x_last", "b_last"], ["y"]),
        ],
        "outer",
        [value("x", FLOAT, [None, 3])],
        [value("y", FLOAT, [None, 3])],
        [
            numpy_helper.from_array(np.int64(3), "turns"),
            numpy_helper.from_array(rng.normal(size=(3, 3)).astype("float32"), "w"),
            numpy_helper.from_array(rng.normal(size=3).astype("float32"), "b"),
        ],
    )
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def run(model, x):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": x})[0]


@pytest.fixture
def models():
    before = looping_model()
    after = onnx.ModelProto()
    after.CopyFrom(before)
    return before, hoist_loop_invariants(after)


def loop_of(model):
    return next(node for node in model.graph.node if node.op_type == "Loop")


def test_hoist_keeps_the_result(models):
    x = np.random.default_rng(1).normal(size=(2, 3)).astype("float32")
    before, after = models
    onnx.checker.check_model(after, full_check=True)
    np.testing.assert_allclose(run(after, x), run(before, x), rtol=1e-6)


def test_hoist_leaves_only_the_changing_value_carried(models):
    before, after = models
    assert list(loop_of(before).input)[2:] == ["x", "w", "b"]
    assert list(loop_of(after).input)[2:] == ["x"]
    assert len(loop_of(after).output) == 1


def test_hoist_moves_nodes_that_read_nothing_from_the_loop(models):
    _, after = models
    inside = [node.op_type for node in loop_of(after).attribute[0].g.node]
    outside = [node.op_type for node in after.graph.node]
    assert "Transpose" not in inside
    assert "ReduceSum" not in inside
    assert {"MatMul", "Add"} <= set(inside)
    assert {"Transpose", "ReduceSum"} <= set(outside)
    assert outside.index("Transpose") < outside.index("Loop")


def test_hoist_replaces_a_final_value_that_never_changed(models):
    _, after = models
    product = next(node for node in after.graph.node if node.output[0] == "y")
    assert list(product.input) == ["x_last", "b"]


def test_hoist_renames_what_two_graphs_define(models):
    before, _ = models
    body = loop_of(before).attribute[0].g
    for node in body.node:  # the body's "total" is now called like an initializer outside
        for names in (node.input, node.output):
            names[:] = ["w" if name == "total" else name for name in names]
    x = np.ones((1, 3), "float32")
    expected = run(looping_model(), x)
    np.testing.assert_allclose(run(hoist_loop_invariants(before), x), expected, rtol=1e-6)


def test_hoist_leaves_a_constant_that_the_body_returns():
    """A variable that the loop sets to a number: a graph cannot return a name from outside."""
    model = looping_model()
    loop = loop_of(model)
    (body,) = bodies(loop)
    body.input.append(value("k_in", FLOAT, [3]))
    body.output.append(value("k_out", FLOAT, [3]))
    body.initializer.append(numpy_helper.from_array(np.ones(3, "float32"), "k_out"))
    loop.input.append("b")
    loop.output.append("k_last")
    model.graph.node[-1].input[1] = "k_last"
    x = np.ones((2, 3), "float32")
    before = run(model, x)
    hoist_loop_invariants(model)
    onnx.checker.check_model(model, full_check=True)
    np.testing.assert_array_equal(run(model, x), before)
