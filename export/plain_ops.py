"""tf2onnx handlers that write one ONNX node where tf2onnx's own write several.

tf2onnx multiplies and adds in place of `Where` and compares integers as floats, for the sake of
old runtimes. In a decode loop each node costs as much as the work it does.
"""


def _as_it_is(context, node, name, args):
    """tf2onnx has put the ONNX name in place; inputs and outputs are those of TensorFlow."""
    del context, name, args
    node.domain = ""


_ONNX_NAMES = {
    "SelectV2": "Where",
    "Less": "Less",
    "LessEqual": "LessOrEqual",
    "Greater": "Greater",
    "GreaterEqual": "GreaterOrEqual",
}

# For `tf2onnx.convert.from_function(custom_op_handlers=…)`.
PLAIN_HANDLERS = {name: (_as_it_is, [onnx_name]) for name, onnx_name in _ONNX_NAMES.items()}
