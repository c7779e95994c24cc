"""The frame that the three recurrent families share."""

import keras
from keras import ops

from zoo import masks
from zoo.layers.decoder_bridge import DecoderBridge
from zoo.layers.dense import Dense
from zoo.layers.recurrent_decoder import RecurrentDecoder
from zoo.layers.recurrent_encoder import RecurrentEncoder
from zoo.layers.token_embedding import TokenEmbedding
from zoo.models.translation_model import TranslationModel
from zoo.shortlist import has_shortlist, shortlist_logits


class RecurrentModel(TranslationModel):
    """Embeddings, encoder, bridge, decoder and output layer; a family adds what lies between.

    Args:
        config: the family's configuration.
        num_layers: stacked layers of encoder and decoder.
        bidirectional: whether the encoder reads both ways.
        context_width: features that join the embedding in the decoder's input.
    """

    def __init__(self, config, num_layers=1, bidirectional=True, context_width=0, **kwargs):
        super().__init__(config, **kwargs)
        c, width, policy = config, config.embedding_width, {"dtype": self.dtype_policy}
        self.source_embedding = TokenEmbedding(
            c.source_vocabulary_size, width, name="source_embedding", **policy
        )
        self.target_embedding = TokenEmbedding(
            c.target_vocabulary_size, width, name="target_embedding", **policy
        )
        self.encoder = RecurrentEncoder(
            c.cell, c.units, num_layers, bidirectional, c.dropout, name="encoder", **policy
        )
        self.decoder = RecurrentDecoder(
            c.cell, c.units, num_layers, c.dropout, name="decoder", **policy
        )
        self.decoder.build_for(width + context_width)
        self.bridge = DecoderBridge(
            c.units,
            len(self.decoder.state_names) // num_layers,
            num_layers,
            project=bidirectional,
            name="bridge",
            **policy,
        )
        self.drop = keras.layers.Dropout(c.dropout, **policy)

    def _create_weights(self):
        # Last, whatever a family has added: Keras stores layers of one class by their order.
        self.output_layer = Dense(
            self.config.target_vocabulary_size, name="output", dtype=self.dtype_policy
        )
        super()._create_weights()

    def _start(self, source_ids, training=None):
        """Everything that is computed once a sentence: the state before the first step."""
        mask = masks.padding_mask(source_ids)
        x = self.drop(self.source_embedding(source_ids), training=training)
        memory, final = self.encoder(x, mask, training=training)
        state = self._named(self.bridge(final))
        if self.has_attention:
            state["memory"] = memory
            state["memory_keys"] = self.attention.project_keys(memory)
            state["memory_mask"] = masks.over_queries(mask)
        return state

    def _states(self, state):
        """The decoder's own tensors in a state, in its order."""
        return [state[name] for name in self.decoder.state_names]

    def _named(self, states):
        """The decoder's tensors under their names."""
        return dict(zip(self.decoder.state_names, states, strict=True))

    def _project(self, x, token_ids, state):
        """float32 logits of a step: of all tokens, or of the candidates of a shortlist."""
        if has_shortlist(state):
            return shortlist_logits(x, state, has_beams=len(token_ids.shape) == 2)
        return ops.cast(self.output_layer(x), "float32")

    def output_of(self, candidates):
        return self.output_layer.columns(candidates)

    def encode(self, source_ids):
        return self._start(source_ids)
