"""The pass that gives a Loop's counter and condition their shape: before and after."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import parser

from export.rewrites.loop_scalars import state_loop_scalars
from export.rewrites.scopes import graphs

# x + 0 + 1, three times; "[]" is an unknown shape, as tf2onnx leaves it.
NESTED = """
<ir_version: 10, opset_import: ["" : 18]>
g (float[b, 2] x) => (float[b, 2] y) {
    turns = Constant <value_int = 3> ()
    y = Loop <body = outer (int64[] i, bool[] go, float[c, 2] z) => (bool[] on, float[d, 2] out) {
        limit = Constant <value_int = 2> ()
        on = Identity (go)
        out = Loop <body = inner (int64[] j, bool[] h, float[e, 2] a) => (bool[] k, float[f, 2] o) {
            k = Identity (h)
            number = Cast <to = 1> (j)
            o = Add (a, number)
        }> (limit, go, z)
    }> (turns, , x)
}
"""
X = np.array([[1, 2], [3, 4]], "float32")


def run(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": X})[0]


def test_nested_loops_without_shapes_run_after_the_pass():
    model = parser.parse_model(NESTED)
    with pytest.raises(Exception, match="input 0 has unknown shape"):
        run(model)
    assert state_loop_scalars(model) is model
    onnx.checker.check_model(model, full_check=True)
    np.testing.assert_array_equal(run(model), X + 3)


def test_counter_and_condition_become_scalars_and_nothing_else_changes():
    model = parser.parse_model(NESTED.replace("int64[] i", "int64[1] i"))
    state_loop_scalars(model)
    loops = list(graphs(model.graph))[1:]
    assert [body.name for body in loops] == ["outer", "inner"]
    for body in loops:
        for value in body.input[:2]:
            assert value.type.tensor_type.HasField("shape")
            assert not value.type.tensor_type.shape.dim
        assert len(body.input[2].type.tensor_type.shape.dim) == 2
    assert len(model.graph.input[0].type.tensor_type.shape.dim) == 2
