"""Takes out of a Loop what is the same at every turn.

tf2onnx hands every captured tensor, weights included, to a Loop as a loop-carried value that each
turn copies through, and leaves shape arithmetic on them inside. Here carried values that never
change become captures of the outer graph, and nodes that depend on nothing inside the Loop move in
front of it.
"""

from export.rewrites.scopes import (
    bodies,
    drop_unused,
    graphs,
    make_names_unique,
    rename_uses,
)


def hoist_loop_invariants(model):
    """Rewrites every Loop of the model in place, innermost first; returns the model."""
    make_names_unique(model)
    for graph in reversed(list(graphs(model.graph))):
        positions = [i for i, node in enumerate(graph.node) if node.op_type == "Loop"]
        for position in reversed(positions):  # what moves shifts only what comes later
            _capture_carried(graph, graph.node[position])
            _move_nodes(graph, position)
    return drop_unused(model)


def _capture_carried(graph, loop):
    """Carried values that the body returns unchanged become names of the outer graph."""
    (body,) = bodies(loop)
    producers = {name: node for node in body.node for name in node.output}

    def origin(name):
        while name in producers and producers[name].op_type == "Identity":
            name = producers[name].input[0]
        return name

    inside, outside = {}, {}
    for index in reversed(range(len(loop.input) - 2)):  # carried values follow count, condition
        carried, returned = body.input[2 + index].name, body.output[1 + index].name
        result = loop.output[index]
        if origin(returned) != carried or result in {value.name for value in graph.output}:
            continue
        inside[carried] = loop.input[2 + index]
        if result:
            outside[result] = loop.input[2 + index]
        del body.input[2 + index], body.output[1 + index]
        del loop.input[2 + index], loop.output[index]
    rename_uses(body, inside)
    rename_uses(graph, outside)


def _move_nodes(graph, position):
    """Nodes that read nothing computed inside the Loop move in front of it."""
    (body,) = bodies(graph.node[position])
    varying = {value.name for value in body.input}
    returned = {value.name for value in body.output}  # a graph's result must be its own
    for tensor in [tensor for tensor in body.initializer if tensor.name not in returned]:
        graph.initializer.add().CopyFrom(tensor)
        body.initializer.remove(tensor)
    varying |= {tensor.name for tensor in body.initializer}
    moved, kept = [], []
    for node in body.node:
        fixed = not any(name in varying for name in node.input) and not bodies(node)
        if fixed and not returned.intersection(node.output):
            moved.append(node)
        else:
            kept.append(node)
            varying.update(node.output)
    del body.node[:]
    body.node.extend(kept)
    nodes = [*graph.node[:position], *moved, *graph.node[position:]]
    del graph.node[:]
    graph.node.extend(nodes)
