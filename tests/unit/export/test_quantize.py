"""int8 weights: before and after, on graphs of a few nodes."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper, parser

from export.quantize import quantize
from export.rewrites.scopes import graphs

RNG = np.random.default_rng(1)
X = RNG.normal(size=(5, 16)).astype("float32")
IDS = np.array([[3, 0], [29, 3]], "int32")


def make_model(inputs, outputs, body, **weights):
    """A model of this text; weights are arrays, or shapes of random ones."""
    text = f'<ir_version: 10, opset_import: ["" : 18]> g ({inputs}) => ({outputs}) {{ {body} }}'
    model = parser.parse_model(text)
    rng = np.random.default_rng(0)
    for name, value in weights.items():
        if not isinstance(value, np.ndarray):
            value = rng.normal(size=value).astype("float32")
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    return model


def run(model, **feeds):
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, feeds)


def quantized(model, **feeds):
    """The int8 model; its results are as near to the float ones as int8 can be."""
    before = model.SerializeToString()
    small = quantize(model)
    assert model.SerializeToString() == before
    for expected, found in zip(run(model, **feeds), run(small, **feeds), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=0.02 * np.abs(expected).max())
    return small


def ops(model):
    """How often each op occurs in all graphs."""
    return Counter(node.op_type for graph in graphs(model.graph) for node in graph.node)


def constants(model, dtype):
    """Sizes of the constants of a dtype."""
    found = [t for graph in graphs(model.graph) for t in graph.initializer if t.data_type == dtype]
    return sorted(list(tensor.dims) for tensor in found)


# --- products -------------------------------------------------------------------------------------


def test_product_with_a_constant_matrix_becomes_one_int8_node():
    model = make_model("float[b, 16] x", "float[b, 12] y", "y = MatMul (x, w)", w=(16, 12))
    small = quantized(model, x=X)
    assert ops(small) == {"DynamicQuantizeMatMul": 1}
    assert small.graph.node[0].domain == "com.microsoft"
    assert constants(small, TensorProto.INT8) == [[16, 12]]
    assert constants(small, TensorProto.FLOAT) == [[12]]  # the scales; the matrix is gone


def test_each_column_has_its_own_scale():
    sizes = np.array([1e-4, 1, 1e4, 0], "float32")
    w = RNG.normal(size=(16, 4)).astype("float32") * sizes
    model = make_model("float[b, t, 16] x", "float[b, t, 4] y", "y = MatMul (x, w)", w=w)
    x = X[None]
    small = quantized(model, x=x)
    (expected,), (found,) = run(model, x=x), run(small, x=x)
    error = np.abs(found - expected).max(axis=(0, 1))
    assert (error <= 0.02 * np.abs(expected).max(axis=(0, 1))).all()
    assert not found[..., 3].any()


def add_in_16_bits(activations, weights):
    """uint8 `(B, K)` × int8 `(K, N)`, as CPUs without VNNI do it: pairs first, cut to 16 bits."""
    products = activations.astype(int)[..., None] * weights.astype(int)
    pairs = products[:, 0::2] + products[:, 1::2]
    return np.clip(pairs, -(2**15), 2**15 - 1).sum(axis=1)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("width", [16, 15])
def test_no_pair_of_weights_overflows_16_bits(width, transposed):
    w = RNG.normal(size=(width, 40)).astype("float32")
    w[:, :20] = np.sign(w[:, :20]) + RNG.normal(size=(width, 20)) * 1e-3  # neighbours near largest
    body = (
        "t = Transpose <perm = [1, 0]> (w) y = MatMul (x, t)" if transposed else "y = MatMul (x, w)"
    )
    signature = f"float[b, {width}] x", "float[b, 40] y", body
    small = quantized(make_model(*signature, w=w.T.copy() if transposed else w), x=X[:, :width])
    [stored] = [
        numpy_helper.to_array(tensor)
        for tensor in small.graph.initializer
        if tensor.data_type == TensorProto.INT8
    ]
    stored = np.pad(stored.T if transposed else stored, ((0, width % 2), (0, 0)))
    full = np.full((1, len(stored)), 255)
    for activations in (full, full * (stored[:, :1].T > 0)):
        np.testing.assert_array_equal(add_in_16_bits(activations, stored), activations @ stored)
    assert np.abs(stored).max(axis=0).min() >= 63


@pytest.mark.parametrize("add", ["y = Add (p, bias)", "y = Add (bias, p)"])
def test_constant_bias_is_absorbed(add):
    body = f"p = MatMul (x, w) {add}"
    model = make_model("float[b, 16] x", "float[b, 12] y", body, w=(16, 12), bias=12)
    small = quantized(model, x=X)
    assert ops(small) == {"DynamicQuantizeMatMul": 1}
    assert small.graph.node[0].input[4] == "bias"


@pytest.mark.parametrize(
    "rest",
    [
        "y = Add (p, scalar)",
        "y = Add (p, one)",
        "y = Add (p, z) ",
        "s = Add (p, bias) t = Relu (p) y = Mul (s, t)",
    ],
)
def test_other_sums_stay_sums(rest):
    model = make_model(
        "float[b, 16] x, float[b, 12] z",
        "float[b, 12] y",
        f"p = MatMul (x, w) {rest}",
        **{"w": (16, 12), "bias": 12, "scalar": (), "one": 1},
    )
    z = np.ones((5, 12), "float32")
    assert ops(quantized(model, x=X, z=z))["Add"] == 1


def test_product_that_is_also_a_result_keeps_its_name():
    model = make_model(
        "float[b, 16] x",
        "float[b, 12] p, float[b, 12] y",
        "p = MatMul (x, w) y = Add (p, bias)",
        w=(16, 12),
        bias=12,
    )
    assert ops(quantized(model, x=X)) == {"DynamicQuantizeMatMul": 1, "Add": 1}


def test_products_and_lookups_of_other_kinds_stay_float32():
    model = make_model(
        "float[b, 16] x, int32[n, 2] ids",
        "float[b, b] y, float[12, 16] z, float[n, 2] v, float[16, n, 2] c, int64[n, 2, 3] i",
        """
        t = Transpose <perm = [1, 0]> (x) y = MatMul (x, t)
        z = MatMul (left, x)
        v = Gather (vector, ids)
        c = Gather <axis = 1> (matrix, ids)
        i = Gather (integers, ids)
        """,
        left=(12, 5),
        vector=30,
        matrix=(16, 30),
        integers=np.arange(90).reshape(30, 3),
    )
    small = quantized(model, x=X, ids=IDS)
    assert ops(small)["MatMul"] == 2
    assert ops(small)["Gather"] == 3


# --- embeddings -----------------------------------------------------------------------------------


def test_embedding_has_a_scale_for_each_token():
    sizes = np.geomspace(1e-3, 1e3, 30).astype("float32")
    table = RNG.normal(size=(30, 8)).astype("float32") * sizes[:, None]
    body = "rows = Gather (table, ids)"
    model = make_model("int32[b, t] ids", "float[b, t, 8] rows", body, table=table)
    small = quantized(model, ids=IDS)
    found = run(small, ids=IDS)[0]
    error = np.abs(found - table[IDS]).max(axis=-1)
    assert (error <= np.abs(table[IDS]).max(axis=-1) / 253).all()  # half a step of 127
    assert constants(small, TensorProto.INT8) == [[30, 8]]


def test_embedding_that_is_also_the_output_layer_is_stored_once():
    model = make_model(
        "int32[b] ids, float[b, 16] x",
        "float[b, 16] rows, float[b, 30] logits",
        """
        rows = Gather (table, ids)
        turned = Transpose <perm = [1, 0]> (table)
        p = MatMul (x, turned)
        logits = Add (p, bias)
        """,
        **{"table": (30, 16), "bias": 30},
    )
    small = quantized(model, ids=IDS[0], x=X[:2])
    assert constants(small, TensorProto.INT8) == [[30, 16]]
    assert constants(small, TensorProto.FLOAT) == [[30], [30]]  # scales and bias
    assert ops(small)["Add"] == 0


def test_matrix_that_is_both_an_embedding_and_an_untransposed_product_has_two_forms():
    model = make_model(
        "int32[b] ids, float[b, 16] x",
        "float[b, 12] rows, float[b, 12] y",
        "rows = Gather (w, ids) y = MatMul (x, w)",
        w=RNG.normal(size=(16, 12)).astype("float32") * np.arange(1, 13, dtype="float32"),
    )
    small = quantized(model, ids=np.array([3, 15], "int32"), x=X[:2])
    assert constants(small, TensorProto.INT8) == [[16, 12]] * 2
    assert constants(small, TensorProto.FLOAT) == [[12], [16]]


# --- nested graphs --------------------------------------------------------------------------------


def test_bodies_of_loops_in_branches_are_quantised():
    """Where `go` is true, x ← tanh(x W + b), twice; else x V. W stands outside, b in the body."""
    model = make_model(
        "float[b, 16] x, bool go",
        "float[b, 16] y",
        """
        y = If (go) <
            then_branch = then () => (float[b, 16] last) {
                turns = Constant <value_int = 2> ()
                last = Loop <body = body (int64 n, bool on, float[b, 16] z)
                    => (bool more, float[b, 16] out) {
                    more = Identity (on) p = MatMul (z, w) s = Add (p, bias) out = Tanh (s)
                }> (turns, , x)
            },
            else_branch = other () => (float[b, 16] once) { once = MatMul (x, v) }
        >
        """,
        w=0.2 * RNG.normal(size=(16, 16)).astype("float32"),
        v=(16, 16),
    )
    body = list(graphs(model.graph))[2]
    assert body.name == "body"
    body.initializer.append(numpy_helper.from_array(np.full(16, 0.1, "float32"), "bias"))
    for go in (True, False):
        small = quantized(model, x=X, go=np.array(go))
    assert ops(small)["DynamicQuantizeMatMul"] == 2
    assert ops(small)["MatMul"] == ops(small)["Add"] == 0
    assert constants(small, TensorProto.FLOAT) == [[16]] * 3


def test_large_model_takes_a_quarter_of_the_bytes():
    body = "a = MatMul (x, w) y = MatMul (a, v)"
    model = make_model("float[b, 200] x", "float[b, 200] y", body, w=(200, 200), v=(200, 200))
    x = RNG.normal(size=(3, 200)).astype("float32")
    small = quantized(model, x=x)
    assert small.ByteSize() < 0.26 * model.ByteSize()


# --- part of a matrix -----------------------------------------------------------------------------

COLUMNS = np.array([3, 0, 11, 7], "int32")


@pytest.mark.parametrize(
    ("select", "shape"),
    [
        ("part = Gather <axis = 1> (w, i)", (16, 12)),
        ("rows = Gather (w, i) part = Transpose <perm = [1, 0]> (rows)", (12, 16)),
    ],
)
def test_selected_columns_stay_int8_in_their_product(select, shape):
    body = f"{select} y = MatMul (x, part)"
    model = make_model("float[b, 16] x, int32[c] i", "float[b, c] y", body, w=shape)
    small = quantized(model, x=X, i=COLUMNS)
    assert ops(small)["DynamicQuantizeMatMul"] == 1
    assert ops(small)["Gather"] == 2  # of the columns and of their scales
    assert not {"MatMul", "Cast"} & ops(small).keys()
    assert constants(small, TensorProto.INT8) == [list(shape)]
    assert constants(small, TensorProto.FLOAT) == [[12]]


def test_constant_bias_of_selected_columns_stays_a_sum():
    body = "part = Gather <axis = 1> (w, i) p = MatMul (x, part) y = Add (p, bias)"
    model = make_model("float[b, 16] x, int32[4] i", "float[b, 4] y", body, w=(16, 12), bias=4)
    small = quantized(model, x=X, i=COLUMNS)
    assert ops(small)["DynamicQuantizeMatMul"] == 1
    assert ops(small)["Add"] == 1


def test_rows_by_a_table_of_indices_stay_float_in_their_product():
    """A vector for each distance (Shaw et al. 2018): the transposed product has three axes."""
    body = "rows = Gather (w, i) part = Transpose <perm = [0, 2, 1]> (rows) y = MatMul (z, part)"
    inputs = "float[t, b, 16] z, int32[t, s] i"
    model = make_model(inputs, "float[t, b, s] y", body, w=(12, 16))
    small = quantized(model, z=np.stack([X, X]), i=COLUMNS.reshape(2, 2))
    assert ops(small)["MatMul"] == 1


def test_selected_columns_reach_a_nested_product():
    body = """
        part = Gather <axis = 1> (w, i)
        y = If (c) <then_branch = a () => (float[b, n] s) { s = MatMul (x, part) },
                    else_branch = o () => (float[b, n] t) { p = MatMul (x, part) t = Neg (p) }>
    """
    inputs = "float[b, 16] x, int32[n] i, bool c"
    model = make_model(inputs, "float[b, n] y", body, w=(16, 12))
    small = quantized(model, x=X, i=COLUMNS, c=np.array(False))
    assert ops(small)["DynamicQuantizeMatMul"] == 2
    assert "MatMul" not in ops(small)


@pytest.mark.parametrize(
    "rest",
    [
        "y = MatMul (part, part)",  # also the first factor
        "z = MatMul (x, part) w2 = Neg (part) y = MatMul (x, w2)",
        "y = MatMul (x, part) z = Identity (part)",
    ],
)
def test_columns_that_others_read_too_stay_float(rest):
    body = f"part = Gather <axis = 1> (w, i) {rest}"
    columns = np.arange(16, dtype="int32")
    model = make_model("float[b, 16] x, int32[c] i", "float[n, m] y", body, w=(16, 16))
    small = quantized(model, x=X, i=columns)
    assert "DynamicQuantizeMatMul" not in ops(small)


def test_output_layer_shares_its_int8_matrix_with_the_embedding():
    body = """
        x = Gather (w, ids)
        rows = Gather (w, i) part = Transpose <perm = [1, 0]> (rows) y = MatMul (x, part)
    """
    model = make_model("int32[b] ids, int32[c] i", "float[b, c] y", body, w=(30, 16))
    small = quantized(model, ids=IDS[0], i=COLUMNS)
    assert constants(small, TensorProto.INT8) == [[30, 16]]


def test_columns_that_are_a_result_too_stay_float():
    body = "part = Gather <axis = 1> (w, i) y = MatMul (x, part)"
    model = make_model(
        "float[b, 16] x, int32[c] i", "float[b, c] y, float[16, c] part", body, w=(16, 12)
    )
    assert "DynamicQuantizeMatMul" not in ops(quantized(model, x=X, i=COLUMNS))
