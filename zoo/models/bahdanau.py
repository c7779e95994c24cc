"""Bahdanau: RNNsearch, the first attention model for translation."""

import keras
from keras import ops

from zoo.config import BahdanauConfig
from zoo.layers.bahdanau_attention import BahdanauAttention
from zoo.layers.beams import merge_hypotheses
from zoo.layers.dense import Dense
from zoo.models.recurrent_model import RecurrentModel


@keras.saving.register_keras_serializable(package="attention_zoo")
class Bahdanau(RecurrentModel):
    """A memory of annotations, and a decoder that looks before each word.

    m = [→h; ←h]                               bidirectional encoder        (eq. 7)
    s_0 = tanh(W [→h_S; ←h_1])                                              (A.2.2)
    c_t = attention(query = s_{t−1}, m)        additive scores              (eq. 5, 6)
    s_t = RNN([E y_{t−1}; c_t], s_{t−1})                                    (A.2.2)
    o_t = maxout(U s_t + V E y_{t−1} + C c_t)  deep output                  (A.2.2)
    logits = W o_t + b

    Source: Bahdanau, Cho & Bengio (2015). Ours differs in s_0, which sees the last state of both
    directions (the paper: ←h_1 alone), and in the deep output, which sees s_t (the paper: s_{t−1})
    and pools two halves instead of neighbours, a permutation of units. See `TranslationModel` for
    arguments and results.
    """

    config_class = BahdanauConfig

    def __init__(self, config, **kwargs):
        super().__init__(config, context_width=2 * config.units, **kwargs)
        c, policy = config, {"dtype": self.dtype_policy}
        self.attention = BahdanauAttention(
            c.attention_units, c.normalize, name="attention", **policy
        )
        self.deep_output = Dense(2 * c.embedding_width, name="deep_output", **policy)
        self._create_weights()

    def _advance(self, y, states, memory):
        """c_t and s_t from E y_{t−1} and s_{t−1}; rank 2 throughout."""
        context, weights = self.attention.step(
            states[0], memory["memory"], memory["memory_keys"], memory["memory_mask"]
        )
        hidden, states = self.decoder.step(ops.concatenate([y, context], axis=-1), states)
        return hidden, context, weights, states

    def _features(self, hidden, y, context):
        """o_t, what the output layer is given."""
        features = self.deep_output(ops.concatenate([hidden, y, context], axis=-1))
        half = self.config.embedding_width
        return ops.maximum(features[..., :half], features[..., half:])

    def call(self, inputs, training=None):
        state = self._start(inputs["source_ids"], training)
        y = self.drop(self.target_embedding(inputs["target_ids"]), training=training)

        def advance(carry, y_t):
            _, context, _, states = self._advance(y_t, list(carry[1:]), state)
            carry = (context, *states)
            return carry, carry  # keras.ops.scan wants outputs in the shape of the carry

        carry = (ops.zeros_like(state["memory"][:, 0]), *self._states(state))
        _, (context, hidden, *_) = ops.scan(advance, carry, ops.transpose(y, (1, 0, 2)))
        hidden, context = ops.transpose(hidden, (1, 0, 2)), ops.transpose(context, (1, 0, 2))
        pooled = self.drop(self._features(hidden, y, context), training=training)
        return ops.cast(self.output_layer(pooled), "float32")

    def decode_step(self, token_ids, state):
        y = self.target_embedding(merge_hypotheses(token_ids))
        hidden, context, weights, states = self._advance(y, self._states(state), state)
        logits = self._project(self._features(hidden, y, context), token_ids, state)
        return logits, {**state, **self._named(states)}, weights
