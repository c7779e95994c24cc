"""The pass that merges products of one tensor: before and after."""

from functools import partial

import numpy as np
import onnx
import pytest

from export.rewrites.merge_projections import merge_projections

X = np.random.default_rng(1).normal(size=(5, 8)).astype("float32")


@pytest.fixture
def make_model(make_graph):
    """Makes a model of random weights, of the shapes given."""

    def make(*text, **shapes):
        rng = np.random.default_rng(0)
        weights = {name: rng.normal(size=shape) for name, shape in shapes.items()}
        return make_graph(*text, **{name: w.astype("float32") for name, w in weights.items()})

    return make


@pytest.fixture
def merged(after):
    """Runs a model before and after the pass; gives how often each op occurs then."""
    return partial(after, merge_projections, tolerance=1e-5)


SIDE_BY_SIDE = """
    kp = MatMul (x, wk) ks = Add (bk, kp)
    qp = MatMul (x, wq) qs = Add (qp, bq)
    vp = MatMul (x, wv) vs = Add (vp, bv)
    y = Concat <axis = {axis}> ({parts})
"""
PROJECTIONS = {"wq": (8, 6), "wk": (8, 6), "wv": (8, 6), "bq": 6, "bk": 6, "bv": 6}


@pytest.mark.parametrize("axis", [1, -1])
def test_projections_side_by_side_are_one_product_in_their_order(make_model, merged, axis):
    body = SIDE_BY_SIDE.format(axis=axis, parts="qs, ks, vs")
    model = make_model("float[b, 8] x", "float[b, 18] y", body, **PROJECTIONS)
    assert merged(model, x=X) == {"MatMul": 1, "Add": 1}
    dims = [list(t.dims) for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT]
    assert sorted(dims) == [[8, 18], [18]]  # the narrow weights are gone


@pytest.mark.parametrize(
    ("axis", "parts", "shape"),
    [
        (0, "qs, ks, vs", "c, 6"),  # along another axis
        (1, "qs, ks, vs, x", "b, 26"),  # with something else
        (1, "qs, ks, qs", "b, 18"),  # one twice, one never
    ],
)
def test_other_concats_of_projections_stay(make_model, merged, axis, parts, shape):
    body = SIDE_BY_SIDE.format(axis=axis, parts=parts)
    model = make_model("float[b, 8] x", f"float[{shape}] y", body, **PROJECTIONS)
    assert merged(model, x=X)["Concat"] == 1


def test_projections_of_a_longer_row_are_not_side_by_side_on_axis_1(make_model, merged):
    body = SIDE_BY_SIDE.format(axis=1, parts="qs, ks, vs")
    model = make_model("float[b, t, 8] x", "float[b, s, 6] y", body, **PROJECTIONS)
    counts = merged(model, x=np.stack([X, 2 * X]))
    assert (counts["MatMul"], counts["Split"], counts["Concat"]) == (1, 1, 1)


def test_unequal_widths_and_other_ranks_split_at_the_last_axis(make_model, merged):
    model = make_model(
        "float[b, t, 8] x",
        "float[b, t, 6] first, float[b, t, 2] second",
        "p = MatMul (x, w) q = MatMul (x, v) first = Add (p, b) second = Add (q, c)",
        **{"w": (8, 6), "v": (8, 2), "b": 6, "c": 2},
    )
    x = np.stack([X, 2 * X])
    assert merged(model, x=x) == {"MatMul": 1, "Add": 1, "Split": 1}


def test_adds_stay_where_one_product_has_none(make_model, merged):
    model = make_model(
        "float[b, 8] x",
        "float[b, 6] first, float[b, 6] second",
        "p = MatMul (x, w) second = MatMul (x, v) first = Add (p, b)",
        **{"w": (8, 6), "v": (8, 6), "b": 6},
    )
    assert merged(model, x=X) == {"MatMul": 1, "Split": 1, "Add": 1}


