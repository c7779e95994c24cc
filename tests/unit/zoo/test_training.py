"""Keras's own loop trains every family: compile, fit, evaluate, predict."""

import keras
import numpy as np
import pytest

FAMILIES = ["seq2seq_tiny", "bahdanau_tiny", "luong_tiny", "transformer_tiny"]


def _copy_task(rows=32):
    """Sources of three letters and an end; the target is the source itself."""
    random = np.random.default_rng(0)
    letters = random.integers(4, 8, size=(rows, 3))
    source = np.pad(letters, ((0, 0), (0, 1)), constant_values=2).astype("int32")
    target = np.pad(letters, ((0, 0), (1, 0)), constant_values=1).astype("int32")
    return {"source_ids": source, "target_ids": target}, source


def _loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.mark.parametrize("name", FAMILIES)
def test_fit_learns_to_copy(tiny, name):
    model = tiny(name, dropout=0.05, max_source_length=4, max_target_length=4)
    inputs, labels = _copy_task()
    whole = name == "luong_tiny"  # tracing takes longer than a few eager steps
    model.compile(
        optimizer=keras.optimizers.Adam(0.03),
        loss=_loss(),
        jit_compile=False,
        run_eagerly=not whole,
    )
    history = model.fit(inputs, labels, batch_size=32, epochs=20, verbose=0).history["loss"]
    assert history[-1] < 0.7 * history[0]
    if whole:
        assert model.evaluate(inputs, labels, verbose=0) < history[1]
        logits = model.predict(inputs, verbose=0)
        np.testing.assert_allclose(logits, model(inputs), atol=1e-4)


def test_every_weight_gets_a_gradient(case):
    tf = pytest.importorskip("tensorflow", reason="gradients are taken with TensorFlow")
    inputs, labels = {"source_ids": case.source, "target_ids": case.target}, case.target
    with tf.GradientTape() as tape:
        loss = _loss()(labels, case.model(inputs, training=True))
    weights = case.model.trainable_weights
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(tf.convert_to_tensor(gradient)).all(), weight.path


def test_dropout_is_for_training_only(case):
    inputs = {"source_ids": case.source, "target_ids": case.target}
    np.testing.assert_array_equal(case.model(inputs, training=False), case.own_logits)
    assert np.abs(case.model(inputs, training=True) - case.own_logits).max() > 1e-3


@pytest.mark.parametrize(
    ("name", "policy"),
    [*((name, "mixed_float16") for name in FAMILIES), ("transformer_tiny", "mixed_bfloat16")],
)
def test_mixed_precision_gives_float32_logits_near_the_plain_ones(tiny, policy, name):
    plain = tiny(name)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = tiny(name)
    finally:
        keras.config.set_dtype_policy(before)
    model.set_weights(plain.get_weights())
    ids = np.array([[4, 5, 2], [6, 2, 0]], "int32")
    inputs = {"source_ids": ids, "target_ids": ids}
    logits = model(inputs)
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert model.compute_dtype == policy.removeprefix("mixed_")
    np.testing.assert_allclose(logits, plain(inputs), atol=0.3)
    result = model.search(ids, beam_size=2, length_penalty=0.6, max_length=2)  # eagerly
    assert keras.backend.standardize_dtype(result["scores"].dtype) == "float32"
    assert (result["lengths"].numpy() >= 1).all()


def test_keras_file_of_a_mixed_precision_model_translates_the_same(tiny, tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = tiny("transformer_tiny")
    finally:
        keras.config.set_dtype_policy(before)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    ids = np.array([[4, 5, 2]], "int32")
    np.testing.assert_array_equal(loaded.translate_ids(ids)["ids"], model.translate_ids(ids)["ids"])
