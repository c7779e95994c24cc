"""The few operations whose best plain form differs by Keras backend.

Everything else in the zoo is written in `keras.ops`. What is here exists for one reason: the same
decode loop has to trace to few, convertible TensorFlow ops (`ops.take` adds negative-index code,
`ops.argmax` emits a bit cast that ONNX lacks) and still run on JAX, whose loops refuse tensors
that grow.
"""

import functools

import keras
from keras import ops

_ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
_ON_JAX = keras.backend.backend() == "jax"

if _ON_TENSORFLOW:
    import tensorflow as tf


def gather(x, indices, axis=0):
    """Entries of `x` along one axis.

    Args:
        x: tensor with R entries along `axis`.
        indices: int32 tensor of any shape, every value in `[0, R)`; never negative.
        axis: int.

    Returns:
        `x` with the shape of `indices` in place of the axis.
    """
    if _ON_TENSORFLOW:
        return tf.gather(x, indices, axis=axis)
    return ops.take(x, indices, axis=axis)


def indices_of(mask):
    """int32 indices of the True entries of a boolean vector, in order."""
    if _ON_TENSORFLOW:
        return tf.cast(tf.squeeze(tf.where(mask), 1), "int32")
    return ops.cast(ops.nonzero(mask)[0], "int32")


def cond(predicate, true_fn, false_fn):
    """What `true_fn()` or `false_fn()` returns, as a scalar boolean tensor says."""
    if _ON_JAX:  # its conditional traces both, and what is traced here may loop in Python
        return true_fn() if predicate else false_fn()
    return ops.cond(predicate, true_fn, false_fn)


def top_k(x, k):
    """The `k` largest entries of the last axis, in descending order.

    Args:
        x: float tensor `(…, V)`.
        k: Python int or int32 scalar tensor, at most `V`. A tensor keeps the beam size of an
            exported graph free until it runs.

    Returns:
        `(values, indices)`, both `(…, k)`; indices are int32.
    """
    if _ON_TENSORFLOW:
        return tf.math.top_k(x, k)
    values, indices = ops.top_k(x, int(k))
    return values, ops.cast(indices, "int32")


def softmax(x):
    """exp(x) / Σ exp(x) over the last axis, which may have length 1 (a source of one token)."""
    if _ON_TENSORFLOW:
        return tf.nn.softmax(x)
    # ops.softmax warns at length 1, as if it were a mistake
    x = ops.exp(x - ops.stop_gradient(ops.max(x, axis=-1, keepdims=True)))
    return x / ops.sum(x, axis=-1, keepdims=True)


def while_loop(cond, body, loop_vars, rows_change=False):
    """Runs `body` while `cond` holds; an axis that starts with length 0 may grow.

    Args:
        cond: function of the loop variables, returns a scalar boolean tensor.
        body: function of the loop variables, returns their next values as a tuple.
        loop_vars: tuple of tensors.
        rows_change: whether axis 0 of the loop variables may change too.

    Returns:
        The final loop variables, a tuple.
    """
    loop_vars = tuple(loop_vars)
    if _ON_TENSORFLOW:
        shapes = tuple(_free_axes(tf.convert_to_tensor(x).shape, rows_change) for x in loop_vars)

        def shaped_body(*values):
            # Said again inside: a converter loses the ranks of what a loop in a loop carries.
            return body(*map(tf.ensure_shape, values, shapes))

        if tf.executing_eagerly():  # where nothing is traced, shapes are what they are
            return tf.while_loop(cond, body, loop_vars)
        return tf.while_loop(cond, shaped_body, loop_vars, shape_invariants=shapes)
    if _ON_JAX:  # lax.while_loop needs fixed shapes; outside jit a Python loop does the same work
        while cond(*loop_vars):
            loop_vars = tuple(body(*loop_vars))
        return loop_vars
    return ops.while_loop(cond, body, loop_vars)


def _free_axes(shape, rows_change):
    """The static shape that holds at every turn of a loop."""
    sizes = [size or None for size in shape]
    return tf.TensorShape([None, *sizes[1:]] if rows_change and sizes else sizes)


def graph_function(function):
    """Wraps `function` so that repeated calls run as one graph where the backend has graphs.

    On TensorFlow this is a `tf.function` with free axes, elsewhere the function itself. Arguments
    are positional numpy arrays or tensors, of the same ranks and dtypes at every call.
    """
    if not _ON_TENSORFLOW:
        return function
    traced = []

    @functools.wraps(function)
    def call(*arrays):
        tensors = [tf.convert_to_tensor(array) for array in arrays]
        if not traced:
            signature = [tf.TensorSpec([None] * len(x.shape), x.dtype) for x in tensors]
            traced.append(tf.function(function, input_signature=signature, autograph=False))
        return traced[0](*tensors)

    return call
