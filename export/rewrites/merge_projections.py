"""Computes projections of the same tensor as one matrix product.

Queries, keys and values of self-attention come from one tensor, and so do the keys and values that
every decoder layer takes from the memory. One wide product costs less than several narrow ones,
and much less in int8, where each product first quantises its input.
"""

from collections import defaultdict

import numpy as np
from onnx import helper, numpy_helper

from export.rewrites.scopes import drop_unused, graphs


def merge_projections(model):
    """Merges the MatMul nodes that multiply one tensor by constants, in place; returns the model.

    The Adds that follow them merge too when each product has one, with a constant vector, and so do
    Reshapes into heads of one shape. Names must be unique (`hoist_loop_invariants` makes them so).
    """
    constants = {
        tensor.name: tensor for graph in graphs(model.graph) for tensor in graph.initializer
    }
    merged = {}

    def stack(names, axis):
        """The name of these constants side by side; made once."""
        if (names, axis) not in merged:
            arrays = [numpy_helper.to_array(constants[name]) for name in names]
            name = f"{names[0]}_and_{len(names) - 1}_{len(merged)}"  # groups may begin alike
            tensor = numpy_helper.from_array(np.concatenate(arrays, axis), name)
            model.graph.initializer.append(tensor)
            merged[names, axis] = name
        return merged[names, axis]

    for graph in graphs(model.graph):
        groups = defaultdict(list)
        for node in graph.node:
            if node.op_type == "MatMul" and _is_matrix(constants.get(node.input[1])):
                groups[node.input[0]].append(node)
        for nodes in groups.values():
            if len(nodes) > 1:
                _merge(graph, nodes, constants, stack)
    return drop_unused(model)


def _is_matrix(tensor):
    return tensor is not None and len(tensor.dims) == 2


def _merge(graph, nodes, constants, stack):
    """Replaces products of one tensor by one product and a Split."""
    weights = [node.input[1] for node in nodes]
    sizes = [constants[name].dims[1] for name in weights]
    adds = [
        _bias(graph, node.output[0], constants, size)
        for node, size in zip(nodes, sizes, strict=True)
    ]
    ends = [add for add, _ in adds] if all(adds) else nodes
    whole = f"{nodes[0].output[0]}_and_{len(nodes) - 1}"
    made = [helper.make_node("MatMul", [nodes[0].input[0], stack(tuple(weights), 1)], [whole])]
    if all(adds):
        biases = stack(tuple(bias for _, bias in adds), 0)
        made.append(helper.make_node("Add", [whole, biases], [f"{whole}_sum"]))
    outputs = [node.output[0] for node in ends]
    reshapes = [
        _heads(graph, name, constants, size) for name, size in zip(outputs, sizes, strict=True)
    ]
    axis = -1
    alike = all(reshapes) and len({tuple(shape) for _, shape in reshapes}) == 1
    if alike:  # one Reshape in front of the Split serves all
        shape = reshapes[0][1] * np.array([1, len(nodes), 1, 1])
        made.append(
            helper.make_node("Reshape", [made[-1].output[0], f"{whole}_shape"], [f"{whole}_heads"])
        )
        graph.initializer.append(numpy_helper.from_array(shape, f"{whole}_shape"))
        outputs, axis = [reshape.output[0] for reshape, _ in reshapes], 1
        sizes = [shape[1] // len(nodes)] * len(nodes)
        ends = [*ends, *(reshape for reshape, _ in reshapes)]
    sizes_name = f"{whole}_sizes"
    made.append(helper.make_node("Split", [made[-1].output[0], sizes_name], outputs, axis=axis))
    graph.initializer.append(numpy_helper.from_array(np.array(sizes, "int64"), sizes_name))
    gone = {node.output[0] for node in (*nodes, *ends)}
    kept, position = [], None
    for node in graph.node:
        if node.output[0] == nodes[0].output[0]:
            position = len(kept)
        if node.output[0] not in gone:
            kept.append(node)
    del graph.node[:]
    graph.node.extend([*kept[:position], *made, *kept[position:]])


def _only_reader(graph, name, op_type):
    """The one node of `graph` that reads a tensor, if it is of this type; else None."""
    inside = [node for inner in graphs(graph) for node in inner.node if name in node.input]
    own = [node for node in graph.node if name in node.input and node.op_type == op_type]
    returned = name in {value.name for value in graph.output}
    return own[0] if len(inside) == len(own) == 1 and not returned else None


def _bias(graph, product, constants, size):
    """The Add that is the only reader of a product, and its constant vector; None without one."""
    add = _only_reader(graph, product, "Add")
    if add is None:
        return None
    others = [name for name in add.input if name in constants]
    is_vector = len(others) == 1 and list(constants[others[0]].dims) == [size]
    return (add, others[0]) if is_vector else None


def _heads(graph, name, constants, size):
    """The Reshape to (-1, heads, 1, width) that is the only reader, and its shape; or None."""
    reshape = _only_reader(graph, name, "Reshape")
    if reshape is None or reshape.input[1] not in constants:
        return None
    shape = numpy_helper.to_array(constants[reshape.input[1]])
    fits = len(shape) == 4 and shape[0] == -1 and shape[2] == 1 and shape[1] * shape[3] == size
    return (reshape, shape) if fits else None
