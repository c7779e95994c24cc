"""Seq2Seq: the plain encoder–decoder, whose whole source must fit one vector."""

import keras
from keras import ops

from zoo import masks
from zoo.config import Seq2SeqConfig
from zoo.layers.decoder_bridge import DecoderBridge
from zoo.layers.dense import Dense
from zoo.layers.recurrent_decoder import RecurrentDecoder
from zoo.layers.recurrent_encoder import RecurrentEncoder
from zoo.layers.token_embedding import TokenEmbedding
from zoo.models.translation_model import TranslationModel


@keras.saving.register_keras_serializable(package="attention_zoo")
class Seq2Seq(TranslationModel):
    """s_0 = the encoder's last state; s_t = RNN(E y_{t−1}, s_{t−1}); logits = W s_t + b.

    The baseline that attention was invented against: nothing of the source reaches the decoder
    but the fixed-size s_0, so long sentences lose their middle.

    Source: Sutskever, Vinyals & Le (2014), §2. They also reverse the source; we do not, since it
    only shortens some distances. See `TranslationModel` for arguments and results.
    """

    config_class = Seq2SeqConfig
    has_attention = False

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
        self.encoder = RecurrentEncoder(
            c.cell,
            c.units,
            c.num_layers,
            c.bidirectional,
            c.dropout,
            name="encoder",
            dtype=self.dtype_policy,
        )
        self.decoder = RecurrentDecoder(
            c.cell, c.units, c.num_layers, c.dropout, name="decoder", dtype=self.dtype_policy
        )
        num_states = len(self.decoder.state_names) // c.num_layers
        self.bridge = DecoderBridge(
            c.units,
            num_states,
            c.num_layers,
            project=c.bidirectional,
            name="bridge",
            dtype=self.dtype_policy,
        )
        self.drop = keras.layers.Dropout(c.dropout, dtype=self.dtype_policy)
        self.output_layer = Dense(c.target_vocabulary_size, name="output", dtype=self.dtype_policy)
        self._create_weights()

    def _initial_states(self, source_ids, training=None):
        x = self.drop(self.source_embedding(source_ids), training=training)
        _, final = self.encoder(x, masks.padding_mask(source_ids), training=training)
        return self.bridge(final)

    def call(self, inputs, training=None):
        states = self._initial_states(inputs["source_ids"], training)
        y = self.drop(self.target_embedding(inputs["target_ids"]), training=training)
        hidden = self.decoder(y, states, training=training)
        logits = self.output_layer(self.drop(hidden, training=training))
        return ops.cast(logits, "float32")

    def encode(self, source_ids):
        states = self._initial_states(source_ids)
        return dict(zip(self.decoder.state_names, states, strict=True))

    def decode_step(self, token_ids, state):
        names = self.decoder.state_names
        y = self.target_embedding(token_ids)
        hidden, states = self.decoder.step(y, [state[name] for name in names])
        logits = ops.cast(self.output_layer(hidden), "float32")
        return logits, dict(zip(names, states, strict=True)), None
