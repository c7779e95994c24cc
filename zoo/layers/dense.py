"""A dense layer that stays one matrix product for every input rank."""

import keras
from keras import ops

from zoo import backend


@keras.saving.register_keras_serializable(package="attention_zoo")
class Dense(keras.layers.Dense):
    """y = activation(x W + b), computed on a flattened `(rows, D)` view.

    `keras.layers.Dense` turns an input of rank 3 into a tensor contraction that converts to a
    chain of shape arithmetic in ONNX. Flattening first gives one MatMul, the same numbers and the
    same weights.

    Call arguments:
        x: `(B, D)` or `(B, T, D)`.

    Returns:
        `(B, units)` or `(B, T, units)`.

    Raises:
        ValueError: x has another rank.

    Cost: B·T·D·units multiply-adds.

    Example:
        >>> from keras import ops
        >>> Dense(3)(ops.ones((2, 5, 4))).shape == (2, 5, 3)
        True
    """

    def call(self, inputs, training=None):
        if len(inputs.shape) == 2:
            return super().call(inputs, training=training)
        if len(inputs.shape) != 3:
            raise ValueError(
                f"Dense: x has rank {len(inputs.shape)}; expected (B, D) or (B, T, D). Received "
                f"{tuple(inputs.shape)}. Use keras.layers.Dense for other ranks."
            )
        length, width = ops.shape(inputs)[1], inputs.shape[-1]
        flat = super().call(ops.reshape(inputs, (-1, width)), training=training)
        return ops.reshape(flat, (-1, length, self.units))

    def columns(self, indices):
        """W and b of some units only: `(D, C)` and `(C,)` for int32 indices `(C,)`."""
        return backend.gather(self.kernel, indices, axis=1), backend.gather(self.bias, indices)
