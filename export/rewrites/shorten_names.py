"""Short names in place of those that inlined functions and loops piled up."""

import re

from export.rewrites.scopes import defined_names, graphs, rename_uses

# What TensorFlow's function inliner and tf2onnx append, and the names of the loops around.
_NOISE = re.compile(r"_tfg_inlined_.*|_tfg_region_.*|_raw_output_.*|:\d+(_\d+)?$")
_SCOPE = re.compile(r"^(cond/|while/|body/|else_branch/|then_branch/|StatefulPartitionedCall/)+")


def shorten_names(model):
    """Renames tensors and nodes in place; graph inputs and outputs stay. Returns the model.

    A megabyte of a small model's file is names, and onnxruntime reads them all when it loads it.
    Names must be unique over all graphs.
    """
    kept = {value.name for value in (*model.graph.input, *model.graph.output)}
    # The names of today are not given to others: a nested graph may have one of them still.
    used = kept.union(*map(defined_names, graphs(model.graph)))

    def short(name):
        base = _NOISE.sub("", _SCOPE.sub("", name))[-40:].strip("_/") or "value"
        result, number = base, 1
        if base == name:
            return name
        while result in used:
            number += 1
            result = f"{base}_{number}"
        used.add(result)
        return result

    for graph in graphs(model.graph):
        mapping = {name: short(name) for name in sorted(defined_names(graph) - kept)}
        for value in graph.input:
            value.name = mapping.get(value.name, value.name)
        for tensor in graph.initializer:
            tensor.name = mapping.get(tensor.name, tensor.name)
        for node in graph.node:
            node.output[:] = [mapping.get(name, name) for name in node.output]
            node.ClearField("name")
        rename_uses(graph, mapping)
        del graph.value_info[:]
    return model
