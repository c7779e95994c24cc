"""TopK over long rows, in two steps: the same numbers, and the same order among equal ones."""

import numpy as np
import pytest

from export.rewrites.split_top_k import split_top_k

OUTPUTS = "float[n, m] values, int64[n, m] places"


def entries(length, rows=5, few_values=False):
    generator = np.random.default_rng(length)
    if few_values:  # most of them equal to many others
        return generator.integers(0, 3, (rows, length)).astype("float32")
    return generator.normal(size=(rows, length)).astype("float32")


@pytest.mark.parametrize("few_values", [False, True], ids=["distinct", "equal"])
@pytest.mark.parametrize("length", [1000, 1024, 4000, 7300])
@pytest.mark.parametrize("k", [1, 2, 4, 90, 1000])
def test_fed_k(make_graph, after, k, length, few_values):
    model = make_graph(f"float[n, {length}] x, int64[1] k", OUTPUTS, "values, places = TopK (x, k)")
    feeds = {"x": entries(length, few_values=few_values), "k": np.array([k])}
    counts = after(split_top_k, model, **feeds)
    assert counts["ReduceMax"] == 1
    assert counts["TopK"] == 3


@pytest.mark.parametrize("few_values", [False, True], ids=["distinct", "equal"])
def test_constant_one(make_graph, after, few_values):
    body = "values, places = TopK <axis = 1> (x, k)"
    model = make_graph("float[n, 4000] x", OUTPUTS, body, k=np.array([1]))
    counts = after(split_top_k, model, x=entries(4000, few_values=few_values))
    assert counts["TopK"] == 2
    assert counts["Mod"] == 0


def test_inside_a_branch(make_graph, after):
    branch = "{op} () => (float[n, m] {v}, int64[n, m] {p}) {{ {v}, {p} = TopK (x, k) }}"
    body = "values, places = If (c) <then_branch = {}, else_branch = {}>".format(
        branch.format(op="a", v="v1", p="p1"), branch.format(op="b", v="v2", p="p2")
    )
    model = make_graph("float[n, 2000] x, bool c", OUTPUTS, body, k=np.array([3]))
    counts = after(split_top_k, model, x=entries(2000), c=np.array(True))
    assert counts["ReduceMax"] == 2


@pytest.mark.parametrize(
    ("shape", "attributes"),
    [
        ("n, 999", ""),  # short
        ("n, 1009", ""),  # a prime: no equal blocks
        ("n, v", ""),  # unknown
        ("n, 4000", "<largest = 0>"),
        ("n, 4000", "<axis = 0>"),
        ("n, 4000", "<sorted = 0>"),
        ("4000", "<axis = 0>"),
    ],
)
def test_others_stay(make_graph, shape, attributes):
    rank = shape.count(",") + 1
    sizes = ", ".join("ab"[:rank])
    model = make_graph(
        f"float[{shape}] x, int64[1] k",
        f"float[{sizes}] values, int64[{sizes}] places",
        f"values, places = TopK {attributes} (x, k)",
    )
    before = model.SerializeToString()
    assert split_top_k(model).SerializeToString() == before
