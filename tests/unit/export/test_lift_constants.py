"""The pass that keeps large constants once, in the main graph: before and after."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.rewrites.lift_constants import lift_constants
from export.rewrites.scopes import bodies, graphs

FLOAT = TensorProto.FLOAT
TABLE = np.random.default_rng(0).normal(size=(16, 16)).astype("float32")  # 1024 bytes


def value(name, dtype, shape):
    return helper.make_tensor_value_info(name, dtype, shape)


def branch(name, operator, constants):
    """x ∘ table ∘ small, both of them constants of this branch."""
    nodes = [
        helper.make_node(operator, ["x", f"table_{name}"], [f"middle_{name}"]),
        helper.make_node(operator, [f"middle_{name}", f"small_{name}"], [f"y_{name}"]),
    ]
    initializers = [
        numpy_helper.from_array(array, f"{kind}_{name}") for kind, array in constants.items()
    ]
    return helper.make_graph(nodes, name, [], [value(f"y_{name}", FLOAT, [16, 16])], initializers)


@pytest.fixture
def model():
    """An If whose branches hold the same table; the main graph holds another of that shape."""
    constants = {"table": TABLE, "small": np.float32(2)}
    node = helper.make_node(
        "If",
        ["more"],
        ["chosen"],
        then_branch=branch("then", "Add", constants),
        else_branch=branch("else", "Mul", constants),
    )
    graph = helper.make_graph(
        [node, helper.make_node("Add", ["chosen", "other"], ["y"])],
        "outer",
        [value("x", FLOAT, [16, 16]), value("more", TensorProto.BOOL, [])],
        [value("y", FLOAT, [16, 16])],
        [numpy_helper.from_array(TABLE + 1, "other")],
    )
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def run(model, more):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": np.eye(16, dtype="float32"), "more": np.array(more)})[0]


@pytest.mark.parametrize("more", [True, False])
def test_lift_keeps_the_result(model, more):
    before = run(model, more)
    onnx.checker.check_model(lift_constants(model), full_check=True)
    np.testing.assert_array_equal(run(model, more), before)


def test_lift_leaves_one_copy_of_equal_tables(model):
    lift_constants(model)
    assert [tensor.name for tensor in model.graph.initializer] == ["other", "table_else"]
    readers = [node.input[1] for node in graph_nodes(model) if node.input[0] == "x"]
    assert readers == ["table_else", "table_else"]


def test_lift_leaves_small_constants_where_they_are_read(model):
    lift_constants(model)
    inner = [tensor.name for graph in list(graphs(model.graph))[1:] for tensor in graph.initializer]
    assert sorted(inner) == ["small_else", "small_then"]


def test_lift_takes_a_table_that_the_main_graph_has_already(model):
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(TABLE, "other"))
    before = run(model, True)
    lift_constants(model)
    assert [tensor.name for tensor in model.graph.initializer] == ["other"]
    np.testing.assert_array_equal(run(model, True), before)


def test_lift_leaves_a_table_that_its_branch_returns(model):
    then_branch = list(graphs(model.graph))[-1]
    then_branch.output[0].name = "table_then"
    del then_branch.node[:]
    before = run(model, True)
    onnx.checker.check_model(lift_constants(model), full_check=True)
    np.testing.assert_array_equal(run(model, True), before)
    assert "table_then" in [tensor.name for tensor in then_branch.initializer]


def graph_nodes(model):
    return [node for owner in model.graph.node for body in bodies(owner) for node in body.node]
