"""tf2onnx handlers that write one ONNX node where tf2onnx's own write several.

tf2onnx multiplies and adds in place of `Where` and compares integers as floats, for the sake of
old runtimes. In a decode loop each node costs as much as the work it does.
"""


def _rename(op_type):
    def handler(context, node, name, args):
        del context, name, args
        node.type = op_type
        node.domain = ""

    return handler


HANDLERS = {
    "SelectV2": (_rename("Where"), []),
    **{name: (_rename(name), []) for name in ("Less", "LessEqual", "Greater", "GreaterEqual")},
}
HANDLERS["LessEqual"] = (_rename("LessOrEqual"), [])
HANDLERS["GreaterEqual"] = (_rename("GreaterOrEqual"), [])
