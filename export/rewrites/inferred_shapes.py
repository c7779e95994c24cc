"""Sizes of every tensor of a model, nested graphs included, by ONNX's shape inference."""

import onnx
from onnx import shape_inference

from export.rewrites.push_constants import push_constants
from export.rewrites.scopes import graphs

_MOST_BYTES = 1024  # larger constants are weights; their values say nothing about sizes


def inferred_shapes(model):
    """What is known of each tensor's sizes.

    Args:
        model: an `onnx.ModelProto` with names that are unique over all graphs; it is not changed.

    Returns:
        A dict from names to tuples of numbers, symbols (equal symbols are equal sizes), and None
        for a size that is not known. A tensor of unknown rank is not there.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for graph in graphs(copy.graph):
        for tensor in graph.initializer:
            if len(tensor.raw_data) > _MOST_BYTES:
                tensor.ClearField("raw_data")
    push_constants(copy)  # inference reads a constant, such as axes, only in its own graph
    inferred = shape_inference.infer_shapes(copy, data_prop=True)
    return {
        value.name: _sizes(value.type.tensor_type.shape)
        for graph in graphs(inferred.graph)
        for value in [*graph.input, *graph.value_info, *graph.output]
        if value.type.tensor_type.HasField("shape")
    }


def _sizes(shape):
    return tuple(
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None for dim in shape.dim
    )
