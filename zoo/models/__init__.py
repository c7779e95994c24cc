"""The four families of translation models."""

from zoo.models.bahdanau import Bahdanau
from zoo.models.luong import Luong
from zoo.models.seq2seq import Seq2Seq
from zoo.models.transformer import Transformer
from zoo.models.translation_model import END_ID, PAD_ID, START_ID, TranslationModel

FAMILIES = {
    "seq2seq": Seq2Seq,
    "bahdanau": Bahdanau,
    "luong": Luong,
    "transformer": Transformer,
}

__all__ = [
    "END_ID",
    "FAMILIES",
    "PAD_ID",
    "START_ID",
    "Bahdanau",
    "Luong",
    "Seq2Seq",
    "Transformer",
    "TranslationModel",
]
