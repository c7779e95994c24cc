"""tf2onnx handlers that write one ONNX node where tf2onnx's own write several.

tf2onnx multiplies and adds in place of `Where` and compares integers as floats, for the sake of
old runtimes. In a decode loop each node costs as much as the work it does.
"""

from onnx import TensorProto


def _as_it_is(context, node, name, args):
    """tf2onnx has put the ONNX name in place; inputs and outputs are those of TensorFlow."""
    del context, name, args
    node.domain = ""


def _choice(context, node, name, args):
    """Where; of booleans, which onnxruntime's `Where` does not take, (c ∧ x) ∨ (¬c ∧ y)."""
    _as_it_is(context, node, name, args)
    if context.get_dtype(node.input[1]) != TensorProto.BOOL:
        return
    condition, first, second = node.input
    shapes, dtypes = node.output_shapes, node.output_dtypes
    context.remove_node(node.name)
    opposite = context.make_node("Not", [condition]).output[0]
    parts = [
        context.make_node("And", inputs).output[0]
        for inputs in ([condition, first], [opposite, second])
    ]
    context.make_node(
        "Or", parts, outputs=node.output, name=node.name, shapes=shapes, dtypes=dtypes
    )


_COMPARISONS = {
    "Less": "Less",
    "LessEqual": "LessOrEqual",
    "Greater": "Greater",
    "GreaterEqual": "GreaterOrEqual",
}

# For `tf2onnx.convert.from_function(custom_op_handlers=…)`.
PLAIN_HANDLERS = {
    "SelectV2": (_choice, ["Where"]),
    **{name: (_as_it_is, [onnx_name]) for name, onnx_name in _COMPARISONS.items()},
}
