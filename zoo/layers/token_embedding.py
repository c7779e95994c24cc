"""Token embedding whose table can also be the output layer."""

import keras
from keras import ops

from zoo import backend


@keras.saving.register_keras_serializable(package="attention_zoo")
class TokenEmbedding(keras.layers.Layer):
    """x = E[ids] · scale, and the reverse: logits = x Eᵀ.

    Args:
        vocabulary_size: V, number of ids.
        width: D, features of one token.
        scale: factor on the looked-up rows; the Transformer uses √D (Vaswani et al. 2017, §3.4).

    Call arguments:
        ids: int32 `(B,)` or `(B, T)`, every id in `[0, V)`.

    Returns:
        `(B, D)` or `(B, T, D)`.

    `keras.layers.Embedding` does the same lookup, with guards for negative ids in its graph and
    without the reverse direction.

    Source: Press & Wolf (2017) for sharing the table with the output layer.

    Example:
        >>> from keras import ops
        >>> embedding = TokenEmbedding(10, 4)
        >>> embedding.logits(embedding(ops.convert_to_tensor([1, 2]))).shape == (2, 10)
        True
    """

    def __init__(self, vocabulary_size, width, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.width = width
        self.scale = scale
        self.embeddings = self.add_weight(
            shape=(vocabulary_size, width),
            initializer=keras.initializers.RandomNormal(stddev=width**-0.5),
            name="embeddings",
        )
        self.built = True

    def call(self, ids):
        x = backend.gather(ops.cast(self.embeddings, self.compute_dtype), ids)
        return x if self.scale == 1.0 else x * self.scale

    def logits(self, x):
        """Similarity of each row with each token: x Eᵀ.

        Args:
            x: `(B, D)` or `(B, T, D)`.

        Returns:
            `(B, V)` or `(B, T, V)` in the compute dtype.
        """
        table = ops.transpose(ops.cast(self.embeddings, self.compute_dtype))
        if len(x.shape) == 2:
            return ops.matmul(x, table)
        flat = ops.matmul(ops.reshape(x, (-1, self.width)), table)
        return ops.reshape(flat, (-1, ops.shape(x)[1], self.vocabulary_size))

    def get_config(self):
        config = {"vocabulary_size": self.vocabulary_size, "width": self.width, "scale": self.scale}
        return {**super().get_config(), **config}
