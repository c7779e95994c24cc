"""The pass that computes equal nodes once: before and after."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper, parser

from export.rewrites.scopes import graphs
from export.rewrites.share_nodes import share_nodes

X = np.random.default_rng(1).normal(size=(3, 4)).astype("float32")


def make_model(inputs, outputs, body, **constants):
    text = f'<ir_version: 10, opset_import: ["" : 18]> g ({inputs}) => ({outputs}) {{ {body} }}'
    model = parser.parse_model(text)
    for name, value in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(np.float32(value), name))
    return model


def run(model, **feeds):
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, feeds)


def shared(model, **feeds):
    """How often each op occurs after the pass, in all graphs; the results must be the same."""
    expected = run(model, **feeds)
    assert share_nodes(model) is model
    for before, after in zip(expected, run(model, **feeds), strict=True):
        np.testing.assert_array_equal(after, before)
    return Counter(node.op_type for graph in graphs(model.graph) for node in graph.node)


def test_equal_chains_with_equal_constants_become_one():
    model = make_model(
        "float[b, 4] x",
        "float[b, 4] y",
        "p = Mul (x, a) q = Sub (p, b) r = Mul (x, c) s = Sub (r, d) y = Add (q, s)",
        a=2,
        b=3,
        c=2,
        d=3,
    )
    assert shared(model, x=X) == {"Mul": 1, "Sub": 1, "Add": 1}
    assert [tensor.name for tensor in model.graph.initializer] == ["a", "b"]


def test_other_constants_attributes_or_orders_are_other_nodes():
    model = make_model(
        "float[b, b] x",
        "float[b, b] y",
        """
        p = Mul (x, a) q = Mul (x, c) r = Sub (p, q) s = Sub (q, p)
        t = Softmax <axis = 0> (r) u = Softmax <axis = 1> (r) v = Add (s, t) y = Add (u, v)
        """,
        a=2,
        c=3,
    )
    assert shared(model, x=X[:, :3]) == {"Mul": 2, "Sub": 2, "Softmax": 2, "Add": 2}


def test_numbers_of_one_value_but_two_shapes_are_two():
    model = make_model(
        "float[b, 4] x", "float[b, 4] y, float[1, b, 4] z", "y = Mul (x, a) z = Mul (x, c)",
        a=2, c=[[[2]]],
    )  # fmt: skip
    assert shared(model, x=X) == {"Mul": 2}


def test_default_of_an_input_is_no_constant():
    model = make_model(
        "float[b, 4] x, float a", "float[b, 4] y", "p = Mul (x, a) q = Mul (x, c) y = Sub (p, q)",
        a=2, c=2,
    )  # fmt: skip
    assert shared(model, x=X) == {"Mul": 2, "Sub": 1}
    assert run(model, x=X, a=np.array(3, "float32"))[0].any()


def test_results_of_the_graph_keep_their_nodes():
    model = make_model("float[b, 4] x", "float[b, 4] y, float[b, 4] z", "y = Relu (x) z = Relu (x)")
    assert shared(model, x=X) == {"Relu": 2}


def test_a_branch_reads_what_the_graph_around_has_computed_but_not_its_sister():
    branch = (
        "float[b, 4] {0}_out) {{ {0}_r = Relu (x) {0}_s = Exp (x) {0}_out = {1} ({0}_r, {0}_s) }}"
    )
    model = make_model(
        "float[b, 4] x, bool more",
        "float[b, 4] y",
        "outer = Relu (x) chosen = If (more) <then_branch = t () => ("
        + branch.format("t", "Add")
        + ", else_branch = e () => ("
        + branch.format("e", "Sub")
        + "> y = Add (outer, chosen)",
    )
    counts = shared(model, x=X, more=np.array(True))
    assert counts["Relu"] == 1
    assert counts["Exp"] == 2


def test_random_numbers_are_drawn_each():
    model = make_model(
        "float[b, 4] x",
        "float[b, 4] y",
        "p = RandomNormalLike (x) q = RandomNormalLike (x) y = Sub (p, q)",
    )
    share_nodes(model)
    assert run(model, x=X)[0].any()


def test_constants_are_compared_by_value_however_they_are_stored():
    model = make_model(
        "float[b, 4] x", "float[b, 4] y", "p = Mul (x, a) q = Mul (x, c) y = Sub (p, q)"
    )
    for name, number in (("a", 2.0), ("c", 3.0)):  # not as raw bytes
        tensor = helper.make_tensor(name, onnx.TensorProto.FLOAT, [], [number])
        assert not tensor.raw_data
        model.graph.initializer.append(tensor)
    assert shared(model, x=X) == {"Mul": 2, "Sub": 1}
