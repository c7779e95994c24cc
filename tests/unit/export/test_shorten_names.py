"""Names after the passes that choose them: short, unique, and read by the same nodes."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from export.rewrites.scopes import defined_names, graphs, make_names_unique
from export.rewrites.shorten_names import shorten_names

X = np.array([1.0, -2.0, 3.0], "float32")


def make_model(outer, inner):
    """If c, |v| + v of v = −x, else v; `outer` is the name of v, and `inner` of |v|."""

    def graph(name, *nodes):
        return helper.make_graph(nodes, name, [], [value(nodes[-1].output[0])])

    def value(name, dtype=TensorProto.FLOAT, shape=(3,)):
        return helper.make_tensor_value_info(name, dtype, shape)

    then_branch = graph(
        "a",
        helper.make_node("Abs", [outer], [inner]),
        helper.make_node("Add", [inner, outer], ["sum"]),
    )
    else_branch = graph("b", helper.make_node("Identity", [outer], ["same"]))
    nodes = [
        helper.make_node("Neg", ["x"], [outer]),
        helper.make_node("If", ["c"], ["y"], then_branch=then_branch, else_branch=else_branch),
    ]
    inputs = [value("x"), value("c", TensorProto.BOOL, ())]
    opsets = [helper.make_opsetid("", 18)]
    outer_graph = helper.make_graph(nodes, "g", inputs, [value("y")])
    return helper.make_model(outer_graph, opset_imports=opsets, ir_version=10)


def run(model):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": X, "c": np.array(True)})[0]


@pytest.mark.parametrize(
    ("outer", "inner", "short"),
    [
        ("while/body/v:0", "v:1", ["v", "v_2"]),
        ("v:0", "v", ["v_2", "v"]),  # the inner one is called so already
        ("cond/w", "v", ["w", "v"]),
    ],
)
def test_short_names_mean_what_the_long_ones_did(outer, inner, short):
    model = make_model(outer, inner)
    shorten_names(model)
    np.testing.assert_array_equal(run(model), np.abs(X) - X)
    first, then_branch = model.graph.node[0], list(graphs(model.graph))[-1]
    assert [first.output[0], then_branch.node[0].output[0]] == short
    assert {value.name for value in model.graph.input} == {"x", "c"}


def test_new_name_is_not_one_that_a_graph_further_in_has():
    model = make_model("v", "v_1")
    other = helper.make_tensor_value_info("v", TensorProto.FLOAT, (3,))
    then_branch = list(graphs(model.graph))[-1]
    # The branch gets a v of its own, whose nested branch has a v_1 and reads both.
    deeper = make_model("x", "v_1").graph.node[1]
    del then_branch.node[:]
    for branch in (attribute.g for attribute in deeper.attribute):
        for node in branch.node:
            node.input[:] = ["v" if name == "x" else name for name in node.input]
    deeper.output[0] = "sum"
    then_branch.node.extend([helper.make_node("Neg", ["x"], [other.name]), deeper])
    make_names_unique(model)
    np.testing.assert_array_equal(run(model), np.abs(X) - X)
    names = [name for graph in graphs(model.graph) for name in defined_names(graph)]
    assert len(names) == len(set(names))
