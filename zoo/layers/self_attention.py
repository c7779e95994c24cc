"""Attention of a sequence to itself."""

import keras
from keras import ops

from zoo.layers.multi_head_attention import MultiHeadAttention, dot_product_attention
from zoo.layers.positional_encoding import RotaryPositions


@keras.saving.register_keras_serializable(package="attention_zoo")
class SelfAttention(MultiHeadAttention):
    """head_h = softmax(Q_h K_hᵀ / √D) V_h with Q, K, V from the same x; output = [head_1; …] W_O.

    Args:
        width: features of x, a multiple of `num_heads`.
        num_heads: H, at least 1.
        dropout: share of attention weights dropped in training.
        rotary_length: turn queries and keys by rotary positions, for sequences of up to this
            length; None leaves them alone.

    Call arguments:
        query: x, `(B, T, width)`.
        value: None, or x again.
        key: unused.
        attention_mask: boolean, broadcasts to `(B, T, T)`, True = may attend; pass
            `zoo.masks.causal_mask(T)` in a decoder.
        return_attention_scores: also return the weights.

    Returns:
        `(B, T, width)`, or with float32 weights `(B, H, T, T)`. A query that may attend to nothing
        gets the output projection's bias.

    Raises:
        ValueError: `width` is no multiple of `num_heads`.

    Cost: B·T²·width multiply-adds for the scores and as many for the context.

    Source: Vaswani et al. (2017), §3.2; rotary: Su et al. (2021). Against
    `keras.layers.MultiHeadAttention`: a cache as explicit state (`step`), and weights of zero for a
    query that may attend to nothing.

    Example:
        >>> from keras import ops
        >>> SelfAttention(8, num_heads=2)(ops.ones((2, 5, 8))).shape == (2, 5, 8)
        True
    """

    def __init__(self, width, num_heads, dropout=0.0, rotary_length=None, **kwargs):
        super().__init__(width, num_heads, dropout, **kwargs)
        self.rotary_length = rotary_length
        self.rotary = RotaryPositions(rotary_length, self.head_width) if rotary_length else None

    def call(
        self,
        query,
        value=None,
        key=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
    ):
        memory = query if value is None else value
        queries = self._heads(self.query_projection(query))
        keys = self._heads(self.key_projection(memory))
        values = self._heads(self.value_projection(memory))
        if self.rotary:
            queries, keys = self.rotary.sequence(queries), self.rotary.sequence(keys)
        keys = ops.transpose(keys, (0, 1, 3, 2))
        output, weights = self._attend(queries, keys, values, attention_mask, training, self.scale)
        return (output, weights) if return_attention_scores else output

    def step(self, query, cached_keys, cached_values, positions, ancestry=None):
        """One decode step: each row attends to the rows before it and to itself.

        Args:
            query: `(N, width)`, N = B·K hypotheses of B sentences, sentence by sentence.
            cached_keys: `(B, H, P, D)`, the keys of the P = K·t rows so far of each sentence.
            cached_values: `(B, H, P, D)`.
            positions: int32 `(N,)`, all equal to t; used by rotary positions.
            ancestry: boolean `(B, K, P + K)`, True where a hypothesis descends from a row; None
                when K is 1.

        Returns:
            `(output, keys, values)`: `(N, width)` and the caches grown to P + K.
        """
        projections = (self.query_projection, self.key_projection, self.value_projection)
        parts = ops.concatenate([project(query) for project in projections], axis=-1)
        if ancestry is None:
            parts = ops.reshape(parts, (-1, 3 * self.num_heads, 1, self.head_width))
        else:
            shape = (-1, ops.shape(ancestry)[1], 3 * self.num_heads, self.head_width)
            parts = ops.transpose(ops.reshape(parts, shape), (0, 2, 1, 3))
            ancestry = ops.expand_dims(ancestry, 1)  # the same for every head
        queries, key, value = ops.split(parts, 3, axis=1)  # (B, H, K, D)
        if self.rotary:
            queries, key = self.rotary.rows(queries, positions), self.rotary.rows(key, positions)
        keys = ops.concatenate([cached_keys, key], axis=2)
        values = ops.concatenate([cached_values, value], axis=2)
        columns = ops.transpose(keys, (0, 1, 3, 2))
        context, _ = dot_product_attention(
            queries, columns, values, ancestry, scale=self.scale, never_empty=True
        )
        if ancestry is not None:
            context = ops.transpose(context, (0, 2, 1, 3))
        return self.output_projection(ops.reshape(context, (-1, self.width))), keys, values

    def get_config(self):
        return {**super().get_config(), "rotary_length": self.rotary_length}
