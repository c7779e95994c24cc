"""The pass that computes equal nodes once: before and after."""

from functools import partial

import numpy as np
import onnx
import pytest
from onnx import helper

from export.rewrites.share_nodes import share_nodes

X = np.random.default_rng(1).normal(size=(3, 4)).astype("float32")


@pytest.fixture
def make_model(make_graph):
    """Makes a model whose constants are float32."""

    def make(*text, **constants):
        return make_graph(*text, **{name: np.float32(x) for name, x in constants.items()})

    return make


@pytest.fixture
def shared(after):
    """Runs a model before and after the pass; gives how often each op occurs then."""
    return partial(after, share_nodes)


def test_equal_chains_with_equal_constants_become_one(make_model, shared):
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


def test_other_constants_attributes_or_orders_are_other_nodes(make_model, shared):
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


def test_numbers_of_one_value_but_two_shapes_are_two(make_model, shared):
    model = make_model(
        "float[b, 4] x", "float[b, 4] y, float[1, b, 4] z", "y = Mul (x, a) z = Mul (x, c)",
        a=2, c=[[[2]]],
    )  # fmt: skip
    assert shared(model, x=X) == {"Mul": 2}


def test_default_of_an_input_is_no_constant(make_model, shared, run_graph):
    model = make_model(
        "float[b, 4] x, float a", "float[b, 4] y", "p = Mul (x, a) q = Mul (x, c) y = Sub (p, q)",
        a=2, c=2,
    )  # fmt: skip
    assert shared(model, x=X) == {"Mul": 2, "Sub": 1}
    assert run_graph(model, x=X, a=np.array(3, "float32"))[0].any()


def test_results_of_the_graph_keep_their_nodes(make_model, shared):
    model = make_model("float[b, 4] x", "float[b, 4] y, float[b, 4] z", "y = Relu (x) z = Relu (x)")
    assert shared(model, x=X) == {"Relu": 2}


def test_a_branch_reads_what_the_graph_around_has_computed_but_not_its_sister(make_model, shared):
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


def test_random_numbers_are_drawn_each(make_model, run_graph):
    model = make_model(
        "float[b, 4] x",
        "float[b, 4] y",
        "p = RandomNormalLike (x) q = RandomNormalLike (x) y = Sub (p, q)",
    )
    share_nodes(model)
    assert run_graph(model, x=X)[0].any()


def test_constants_are_compared_by_value_however_they_are_stored(make_model, shared):
    model = make_model(
        "float[b, 4] x", "float[b, 4] y", "p = Mul (x, a) q = Mul (x, c) y = Sub (p, q)"
    )
    for name, number in (("a", 2.0), ("c", 3.0)):  # not as raw bytes
        tensor = helper.make_tensor(name, onnx.TensorProto.FLOAT, [], [number])
        assert not tensor.raw_data
        model.graph.initializer.append(tensor)
    assert shared(model, x=X) == {"Mul": 2, "Sub": 1}
