"""Additive attention of Bahdanau et al. (2015)."""

import keras
from keras import ops

from zoo.layers.attention import Attention
from zoo.layers.dense import Dense


@keras.saving.register_keras_serializable(package="attention_zoo")
class BahdanauAttention(Attention):
    """e(t, s) = vᵀ tanh(W q_t + U k_s), weights = softmax over s, context = Σ_s weight · value_s.

    W is (Dq, U), U is (Dk, U), v is (U). With `normalize` the score is the weight-normalised
    g · v/‖v‖ᵀ tanh(W q_t + U k_s + b) with a scalar gain g and a bias b of (U).

    Args:
        units: U, width of the hidden layer of the score, at least 1.
        normalize: whether to use the weight-normalised form.

    Call arguments:
        query: `(B, T, Dq)`.
        value: memory `(B, S, Dv)`.
        key: `project_keys(value)`, `(B, S, U)`; None computes it.
        attention_mask: boolean, broadcasts to `(B, T, S)`, True = may attend.
        return_attention_scores: also return the weights.

    Returns:
        context `(B, T, Dv)`, or `(context, attention_scores)` with float32 `(B, T, S)`. A query
        that may attend to nothing gets zeros.

    Raises:
        ValueError: `units` is below 1.

    Cost: B·T·S·U tanh and multiply-adds a call; the projection of the keys once a sentence.

    Source: Bahdanau, Cho & Bengio (2015), A.1.2; normalised: Salimans & Kingma (2016), eq. 2.
    `keras.layers.AdditiveAttention` has neither W nor U and no normalised form.

    Example:
        >>> from keras import ops
        >>> layer = BahdanauAttention(units=8)
        >>> context, scores = layer(
        ...     ops.ones((2, 3, 4)), ops.ones((2, 5, 6)), return_attention_scores=True)
        >>> context.shape == (2, 3, 6) and scores.shape == (2, 3, 5)
        True
    """

    def __init__(self, units, normalize=False, **kwargs):
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(
                f"BahdanauAttention: units must be at least 1. Received {units}. "
                "Use the width of the decoder's state, for example 256."
            )
        self.units = units
        self.normalize = normalize
        self.query_projection = Dense(
            units, use_bias=False, name="query_projection", dtype=self.dtype_policy
        )
        self.key_projection = Dense(
            units, use_bias=False, name="key_projection", dtype=self.dtype_policy
        )
        self.v = self.add_weight(shape=(units,), initializer="glorot_uniform", name="v")
        if normalize:
            gain = keras.initializers.Constant(units**-0.5)
            self.gain = self.add_weight(shape=(), initializer=gain, name="gain")
            self.bias = self.add_weight(shape=(units,), initializer="zeros", name="bias")
        self.built = True

    def project_keys(self, memory):
        keys = self.key_projection(memory)
        return keys + ops.cast(self.bias, keys.dtype) if self.normalize else keys

    def project_query(self, query):
        return (self.query_projection(query),)

    def scores(self, query, key):
        hidden = ops.tanh(ops.expand_dims(query, 2) + ops.expand_dims(key, 1))  # (B, T, S, U)
        direction = ops.cast(self.v, "float32")
        if self.normalize:
            norm = ops.sqrt(ops.sum(ops.square(direction)))
            direction = direction * (ops.cast(self.gain, "float32") / norm)
        column = ops.reshape(ops.cast(direction, hidden.dtype), (self.units, 1))
        flat = ops.matmul(ops.reshape(hidden, (-1, self.units)), column)
        return ops.reshape(flat, (ops.shape(key)[0], -1, ops.shape(key)[1]))

    def get_config(self):
        return {**super().get_config(), "units": self.units, "normalize": self.normalize}
