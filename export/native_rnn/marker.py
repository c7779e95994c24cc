"""One recurrent layer as one node: a marker in the TensorFlow trace that becomes ONNX GRU or LSTM.

The marker is a `PyFuncStateless` operation whose token says which node to build; its inputs are the
node's. TensorFlow can trace and freeze it but not run it.
"""

import json

import numpy as np
import tensorflow as tf
from onnx import TensorProto
from tf2onnx import utils

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
        "directions": directions,
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
    """tf2onnx's handler: the marker's node, and transposes, since ONNX puts time first."""
    token = node.get_attr_value("token").decode("utf-8")
    if not token.startswith(_PREFIX):
        raise ValueError(f"{name}: a Python function; expected operations that ONNX has.")
    spec = json.loads(token.removeprefix(_PREFIX))
    x, kernel, recurrent, bias, *rest = node.input
    lengths = rest.pop(0) if spec["lengths"] else ""
    result, *states = node.output
    batch, steps, features = ctx.get_shape(x) or [-1, -1, -1]
    n, units = spec["directions"], spec["attributes"]["hidden_size"]
    ctx.remove_node(name)

    def add(op_type, inputs, attributes, outputs, *shapes):
        dtypes = [TensorProto.FLOAT] * len(outputs)
        ctx.make_node(op_type, inputs, attributes, outputs=outputs, shapes=shapes, dtypes=dtypes)
        return outputs[0]

    swap = {"perm": [1, 0, 2]}
    x = add("Transpose", [x], swap, [f"{name}:x"], [steps, batch, features])
    y = add(
        spec["op_type"],
        [x, kernel, recurrent, bias, lengths, *rest],
        spec["attributes"],
        [f"{name}:y", *states],
        [steps, n, batch, units],
        *([n, batch, units] for _ in states),
    )
    # The directions side by side: (S, n, B, U) → (S, B, n·U). Not by Reshape with zeros, which
    # tf2onnx's optimizer breaks next to axes of size 1.
    parts = []
    for index in range(n):
        place = ctx.make_const(utils.make_name(name), np.array(index, "int64")).output[0]
        part = f"{name}:{index}_of_{n}"
        parts.append(add("Gather", [y, place], {"axis": 1}, [part], [steps, batch, units]))
    if n > 1:
        parts = [add("Concat", parts, {"axis": 2}, [f"{name}:merged"], [steps, batch, n * units])]
    add("Transpose", parts, swap, [result], [batch, steps, n * units])


# For `tf2onnx.convert.from_function(custom_op_handlers=…)`.
RNN_HANDLERS = {"PyFuncStateless": (_convert, [])}
