"""Computes equal nodes once: the same operation, of the same inputs.

Every layer that takes a mask makes the same bias of it. onnxruntime would see that, but for the
constants: each layer has its own copy of the same number.
"""

from export.rewrites.scopes import bodies, drop_unused, rename_uses

_MOST_BYTES = 1024  # larger constants are weights
_RANDOM = ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform")
_RANDOM += ("RandomUniformLike",)


def share_nodes(model):
    """Lets readers of equal nodes read the first of them, in place; returns the model.

    The first may stand in the graph around. Names must be unique over all graphs.
    """
    _share(model.graph, {}, {value.name for value in model.graph.input})
    return drop_unused(model)


def _share(graph, first, inputs):
    first = dict(first)  # what a nested graph adds, only it can see
    values = {}
    for tensor in graph.initializer:
        if len(tensor.raw_data) <= _MOST_BYTES and tensor.name not in inputs:
            key = tensor.data_type, tuple(tensor.dims), tensor.raw_data
            values[tensor.name] = first.setdefault(key, tensor.name)
    _rename(graph, {name: value for name, value in values.items() if name != value})
    outputs = {value.name for value in graph.output}
    for node in list(graph.node):
        for body in bodies(node):
            _share(body, first, inputs)
        if bodies(node) or node.op_type in _RANDOM:
            continue
        known = first.setdefault(_key(node), node)
        if known is not node and not outputs.intersection(node.output):
            _rename(graph, dict(zip(node.output, known.output, strict=True)))


def _rename(graph, mapping):
    """Outputs of a graph keep their names: it must compute them itself."""
    names = [value.name for value in graph.output]
    rename_uses(graph, mapping)
    for value, name in zip(graph.output, names, strict=True):
        value.name = name


def _key(node):
    attributes = sorted(attribute.SerializeToString() for attribute in node.attribute)
    return node.domain, node.op_type, tuple(attributes), tuple(node.input), len(node.output)
