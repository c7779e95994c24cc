"""Seq2Seq: the plain encoder–decoder, whose whole source must fit one vector."""

import keras
from keras import ops

from zoo.config import Seq2SeqConfig
from zoo.layers.beams import merge_hypotheses
from zoo.models.recurrent_model import RecurrentModel


@keras.saving.register_keras_serializable(package="attention_zoo")
class Seq2Seq(RecurrentModel):
    """s_0 = the encoder's last state; s_t = RNN(E y_{t−1}, s_{t−1}); logits = W s_t + b.

    The baseline that attention was invented against: nothing of the source reaches the decoder
    but the fixed-size s_0, so long sentences lose their middle.

    Source: Sutskever, Vinyals & Le (2014), §2. They also reverse the source; we do not, since it
    only shortens some distances. See `TranslationModel` for arguments and results.
    """

    config_class = Seq2SeqConfig
    has_attention = False

    def __init__(self, config, **kwargs):
        super().__init__(config, config.num_layers, config.bidirectional, **kwargs)
        self._create_weights()

    def call(self, inputs, training=None):
        states = self._states(self._start(inputs["source_ids"], training))
        y = self.drop(self.target_embedding(inputs["target_ids"]), training=training)
        hidden = self.decoder(y, states, training=training)
        logits = self.output_layer(self.drop(hidden, training=training))
        return ops.cast(logits, "float32")

    def decode_step(self, token_ids, state):
        y = self.target_embedding(merge_hypotheses(token_ids))
        hidden, states = self.decoder.step(y, self._states(state))
        return self._project(hidden, token_ids, state), self._named(states), None