@pytest.mark.parametrize(
    "reader",
    [
        "first = Add (p, x)",  # no constant
        "first = Add (p, p)",
        "first = Add (p, scalar)",  # no vector of the product's width
        "s = Add (p, b) t = Sub (p, b) first = Mul (s, t)",  # read twice
    ],
)
def test_sums_that_are_no_bias_keep_their_own_add(make_model, merged, reader):
    model = make_model(
        "float[b, 8] x",
        "float[b, 8] first, float[b, 8] second",
        f"p = MatMul (x, w) q = MatMul (x, v) second = Add (q, b) {reader}",
        **{"w": (8, 8), "v": (8, 8), "b": 8, "scalar": ()},
    )
    adds = reader.count("Add") + 1
    assert merged(model, x=X)["MatMul"] == 1
    assert sum(node.op_type == "Add" for node in model.graph.node) == adds


def test_product_that_is_also_a_result_stays_one(make_model, merged):
    model = make_model(
        "float[b, 8] x",
        "float[b, 6] p, float[b, 6] first, float[b, 6] second",
        "p = MatMul (x, w) q = MatMul (x, v) first = Add (p, b) second = Add (q, b)",
        **{"w": (8, 6), "v": (8, 6), "b": 6},
    )
    assert merged(model, x=X)["Add"] == 2


def test_other_products_are_left_alone(make_model, merged):
    model = make_model(
        "float[b, 8] x, float[8, 6] y",
        "float[b, 6] one, float[b, 6] two, float[b, 6] three, float[b, 6] four",
        """
        one = MatMul (x, w) y1 = Relu (y) y2 = Tanh (y) two = MatMul (x, y1) three = MatMul (x, y2)
        other = Relu (x) four = MatMul (other, w)
        """,
        w=(8, 6),
    )
    before = model.SerializeToString()
    y = np.ones((8, 6), "float32")
    assert merged(model, x=X, y=y)["MatMul"] == 4
    kept = [node.SerializeToString() for node in onnx.ModelProto.FromString(before).graph.node]
    assert [node.SerializeToString() for node in model.graph.node] == kept


def test_groups_that_share_their_first_weight_get_weights_of_their_own(make_model, merged):
    model = make_model(
        "float[b, 8] x",
        "float[b, 6] one, float[b, 6] two, float[b, 6] three, float[b, 6] four",
        """
        p = MatMul (x, w) q = MatMul (x, v) one = Add (p, zero) two = Add (q, b)
        y = Relu (x)
        r = MatMul (y, w) s = MatMul (y, u) three = Add (r, zero) four = Add (s, c)
        """,
        **{"w": (8, 6), "v": (8, 6), "u": (8, 6), "zero": 6, "b": 6, "c": 6},
    )
    assert merged(model, x=X)["MatMul"] == 2


def test_groups_with_the_same_weights_share_the_merged_ones(make_model, merged):
    model = make_model(
        "float[b, 8] x",
        "float[b, 6] one, float[b, 6] two, float[b, 6] three, float[b, 6] four",
        """
        one = MatMul (x, w) two = MatMul (x, v) y = Relu (x)
        three = MatMul (y, w) four = MatMul (y, v)
        """,
        **{"w": (8, 6), "v": (8, 6)},
    )
    assert merged(model, x=X)["MatMul"] == 2
    floats = [t for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT]
    assert [list(tensor.dims) for tensor in floats] == [[8, 12]]


def test_products_in_a_loop_body_merge_there(make_model, merged):
    """x ← (x W + b) ∘ (x V + c), three times; the weights lie outside."""
    model = make_model(
        "float[b, 8] x",
        "float[b, 8] y",
        """
        turns = Constant <value_int = 3> ()
        y = Loop <body = body (int64 turn, bool go, float[b, 8] z) => (bool on, float[b, 8] out) {
            on = Identity (go) p = MatMul (z, w) q = MatMul (z, v)
            s = Add (p, b) t = Add (q, c) out = Mul (s, t)
        }> (turns, , x)
        """,
        **{"w": (8, 8), "v": (8, 8), "b": 8, "c": 8},
    )
    counts = merged(model, x=0.1 * X)
    assert (counts["MatMul"], counts["Add"], counts["Split"]) == (1, 1, 1)
    outer = {node.op_type for node in model.graph.node}
    assert "MatMul" not in outer
