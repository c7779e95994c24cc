"""Attention layers and the parts that the model families are made of."""

from zoo.layers.bahdanau_attention import BahdanauAttention
from zoo.layers.cross_attention import CrossAttention
from zoo.layers.decoder_bridge import DecoderBridge
from zoo.layers.dense import Dense
from zoo.layers.layer_normalization import LayerNormalization
from zoo.layers.luong_attention import LuongAttention
from zoo.layers.positional_encoding import (
    LearnedPositionalEncoding,
    RotaryPositions,
    SinusoidalPositionalEncoding,
)
from zoo.layers.recurrent_decoder import RecurrentDecoder
from zoo.layers.recurrent_encoder import RecurrentEncoder
from zoo.layers.self_attention import SelfAttention
from zoo.layers.ssru import SSRU
from zoo.layers.token_embedding import TokenEmbedding
from zoo.layers.transformer_block import (
    SSRUDecoderBlock,
    TransformerDecoderBlock,
    TransformerEncoderBlock,
)

__all__ = [
    "SSRU",
    "BahdanauAttention",
    "CrossAttention",
    "DecoderBridge",
    "Dense",
    "LayerNormalization",
    "LearnedPositionalEncoding",
    "LuongAttention",
    "RecurrentDecoder",
    "RecurrentEncoder",
    "RotaryPositions",
    "SSRUDecoderBlock",
    "SelfAttention",
    "SinusoidalPositionalEncoding",
    "TokenEmbedding",
    "TransformerDecoderBlock",
    "TransformerEncoderBlock",
]
