"""Luong: attention on top of a stacked decoder."""

import keras
from keras import ops

from zoo.config import LuongConfig
from zoo.layers.beams import merge_hypotheses
from zoo.layers.dense import Dense
from zoo.layers.luong_attention import LuongAttention
from zoo.models.recurrent_model import RecurrentModel


@keras.saving.register_keras_serializable(package="attention_zoo")
class Luong(RecurrentModel):
    """h_t from a stacked RNN, then attention, then an attentional hidden state.

    h_t = RNN(E y_{t−1}, h_{t−1}), or RNN([E y_{t−1}; h̃_{t−1}], …) with input feeding   (§3.3)
    c_t = attention(query = h_t, m)                                                    (§3.1, 3.2)
    h̃_t = tanh(W_c [c_t; h_t])                                                         (eq. 5)
    logits = W_s h̃_t + b                                                               (eq. 6)

    Without input feeding no step depends on the attention before it, so training runs the RNN and
    the attention over whole sequences at once.

    Source: Luong, Pham & Manning (2015). See `TranslationModel` for arguments and results.
    """

    config_class = LuongConfig

    def __init__(self, config, **kwargs):
        c = config
        fed = c.units if c.input_feeding else 0
        super().__init__(c, c.num_layers, c.bidirectional, context_width=fed, **kwargs)
        policy = {"dtype": self.dtype_policy}
        self.attention = LuongAttention(
            c.score, c.window, c.window_size, c.max_source_length, name="attention", **policy
        )
        memory_width = c.units * (2 if c.bidirectional else 1)
        self.attention.build((None, None, c.units), (None, None, memory_width))
        self.combine = Dense(c.units, activation="tanh", use_bias=False, name="combine", **policy)
        self._create_weights()

    def _start(self, source_ids, training=None):
        state = super()._start(source_ids, training)
        if self.config.input_feeding:
            state["attentional"] = ops.zeros_like(self._states(state)[0])
        if self.config.window == "local_m":
            state["position"] = ops.zeros_like(source_ids[:, 0])
        return state

    def _attend(self, hidden, memory, positions):
        """h̃_t of rank 2, and where the decoder looked."""
        context, weights = self.attention.step(
            hidden, memory["memory"], memory["memory_keys"], memory["memory_mask"], positions
        )
        return self.combine(ops.concatenate([context, hidden], axis=-1)), weights

    def _logits(self, attentional, training=None):
        logits = self.output_layer(self.drop(attentional, training=training))
        return ops.cast(logits, "float32")

    def call(self, inputs, training=None):
        state = self._start(inputs["source_ids"], training)
        y = self.drop(self.target_embedding(inputs["target_ids"]), training=training)
        start = self._states(state)
        if self.config.input_feeding:
            return self._logits(self._scan(y, start, state, training), training)
        hidden = self.decoder(y, start, training=training)
        context = self.attention(
            hidden,
            state["memory"],
            key=state["memory_keys"],
            attention_mask=state["memory_mask"],
            training=training,
        )
        return self._logits(self.combine(ops.concatenate([context, hidden], axis=-1)), training)

    def _scan(self, y, start, state, training):
        """h̃_1 … h̃_T, `(B, T, units)`, when each step is fed the one before it."""

        def advance(carry, inputs):
            (attentional, position, *states), (y_t, *factors) = carry, inputs
            x = ops.concatenate([y_t, attentional], axis=-1)
            hidden, states = self.decoder.step(x, states, factors)
            attentional, _ = self._attend(hidden, state, position)
            carry = (attentional, position + 1, *states)
            return carry, carry  # keras.ops.scan wants outputs in the shape of the carry

        position = ops.zeros_like(state["memory_mask"][:, 0, 0], dtype="int32")
        carry = (state["attentional"], position, *start)
        y = ops.transpose(y, (1, 0, 2))
        inputs = (y, *self.decoder.draw_factors(y, training))
        _, (attentional, *_) = ops.scan(advance, carry, inputs)
        return ops.transpose(attentional, (1, 0, 2))

    def decode_step(self, token_ids, state):
        x = self.target_embedding(merge_hypotheses(token_ids))
        if self.config.input_feeding:
            x = ops.concatenate([x, state["attentional"]], axis=-1)
        hidden, states = self.decoder.step(x, self._states(state))
        attentional, weights = self._attend(hidden, state, state.get("position"))
        next_state = {**state, **self._named(states)}
        if self.config.input_feeding:
            next_state["attentional"] = attentional
        if "position" in state:
            next_state["position"] = state["position"] + 1
        return self._project(attentional, token_ids, state), next_state, weights
