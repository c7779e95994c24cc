"""Keeps every large constant once, in the main graph.

A table that only the branches of an If read, such as the sinusoids of a Transformer, comes as a
constant of each branch.
"""

from export.rewrites.scopes import content, graphs, rename_uses

MIN_BYTES = 1024  # smaller ones stay where they are read


def lift_constants(model):
    """Moves the constants of nested graphs to the main graph in place; returns the model.

    Of equal ones the first stays and gives its name to all; what a graph returns stays in it. Names
    must be unique over all graphs.
    """
    large = [tensor for tensor in model.graph.initializer if tensor.ByteSize() >= MIN_BYTES]
    first = {content(tensor): tensor.name for tensor in large}
    names = {}
    for graph in list(graphs(model.graph))[1:]:
        returned = {value.name for value in graph.output}
        inner = [tensor for tensor in graph.initializer if tensor.name not in returned]
        for tensor in [tensor for tensor in inner if tensor.ByteSize() >= MIN_BYTES]:
            key = content(tensor)
            if key not in first:
                first[key] = tensor.name
                model.graph.initializer.add().CopyFrom(tensor)
            names[tensor.name] = first[key]
            graph.initializer.remove(tensor)
    rename_uses(model.graph, names)
    return model
