"""The pass that computes each size once: before and after."""

from functools import partial

import numpy as np
import pytest

from export.rewrites.inferred_shapes import inferred_shapes
from export.rewrites.share_shapes import share_shapes

X = np.arange(48, dtype="float32").reshape(3, 4, 4)
NUMBERS = {"zeros": [0], "ones": [1], "twos": [2], "any": [-1], "halves": [2, 2]}
# Asks x for its length, as tf2onnx writes it, and makes (any, length, 2, 2) of it.
ASK = """
    {n}_long = Shape ({x}) {n}_sizes = Cast <to = 6> ({n}_long)
    {n}_length = Slice ({n}_sizes, ones, twos, zeros)
    {n}_wide = Cast <to = 7> ({n}_length)
    {n}_shape = Concat <axis = 0> (any, {n}_wide, halves)
"""
LOOP = """
    y = Loop <body = body (int64 turn, bool go, float[p, q, 4] z) => (bool on, float[p, q, 4] out) {
"""


def ask(name, of):
    return ASK.format(n=name, x=of)


@pytest.fixture
def make_model(make_graph):
    """Makes a model that has `NUMBERS` as constants."""
    numbers = {name: np.array(value, "int64") for name, value in NUMBERS.items()}
    return partial(make_graph, **numbers)


@pytest.fixture
def shared(after):
    """Runs a model before and after the pass; gives how often each op occurs then."""
    return partial(after, share_shapes)


def test_tensors_of_equal_sizes_are_asked_once(make_model, shared):
    model = make_model(
        "float[b, s, 4] x",
        "float[b, s, 2, 2] y, float[b, s, 2, 2] z",
        ask("p", "x")
        + " other = Relu (x) "
        + ask("q", "other")
        + "y = Reshape (x, p_shape) z = Reshape (other, q_shape)",
    )
    counts = shared(model, x=X)
    assert (counts["Shape"], counts["Slice"], counts["Concat"]) == (1, 1, 1)
    assert counts["Reshape"] == 2


def test_sizes_that_may_differ_are_asked_each(make_model, shared):
    model = make_model(
        "float[b, s, 4] x, float[b, t, 4] w",
        "float[b, s, 2, 2] y, float[b, t, 2, 2] z",
        ask("p", "x") + ask("q", "w") + "y = Reshape (x, p_shape) z = Reshape (w, q_shape)",
    )
    counts = shared(model, x=X, w=X[:, :2])
    assert (counts["Shape"], counts["Concat"]) == (2, 2)


def test_numbers_of_different_types_or_ranks_are_not_the_same(make_model, shared):
    model = make_model(
        "float[b, s, 4] x",
        "int32[1] narrow, int64[1] wide, int32 scalar",
        ask("p", "x")
        + """
        narrow = Identity (p_length) wide = Identity (p_wide)
        whole = Squeeze (p_length, zeros) scalar = Identity (whole)
        """,
    )
    counts = shared(model, x=X)
    assert (counts["Cast"], counts["Squeeze"]) == (2, 1)


@pytest.mark.parametrize("inner", ["z", "w"])
def test_a_loop_reads_what_was_computed_around_it(make_model, shared, inner):
    """A body's own w is Relu(x), which has x's sizes; what it carries may change its size."""
    model = make_model(
        "float[b, s, 4] x",
        "float[b, s, 2, 2] first, float[b, s, 4] y",
        ask("p", "x")
        + "first = Reshape (x, p_shape) turns = Constant <value_int = 3> () "
        + LOOP
        + f"on = Identity (go) w = Relu (x) {ask('q', inner)}"
        + f"heads = Reshape ({inner}, q_shape) back = Shape ({inner}) flat = Reshape (heads, back)"
        + "out = Add (flat, z) }> (turns, , x)",
    )
    counts = shared(model, x=X)
    assert counts["Concat"] == {"w": 1, "z": 2}[inner]


def test_result_of_a_graph_stays_its_own(make_model, shared):
    model = make_model(
        "float[b, s, 4] x",
        "int64[4] one, int64[4] two",
        ask("one", "x").replace("one_shape", "one") + ask("two", "x").replace("two_shape", "two"),
    )
    counts = shared(model, x=X)
    assert counts["Concat"] == 2
    assert counts["Slice"] == 1


def test_inferred_shapes_see_through_constants_of_the_graph_around(make_model):
    model = make_model(
        "float[b, s, 4] x",
        "float[b, s, 4] y",
        """
        turns = Constant <value_int = 3> ()
        """
        + LOOP
        + """
        on = Identity (go) mean = ReduceMean (z, ones) out = Sub (z, mean) }> (turns, , x)
        """,
    )
    assert len(inferred_shapes(model)["mean"]) == 3
    assert inferred_shapes(model)["mean"][1:] == (1, 4)


def test_a_slice_with_steps_and_no_axes_is_not_taken_for_a_plain_one(make_model, shared):
    model = make_model(
        "float[b, s, 4] x",
        "int64[m] plain, int64[n] stepped",
        """
        sizes = Shape (x) p = Slice (sizes, zeros, twos) q = Slice (sizes, zeros, twos, , twos)
        plain = Identity (p) stepped = Identity (q)
        """,
    )
    assert shared(model, x=X)["Slice"] == 2
