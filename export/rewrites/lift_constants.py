"""Keeps every large constant once, in the main graph.

A table that only the branches of an If read, such as the sinusoids of a Transformer, comes as a
constant of each branch.
"""

from export.rewrites.scopes import graphs, rename_uses

MIN_BYTES = 1024  # smaller ones stay where they are read


def lift_constants(model):
    """Moves the constants of nested graphs to the main graph in place; returns the model.

    Of equal ones the first stays and gives its name to all. Names must be unique over all graphs.
    """
    first = {_key(tensor): tensor.name for tensor in model.graph.initializer if _is_large(tensor)}
    names = {}
    for graph in list(graphs(model.graph))[1:]:
        for tensor in [tensor for tensor in graph.initializer if _is_large(tensor)]:
            if _key(tensor) not in first:
                first[_key(tensor)] = tensor.name
                model.graph.initializer.add().CopyFrom(tensor)
            names[tensor.name] = first[_key(tensor)]
            graph.initializer.remove(tensor)
    rename_uses(model.graph, names)
    return model


def _is_large(tensor):
    return len(tensor.raw_data) >= MIN_BYTES


def _key(tensor):
    return tensor.data_type, tuple(tensor.dims), tensor.raw_data
