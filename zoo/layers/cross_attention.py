"""Attention of a target sequence to a memory."""

import keras
from keras import ops

from zoo.layers.multi_head_attention import MultiHeadAttention, dot_product_attention


@keras.saving.register_keras_serializable(package="attention_zoo")
class CrossAttention(MultiHeadAttention):
    """head_h = softmax(Q_h K_hᵀ / √D) V_h, Q from the target, K and V from the memory.

    Args:
        width: features of the query and of the output, a multiple of `num_heads`.
        num_heads: H, at least 1.
        dropout: share of attention weights dropped in training.

    Call arguments:
        query: `(B, T, width)`.
        value: memory `(B, S, Dm)`; or `project_values(memory)` when `key` is given.
        key: `project_keys(memory)`, `(B, H, D, S)`; None computes both projections.
        attention_mask: boolean, broadcasts to `(B, T, S)`, True = may attend.
        return_attention_scores: also return the weights.

    Returns:
        `(B, T, width)`, or with float32 weights `(B, H, T, S)`. A query that may attend to nothing
        gets the output projection's bias.

    Raises:
        ValueError: `width` is no multiple of `num_heads`.

    Cost: B·T·S·width multiply-adds for the scores and as many for the context.

    Source: Vaswani et al. (2017), §3.2.3. Against `keras.layers.MultiHeadAttention`: the
    projections of the memory are public, so that a decode loop computes them once a sentence.

    Example:
        >>> from keras import ops
        >>> CrossAttention(8, num_heads=2)(ops.ones((2, 3, 8)), ops.ones((2, 5, 8))).shape == (
        ...     2, 3, 8)
        True
    """

    def project_keys(self, memory):
        """Keys `(B, H, D, S)` of a memory `(B, S, Dm)`, divided by √D.

        Each key is a column, as the product with the queries wants it, so that this, too, is done
        once for all queries.
        """
        return self._columns(self.key_projection(memory)) * self.scale

    def project_values(self, memory):
        """Values `(B, H, S, D)` of a memory `(B, S, Dm)`."""
        return self._heads(self.value_projection(memory))

    def call(
        self,
        query,
        value,
        key=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
    ):
        if key is None:
            key, value = self.project_keys(value), self.project_values(value)
        queries = self._heads(self.query_projection(query))
        output, weights = self._attend(queries, key, value, attention_mask, training)
        return (output, weights) if return_attention_scores else output

    def step(self, query, value, key, attention_mask=None, has_beams=True):
        """One decode step: a row of `query` for each hypothesis.

        Args:
            query: `(N, width)`, N = B·K hypotheses of B sentences, sentence by sentence.
            value: `project_values(memory)`, `(B, H, S, D)`.
            key: `project_keys(memory)`, `(B, H, D, S)`.
            attention_mask: boolean `(B, 1, S)`, True = may attend; one key at least in each row.
            has_beams: whether K may be above 1.

        Returns:
            `(output, attention_scores)`: `(N, width)`, and float32 `(B, H, K, S)`.
        """

        def swap(x):  # (B, K, H, D) and (B, H, K, D), which are the same when K is 1
            return ops.transpose(x, (0, 2, 1, 3)) if has_beams else x

        shape = (-1, self.num_heads, 1, self.head_width)
        if has_beams:
            shape = (ops.shape(key)[0], -1, self.num_heads, self.head_width)
        queries = swap(ops.reshape(self.query_projection(query), shape))
        if attention_mask is not None:
            attention_mask = ops.expand_dims(attention_mask, 1)
        context, weights = dot_product_attention(
            queries, key, value, attention_mask, never_empty=True
        )
        context = ops.reshape(swap(context), (-1, self.width))
        return self.output_projection(context), weights
