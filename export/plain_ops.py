"""tf2onnx handlers that write one ONNX node where tf2onnx's own write several.

tf2onnx multiplies and adds in place of `Where`, six nodes for one, for the sake of old runtimes. In
a decode loop a node costs as much as the work it does.
"""

from onnx import TensorProto


def _choice(context, node, name, args):
    """Where; of booleans, which onnxruntime's `Where` does not take, (c ∧ x) ∨ (¬c ∧ y)."""
    node.domain = ""  # tf2onnx has put the ONNX name in place; the inputs are in the same order
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


# For `tf2onnx.convert.from_function(custom_op_handlers=…)`. Comparisons stay tf2onnx's: where it
# puts a loop's own counter in place of another, types only agree because it compares floats.
PLAIN_HANDLERS = {"SelectV2": (_choice, ["Where"])}
