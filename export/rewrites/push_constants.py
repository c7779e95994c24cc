"""Puts every constant into the graphs that read it.

onnxruntime arranges the weights of a product for its kernels when it loads a file, but only weights
that lie in the graph of the product or in the one around it. A decode loop in a loop in a branch is
out of reach: there, products run up to a third slower.
"""

import onnx

from export.rewrites.scopes import defined_names, drop_unused, graphs


def push_constants(model):
    """Copies initializers into the graphs whose nodes read them, in place; returns the model.

    Transposes of constants move along: onnxruntime computes them when it loads the file. A constant
    that two branches read is then there twice: write such a model with `export.shared_weights`, so
    that its weights are stored once. Names must be unique.
    """
    inputs = {value.name for value in model.graph.input}
    constants = {
        tensor.name: tensor
        for graph in graphs(model.graph)
        for tensor in graph.initializer
        if tensor.name not in inputs
    }
    _push_transposes(model, constants)
    for number, graph in enumerate(graphs(model.graph)):
        own = defined_names(graph)
        copies = {}
        for node in graph.node:
            for index, name in enumerate(node.input):
                if name in constants and name not in own:
                    copies[name] = f"{name}_in_{number}"
                    node.input[index] = copies[name]
        for value in graph.output:
            if value.name in constants and value.name not in own:
                copies[value.name] = f"{value.name}_in_{number}"
                value.name = copies[value.name]
        for name, copy in copies.items():
            tensor = graph.initializer.add()
            tensor.CopyFrom(constants[name])
            tensor.name = copy
    return drop_unused(model)


def _push_transposes(model, constants):
    """Gives each graph its own copy of the transposed constants that it reads."""
    transposes = {
        node.output[0]: node
        for graph in graphs(model.graph)
        for node in graph.node
        if node.op_type == "Transpose" and node.input[0] in constants
    }
    for number, graph in enumerate(graphs(model.graph)):
        own = defined_names(graph)
        copies = {}
        for node in graph.node:
            for index, name in enumerate(node.input):
                if name in transposes and name not in own:
                    node.input[index] = copies.setdefault(name, f"{name}_in_{number}")
        nodes = [_copy(transposes[name], copy) for name, copy in copies.items()]
        nodes += graph.node
        del graph.node[:]
        graph.node.extend(nodes)


def _copy(node, output):
    copied = onnx.NodeProto()
    copied.CopyFrom(node)
    copied.output[0] = output
    return copied
