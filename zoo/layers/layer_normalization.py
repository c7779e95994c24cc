"""Layer normalisation in the form that onnxruntime fuses."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="attention_zoo")
class LayerNormalization(keras.layers.Layer):
    """γ · (x − μ) / √(mean((x − μ)²) + ε) + β over the last axis, in float32.

    The same function and weights as `keras.layers.LayerNormalization`, without its options. It is
    spelled out because onnxruntime recognises exactly this expression, `power` included, and
    replaces its nine nodes by one; Keras's own spelling is recognised by nothing.

    Args:
        epsilon: ε, above 0.

    Call arguments:
        x: float tensor `(…, D)`.

    Returns:
        A tensor of the same shape and dtype.

    Source: Ba, Kiros & Hinton (2016), eq. 4.

    Example:
        >>> from keras import ops
        >>> LayerNormalization()(ops.convert_to_tensor([[1.0, 3.0]])).shape == (1, 2)
        True
    """

    def __init__(self, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")

    def call(self, inputs):
        x = ops.cast(inputs, "float32")
        gamma, beta = ops.cast(self.gamma, "float32"), ops.cast(self.beta, "float32")
        centered = x - ops.mean(x, axis=-1, keepdims=True)
        variance = ops.mean(ops.power(centered, 2.0), axis=-1, keepdims=True)
        normalized = centered / ops.sqrt(variance + self.epsilon) * gamma + beta
        return ops.cast(normalized, inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
