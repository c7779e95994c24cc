"""int8 weights: the same graph with quantised products and embeddings.

Weights are symmetric int8 with a scale for each output column, so that a wide product quantises as
well as the narrow ones it was merged from. Activations are quantised as the graph runs, with one
scale for each tensor: what a row comes to depends, a little, on the rows that share its batch.
"""

import itertools

import numpy as np
import onnx
from onnx import helper, numpy_helper

from export.rewrites.inferred_shapes import inferred_shapes
from export.rewrites.scopes import drop_unused, graphs

MICROSOFT = "com.microsoft"


def quantize(model):
    """A copy of a float32 graph with int8 weights.

    Every MatMul with a constant matrix becomes onnxruntime's `DynamicQuantizeMatMul`, the Add of a
    constant bias included. Every constant matrix that is read by row, be it an embedding or a table
    of positions, gets a scale for each row. A matrix that is both an embedding and, transposed, the
    output layer is stored once.

    Args:
        model: the result of `export.onnx.convert`.

    Returns:
        An `onnx.ModelProto`; products of two activations, and the GRU and LSTM nodes, stay float32.
    """
    model = onnx.ModelProto.FromString(model.SerializeToString())
    weights = _Weights(model)
    for graph in graphs(model.graph):
        nodes = [new for node in graph.node for new in _replace(node, weights)]
        del graph.node[:]
        graph.node.extend(nodes)
        _absorb_biases(graph, weights)
    if all(domain.domain != MICROSOFT for domain in model.opset_import):
        model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    return drop_unused(model)


def scales(matrix, axis, summed=True):
    """What one step of int8 stands for.

    CPUs without VNNI instructions (x86 before 2019, many laptops after it) add the products of two
    neighbours in 16 bits, and cut what does not fit. If two neighbouring weights sum to at most 128
    in magnitude, their products with activations of at most 255 do fit, and the int8 graph gives on
    those CPUs what it gives on others. Such weights keep about 7.5 of their 8 bits.

    Args:
        matrix: float32 `(rows, columns)`.
        axis: 1 for a scale for each column, 0 for each row; products sum along the other one.
        summed: whether there are such products, or only rows that are looked up.

    Returns:
        float32 `(columns,)` or `(rows,)`.
    """
    along = 1 - axis
    largest = np.abs(matrix).max(along)
    if summed:
        largest = np.maximum(largest, np.abs(_pairs(matrix, along)).max(along))
    return np.maximum(largest, 1e-9) / np.float32(127)


def _pairs(matrix, along):
    """Sums of neighbours along an axis: of the first two, the next two, …"""
    padding = [(0, matrix.shape[along] % 2 if at == along else 0) for at in (0, 1)]
    padded = np.pad(matrix, padding)
    first, second = (padded.take(range(at, padded.shape[along], 2), along) for at in (0, 1))
    return first + second


class _Weights:
    """The constants of a model, and their quantised forms, each made once."""

    def __init__(self, model):
        self._model = model
        self.constants = {}
        self.transposed = {}  # name of a transposed constant → name of the constant
        self.selections = {}  # gathered rows or columns → what products read
        self.summed = set()  # constants that products read, be it transposed or in part
        self._quantized = {}
        for graph in graphs(model.graph):
            self.constants |= {tensor.name: tensor for tensor in graph.initializer}
        for graph in graphs(model.graph):
            for node in graph.node:
                if node.op_type == "Transpose" and self.is_matrix(node.input[0]):
                    self.transposed[node.output[0]] = node.input[0]
        self._find_selections()

    def _find_selections(self):
        """Part of a matrix that only products read: columns, or rows that are transposed."""
        every = list(graphs(self._model.graph))
        nodes = [node for graph in every for node in graph.node]
        returned = {value.name for graph in every for value in graph.output}
        found = []

        def only_weight(name):
            readers = [node for node in nodes if name in node.input]
            products = [n for n in readers if n.op_type == "MatMul" and name != n.input[0]]
            return readers == products != [] and name not in returned

        for node in nodes:
            if node.op_type == "MatMul":
                self.summed.add(self.transposed.get(node.input[1], node.input[1]))
            if node.op_type != "Gather" or not self.is_matrix(node.input[0]):
                continue
            name, axis = node.output[0], _axis(node)
            readers = [reader for reader in nodes if name in reader.input]
            turned = axis == 0 and len(readers) == 1 and readers[0].op_type == "Transpose"
            if turned:
                name = readers[0].output[0]
            if only_weight(name) and axis == (0 if turned else 1):
                found.append((node, name))
        if not found:
            return
        shapes = inferred_shapes(self._model)
        for node, name in found:
            if len(shapes.get(node.output[0], ())) == 2:  # by a list of indices, not by a table
                self.summed.add(node.input[0])
                self.selections[node.output[0]] = self.selections[name] = name

    def is_matrix(self, name):
        tensor = self.constants.get(name)
        return tensor is not None and len(tensor.dims) == 2 and tensor.data_type == 1

    def int8(self, name, axis):
        """Names of the int8 form of a matrix and of its scales, one an entry of `axis`."""
        if (name, axis) not in self._quantized:
            matrix = numpy_helper.to_array(self.constants[name])
            scale = scales(matrix, axis, name in self.summed)
            rounded = np.rint(matrix / np.expand_dims(scale, 1 - axis)).astype("int8")
            names = stored_names(name, axis)
            for new_name, array in zip(names, (rounded, scale), strict=True):
                tensor = numpy_helper.from_array(array, new_name)
                self._model.graph.initializer.append(tensor)
                self.constants[new_name] = tensor
            self._quantized[name, axis] = names
        return self._quantized[name, axis]


