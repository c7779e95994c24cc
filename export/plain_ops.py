"""tf2onnx handlers that write one ONNX node where tf2onnx's own write several.

tf2onnx multiplies and adds in place of `Where` and compares integers as floats, for the sake of
old runtimes. In a decode loop each node costs as much as the work it does.
"""


def _become(context, node, name, args):
    """Keeps the node's inputs and outputs, under the ONNX name of the operation."""
    del context, name
    [node.type], node.domain = args, ""


_ONNX_NAMES = {
    "SelectV2": "Where",
    "Less": "Less",
    "LessEqual": "LessOrEqual",
    "Greater": "Greater",
    "GreaterEqual": "GreaterOrEqual",
}

# For `tf2onnx.convert.from_function(custom_op_handlers=…)`.
PLAIN_HANDLERS = {name: (_become, [onnx_name]) for name, onnx_name in _ONNX_NAMES.items()}
