"""Transformer: attention without recurrence."""

import keras
from keras import ops

from zoo import backend, masks
from zoo.config import TransformerConfig
from zoo.layers.beams import merge_hypotheses
from zoo.layers.dense import Dense
from zoo.layers.layer_normalization import LayerNormalization
from zoo.layers.positional_encoding import LearnedPositionalEncoding, SinusoidalPositionalEncoding
from zoo.layers.token_embedding import TokenEmbedding
from zoo.layers.transformer_block import (
    SSRUDecoderBlock,
    TransformerDecoderBlock,
    TransformerEncoderBlock,
)
from zoo.models.translation_model import TranslationModel
from zoo.shortlist import has_shortlist, shortlist_logits

_TABLES = {"sinusoidal": SinusoidalPositionalEncoding, "learned": LearnedPositionalEncoding}
_DECODER_BLOCKS = {"attention": TransformerDecoderBlock, "ssru": SSRUDecoderBlock}


@keras.saving.register_keras_serializable(package="attention_zoo")
class Transformer(TranslationModel):
    """Encoder blocks over the source; decoder blocks over the target and the memory.

    x = √D · E[ids] + positions; blocks of self-attention, cross-attention and feed-forward
    sublayers (`TransformerEncoderBlock`, `TransformerDecoderBlock`); pre-norm adds a final
    normalisation after each stack. logits = x Eᵀ + b with a tied output, else W x + b.
    `decoder_mixer="ssru"` puts a recurrence in place of the decoder's self-attention
    (`SSRUDecoderBlock`).

    The attention that `decode_step` reports is the cross-attention of one decoder block: one head,
    or the mean over all. `encode` chooses; unless told, the mean of the last block.

    Source: Vaswani et al. (2017), §3; pre-norm: Xiong et al. (2020); SSRU: Kim et al. (2019). See
    `TranslationModel` for arguments and results.
    """

    config_class = TransformerConfig
    attention_choices = ("attention_layer", "attention_head")

    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        c = config
        scale = c.width**0.5
        self.source_embedding = TokenEmbedding(
            c.source_vocabulary_size,
            c.width,
            scale,
            name="source_embedding",
            dtype=self.dtype_policy,
        )
        self.target_embedding = (
            self.source_embedding
            if c.share_embeddings
            else TokenEmbedding(
                c.target_vocabulary_size,
                c.width,
                scale,
                name="target_embedding",
                dtype=self.dtype_policy,
            )
        )
        rotary_length = None
        self.source_positions = self.target_positions = None
        if c.positions == "rotary":
            rotary_length = max(c.max_source_length, c.max_target_length)
        else:
            table = _TABLES[c.positions]
            self.source_positions = table(
                c.max_source_length, c.width, name="source_positions", dtype=self.dtype_policy
            )
            self.target_positions = table(
                c.max_target_length, c.width, name="target_positions", dtype=self.dtype_policy
            )
        sizes = (c.width, c.feedforward_width, c.num_heads)
        block = (*sizes, c.norm, c.dropout, rotary_length, c.inner_dropout)
        self.encoder_blocks = [
            TransformerEncoderBlock(*block, name=f"encoder_{i}", dtype=self.dtype_policy)
            for i in range(c.encoder_layers)
        ]
        self.decoder_blocks = [
            _DECODER_BLOCKS[c.decoder_mixer](*block, name=f"decoder_{i}", dtype=self.dtype_policy)
            for i in range(c.decoder_layers)
        ]
        self.encoder_norm = (
            LayerNormalization(name="encoder_norm", dtype=self.dtype_policy)
            if c.norm == "pre"
            else None
        )
        self.decoder_norm = (
            LayerNormalization(name="decoder_norm", dtype=self.dtype_policy)
            if c.norm == "pre"
            else None
        )
        self.drop = keras.layers.Dropout(c.dropout, dtype=self.dtype_policy)
        if c.tie_output:
            self.output_bias = self.add_weight(
                shape=(c.target_vocabulary_size,), initializer="zeros", name="output_bias"
            )
        else:
            self.output_layer = Dense(
                c.target_vocabulary_size, name="output", dtype=self.dtype_policy
            )
        self._create_weights()

    def _embed(self, embedding, positions_layer, ids, positions=None, training=None):
        x = embedding(ids)
        if positions_layer is not None:
            x = positions_layer(x, positions)
        return self.drop(x, training=training)

    def _memory(self, source_ids, training=None):
        mask = masks.over_queries(masks.padding_mask(source_ids))
        x = self._embed(self.source_embedding, self.source_positions, source_ids, training=training)
        for block in self.encoder_blocks:
            x = block(x, attention_mask=mask, training=training)
        return (self.encoder_norm(x) if self.encoder_norm else x), mask

    def _logits(self, x):
        if not self.config.tie_output:
            return ops.cast(self.output_layer(x), "float32")
        logits = ops.cast(self.target_embedding.logits(x), "float32")
        return logits + ops.cast(self.output_bias, "float32")

    def _normed(self, x):
        return self.decoder_norm(x) if self.decoder_norm else x

    def output_of(self, candidates):
        if not self.config.tie_output:
            return self.output_layer.columns(candidates)
        rows = backend.gather(self.target_embedding.embeddings, candidates)  # (C, D)
        return ops.transpose(rows), backend.gather(self.output_bias, candidates)

    def call(self, inputs, training=None):
        memory, memory_mask = self._memory(inputs["source_ids"], training)
        target_ids = inputs["target_ids"]
        x = self._embed(self.target_embedding, self.target_positions, target_ids, training=training)
        causal = masks.causal_mask(ops.shape(target_ids)[1])
        for block in self.decoder_blocks:
            x = block(x, memory, causal_mask=causal, memory_mask=memory_mask, training=training)
        return self._logits(self._normed(x))

    def encode(self, source_ids, attention_layer=-1, attention_head=-1):
        """The state before the first decode step.

        Args:
            source_ids: int32 `(B, S)`.
            attention_layer: the decoder block whose attention is reported, counted from 0, or
                from the end by negative numbers; int or int32 scalar tensor.
            attention_head: the head, counted from 0; −1 is the mean over all.
        """
        memory, mask = self._memory(source_ids)
        num_rows = ops.shape(source_ids)[0]
        share = self._shares(attention_layer, attention_head)
        state = {
            "memory_mask": mask,
            "memory_shares": share + ops.zeros((num_rows, 1, 1, 1)),
            "position": ops.zeros_like(source_ids[:, 0]),
        }
        for index, block in enumerate(self.decoder_blocks):
            state[f"memory_keys_{index}"] = block.cross_attention.project_keys(memory)
            state[f"memory_values_{index}"] = block.cross_attention.project_values(memory)
            names = [f"{name}_{index}" for name in block.state_names]
            state.update(zip(names, block.initial_states(num_rows), strict=True))
        return state

    def _option_problems(self, options):
        problems = super()._option_problems(options)
        layers, heads = self.config.decoder_layers, self.config.num_heads
        for name, least, most in (
            ("attention_layer", -layers, layers - 1),
            ("attention_head", -1, heads - 1),
        ):
            value = options.get(name, -1)
            if not least <= value <= most:
                problems.append(
                    f"{name} is out of range; expected {least} to {most}. Received {value}. "
                    "Leave it out for the last layer, and the mean over all heads."
                )
        return problems

    def _shares(self, layer, head):
        """What share each head of each decoder block has in the attention: `(1, L·H, 1, 1)`."""
        num_layers, num_heads = self.config.decoder_layers, self.config.num_heads
        layer = ops.where(ops.less(layer, 0), layer + num_layers, layer)
        layers = ops.equal(ops.arange(num_layers, dtype="int32"), layer)
        heads = ops.where(
            ops.less(head, 0), 1.0 / num_heads, ops.equal(ops.arange(num_heads), head)
        )
        shares = ops.expand_dims(ops.cast(layers, "float32"), 1) * ops.expand_dims(heads, 0)
        return ops.reshape(shares, (1, num_layers * num_heads, 1, 1))

    def decode_step(self, token_ids, state):
        position = state["position"]
        tokens = merge_hypotheses(token_ids)
        x = self._embed(self.target_embedding, self.target_positions, tokens, position)
        has_beams = len(token_ids.shape) == 2
        state, looked = dict(state), []
        for i, block in enumerate(self.decoder_blocks):
            names = [f"{name}_{i}" for name in block.state_names]
            x, states, weights = block.step(
                x,
                [state[name] for name in names],
                state[f"memory_keys_{i}"],
                state[f"memory_values_{i}"],
                state["memory_mask"],
                position,
                has_beams,
                state.get("ancestry"),
            )
            state.update(zip(names, states, strict=True))
            looked.append(weights)  # (B, H, K, S)
        state["position"] = position + 1
        attention = ops.concatenate(looked, axis=1) * state["memory_shares"]
        attention = ops.sum(attention, axis=1)  # (B, K, S)
        attention = ops.reshape(attention, (-1, ops.shape(state["memory_mask"])[-1]))
        x = self._normed(x)
        if has_shortlist(state):
            return shortlist_logits(x, state, has_beams), state, attention
        return self._logits(x), state, attention
