"""BLEU, chrF and perplexity on small examples."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

import zoo
from serving.rows import end_row, pad
from serving.tokenizer import END_ID, START_ID
from training.scoring import PerplexityScorer, _pair_batches, score_texts


class Letters:
    """a → 4, b → 5, ...: a tokenizer to count by hand."""

    def encode(self, text):
        return [ord(letter) - 93 for letter in text]

    def decode(self, ids):
        return "".join(chr(i + 93) for i in ids if i > 3)


def test_perfect_translation_scores_100():
    texts = ["the cat sat on the mat", "two dogs run in the park"]
    scores = score_texts(texts, texts)
    assert scores.bleu == pytest.approx(100.0)
    assert scores.chrf == pytest.approx(100.0)
    assert "tok:13a" in scores.bleu_signature
    assert scores.chrf_signature.startswith("nrefs:1")


def test_bleu_depends_on_the_tokenizer_as_named():
    hypotheses, references = ["나는 학교에 갔다 ."], ["나는 학교에 갔어요 ."]
    by_word = score_texts(hypotheses, references)
    by_character = score_texts(hypotheses, references, tokenize="char")
    assert by_word.bleu < by_character.bleu
    assert "tok:char" in by_character.bleu_signature


@pytest.mark.parametrize(
    ("hypotheses", "references", "tokenize", "message"),
    [
        (["a"], ["a", "b"], "13a", "Received 1 and 2"),
        ([], [], "13a", "Received 0 and 0"),
        (["a"], ["a"], "moses", "tokenize is unknown; expected one of 13a, none"),
    ],
)
def test_unfit_arguments_are_named(hypotheses, references, tokenize, message):
    with pytest.raises(ValueError, match=message):
        score_texts(hypotheses, references, tokenize)


def test_rows_are_padded_to_a_multiple():
    rows = [[4, 5, 2], [2]]
    np.testing.assert_array_equal(pad(rows), [[4, 5, 2], [2, 0, 0]])
    assert pad(rows, multiple=4).shape == (2, 4)
    assert pad(rows).dtype == "int32"


def test_cut_source_keeps_its_end():
    assert end_row(Letters().encode("abcdef"), 3) == [4, 5, END_ID]
    assert end_row(Letters().encode(""), 3) == [END_ID]


def test_batches_hold_so_many_tokens_and_no_position_too_many():
    lengths = [40, 20, 20, 9, 3, 3, 3]
    sources = ["a" * length for length in lengths]
    config = SimpleNamespace(max_source_length=30, max_target_length=20)
    tokenizers = (Letters(), Letters())
    found = [
        (inputs["source_ids"].shape, inputs["target_ids"].shape, labels.shape)
        for inputs, labels in _pair_batches(config, tokenizers, sources, sources, 45)
    ]
    assert found == [
        ((1, 30), (1, 20), (1, 20)),
        ((2, 24), (2, 20), (2, 20)),
        ((4, 16), (4, 16), (4, 16)),
    ]


def test_perplexity_is_that_of_single_sentences():
    model = zoo.build("luong_tiny", vocabulary_size=12, embedding_width=6, units=8, dropout=0.5)
    sources, targets = ["ab", "cdefg", "h"], ["bcd", "a", "efgab"]
    total = tokens = 0
    for source, target in zip(sources, targets, strict=True):
        labels = [*Letters().encode(target), END_ID]
        inputs = np.array([[START_ID, *labels[:-1]]])
        ids = np.array([end_row(Letters().encode(source), 99)])
        logits = np.asarray(model({"source_ids": ids, "target_ids": inputs}, training=False))[0]
        logits = logits.astype("float64")
        log_normalizer = np.log(np.exp(logits).sum(axis=-1))
        total += (log_normalizer - logits[np.arange(len(labels)), labels]).sum()
        tokens += len(labels)
    scorer = PerplexityScorer(model, (Letters(), Letters()), sources, targets, batch_tokens=12)
    assert [len(labels) for _, labels in scorer._batches] == [2, 1]
    expected = math.exp(total / tokens)
    assert scorer.score() == pytest.approx(expected, rel=1e-5)
    assert scorer.score() == pytest.approx(expected, rel=1e-5)  # nothing is carried over
    # It follows the weights: with none, every word is equally likely.
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    assert scorer.score() == pytest.approx(12.0, rel=1e-5)
