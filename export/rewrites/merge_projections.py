"""Computes projections of the same tensor as one matrix product.

Queries, keys and values of self-attention come from one tensor, and so do the keys and values that
every decoder layer takes from the memory. One wide product costs less than several narrow ones,
and much less in int8, where each product first quantises its input.
"""

from collections import defaultdict

import numpy as np
from onnx import helper, numpy_helper

from export.rewrites.inferred_shapes import inferred_shapes
from export.rewrites.scopes import drop_unused, graphs


def merge_projections(model):
    """Merges the MatMul nodes that multiply one tensor by constants, in place; returns the model.

    The Adds that follow them merge too when each product has one, with a constant vector. A Concat
    that puts all results side by side in this order is the wide product itself; for others the
    product is split. Names must be unique (`hoist_loop_invariants` makes them so).
    """
    constants = {
        tensor.name: tensor for graph in graphs(model.graph) for tensor in graph.initializer
    }
    shapes = inferred_shapes(model)
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
                _merge(graph, nodes, constants, shapes, stack)
    return drop_unused(model)


def _is_matrix(tensor):
    return tensor is not None and len(tensor.dims) == 2


def _merge(graph, nodes, constants, shapes, stack):
    """Replaces products of one tensor by one product and, where its parts are read, a Split."""
    found = [(node, _bias(graph, node, constants)) for node in nodes]
    has_biases = all(bias for _, bias in found)
    results = {(bias[0] if has_biases else node).output[0]: (node, bias) for node, bias in found}
    concat = _side_by_side(graph, list(results), shapes.get(nodes[0].output[0]))
    if concat is not None:
        results = {name: results[name] for name in concat.input}
    weights = tuple(node.input[1] for node, _ in results.values())
    whole = f"{nodes[0].output[0]}_and_{len(nodes) - 1}"
    made = [helper.make_node("MatMul", [nodes[0].input[0], stack(weights, 1)], [whole])]
    if has_biases:
        biases = stack(tuple(bias for _, (_, bias) in results.values()), 0)
        made.append(helper.make_node("Add", [whole, biases], [f"{whole}_sum"]))
    if concat is None:
        sizes = np.array([constants[name].dims[1] for name in weights], "int64")
        graph.initializer.append(numpy_helper.from_array(sizes, f"{whole}_sizes"))
        parts = [made[-1].output[0], f"{whole}_sizes"]
        made.append(helper.make_node("Split", parts, list(results), axis=-1))
    else:
        made[-1].output[0] = concat.output[0]
    gone = {node.output[0] for node in nodes} | set(made[-1].output) | set(results)
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


def _bias(graph, product, constants):
    """The Add that is the only reader of a product, and its constant vector; None without one."""
    add = _only_reader(graph, product.output[0], "Add")
    if add is None:
        return None
    others = [name for name in add.input if name in constants]
    sizes = [constants[product.input[1]].dims[1]]
    is_vector = len(others) == 1 and list(constants[others[0]].dims) == sizes
    return (add, others[0]) if is_vector else None


def _side_by_side(graph, names, shape):
    """The Concat along the last axis that alone reads these, each once; None if there is none."""
    readers = [_only_reader(graph, name, "Concat") for name in names]
    concat = readers[0]
    if concat is None or any(reader is not concat for reader in readers):
        return None
    axis = next(attribute.i for attribute in concat.attribute if attribute.name == "axis")
    is_last = axis == -1 or (shape is not None and axis == len(shape) - 1)
    return concat if is_last and sorted(concat.input) == sorted(names) else None
