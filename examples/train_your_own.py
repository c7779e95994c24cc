"""Trains on two files of your own with plain Keras: python examples/train_your_own.py DE EN OUT.

`python -m training train` adds resuming, evaluation, early stopping and averaging to this.
"""

import sys
from pathlib import Path

import keras

import zoo
from serving.tokenizer import tokenizer_files
from training.batching import Batches, TrainingStream
from training.corpus import Corpus, clean_pairs
from training.losses import LabelSmoothedCrossEntropy, TokenAccuracy
from training.schedules import InverseSquareRoot
from training.token_store import TokenStore
from training.vocabulary import train_tokenizers

VOCABULARY, STEPS = 8000, 5000


def main(source: str, target: str, output: str, vocabulary: int, steps: int) -> None:
    """Trains a small attention model and writes a checkpoint directory."""
    output, corpora = Path(output), [Corpus(source, target)]

    def pairs():
        return clean_pairs(corpora)

    tokenizers = train_tokenizers(pairs, output / "tokenizer", vocabulary_size=vocabulary)
    model = zoo.build("luong_tiny", vocabulary_size=tokenizers[0].vocabulary_size)
    lengths = {"max_source_length": 100, "max_target_length": 100}
    store = TokenStore.build(output / "data", pairs, *tokenizers, **lengths)
    stream = TrainingStream(Batches(store, tokens_per_batch=2048))

    rate = InverseSquareRoot(peak=0.001, warmup_steps=500)
    model.compile(
        optimizer=keras.optimizers.Adam(rate, global_clipnorm=1.0),
        loss=LabelSmoothedCrossEntropy(0.1),
        metrics=[TokenAccuracy()],
    )
    model.fit(stream, steps_per_epoch=steps // 5, epochs=5, shuffle=False)

    files = tokenizer_files(output / "tokenizer")
    zoo.save_checkpoint(model, output / "final", {"preset": "luong_tiny"}, files)
    print(f"Try it: python -m training evaluate {output / 'final'} --source ... --reference ...")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(f"usage: {sys.argv[0]} SOURCE TARGET OUTPUT [VOCABULARY] [STEPS]")
    sizes = [int(argument) for argument in sys.argv[4:]]
    main(*sys.argv[1:4], *sizes, *(VOCABULARY, STEPS)[len(sizes) :])
