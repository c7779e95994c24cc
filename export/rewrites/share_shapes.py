"""Computes each size of a tensor once.

A layer that reshapes asks its own input for the sizes, and tf2onnx writes every such question as
Shape, Cast, Slice and Concat. Most of the answers are the same few numbers: the batch, the length
of the source. Here integers that are known to be equal come from the first node that gives them.
"""

import onnx
from onnx import TensorProto, numpy_helper

from export.rewrites.inferred_shapes import inferred_shapes
from export.rewrites.scopes import bodies, drop_unused, rename_inputs

_INTEGERS = (TensorProto.INT32, TensorProto.INT64)
_MOST_ELEMENTS = 8  # sizes are short vectors


def share_shapes(model):
    """Replaces integers that are computed twice, in place; returns the model.

    What is equal is decided by the symbols of ONNX's shape inference. Names must be unique over all
    graphs.
    """
    _share(model.graph, inferred_shapes(model), {}, {})
    return drop_unused(model)


def _share(graph, shapes, values, first):
    """Goes through a graph and those nested in it.

    Args:
        shapes: sizes of every tensor, by name.
        values: `(elements, is_vector, dtype)` of every small integer tensor seen so far.
        first: the name of the first tensor that has such a value.
    """
    values, first = dict(values), dict(first)  # what a nested graph adds, only it can see
    for tensor in graph.initializer:
        if tensor.data_type in _INTEGERS and len(tensor.dims) < 2:
            array = numpy_helper.to_array(tensor)
            if array.size <= _MOST_ELEMENTS:
                elements = tuple(array.reshape(-1).tolist())
                values[tensor.name] = (elements, array.ndim == 1, tensor.data_type)
    renamed = {}
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        for body in bodies(node):
            rename_inputs(body, renamed)
            _share(body, shapes, values, first)
        value = _evaluate(node, shapes, values)
        if value is None or len(value[0]) > _MOST_ELEMENTS or None in value[0]:
            continue
        (name,) = node.output
        values[name] = value
        if any(isinstance(element, str) for element in value[0]):
            renamed[name] = first.setdefault(value, name)


def _evaluate(node, shapes, values):
    """The value of a node's output in `values`' terms, or None."""
    if node.op_type == "Shape" and not node.attribute:
        sizes = shapes.get(node.input[0])
        return None if sizes is None else (sizes, True, TensorProto.INT64)
    if node.op_type not in _RULES or any(name not in values for name in node.input):
        return None
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return _RULES[node.op_type]([values[name] for name in node.input], attributes)


def _cast(inputs, attributes):
    ((elements, is_vector, _),) = inputs
    return (elements, is_vector, attributes["to"]) if attributes["to"] in _INTEGERS else None


def _concat(inputs, attributes):
    elements = tuple(element for value, _, _ in inputs for element in value)
    return elements, True, inputs[0][2]


def _squeeze(inputs, attributes):
    (elements, is_vector, dtype), *_ = inputs
    return (elements, False, dtype) if is_vector and len(elements) == 1 else None


def _unsqueeze(inputs, attributes):
    (elements, is_vector, dtype), *_ = inputs
    return None if is_vector else (elements, True, dtype)


def _slice(inputs, attributes):
    (elements, is_vector, dtype), *bounds = inputs
    bounds = [value[0] for value in bounds]
    if not is_vector or any(len(b) != 1 or not isinstance(b[0], int) for b in bounds):
        return None
    (start,), (stop,), *rest = bounds
    step = rest[1][0] if len(rest) > 1 else 1
    return elements[start:stop:step], True, dtype


def _gather(inputs, attributes):
    (elements, is_vector, dtype), (indices, many, _) = inputs
    if not is_vector or not all(isinstance(index, int) for index in indices):
        return None
    return tuple(elements[index] for index in indices), many, dtype


_RULES = {
    "Cast": _cast,
    "Concat": _concat,
    "Gather": _gather,
    "Slice": _slice,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
}
