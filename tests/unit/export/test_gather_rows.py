"""Columns of a constant matrix, gathered as rows: the same numbers."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper, parser

from export.rewrites.gather_rows import gather_rows

MATRIX = np.random.default_rng(0).normal(size=(6, 9)).astype("float32")
INDICES = np.array([7, 0, 7, 3], "int32")


def make_model(body, inputs="int32[c] i", matrix=MATRIX, output="float[6, c] y"):
    text = f'<ir_version: 10, opset_import: ["" : 18]> g ({inputs}) => ({output}) {{ {body} }}'
    model = parser.parse_model(text)
    model.graph.initializer.append(numpy_helper.from_array(matrix, "w"))
    return model


def run(model, **feeds):
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, feeds)[0]


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_columns_become_rows(dtype):
    matrix = (MATRIX * 50).astype(dtype)
    output = {"float32": "float[6, c] y", "int8": "int8[6, c] y"}[dtype]
    model = make_model("y = Gather <axis = 1> (w, i)", matrix=matrix, output=output)
    gather_rows(model)
    assert [node.op_type for node in model.graph.node] == ["Transpose", "Gather", "Transpose"]
    assert model.graph.node[0].input[0] == "w"  # stored as it was
    np.testing.assert_array_equal(run(model, i=INDICES), matrix[:, INDICES])


@pytest.mark.parametrize(
    ("body", "inputs", "output"),
    [
        ("y = Gather (w, i)", "int32[c] i", "float[c, 9] y"),
        ("y = Gather <axis = 1> (x, i)", "float[6, 9] x, int32[c] i", "float[6, c] y"),
        # A bias by distance: a row for each head, and a table of distances.
        ("y = Gather <axis = 1> (w, i)", "int32[t, s] i", "float[6, t, s] y"),
        ("y = Gather <axis = 1> (w, i)", "int32 i", "float[6] y"),
    ],
)
def test_other_gathers_stay(body, inputs, output):
    model = make_model(body, inputs, output=output)
    before = model.SerializeToString()
    assert gather_rows(model).SerializeToString() == before
