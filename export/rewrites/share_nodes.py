"""Computes equal nodes once: the same operation, of the same inputs.

Every layer that takes a mask makes the same bias of it. onnxruntime would see that, but for the
constants: each layer has its own copy of the same number.
"""

from export.rewrites.scopes import bodies, content, drop_unused, rename_inputs

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
    """Goes through a graph and those nested in it; what a graph returns it computes itself.

    Args:
        first: the first node, or name of a constant, of each kind that is visible here.
        inputs: names of the main graph's inputs, whose defaults are no constants.
    """
    first = dict(first)  # what a nested graph adds, only it can see
    renamed = {}
    for tensor in graph.initializer:
        if tensor.ByteSize() <= _MOST_BYTES and tensor.name not in inputs:
            renamed[tensor.name] = first.setdefault(content(tensor), tensor.name)
    outputs = {value.name for value in graph.output}
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        for body in bodies(node):
            rename_inputs(body, renamed)
            _share(body, first, inputs)
        if bodies(node) or node.op_type in _RANDOM:
            continue
        known = first.setdefault(_key(node), node)
        if known is not node and not outputs.intersection(node.output):
            renamed.update(zip(node.output, known.output, strict=True))


def _key(node):
    attributes = sorted(attribute.SerializeToString() for attribute in node.attribute)
    return node.domain, node.op_type, tuple(attributes), tuple(node.input), len(node.output)
