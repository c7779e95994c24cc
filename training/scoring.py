"""BLEU and chrF with their signatures, and perplexity."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import keras

from serving.rows import end_row, pad
from serving.tokenizer import START_ID
from training.losses import Perplexity
from training.recipe import BLEU_TOKENIZERS


@dataclass(frozen=True)
class TextScores:
    """Scores of translations against references, with the signatures that make them comparable.

    Attributes:
        bleu: 0 to 100 (Papineni et al. 2002).
        chrf: 0 to 100, chrF2 (Popović 2015).
        bleu_signature, chrf_signature: sacreBLEU's account of how each was computed.
    """

    bleu: float
    chrf: float
    bleu_signature: str
    chrf_signature: str


def score_texts(
    hypotheses: Sequence[str], references: Sequence[str], tokenize: str = "13a"
) -> TextScores:
    """Scores detokenized text with sacreBLEU.

    The default `13a` splits at white space and punctuation, whatever the language. For Korean
    that makes every inflected word one token: a strict BLEU, lower than one on morphemes
    (`ko-mecab`, which needs mecab-ko) or on characters (`char`), so quote chrF beside it.

    Args:
        hypotheses: translations, one a sentence.
        references: one reference for each.
        tokenize: sacreBLEU's tokenizer, one of `BLEU_TOKENIZERS`; use `none` for text that is
            tokenized already.

    Raises:
        ValueError: different numbers of lines, no lines, or an unknown tokenizer.
    """
    from sacrebleu.metrics import CHRF

    check_aligned("score_texts", hypotheses, references)
    bleu, chrf = make_bleu(tokenize), CHRF()
    hypotheses, references = list(hypotheses), [list(references)]
    return TextScores(
        bleu=bleu.corpus_score(hypotheses, references).score,
        chrf=chrf.corpus_score(hypotheses, references).score,
        bleu_signature=str(bleu.get_signature()),
        chrf_signature=str(chrf.get_signature()),
    )


def make_bleu(tokenize: str = "13a"):
    """Returns sacreBLEU's metric.

    Raises:
        ValueError: the tokenizer is unknown, or needs a package that is not installed.
    """
    from sacrebleu.metrics import BLEU

    if tokenize not in BLEU_TOKENIZERS:
        raise ValueError(
            f"score_texts: tokenize is unknown; expected one of {', '.join(BLEU_TOKENIZERS)}. "
            f"Received {tokenize!r}. Choose 13a for detokenized text."
        )
    try:
        return BLEU(tokenize=tokenize, force=True)
    except (RuntimeError, ImportError) as error:
        extra = tokenize.split("-")[0]
        raise ValueError(
            f"score_texts: tokenize {tokenize} needs a package that is not installed; expected "
            f'sacreBLEU with it. Install it: pip install "sacrebleu[{extra}]", or use 13a or char.'
        ) from error


def check_aligned(where: str, sentences: Sequence[str], references: Sequence[str]) -> None:
    """Raises ValueError unless there is one reference for each sentence, and at least one."""
    if len(sentences) != len(references) or not sentences:
        raise ValueError(
            f"{where}: numbers of lines differ or are zero; expected one reference for each "
            f"sentence. Received {len(sentences)} and {len(references)}. Align the two files."
        )


class _Scorer(keras.Model):
    """The model in inference mode, compiled with the metric of validation instead of training.

    Metrics of the trained model would be computed in every training step; the argmax or the
    second softmax costs as much there as the loss itself.
    """

    def __init__(self, model):
        super().__init__(name="scorer")
        self.translation = model
        self.built = True

    def call(self, inputs):
        return self.translation(inputs, training=False)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.zeros(())  # the metric says it all


class PerplexityScorer:
    """Computes the perplexity of a model on fixed sentence pairs, again and again.

    Args:
        model: a translation model; scored with the weights it has at the time of `score()`.
        tokenizers: (source, target).
        sources, references: aligned sentences.
        batch_tokens: most padded tokens in a batch, on each side, unless one sentence has more;
            widths are rounded up to multiples of 8 after that.
    """

    def __init__(self, model, tokenizers, sources, references, batch_tokens: int = 4096):
        check_aligned("PerplexityScorer", sources, references)
        self._scorer = _Scorer(model)
        self._scorer.compile(metrics=[Perplexity()], jit_compile=keras.backend.backend() == "jax")
        self._batches = list(
            _pair_batches(model.config, tokenizers, sources, references, batch_tokens)
        )

    def score(self) -> float:
        """Returns exp(cross-entropy per target token), end token included, ≥ 1."""
        dataset = as_dataset(lambda: iter(self._batches))
        steps = len(self._batches)
        results = self._scorer.evaluate(dataset, steps=steps, verbose=0, return_dict=True)
        return results["perplexity"]


def _pair_batches(config, tokenizers, sources, references, batch_tokens) -> Iterator[tuple]:
    """Yields ({"source_ids", "target_ids"}, labels), longest sentences first."""
    pairs = [
        (
            end_row(tokenizers[0].encode(source), config.max_source_length),
            end_row(tokenizers[1].encode(target), config.max_target_length),
        )
        for source, target in zip(sources, references, strict=True)
    ]
    pairs.sort(key=lambda pair: (len(pair[1]), len(pair[0])), reverse=True)
    # A model has no position after its longest text, which need not be a multiple of 8.
    most_source, most_target = config.max_source_length, config.max_target_length
    for rows in _groups(pairs, batch_tokens):
        labels = pad([target for _, target in rows], 8)[:, :most_target]
        inputs = {
            "source_ids": pad([source for source, _ in rows], 8)[:, :most_source],
            "target_ids": pad([[START_ID, *t[:-1]] for _, t in rows], 8)[:, :most_target],
        }
        yield inputs, labels


def _groups(pairs, batch_tokens) -> Iterator[list]:
    """Yields the pairs in batches of at most so many tokens a side, padded to the longest."""
    rows, width = [], 0
    for pair in pairs:
        widened = max(width, *map(len, pair))
        if rows and (len(rows) + 1) * widened > batch_tokens:
            yield rows
            rows, widened = [], max(map(len, pair))
        rows.append(pair)
        width = widened
    yield rows


def as_dataset(make_batches: Callable[[], Iterator[tuple]]):
    """Wraps batches for `fit` and `evaluate` so that every width is dynamic.

    Keras derives the static shape of a generator's batches from the first two. Two equal widths
    at the start would then be taken for a rule, so on TensorFlow the signature is given.

    Args:
        make_batches: returns an iterator over ({"source_ids", "target_ids"}, labels), all int32.
    """
    if keras.backend.backend() != "tensorflow":
        return (batch for batch in make_batches())  # Keras takes generators, not iterators
    import tensorflow as tf

    ids = tf.TensorSpec((None, None), "int32")
    signature = ({"source_ids": ids, "target_ids": ids}, ids)
    dataset = tf.data.Dataset.from_generator(make_batches, output_signature=signature)
    return dataset.prefetch(2)
