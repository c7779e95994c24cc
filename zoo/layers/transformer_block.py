"""Transformer blocks: attention and feed-forward sublayers with residuals."""

import keras

from zoo.layers.cross_attention import CrossAttention
from zoo.layers.dense import Dense
from zoo.layers.layer_normalization import LayerNormalization
from zoo.layers.self_attention import SelfAttention


class _TransformerBlock(keras.layers.Layer):
    """Residual sublayers in pre- or post-norm order."""

    def __init__(self, width, feedforward_width, num_heads, norm, dropout, rotary_length, **kwargs):
        super().__init__(**kwargs)
        self.settings = {
            "width": width,
            "feedforward_width": feedforward_width,
            "num_heads": num_heads,
            "norm": norm,
            "dropout": dropout,
            "rotary_length": rotary_length,
        }
        self.norm = norm
        self.self_attention = SelfAttention(
            width, num_heads, dropout, rotary_length, name="self_attention", dtype=self.dtype_policy
        )
        self.self_norm = LayerNormalization(name="self_norm", dtype=self.dtype_policy)
        self.expand = Dense(
            feedforward_width, activation="relu", name="expand", dtype=self.dtype_policy
        )
        self.contract = Dense(width, name="contract", dtype=self.dtype_policy)
        self.feedforward_norm = LayerNormalization(name="feedforward_norm", dtype=self.dtype_policy)
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.built = True

    def _before(self, norm, x):
        return norm(x) if self.norm == "pre" else x

    def _after(self, norm, x, change, training):
        x = x + self.drop(change, training=training)
        return x if self.norm == "pre" else norm(x)

    def _feedforward(self, x, training=None):
        """max(0, x W₁ + b₁) W₂ + b₂ (Vaswani et al. 2017, eq. 2)."""
        hidden = self.expand(self._before(self.feedforward_norm, x))
        hidden = self.drop(hidden, training=training)
        return self._after(self.feedforward_norm, x, self.contract(hidden), training)

    def get_config(self):
        return {**super().get_config(), **self.settings}


@keras.saving.register_keras_serializable(package="attention_zoo")
class TransformerEncoderBlock(_TransformerBlock):
    """x + SelfAttention(norm(x)), then x + FeedForward(norm(x)); post-norm: norm(x + …).

    Args:
        width: features.
        feedforward_width: hidden features of the feed-forward sublayer.
        num_heads: attention heads.
        norm: "pre" (Xiong et al. 2020) or "post" (Vaswani et al. 2017, §3.1).
        dropout: on attention weights, hidden units and each sublayer's output.
        rotary_length: see `SelfAttention`.

    Call arguments:
        x: `(B, S, width)`.
        attention_mask: boolean `(B, 1, S)`.

    Returns:
        `(B, S, width)`.

    Example:
        >>> from keras import ops
        >>> block = TransformerEncoderBlock(8, 16, 2, norm="pre", dropout=0.1, rotary_length=None)
        >>> block(ops.ones((2, 5, 8))).shape == (2, 5, 8)
        True
    """

    def call(self, x, attention_mask=None, training=None):
        y = self._before(self.self_norm, x)
        y = self.self_attention(y, attention_mask=attention_mask, training=training)
        return self._feedforward(self._after(self.self_norm, x, y, training), training)


@keras.saving.register_keras_serializable(package="attention_zoo")
class TransformerDecoderBlock(_TransformerBlock):
    """Self-attention to the past, cross-attention to the memory, feed-forward.

    Args:
        width, feedforward_width, num_heads, norm, dropout, rotary_length: as in
            `TransformerEncoderBlock`.

    Call arguments:
        x: `(B, T, width)`.
        memory: `(B, S, width)`.
        causal_mask: boolean `(1, T, T)`.
        memory_mask: boolean `(B, 1, S)`.

    Returns:
        `(B, T, width)`. `step` is the same map for one position; `call` equals scanned `step`.

    Example:
        >>> from keras import ops
        >>> block = TransformerDecoderBlock(8, 16, 2, norm="pre", dropout=0.1, rotary_length=None)
        >>> block(ops.ones((2, 3, 8)), ops.ones((2, 5, 8))).shape == (2, 3, 8)
        True
    """

    def __init__(self, width, feedforward_width, num_heads, norm, dropout, rotary_length, **kwargs):
        super().__init__(
            width, feedforward_width, num_heads, norm, dropout, rotary_length, **kwargs
        )
        self.cross_attention = CrossAttention(
            width, num_heads, dropout, name="cross_attention", dtype=self.dtype_policy
        )
        self.cross_norm = LayerNormalization(name="cross_norm", dtype=self.dtype_policy)

    def call(self, x, memory, causal_mask=None, memory_mask=None, training=None):
        y = self._before(self.self_norm, x)
        y = self.self_attention(y, attention_mask=causal_mask, training=training)
        x = self._after(self.self_norm, x, y, training)
        y = self._before(self.cross_norm, x)
        y = self.cross_attention(y, memory, attention_mask=memory_mask, training=training)
        x = self._after(self.cross_norm, x, y, training)
        return self._feedforward(x, training)

    def step(
        self, x, cached_keys, cached_values, key, value, memory_mask, positions, has_beams=True
    ):
        """One decode step.

        Args:
            x: `(N, width)`.
            cached_keys, cached_values: `(N, H, t, D)`, this block's past.
            key, value: `(B, H, S, D)`, this block's projections of the memory.
            memory_mask: boolean `(B, 1, S)`.
            positions: int32 `(N,)`.
            has_beams: whether there may be more rows than sentences.

        Returns:
            `(x, keys, values, attention_scores)`: `(N, width)`, the caches grown by one position,
            float32 `(B, H, K, S)`.
        """
        y = self._before(self.self_norm, x)
        y, keys, values = self.self_attention.step(y, cached_keys, cached_values, positions)
        x = self._after(self.self_norm, x, y, training=False)
        y = self._before(self.cross_norm, x)
        y, weights = self.cross_attention.step(y, value, key, memory_mask, has_beams)
        x = self._after(self.cross_norm, x, y, training=False)
        return self._feedforward(x), keys, values, weights
