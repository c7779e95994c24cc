"""Finds the largest entries of long rows in two steps: first the blocks that hold them.

onnxruntime's TopK reads a row one number at a time, its ReduceMax many at once. So the largest
entry of each block of a row comes first, then TopK over these, then TopK over the entries of the
blocks that it chose: the k largest entries lie in the k blocks with the largest maxima. Among equal
entries the first comes first, as in TopK itself. Over 4,000 entries in 64 rows that took 0.3 of the
time for k = 1 and 0.45 for k = 4.
"""

import math

import numpy as np
from onnx import helper, numpy_helper

from export.rewrites.inferred_shapes import inferred_shapes
from export.rewrites.scopes import graphs

_SHORTEST = 1000  # entries of a row; below that two steps are no faster
_BLOCKS = range(32, 257)  # entries of a block
_BEST_BLOCK = 100


def split_top_k(model):
    """Rewrites every TopK over long rows whose length is known, in place; returns the model.

    Names must be unique over all graphs.
    """
    shapes = inferred_shapes(model)
    constants = {
        tensor.name: numpy_helper.to_array(tensor)
        for graph in graphs(model.graph)
        for tensor in graph.initializer
        if math.prod(tensor.dims) == 1
    }
    for graph in graphs(model.graph):
        nodes = []
        for node in graph.node:
            block = _block_size(node, shapes)
            if block:
                row = shapes[node.input[0]][-1]
                is_one = constants.get(node.input[1]) == 1
                new, sizes = _two_steps(node, row // block, block, is_one)
                nodes.extend(new)
                graph.initializer.extend(sizes)
            else:
                nodes.append(node)
        del graph.node[:]
        graph.node.extend(nodes)
    return model


def _block_size(node, shapes):
    """Entries of a block, a divisor of the row's length; 0 where the node stays as it is."""
    shape = shapes.get(node.input[0], ()) if node.op_type == "TopK" else ()
    if len(shape) != 2 or not isinstance(shape[1], int) or shape[1] < _SHORTEST:
        return 0
    options = {"axis": -1, "largest": 1, "sorted": 1}
    options |= {attribute.name: attribute.i for attribute in node.attribute}
    if options["axis"] not in (-1, 1) or not options["largest"] or not options["sorted"]:
        return 0
    divisors = [size for size in _BLOCKS if shape[1] % size == 0]
    return min(divisors, key=lambda size: abs(math.log(size / _BEST_BLOCK)), default=0)


def _two_steps(node, num_blocks, block, is_one):
    """The nodes that stand for a TopK over rows `(N, num_blocks · block)`, and their constants."""
    rows, k = node.input
    values, indices = node.output
    nodes, sizes = [], []

    def size(part, *numbers):
        name = f"{indices}_{part}"
        sizes.append(numpy_helper.from_array(np.array(numbers, "int64"), name))
        return name

    def add(op, inputs, *parts, **attributes):
        names = [f"{indices}_{part}" for part in parts]
        nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names[0] if len(names) == 1 else names

    block_size = size("block_size", block)
    blocks = add("Reshape", [rows, size("in_blocks", -1, num_blocks, block)], "blocks")
    maxima = add("ReduceMax", [blocks, size("last", 2)], "maxima", keepdims=0)
    if is_one:
        _, chosen = add("TopK", [maxima, k], "largest", "chosen")
    else:  # blocks in their order, so that equal entries keep theirs
        most = add("Min", [k, size("num_blocks", num_blocks)], "most")
        _, ranked = add("TopK", [maxima, most], "largest", "ranked")
        chosen, _ = add("TopK", [ranked, most], "chosen", "places", largest=0)
    where = add("Unsqueeze", [chosen, size("pointers", 2)], "where")
    found = add("GatherND", [blocks, where], "found", batch_dims=1)  # (N, k, block)
    flat = add("Reshape", [found, size("flat", 0, -1)], "entries")
    place = f"{indices}_place"
    nodes.append(helper.make_node("TopK", [flat, k], [values, place]))
    inside = place
    if not is_one:
        number = add("Div", [place, block_size], "number")
        chosen = add("GatherElements", [chosen, number], "block", axis=1)
        inside = add("Mod", [place, block_size], "inside")
    start = add("Mul", [chosen, block_size], "start")
    nodes.append(helper.make_node("Add", [start, inside], [indices]))
    return nodes, sizes
