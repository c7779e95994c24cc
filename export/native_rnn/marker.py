"""One recurrent layer as one node: a marker in the TensorFlow trace that becomes ONNX GRU or LSTM.

The marker is a `PyFuncStateless` operation whose token says which node to build; its inputs are the
node's. TensorFlow can trace and freeze it but not run it.
"""

import json

import numpy as np
import tensorflow as tf
from tf2onnx.graph_builder import GraphBuilder

_PREFIX = "attention_zoo.rnn "
_STATES = {"GRU": 1, "LSTM": 2}


def marker(op_type, x, weights, direction="forward", lengths=None, initial=(), **attributes):
    """Traces one ONNX recurrent node of n directions, n = 2 where it is bidirectional.

    Args:
        op_type: "GRU" or "LSTM".
        x: float32 `(B, S, D)`.
        weights: arrays W `(n, gates·U, D)`, R `(n, gates·U, U)` and B `(n, 2·gates·U)`, in ONNX's
            order of gates.
        direction: "forward", "reverse" or "bidirectional".
        lengths: int32 `(B,)`, tokens of each row before its padding; None where all rows are full.
        initial: float32 `(n, B, U)` for h, and for c of an LSTM; empty for zeros.
        **attributes: further attributes of the node.

    Returns:
        `(outputs, states)`: outputs `(B, S, n·U)` in the order of x, zeros at padding, and a list
        of the final h (and c) `(n, B, U)`, zeros in rows of length 0.
    """
    directions, _, units = weights[1].shape
    spec = {
        "op_type": op_type,
        "lengths": lengths is not None,
        "attributes": {"direction": direction, "hidden_size": units, **attributes},
    }
    count = _STATES[op_type]
    names = ("kernel", "recurrent_kernel", "bias")
    outputs, *states = tf.raw_ops.PyFuncStateless(
        input=[
            x,
            *(tf.constant(w, name=name) for name, w in zip(names, weights, strict=True)),
            *([] if lengths is None else [lengths]),
            *initial,
        ],
        token=_PREFIX + json.dumps(spec),
        Tout=[tf.float32] * (1 + count),
        name=op_type,
    )
    batch, steps, _ = x.shape
    outputs = tf.ensure_shape(outputs, (batch, steps, directions * units))
    return outputs, [tf.ensure_shape(state, (directions, batch, units)) for state in states]


def _convert(ctx, node, name, args):
    """tf2onnx's handler: the marker's node between two transposes, since ONNX puts time first."""
    token = node.get_attr_value("token").decode("utf-8")
    if not token.startswith(_PREFIX):
        raise ValueError(f"{name}: a Python function; expected operations that ONNX has.")
    spec = json.loads(token.removeprefix(_PREFIX))
    x, kernel, recurrent, bias, *rest = node.input
    lengths = rest.pop(0) if spec["lengths"] else ""
    outputs, states = node.output[0], node.output[1:]
    (batch, steps, _), (directions, _, units) = map(ctx.get_shape, (x, recurrent))
    ctx.remove_node(name)

    def add(op_type, inputs, shape, **attributes):
        return ctx.make_node(
            op_type, inputs, attributes, shapes=[shape], dtypes=[dtype], op_name_scope=name
        ).output[0]

    dtype = ctx.get_dtype(x)
    time_major = add("Transpose", [x], [steps, batch, ctx.get_shape(x)[2]], perm=[1, 0, 2])
    y = f"{name}:y"
    ctx.make_node(
        spec["op_type"],
        [time_major, kernel, recurrent, bias, lengths, *rest],
        spec["attributes"],
        outputs=[y, *states],
        shapes=[[steps, directions, batch, units], *([[directions, batch, units]] * len(states))],
        dtypes=[dtype] * (1 + len(states)),
        name=name,
    )
    merged = [steps, batch, directions * units]
    if directions == 1:
        y = GraphBuilder(ctx).make_squeeze({"data": y, "axes": [1]}, shapes=[merged])
    else:  # (S, n, B, U) → (S, B, n, U) → (S, B, n·U)
        y = add("Transpose", [y], [steps, batch, directions, units], perm=[0, 2, 1, 3])
        target = ctx.make_const(f"{name}_shape", np.array([0, 0, -1], "int64")).output[0]
        y = add("Reshape", [y, target], merged)
    ctx.make_node(
        "Transpose",
        [y],
        {"perm": [1, 0, 2]},
        outputs=[outputs],
        shapes=[[batch, steps, directions * units]],
        dtypes=[dtype],
    )


# For `tf2onnx.convert.from_function(custom_op_handlers=…)`.
HANDLERS = {"PyFuncStateless": (_convert, [])}
