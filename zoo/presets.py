"""Named configurations with their source. Data only."""

from dataclasses import dataclass, field

from zoo.config import BahdanauConfig, LuongConfig, ModelConfig, Seq2SeqConfig, TransformerConfig


@dataclass(frozen=True)
class Preset:
    """A named model configuration.

    Attributes:
        config_class: the family's configuration.
        settings: its fields, vocabulary sizes excepted.
        description: one line.
        paper: where the architecture, and the size if it is published, come from.
    """

    config_class: type[ModelConfig]
    description: str
    paper: str
    settings: dict = field(default_factory=dict)


_SUTSKEVER = "Sutskever, Vinyals & Le (2014), Sequence to Sequence Learning with Neural Networks"
_BAHDANAU = "Bahdanau, Cho & Bengio (2015), Neural Machine Translation by Jointly Learning to Align"
_LUONG = "Luong, Pham & Manning (2015), Effective Approaches to Attention-based NMT"
_VASWANI = "Vaswani et al. (2017), Attention Is All You Need"
_KASAI = "Kasai et al. (2021), Deep Encoder, Shallow Decoder"
_KIM = "Kim et al. (2019), From Research to Production and Back"

_TINY = {"embedding_width": 128, "units": 256, "dropout": 0.2}
_SMALL = {"embedding_width": 256, "units": 512, "dropout": 0.3}

PRESETS = {
    "seq2seq_tiny": Preset(
        Seq2SeqConfig, "one GRU layer each way round a fixed vector", _SUTSKEVER, _TINY
    ),
    "seq2seq_small": Preset(
        Seq2SeqConfig,
        "two LSTM layers each way round a fixed vector",
        _SUTSKEVER,
        {**_SMALL, "cell": "lstm", "num_layers": 2},
    ),
    "bahdanau_tiny": Preset(
        BahdanauConfig, "RNNsearch with GRU", _BAHDANAU, {**_TINY, "attention_units": 256}
    ),
    "bahdanau_small": Preset(
        BahdanauConfig,
        "RNNsearch with GRU and normalised scores",
        _BAHDANAU,
        {**_SMALL, "attention_units": 512, "normalize": True},
    ),
    "luong_tiny": Preset(
        LuongConfig, "one LSTM layer, general score, input feeding", _LUONG, _TINY
    ),
    "luong_small": Preset(
        LuongConfig,
        "two LSTM layers, general score, input feeding",
        _LUONG,
        {**_SMALL, "num_layers": 2},
    ),
    "transformer_tiny": Preset(
        TransformerConfig,
        "4+4 layers of 128 features",
        f"{_VASWANI}; size: Wu et al. (2021), Good for Misconceived Reasons",
        {"dropout": 0.3},
    ),
    "transformer_tiny_shallow": Preset(
        TransformerConfig,
        "6+1 layers of 128 features: one decoder layer, for speed",
        f"{_VASWANI}; shape: {_KASAI}",
        {"dropout": 0.3, "encoder_layers": 6, "decoder_layers": 1},
    ),
    "transformer_tiny_ssru": Preset(
        TransformerConfig,
        "6+2 layers of 128 features: a recurrent decoder, for speed",
        f"{_VASWANI}; decoder: {_KIM}",
        {"dropout": 0.3, "encoder_layers": 6, "decoder_layers": 2, "decoder_mixer": "ssru"},
    ),
    "transformer_small": Preset(
        TransformerConfig,
        "6+6 layers of 256 features",
        _VASWANI,
        {
            "width": 256,
            "feedforward_width": 1024,
            "num_heads": 4,
            "encoder_layers": 6,
            "decoder_layers": 6,
        },
    ),
    "transformer_base": Preset(
        TransformerConfig,
        "6+6 layers of 512 features, the paper's base model",
        f"{_VASWANI}, Table 3",
        {
            "width": 512,
            "feedforward_width": 2048,
            "num_heads": 8,
            "encoder_layers": 6,
            "decoder_layers": 6,
            "norm": "post",
        },
    ),
}
