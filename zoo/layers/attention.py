"""What Bahdanau's and Luong's attention share: one call for sequences, one step for hypotheses."""

import keras
from keras import ops

from zoo.layers.beams import merge_beams, split_beams
from zoo.layers.masked_softmax import masked_softmax


class Attention(keras.layers.Layer):
    """context = softmax(score(query, key)) · value; subclasses define the score.

    A subclass writes `project_keys`, `project_query` and `scores`, and may narrow the view of
    each query in `focus`.
    """

    def project_keys(self, memory):
        """The part of the score that depends on the memory alone: compute it once a sentence.

        Args:
            memory: `(B, S, D)`.

        Returns:
            `(B, S, U)`, to be passed back in as `key`.
        """
        raise NotImplementedError

    def project_query(self, query):
        """What the score needs of each query: a tuple of `(B, T, …)`, or `(N, …)`, tensors."""
        raise NotImplementedError

    def scores(self, query, key):
        """Raw scores `(B, T, S)` of a projected query `(B, T, U)` with keys `(B, S, U)`."""
        raise NotImplementedError

    def focus(self, features, value, attention_mask, positions):
        """The mask and an additive bias for each query; by default all that the mask allows."""
        del features, value, positions
        return attention_mask, None

    def call(
        self,
        query,
        value,
        key=None,
        attention_mask=None,
        return_attention_scores=False,
        query_positions=None,
        training=None,
    ):
        if key is None:
            key = self.project_keys(value)
        features = self.project_query(query)
        if query_positions is None:
            query_positions = ops.expand_dims(ops.arange(ops.shape(query)[1], dtype="int32"), 0)
        context, weights = self._attend(features, value, key, attention_mask, query_positions)
        return (context, weights) if return_attention_scores else context

    def step(self, query, value, key, attention_mask=None, query_positions=None):
        """One decode step: a row of `query` for each hypothesis.

        Args:
            query: `(N, D)`, N = B·K hypotheses of B sentences, sentence by sentence.
            value: memory `(B, S, Dv)`.
            key: `project_keys(value)`.
            attention_mask: boolean `(B, 1, S)`, True = may attend; one key at least in each row.
            query_positions: int32 `(N,)`, the target position of each row.

        Returns:
            `(context, attention_scores)`, `(N, Dv)` and float32 `(N, S)`.
        """
        features = tuple(split_beams(part, key) for part in self.project_query(query))
        if query_positions is not None:
            query_positions = ops.reshape(query_positions, (ops.shape(key)[0], -1))
        context, weights = self._attend(
            features, value, key, attention_mask, query_positions, never_empty=True
        )
        return merge_beams(context), merge_beams(weights)

    def _attend(self, features, value, key, attention_mask, positions, never_empty=False):
        attention_mask, bias = self.focus(features, value, attention_mask, positions)
        scores = ops.cast(self.scores(features[0], key), "float32")
        if bias is not None:
            scores = scores + bias
        weights = masked_softmax(scores, attention_mask, never_empty)
        return ops.matmul(ops.cast(weights, value.dtype), value), weights
