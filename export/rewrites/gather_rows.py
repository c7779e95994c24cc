"""Gathers columns of a constant matrix as rows.

onnxruntime copies columns number by number, which takes about seven times as long as copying rows
and turning the result.
"""

from onnx import helper

from export.rewrites.inferred_shapes import inferred_shapes
from export.rewrites.scopes import graphs


def gather_rows(model):
    """Rewrites every Gather of a list of columns of a constant matrix, in place; returns the model.

    The matrix stays as it is and gets a Transpose, which onnxruntime computes when it loads the
    file: so the weights may still be shared with another file.
    """
    matrices = {
        tensor.name
        for graph in graphs(model.graph)
        for tensor in graph.initializer
        if len(tensor.dims) == 2
    }
    nodes = (node for graph in graphs(model.graph) for node in graph.node)
    columns = {node.output[0] for node in nodes if _is_column_gather(node, matrices)}
    if not columns:
        return model
    shapes = inferred_shapes(model)
    # The columns of a list make a matrix again; those of a table of indices do not.
    columns = {name for name in columns if len(shapes.get(name, ())) == 2}
    for graph in graphs(model.graph):
        nodes = [new for node in graph.node for new in _replace(node, columns)]
        del graph.node[:]
        graph.node.extend(nodes)
    return model


def _is_column_gather(node, matrices):
    is_column = any(attribute.name == "axis" and attribute.i == 1 for attribute in node.attribute)
    return node.op_type == "Gather" and is_column and node.input[0] in matrices


def _replace(node, columns):
    if not columns.intersection(node.output):
        return [node]
    matrix, indices = node.input
    turned, rows = (f"{node.output[0]}_{part}" for part in ("matrix", "rows"))
    return [
        helper.make_node("Transpose", [matrix], [turned], perm=[1, 0]),
        helper.make_node("Gather", [turned, indices], [rows]),
        helper.make_node("Transpose", [rows], [node.output[0]], perm=[1, 0]),
    ]
