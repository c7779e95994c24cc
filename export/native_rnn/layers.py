"""Stand-ins for methods of Keras's recurrent layers, and the contexts that put them in place."""

import contextlib

import keras
import numpy as np
import tensorflow as tf

from export.native_rnn.cells import LAYERS, OP_TYPES, fit_together, fits, is_zero, weights
from export.native_rnn.marker import marker

_plain_loop = keras.layers.RNN.inner_loop
_plain_bidirectional = keras.layers.Bidirectional.call


@contextlib.contextmanager
def native_rnn():
    """Inside, a Keras GRU or LSTM layer traces to a marker for one ONNX node.

    A `Bidirectional` pair makes one node. Masks must be right-padded, as Keras's cuDNN path asks.
    A layer that the node cannot express (other activations, a state kept between calls, dropout in
    training, types other than float32) is traced step by step, as always on a CPU.
    """
    with _inner_loop(_native_loop), _replaced(keras.layers.Bidirectional, "call", _native_pair):
        yield


def plain_rnn():
    """A context in which recurrent layers trace to operations that every machine has.

    Where Keras sees a GPU, they otherwise trace to cuDNN kernels, whatever the device is.
    """
    return _inner_loop(_plain_loop)


@contextlib.contextmanager
def _inner_loop(function):
    with contextlib.ExitStack() as stack:
        for layer in LAYERS:
            stack.enter_context(_replaced(layer, "inner_loop", function))
        yield


@contextlib.contextmanager
def _replaced(owner, name, value):
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _native_loop(self, sequences, initial_state, mask, training=False):
    """In place of `RNN.inner_loop`: `(last output, outputs, final states)`."""
    mask = _boolean(mask)
    if not fits(self, sequences, mask, training):
        return _plain_loop(self, sequences, initial_state, mask, training=training)
    outputs, [(last, states)] = _node([self], sequences, mask, [keras.tree.flatten(initial_state)])
    padded_last = mask is not None and not self.go_backwards
    if not self.return_sequences:
        if padded_last and self.zero_output_for_mask:
            last = tf.where(mask[:, -1:], last, 0.0)
        return last, tf.expand_dims(last, 1), states
    if padded_last and not self.zero_output_for_mask:  # Keras repeats the last output there
        padding = tf.cast(tf.expand_dims(~mask, -1), last.dtype)
        outputs += padding * tf.expand_dims(last, 1)
    if self.go_backwards:  # Keras returns the outputs in the order in which they were made
        outputs = tf.reverse(outputs, axis=[1])
    return last, outputs, states


def _native_pair(self, sequences, initial_state=None, mask=None, training=None):
    """In place of `Bidirectional.call`."""
    pair, mask = (self.forward_layer, self.backward_layer), _boolean(mask)
    if not fit_together(pair, sequences, mask, training):
        return _plain_bidirectional(
            self, sequences, initial_state=initial_state, mask=mask, training=training
        )
    initial = None
    if initial_state is not None:
        tensors = [tf.convert_to_tensor(state, tf.float32) for state in initial_state]
        middle = len(tensors) // 2
        initial = [tensors[:middle], tensors[middle:]]
    outputs, ((last, states), (last_back, states_back)) = _node(pair, sequences, mask, initial)
    if not self.return_sequences:
        outputs = tf.concat([last, last_back], axis=-1)
    y, y_back = tf.split(outputs, 2, axis=-1)
    merged = {
        "concat": lambda: outputs,
        "sum": lambda: y + y_back,
        "ave": lambda: (y + y_back) / 2,
        "mul": lambda: y * y_back,
        None: lambda: (y, y_back),
    }[self.merge_mode]()
    if not self.return_state:
        return merged
    return (*(merged if self.merge_mode is None else (merged,)), *states, *states_back)


def _boolean(mask):
    """A mask, which Keras may hand over in a list, as one boolean tensor; or None."""
    masks = [part for part in keras.tree.flatten(mask) if part is not None]
    return tf.cast(masks[0], tf.bool) if masks else None


def _node(layers, x, mask, initial):
    """One node for one layer, or for a forward and a backward one.

    Args:
        layers: one or two Keras layers.
        x: float32 `(B, S, D)`.
        mask: boolean `(B, S)`, True for real tokens, which come first; or None.
        initial: for each layer a list of its states `(B, units)`; or None for zeros.

    Returns:
        `(outputs, finals)`: outputs `(B, S, units · layers)` in the order of x, zeros at padding;
        for each layer its last output `(B, units)` and the list of its final states.
    """
    cell = layers[0].cell
    op_type = OP_TYPES[type(cell)]
    direction = "reverse" if layers[0].go_backwards else "forward"
    if initial and all(is_zero(state) for states in initial for state in states):
        initial = None
    arrays = zip(*(weights(layer.cell) for layer in layers), strict=True)
    outputs, states = marker(
        op_type,
        x,
        [np.stack(parts) for parts in arrays],
        direction if len(layers) == 1 else "bidirectional",
        None if mask is None else tf.reduce_sum(tf.cast(mask, tf.int32), axis=1),
        [tf.stack(parts) for parts in zip(*initial, strict=True)] if initial else (),
        **({"linear_before_reset": int(cell.reset_after)} if op_type == "GRU" else {}),
    )
    finals = [list(parts) for parts in zip(*map(tf.unstack, states), strict=True)]
    lasts = [final[0] for final in finals]
    if initial and mask is not None:
        finals = [_kept(mask, *pair) for pair in zip(finals, initial, strict=True)]
    return outputs, list(zip(lasts, finals, strict=True))


def _kept(mask, states, initial):
    """A row without tokens keeps its initial states, where the node returns zeros."""
    return [tf.where(mask[:, :1], *pair) for pair in zip(states, initial, strict=True)]
