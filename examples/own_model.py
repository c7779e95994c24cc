"""A translation model of your own, trained and exported: python examples/own_model.py OUT.

No other file knows this model. Search, export and serving need three methods of it: `encode`,
`decode_step`, and `call`, which equals scanned `decode_step`: see `zoo.TranslationModel`.
"""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
from keras import ops

import zoo
from export.bundle import export_bundle
from serving import Translator
from serving.tokenizer import tokenizer_files
from training import phrasebook
from training.batching import Batches, TrainingStream
from training.losses import LabelSmoothedCrossEntropy, TokenAccuracy
from training.schedules import InverseSquareRoot
from training.token_store import TokenStore
from training.vocabulary import train_tokenizers
from zoo import layers, masks
from zoo.config import ModelConfig
from zoo.layers.beams import merge_beams, merge_hypotheses

STEPS = 600


@dataclass(frozen=True, kw_only=True)
class MultiHeadGruConfig(ModelConfig):
    """What the weights need to know: written into every checkpoint and bundle."""

    width: int = 128
    num_heads: int = 4


class MultiHeadGru(zoo.TranslationModel):
    """Two recurrent networks with a Transformer's attention between them.

    m = [→GRU(x); ←GRU(x)]              memory of the source
    h_t = GRU(E y_{t−1}, h_{t−1})       h_0 = tanh(W [→m_S; ←m_1])
    c_t = attention(query = h_t, m)     several heads; their mean is the attention reported
    logits = W norm(h_t + c_t) + b
    """

    config_class = MultiHeadGruConfig

    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        width, dropout = config.width, config.dropout
        self.source_embedding = layers.TokenEmbedding(config.source_vocabulary_size, width)
        self.target_embedding = layers.TokenEmbedding(config.target_vocabulary_size, width)
        self.encoder = layers.RecurrentEncoder("gru", width)
        self.bridge = layers.DecoderBridge(width, num_states=1, num_layers=1)
        self.decoder = layers.RecurrentDecoder("gru", width)
        self.decoder.build_for(width)
        self.attention = layers.CrossAttention(width, config.num_heads, dropout)
        self.norm = layers.LayerNormalization()
        self.drop = keras.layers.Dropout(dropout)
        self.output_layer = layers.Dense(config.target_vocabulary_size)
        self._create_weights()

    def _read(self, source_ids, training=None):
        """Memory `(B, S, 2·width)`, its mask `(B, 1, S)`, and h_0 `(B, width)` in a list."""
        mask = masks.padding_mask(source_ids)
        x = self.drop(self.source_embedding(source_ids), training=training)
        memory, final_states = self.encoder(x, mask, training=training)
        return memory, masks.over_queries(mask), self.bridge(final_states)

    def _logits(self, hidden, context, training=None):
        features = self.drop(self.norm(hidden + context), training=training)
        return ops.cast(self.output_layer(features), "float32")

    def call(self, inputs, training=None):
        """Training: all positions at once."""
        memory, mask, start = self._read(inputs["source_ids"], training)
        y = self.drop(self.target_embedding(inputs["target_ids"]), training=training)
        hidden = self.decoder(y, start, training=training)
        context = self.attention(hidden, memory, attention_mask=mask, training=training)
        return self._logits(hidden, context, training)

    def encode(self, source_ids):
        """Once a sentence. "memory…" keeps B rows, the rest has one row a hypothesis."""
        memory, mask, (hidden,) = self._read(source_ids)
        return {
            "memory_keys": self.attention.project_keys(memory),
            "memory_values": self.attention.project_values(memory),
            "memory_mask": mask,
            "hidden": hidden,
        }

    def decode_step(self, token_ids, state):
        """Once a token: `(B,)` ids in greedy search, `(B, K)` in a beam; rank 2 in between."""
        y = self.target_embedding(merge_hypotheses(token_ids))
        hidden, _ = self.decoder.step(y, [state["hidden"]])  # a GRU's output is its state
        context, weights = self.attention.step(
            hidden,
            state["memory_values"],
            state["memory_keys"],
            state["memory_mask"],
            has_beams=len(token_ids.shape) == 2,
        )
        attention = merge_beams(ops.mean(weights, axis=1))  # (B, H, K, S) to (N, S)
        return self._logits(hidden, context), {**state, "hidden": hidden}, attention


# Makes the model known to `zoo.load_checkpoint`: the name of the class in lower case.
zoo.FAMILIES["multiheadgru"] = MultiHeadGru


def train(output: Path, steps: int = STEPS, **overrides) -> Path:
    """Trains on the phrasebook, Korean to English; returns the checkpoint directory."""
    pairs = partial(phrasebook.split, "train")
    tokenizer, _ = train_tokenizers(pairs, output / "tokenizer", vocabulary_size=2000, kind="bpe")
    size = tokenizer.vocabulary_size  # one vocabulary for both languages
    model = MultiHeadGru(
        MultiHeadGruConfig(source_vocabulary_size=size, target_vocabulary_size=size, **overrides)
    )
    limits = {"max_source_length": 64, "max_target_length": 64}
    store = TokenStore.build(output / "data", pairs, tokenizer, tokenizer, **limits)
    stream = TrainingStream(Batches(store, tokens_per_batch=2048))

    model.compile(
        optimizer=keras.optimizers.Adam(InverseSquareRoot(0.004, 200), global_clipnorm=1.0),
        loss=LabelSmoothedCrossEntropy(0.05),
        metrics=[TokenAccuracy()],
    )
    model.fit(stream, steps_per_epoch=steps, shuffle=False)

    languages = {"source_language": "ko", "target_language": "en"}
    files = tokenizer_files(output / "tokenizer")
    return zoo.save_checkpoint(model, output / "checkpoint", languages, files)


def main(output: Path) -> None:
    """Trains, exports, and translates three sentences that training has not seen."""
    checkpoint = train(output)
    export_bundle(checkpoint, output / "bundle", overwrite=True)
    translator = Translator.load(output / "bundle")  # needs neither Keras nor TensorFlow
    for pair in phrasebook.split("test")[:3]:
        translation = translator.translate(pair.korean)
        print(f"{pair.korean}\n  → {translation.text}\n    (expected: {pair.english})")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} OUT")
    main(Path(sys.argv[1]))
