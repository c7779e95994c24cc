"""Bahdanau: RNNsearch, the first attention model for translation."""

import keras
from keras import ops

from zoo import masks
from zoo.config import BahdanauConfig
from zoo.layers.bahdanau_attention import BahdanauAttention
from zoo.layers.decoder_bridge import DecoderBridge
from zoo.layers.dense import Dense
from zoo.layers.recurrent_decoder import RecurrentDecoder
from zoo.layers.recurrent_encoder import RecurrentEncoder
from zoo.layers.token_embedding import TokenEmbedding
from zoo.models.translation_model import TranslationModel


@keras.saving.register_keras_serializable(package="attention_zoo")
class Bahdanau(TranslationModel):
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
        super().__init__(config, **kwargs)
        c = config
        self.source_embedding = TokenEmbedding(
            c.source_vocabulary_size,
            c.embedding_width,
            name="source_embedding",
            dtype=self.dtype_policy,
        )
        self.target_embedding = TokenEmbedding(
            c.target_vocabulary_size,
            c.embedding_width,
            name="target_embedding",
            dtype=self.dtype_policy,
        )
        self.encoder = RecurrentEncoder(c.cell, c.units, name="encoder", dtype=self.dtype_policy)
        self.decoder = RecurrentDecoder(c.cell, c.units, name="decoder", dtype=self.dtype_policy)
        self.decoder.build_for(c.embedding_width + 2 * c.units)
        self.bridge = DecoderBridge(
            c.units, len(self.decoder.state_names), 1, name="bridge", dtype=self.dtype_policy
        )
        self.attention = BahdanauAttention(
            c.attention_units, c.normalize, name="attention", dtype=self.dtype_policy
        )
        self.drop = keras.layers.Dropout(c.dropout, dtype=self.dtype_policy)
        self.deep_output = Dense(2 * c.embedding_width, name="deep_output", dtype=self.dtype_policy)
        self.output_layer = Dense(c.target_vocabulary_size, name="output", dtype=self.dtype_policy)
        self._create_weights()

    def _start(self, source_ids, training=None):
        """Everything that is computed once a sentence."""
        mask = masks.padding_mask(source_ids)
        x = self.drop(self.source_embedding(source_ids), training=training)
        memory, final = self.encoder(x, mask, training=training)
        states = self.bridge(final)
        return {
            "memory": memory,
            "memory_keys": self.attention.project_keys(memory),
            "memory_mask": masks.over_queries(mask),
            **dict(zip(self.decoder.state_names, states, strict=True)),
        }

    def _advance(self, y, states, memory):
        """c_t and s_t from E y_{t−1} and s_{t−1}; rank 2 throughout."""
        context, weights = self.attention.step(
            states[0], memory["memory"], memory["memory_keys"], memory["memory_mask"]
        )
        hidden, states = self.decoder.step(ops.concatenate([y, context], axis=-1), states)
        return hidden, context, weights, states

    def _output(self, hidden, y, context, training=None):
        features = self.deep_output(ops.concatenate([hidden, y, context], axis=-1))
        half = self.config.embedding_width
        pooled = ops.maximum(features[..., :half], features[..., half:])
        return ops.cast(self.output_layer(self.drop(pooled, training=training)), "float32")

    def call(self, inputs, training=None):
        state = self._start(inputs["source_ids"], training)
        y = self.drop(self.target_embedding(inputs["target_ids"]), training=training)

        def advance(carry, y_t):
            _, context, _, states = self._advance(y_t, list(carry[1:]), state)
            carry = (context, *states)
            return carry, carry  # keras.ops.scan wants outputs in the shape of the carry

        start = [state[name] for name in self.decoder.state_names]
        carry = (ops.zeros_like(state["memory"][:, 0]), *start)
        _, (context, hidden, *_) = ops.scan(advance, carry, ops.transpose(y, (1, 0, 2)))
        hidden, context = ops.transpose(hidden, (1, 0, 2)), ops.transpose(context, (1, 0, 2))
        return self._output(hidden, y, context, training)

    def encode(self, source_ids):
        return self._start(source_ids)

    def decode_step(self, token_ids, state):
        names = self.decoder.state_names
        y = self.target_embedding(token_ids)
        hidden, context, weights, states = self._advance(y, [state[n] for n in names], state)
        logits = self._output(hidden, y, context)
        return logits, {**state, **dict(zip(names, states, strict=True))}, weights
