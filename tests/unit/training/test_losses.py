"""Losses and metrics against plain numpy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from training.losses import (
    LabelSmoothedCrossEntropy,
    Perplexity,
    RDropCrossEntropy,
    TokenAccuracy,
)


def _batch(seed=0, num_words=7):
    rng = np.random.default_rng(seed)
    labels = np.array([[4, 2, 0, 0], [5, 6, 1, 2]], "int32")
    return labels, rng.normal(size=(2, 4, num_words)).astype("float32")


def _log_probabilities(logits):
    logits = logits.astype("float64")
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def _reference_loss(labels, logits, smoothing):
    """Dense targets, token by token, in float64."""
    num_words, losses = logits.shape[-1], []
    for label, row in zip(
        labels.ravel(), _log_probabilities(logits).reshape(-1, num_words), strict=True
    ):
        if label != 0:
            target = np.full(num_words, smoothing / num_words)
            target[label] += 1.0 - smoothing
            losses.append(-(target * row).sum())
    return np.mean(losses)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
def test_loss_equals_the_dense_formula(smoothing):
    labels, logits = _batch()
    loss = LabelSmoothedCrossEntropy(label_smoothing=smoothing)(labels, logits)
    assert tuple(loss.shape) == ()
    np.testing.assert_allclose(float(loss), _reference_loss(labels, logits, smoothing), rtol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradient_is_softmax_minus_targets(smoothing):
    labels, logits = _batch()
    target = np.full(logits.shape, smoothing / 7)
    np.put_along_axis(target, labels[..., None], 1.0 - smoothing + smoothing / 7, axis=-1)
    real = (labels != 0)[..., None]
    expected = (np.exp(_log_probabilities(logits)) - target) * real / real.sum()
    logits = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = 3.0 * LabelSmoothedCrossEntropy(smoothing)(labels, logits)
    np.testing.assert_allclose(tape.gradient(loss, logits), 3.0 * expected, atol=1e-7)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_word_that_was_thought_impossible_costs_what_it_should(smoothing):
    labels = np.array([[1]], "int32")
    logits = tf.constant([[[0.0, -300.0, 500.0, 100.0]]])  # exp(-800) is 0 in float32
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = LabelSmoothedCrossEntropy(smoothing)(labels, logits)
    assert float(loss) == pytest.approx((1 - smoothing) * 800 + smoothing * (500 - 75))
    rest = smoothing / 4
    expected = [-rest, -(1 - smoothing) - rest, 1 - rest, -rest]
    np.testing.assert_allclose(tape.gradient(loss, logits)[0, 0], expected, atol=1e-7)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_r_drop_adds_the_divergence_of_the_two_halves(smoothing):
    labels, logits = _batch()
    labels, other = np.concatenate([labels, labels]), _batch(seed=1)[1]
    logits = np.concatenate([logits, other])
    p, q = np.split(_log_probabilities(logits), 2)
    divergences = (np.exp(p) * (p - q)).sum(-1) + (np.exp(q) * (q - p)).sum(-1)  # both ways
    expected = _reference_loss(labels, logits, smoothing)
    expected += 0.5 * 3.0 * 0.5 * divergences[labels[:2] != 0].mean()
    loss = RDropCrossEntropy(alpha=3.0, label_smoothing=smoothing)
    np.testing.assert_allclose(float(loss(labels, logits)), expected, rtol=1e-5)
    same = np.concatenate([logits[:2], logits[:2]])
    plain = LabelSmoothedCrossEntropy(label_smoothing=smoothing)(labels[:2], logits[:2])
    np.testing.assert_allclose(float(loss(labels, same)), float(plain), rtol=1e-6)
    again = RDropCrossEntropy.from_config(loss.get_config())
    assert (again.alpha, again.label_smoothing) == (3.0, smoothing)


def test_r_drop_needs_a_weight():
    with pytest.raises(ValueError, match="alpha is not positive"):
        RDropCrossEntropy(alpha=0.0)


def test_loss_ignores_what_stands_in_padding():
    labels, logits = _batch()
    loss = LabelSmoothedCrossEntropy()
    changed = logits.copy()
    changed[0, 2:] = 50.0 * np.arange(7)
    assert float(loss(labels, logits)) == float(loss(labels, changed))


def test_loss_does_not_depend_on_the_padded_width():
    labels, logits = _batch()
    loss = LabelSmoothedCrossEntropy()
    wider = np.pad(labels, ((0, 0), (0, 3)))
    padded = np.pad(logits, ((0, 0), (0, 3), (0, 0)))
    np.testing.assert_allclose(float(loss(labels, logits)), float(loss(wider, padded)), rtol=1e-6)


def test_loss_of_half_precision_logits_is_float32():
    labels, logits = _batch()
    half = logits.astype("float16")
    loss = LabelSmoothedCrossEntropy()(labels, half)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    expected = _reference_loss(labels, half.astype("float32"), 0.1)
    np.testing.assert_allclose(float(loss), expected, rtol=1e-6)


def test_loss_of_padding_alone_is_zero():
    assert float(LabelSmoothedCrossEntropy()(np.zeros((1, 2), "int32"), np.ones((1, 2, 5)))) == 0.0


def test_loss_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match=r"expected 0 <= label_smoothing < 1\. Received 1\.0"):
        LabelSmoothedCrossEntropy(label_smoothing=1.0)
    labels, logits = _batch()
    with pytest.raises(ValueError, match="sample_weight is not supported"):
        LabelSmoothedCrossEntropy()(labels, logits, sample_weight=np.ones(2))


def test_perplexity_is_aggregated_over_tokens_not_batches():
    labels, logits = _batch()
    metric = Perplexity()
    metric.update_state(labels[:1], logits[:1])  # 2 real tokens
    metric.update_state(labels[1:], logits[1:])  # 4 real tokens
    expected = np.exp(_reference_loss(labels, logits, 0.0))
    np.testing.assert_allclose(float(metric.result()), expected, rtol=1e-6)


def test_accuracy_counts_real_tokens_only():
    labels, _ = _batch()
    logits = keras.ops.one_hot(labels, 7)
    wrong = np.array(logits)
    wrong[1, 0] = np.eye(7)[3]
    metric = TokenAccuracy()
    metric.update_state(labels, wrong)
    assert float(metric.result()) == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    "thing", [LabelSmoothedCrossEntropy(0.2, ignore_id=3), TokenAccuracy(3), Perplexity(3)]
)
def test_serialisation_round_trip_keeps_the_config(thing):
    config = keras.saving.serialize_keras_object(thing)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is type(thing)
    assert copy.get_config() == thing.get_config()
    assert config["registered_name"].startswith("attention_zoo>")
