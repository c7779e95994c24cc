"""What a Keras cell and an ONNX recurrent node share: which layers fit, and their weights."""

import keras
import numpy as np
import tensorflow as tf

OP_TYPES = {keras.layers.GRUCell: "GRU", keras.layers.LSTMCell: "LSTM"}
LAYERS = (keras.layers.GRU, keras.layers.LSTM, keras.layers.RNN)
# For each gate of ONNX its place in Keras: z, r, h in both; i, o, f, c from i, f, c, o.
_GATES = {"GRU": (0, 1, 2), "LSTM": (0, 3, 1, 2)}


def fits(layer, sequences, mask, training):
    """Whether one ONNX node computes what a layer does.

    Args:
        layer: any layer with a `cell`.
        sequences: what it is called with.
        mask: boolean tensor or None.
        training: as in a layer's call.
    """
    cell = layer.cell
    return (
        type(cell) in OP_TYPES
        and cell.activation is keras.activations.tanh
        and cell.recurrent_activation is keras.activations.sigmoid
        and not layer.stateful
        and not (training and (cell.dropout or cell.recurrent_dropout))
        and tf.is_tensor(sequences)
        and sequences.shape.rank == 3
        and {cell.compute_dtype, sequences.dtype.name} == {"float32"}
        # Keras masks the outputs of an unrolled layer that goes backwards in the wrong order.
        and (mask is None or (mask.shape.rank == 2 and not layer.unroll))
    )


def fit_together(layers, sequences, mask, training):
    """Whether one bidirectional ONNX node computes what a forward and a backward layer do."""
    if not all(
        type(layer) in LAYERS and fits(layer, sequences, mask, training) for layer in layers
    ):
        return False
    forward, backward = layers
    same = ("units", "reset_after")
    return (
        type(forward.cell) is type(backward.cell)
        and all(getattr(forward.cell, n, 0) == getattr(backward.cell, n, 0) for n in same)
        and (forward.go_backwards, backward.go_backwards) == (False, True)
        # What `Bidirectional` sets, and all that its replacement knows.
        and all(layer.zero_output_for_mask == layer.return_sequences for layer in layers)
    )


def weights(cell):
    """The arrays of a cell as ONNX orders them.

    Args:
        cell: a built `GRUCell` or `LSTMCell` of U units over D features.

    Returns:
        W `(gates·U, D)`, R `(gates·U, U)`, B `(2·gates·U,)`.
    """
    gates = _GATES[OP_TYPES[type(cell)]]

    def reorder(array):
        parts = np.split(array, len(gates), axis=-1)
        return np.concatenate([parts[gate] for gate in gates], axis=-1)

    with tf.init_scope():  # read now, so that the trace holds them as constants
        kernel, recurrent = map(keras.ops.convert_to_numpy, (cell.kernel, cell.recurrent_kernel))
        bias = keras.ops.convert_to_numpy(cell.bias) if cell.use_bias else np.zeros((0, 1))
    # Keras has (gates·U,), to be added to the input's part, or (2, gates·U).
    biases = np.zeros((2, kernel.shape[1]), "float32")
    rows = np.atleast_2d(bias)
    biases[: len(rows)] = rows
    return reorder(kernel).T, reorder(recurrent).T, reorder(biases).reshape(-1)


def is_zero(tensor):
    """Whether a tensor of the trace is known to be all zeros, as Keras's default states are."""
    if tf.is_symbolic_tensor(tensor) and tensor.op.type == "Fill":
        tensor = tensor.op.inputs[1]
    value = tf.get_static_value(tensor)
    return value is not None and not np.any(value)
