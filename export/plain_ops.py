"""tf2onnx handlers that write one ONNX node where tf2onnx's own write several.

tf2onnx multiplies and adds in place of `Where`, six nodes for one, for the sake of old runtimes. In
a decode loop a node costs as much as the work it does.
"""


def _as_it_is(context, node, name, args):
    """tf2onnx has put the ONNX name in place; inputs and outputs are those of TensorFlow."""
    del context, name, args
    node.domain = ""


# For `tf2onnx.convert.from_function(custom_op_handlers=…)`. Comparisons stay tf2onnx's: where it
# puts a loop's own counter in place of another, types only agree because it compares floats.
PLAIN_HANDLERS = {"SelectV2": (_as_it_is, ["Where"])}
