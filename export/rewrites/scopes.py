"""Nested ONNX graphs: what a node's bodies are, and which names they see."""

import onnx


def bodies(node):
    """The subgraphs of a node: Loop has one, If has two, most have none."""
    return [attribute.g for attribute in node.attribute if attribute.HasField("g")]


def graphs(graph):
    """`graph` and every graph nested in it, outermost first."""
    yield graph
    for node in graph.node:
        for body in bodies(node):
            yield from graphs(body)


def defined_names(graph):
    """Names that `graph` itself defines: inputs, initializers, node outputs."""
    names = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    return names | {name for node in graph.node for name in node.output if name}


def used_names(graph):
    """Names that nodes and outputs of `graph` and of its nested graphs read."""
    names = set()
    for inner in graphs(graph):
        names.update(name for node in inner.node for name in node.input)
        names.update(value.name for value in inner.output)
    return names


def content(tensor):
    """What a constant holds, whatever its name: equal for equal constants."""
    nameless = onnx.TensorProto()
    nameless.CopyFrom(tensor)
    nameless.ClearField("name")
    nameless.ClearField("doc_string")
    return nameless.SerializeToString(deterministic=True)


def rename_inputs(graph, mapping):
    """Replaces names where nodes of `graph` and of its nested graphs read them."""
    for inner in graphs(graph):
        for node in inner.node:
            for index, name in enumerate(node.input):
                if name in mapping:
                    node.input[index] = mapping[name]


def rename_uses(graph, mapping):
    """`rename_inputs`, and the same for what `graph` and its nested graphs return."""
    rename_inputs(graph, mapping)
    for inner in graphs(graph):
        for value in inner.output:
            if value.name in mapping:
                value.name = mapping[value.name]


def make_names_unique(model):
    """No name is defined in two graphs of the model, so that nodes can move between them."""
    seen = set()
    taken = set().union(*map(defined_names, graphs(model.graph)))  # in graphs to come, too
    for graph in graphs(model.graph):
        mapping = {}
        for name in sorted(defined_names(graph)):
            if name in seen:
                suffix = 1
                while f"{name}_{suffix}" in taken:
                    suffix += 1
                mapping[name] = f"{name}_{suffix}"
                taken.add(mapping[name])
            seen.add(name)
        if not mapping:
            continue
        for value in graph.input:
            value.name = mapping.get(value.name, value.name)
        for tensor in graph.initializer:
            tensor.name = mapping.get(tensor.name, tensor.name)
        for node in graph.node:
            node.output[:] = [mapping.get(name, name) for name in node.output]
        rename_uses(graph, mapping)


def drop_unused(model):
    """Removes nodes and initializers that no output needs."""
    for graph in reversed(list(graphs(model.graph))):
        while True:
            used = used_names(graph)
            idle = [n for n in graph.node if not any(name in used for name in n.output)]
            if not idle:
                break
            for node in idle:
                graph.node.remove(node)
        inputs = {value.name for value in graph.input}
        keep = [t for t in graph.initializer if t.name in used or t.name in inputs]
        if len(keep) < len(graph.initializer):
            del graph.initializer[:]
            graph.initializer.extend(keep)
    return model