def stored_names(name, axis):
    """What the int8 form of a matrix and its scales are called."""
    each = ("row", "column")[axis]
    return f"{name}_int8_by_{each}", f"{name}_scale_by_{each}"


def rounding_errors(model, quantized):
    """How far the int8 weights are from those they stand for.

    Args:
        model: the float32 graph.
        quantized: what `quantize` made of it, or the same from a file.

    Returns:
        A dict from the name of each int8 matrix to float32 `(rows, columns)`: absolute differences
        in shares of the largest weight of the row or column that has the scale.
    """
    before, after = (
        {tensor.name: tensor for graph in graphs(item.graph) for tensor in graph.initializer}
        for item in (model, quantized)
    )
    found = {}
    for name, axis in itertools.product(before, (0, 1)):
        int8, scale = (after.get(stored) for stored in stored_names(name, axis))
        if int8 is not None:
            matrix, int8, scale = map(numpy_helper.to_array, (before[name], int8, scale))
            largest = np.abs(matrix).max(1 - axis, keepdims=True)
            error = np.abs(matrix - int8 * np.expand_dims(scale, 1 - axis))
            found[stored_names(name, axis)[0]] = error / np.maximum(largest, 1e-9)
    return found


def _replace(node, weights):
    """The nodes that stand for `node` in the int8 graph."""
    if node.op_type == "MatMul" and weights.is_matrix(node.input[1]):
        return [_product(node, *weights.int8(node.input[1], axis=1))]
    if node.op_type == "MatMul" and node.input[1] in weights.transposed:
        quantized, scale = weights.int8(weights.transposed[node.input[1]], axis=0)
        turned = f"{node.output[0]}_weight"
        transpose = helper.make_node("Transpose", [quantized], [turned], perm=[1, 0])
        return [transpose, _product(node, turned, scale)]
    if node.op_type == "MatMul" and node.input[1] in weights.selections:
        return [_product(node, *_selected(node.input[1]))]
    if node.op_type == "Transpose" and node.input[0] in weights.selections:
        parts = _selected(node.output[0])[0]
        return [helper.make_node("Transpose", [f"{parts}_rows"], [parts], perm=[1, 0])]
    if node.op_type == "Gather" and node.output[0] in weights.selections:
        return _selection(node, weights)
    if node.op_type == "Gather" and weights.is_matrix(node.input[0]) and not _axis(node):
        return _embedding(node, *weights.int8(node.input[0], axis=0))
    return [node]


def _axis(node):
    return next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)


def _product(node, weight, scale):
    inputs = [node.input[0], weight, scale]
    return helper.make_node(
        "DynamicQuantizeMatMul", inputs, [node.output[0]], domain=MICROSOFT, name=node.name
    )


def _selected(name):
    """Names of the int8 form of a part of a matrix, and of its scales."""
    return f"{name}_int8", f"{name}_scale"


def _selection(node, weights):
    """Columns of an int8 matrix, or rows that a Transpose turns, with their scales."""
    axis, indices = _axis(node), node.input[1]
    quantized, scale = weights.int8(node.input[0], axis)
    part, part_scale = _selected(weights.selections[node.output[0]])
    return [
        helper.make_node(
            "Gather", [quantized, indices], [part if axis else f"{part}_rows"], axis=axis
        ),
        helper.make_node("Gather", [scale, indices], [part_scale]),
    ]


def _embedding(node, table, scale):
    """Rows of a table times the scales of their tokens."""
    indices, result = node.input[1], node.output[0]
    names = [f"{result}_{part}" for part in ("row", "float", "scale", "column", "axes")]
    return [
        helper.make_node("Gather", [table, indices], [names[0]]),
        helper.make_node("Cast", [names[0]], [names[1]], to=onnx.TensorProto.FLOAT),
        helper.make_node("Gather", [scale, indices], [names[2]]),
        helper.make_node("Constant", [], [names[4]], value_ints=[-1]),
        helper.make_node("Unsqueeze", [names[2], names[4]], [names[3]]),
        helper.make_node("Mul", [names[1], names[3]], [result]),
    ]


def _absorb_biases(graph, weights):
    """A constant vector that is added to a product becomes an input of the product."""
    products = {n.output[0]: n for n in graph.node if n.op_type == "DynamicQuantizeMatMul"}
    returned = {value.name for value in graph.output}
    readers = {}
    for inner in graphs(graph):
        for node in inner.node:
            for name in node.input:
                readers.setdefault(name, []).append(node)
    kept = []
    for node in graph.node:
        product = next((products[name] for name in node.input if name in products), None)
        vector = next((name for name in node.input if name in weights.constants), None)
        scale = product and weights.constants.get(product.input[2])  # None for a selection
        fits = (
            node.op_type == "Add"
            and scale is not None
            and vector is not None
            and len(readers[product.output[0]]) == 1
            and product.output[0] not in returned
            and len(weights.constants[vector].dims) == 1
            and list(weights.constants[vector].dims) == list(scale.dims)
        )
        if fits:
            product.input.extend(["", vector])
            product.output[0] = node.output[0]
        else:
            kept.append(node)
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
    del graph.node[:]
    graph.node.extend(kept)
