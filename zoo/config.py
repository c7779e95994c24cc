"""What a model's weights need to know, one frozen dataclass a family. Each default lives here."""

import dataclasses
from dataclasses import dataclass

CELLS = ("gru", "lstm")
SCORES = ("dot", "general", "concat", "location")
WINDOWS = ("global", "local_m", "local_p")
POSITIONS = ("sinusoidal", "learned", "rotary")
NORMS = ("pre", "post")
DECODER_MIXERS = ("attention", "ssru")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Fields that every family shares.

    Attributes:
        source_vocabulary_size: number of source ids, the four special ones included.
        target_vocabulary_size: number of target ids, likewise.
        max_source_length: longest source in tokens, end token included.
        max_target_length: longest translation in tokens, end token included.
        dropout: share of activations dropped in training, 0 ≤ dropout < 1.
    """

    source_vocabulary_size: int
    target_vocabulary_size: int
    max_source_length: int = 256
    max_target_length: int = 256
    dropout: float = 0.1

    def __post_init__(self):
        problems = self.problems()
        if problems:
            raise ValueError("\n".join(f"{type(self).__name__}: {p}" for p in problems))

    def problems(self) -> list[str]:
        """Everything wrong with the values, as sentences; empty when the configuration is sound."""
        found = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type in (int, "int") and (type(value) is not int or value < 1):
                found.append(
                    f"{field.name} must be a whole number of at least 1. Received {value}."
                )
            if field.type in (bool, "bool") and type(value) is not bool:
                found.append(f"{field.name} must be true or false. Received {value!r}.")
        for side in ("source", "target"):
            size = getattr(self, f"{side}_vocabulary_size")
            if type(size) is int and 1 <= size < 4:
                found.append(
                    f"{side}_vocabulary_size must be at least 4, for so many ids are special. "
                    f"Received {size}."
                )
        if not 0.0 <= self.dropout < 1.0:
            found.append(f"dropout must lie in [0, 1). Received {self.dropout}.")
        return found

    def _choice(self, name: str, allowed: tuple[str, ...]) -> list[str]:
        value = getattr(self, name)
        if value in allowed:
            return []
        return [f"{name} is unknown; expected one of {', '.join(allowed)}. Received {value!r}."]

    def to_dict(self) -> dict:
        """Plain values, for JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, kw_only=True)
class Seq2SeqConfig(ModelConfig):
    """An RNN encoder–decoder joined by one fixed vector (Sutskever et al. 2014, §2)."""

    cell: str = "gru"
    embedding_width: int = 128
    units: int = 256
    num_layers: int = 1
    bidirectional: bool = False

    def problems(self):
        return super().problems() + self._choice("cell", CELLS)


@dataclass(frozen=True, kw_only=True)
class BahdanauConfig(ModelConfig):
    """RNNsearch (Bahdanau et al. 2015): bidirectional encoder, additive attention, deep output."""

    cell: str = "gru"
    embedding_width: int = 128
    units: int = 256
    attention_units: int = 256
    normalize: bool = False

    def problems(self):
        return super().problems() + self._choice("cell", CELLS)


@dataclass(frozen=True, kw_only=True)
class LuongConfig(ModelConfig):
    """Stacked decoder with an attentional hidden state (Luong et al. 2015).

    Attributes:
        window_size: D, positions on each side of the center; used by the local windows only.
        input_feeding: whether the attentional state joins the next step's input (§3.3).
    """

    cell: str = "lstm"
    embedding_width: int = 128
    units: int = 256
    num_layers: int = 1
    bidirectional: bool = True
    score: str = "general"
    window: str = "global"
    window_size: int = 10
    input_feeding: bool = True

    def problems(self):
        found = super().problems() + self._choice("cell", CELLS)
        found += self._choice("score", SCORES) + self._choice("window", WINDOWS)
        if self.score == "dot" and self.bidirectional:
            found.append(
                'score "dot" needs keys as wide as queries, and two directions make them twice as '
                'wide. Set bidirectional to false, or use score "general".'
            )
        return found


@dataclass(frozen=True, kw_only=True)
class TransformerConfig(ModelConfig):
    """Self-attention encoder–decoder (Vaswani et al. 2017).

    `dropout` falls on embeddings and on each sublayer's output (§5.4).

    Attributes:
        inner_dropout: share of attention weights and of the feed-forward sublayers' hidden units
            dropped in training; the paper has none.
        decoder_mixer: how a target position learns of those before it: "attention" to all of them,
            or "ssru", a recurrence whose state does not grow (Kim et al. 2019).
        norm: "pre" normalises each sublayer's input, "post" its sum with the residual.
        share_embeddings: one table for source and target; needs a joint vocabulary.
        tie_output: the output layer reuses the target embedding (Press & Wolf 2017).
    """

    inner_dropout: float = 0.0
    width: int = 128
    feedforward_width: int = 256
    num_heads: int = 4
    encoder_layers: int = 4
    decoder_layers: int = 4
    decoder_mixer: str = "attention"
    norm: str = "pre"
    positions: str = "sinusoidal"
    share_embeddings: bool = False
    tie_output: bool = True

    def problems(self):
        found = super().problems()
        found += self._choice("norm", NORMS) + self._choice("positions", POSITIONS)
        found += self._choice("decoder_mixer", DECODER_MIXERS)
        if not 0.0 <= self.inner_dropout < 1.0:
            found.append(f"inner_dropout must lie in [0, 1). Received {self.inner_dropout}.")
        if not found and self.width % self.num_heads:
            found.append(
                f"width must be a multiple of num_heads. Received {self.width} and "
                f"{self.num_heads}."
            )
        if not found and self.positions == "sinusoidal" and self.width % 2:
            found.append(
                "sinusoidal positions are pairs of features, so width must be even. "
                f"Received {self.width}."
            )
        if not found and self.positions == "rotary" and (self.width // self.num_heads) % 2:
            found.append(
                "rotary positions turn pairs of features, so width / num_heads must be even. "
                f"Received {self.width} / {self.num_heads}."
            )
        if self.share_embeddings and self.source_vocabulary_size != self.target_vocabulary_size:
            found.append(
                "share_embeddings needs one joint vocabulary. Received source_vocabulary_size "
                f"{self.source_vocabulary_size} and target_vocabulary_size "
                f"{self.target_vocabulary_size}. Train a joint tokenizer, or set "
                "share_embeddings=False."
            )
        return found
