"""Gives the counter and the condition of every Loop body their shape."""

from export.rewrites.scopes import bodies, graphs


def state_loop_scalars(model):
    """Marks the first two inputs of each Loop body as scalars, in place; returns the model.

    tf2onnx leaves them without a shape in nested loops, and onnxruntime then refuses to run.
    """
    for graph in graphs(model.graph):
        for node in graph.node:
            if node.op_type == "Loop":
                for value in bodies(node)[0].input[:2]:
                    value.type.tensor_type.shape.ClearField("dim")
                    value.type.tensor_type.shape.SetInParent()
    return model
