"""Scaled dot-product attention in several heads: the core of self- and cross-attention."""

import keras
from keras import ops

from zoo.layers.dense import Dense
from zoo.layers.masked_softmax import masked_softmax


def dot_product_attention(
    query, key_columns, value, attention_mask=None, dropout=None, scale=1.0, never_empty=False
):
    """softmax(scale · Q Kᵀ) V for each head (Vaswani et al. 2017, eq. 1 for scale = 1 / √D).

    Args:
        query: `(B, H, T, D)`.
        key_columns: Kᵀ, `(B, H, D, S)`.
        value: `(B, H, S, D)`.
        attention_mask: boolean, broadcasts to `(B, H, T, S)`, True = may attend.
        dropout: function applied to the weights, or None.
        scale: factor of the scores; 1 where queries or keys are scaled already.
        never_empty: whether the mask is known to allow a key in every row.

    Returns:
        `(context, weights)`: `(B, H, T, D)` and float32 `(B, H, T, S)`.
    """
    # In float32: the sum of D products may exceed what float16 holds.
    scores = ops.matmul(ops.cast(query, "float32"), ops.cast(key_columns, "float32"))
    if scale != 1.0:
        scores = scores * scale
    weights = masked_softmax(scores, attention_mask, never_empty)
    used = ops.cast(weights, value.dtype)
    return ops.matmul(used if dropout is None else dropout(used), value), weights


class MultiHeadAttention(keras.layers.Layer):
    """The projections W_Q, W_K, W_V, W_O and the split into heads (Vaswani et al. 2017, §3.2.2)."""

    def __init__(self, width, num_heads, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        if width % num_heads:
            raise ValueError(
                f"{type(self).__name__}: width is no multiple of num_heads; expected equal heads. "
                f"Received {width} and {num_heads}. Use {width // num_heads * num_heads} features."
            )
        self.width = width
        self.num_heads = num_heads
        self.head_width = width // num_heads
        self.scale = self.head_width**-0.5
        self.dropout = dropout
        self.query_projection = Dense(width, name="query", dtype=self.dtype_policy)
        self.key_projection = Dense(width, name="key", dtype=self.dtype_policy)
        self.value_projection = Dense(width, name="value", dtype=self.dtype_policy)
        self.output_projection = Dense(width, name="output", dtype=self.dtype_policy)
        self.weight_dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.built = True

    def _heads(self, x):
        """`(B, T, H·D)` to `(B, H, T, D)`."""
        shape = (-1, ops.shape(x)[1], self.num_heads, self.head_width)
        return ops.transpose(ops.reshape(x, shape), (0, 2, 1, 3))

    def _columns(self, x):
        """`(B, T, H·D)` to `(B, H, D, T)`."""
        shape = (-1, ops.shape(x)[1], self.num_heads, self.head_width)
        return ops.transpose(ops.reshape(x, shape), (0, 2, 3, 1))

    def _merge(self, x):
        """`(B, H, T, D)` to `(B, T, H·D)`."""
        shape = (-1, ops.shape(x)[2], self.width)
        return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), shape)

    def _attend(self, query, key, value, attention_mask, training, scale=1.0):
        if attention_mask is not None:
            attention_mask = ops.expand_dims(attention_mask, -3)  # the same mask for every head
        context, weights = dot_product_attention(
            query,
            key,
            value,
            attention_mask,
            dropout=lambda w: self.weight_dropout(w, training=training),
            scale=scale,
        )
        return self.output_projection(self._merge(context)), weights

    def get_config(self):
        config = {"width": self.width, "num_heads": self.num_heads, "dropout": self.dropout}
        return {**super().get_config(), **config}
