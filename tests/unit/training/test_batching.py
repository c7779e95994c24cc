"""Keras datasets: what `fit` and `evaluate` really see, step by step."""

import os
import threading

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pytest
from keras import ops

from training.batching import Batches, TrainingStream
from training.losses import RDropCrossEntropy
from training.token_store import TokenStore
from training.vocabulary import train_tokenizers

PAIRS = [
    (f"the number {n} runs {'far ' * (n * n % 11)}away", f"수 {n} {'멀리 ' * (n * n % 9)}달린다")
    for n in range(120)
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    directory = tmp_path_factory.mktemp("store")
    tokenizers = train_tokenizers(lambda: PAIRS, directory, vocabulary_size=400)
    return TokenStore.build(
        directory / "store", lambda: PAIRS, *tokenizers, max_source_length=60, max_target_length=60
    )


@pytest.fixture
def batches(store):
    return Batches(store, tokens_per_batch=200, seed=4)


def mark(inputs, labels):
    """A number that tells batches apart and is exact in float32."""
    weights = np.arange(1, labels.shape[1] + 1) % 7
    return int((labels * weights).sum() % 9973 + inputs["source_ids"].sum() % 997)


class Mark(keras.metrics.Metric):
    """Holds the mark of the latest batch."""

    def __init__(self):
        super().__init__(name="mark")
        self.value = self.add_variable((), "zeros", name="value")

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels = ops.cast(y_true, "int32")
        weights = ops.arange(1, ops.shape(labels)[1] + 1) % 7
        found = ops.sum(labels * weights) % 9973 + ops.cast(y_pred[0, 0], "int32")
        self.value.assign(ops.cast(found, "float32"))

    def result(self):
        return ops.convert_to_tensor(self.value)


class Seen(keras.callbacks.Callback):
    """Keeps the mark of each training step."""

    def __init__(self):
        super().__init__()
        self.marks = []

    def on_train_batch_end(self, batch, logs=None):
        self.marks.append(int(logs["mark"]))


class Echo(keras.layers.Layer):
    """Puts the sum of the source ids into every target position; has one idle weight."""

    def build(self, shapes):
        self.idle = self.add_weight(shape=(), initializer="ones")

    def call(self, ids):
        total = ops.cast(ops.sum(ids["source_ids"]) % 997, "float32")
        return ops.zeros_like(ops.cast(ids["target_ids"], "float32")) + total + 0.0 * self.idle

    def compute_output_spec(self, ids):
        return keras.KerasTensor(ids["target_ids"].shape, "float32")


def make_model():
    ids = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("source_ids", "target_ids")
    }
    model = keras.Model(ids, Echo()(ids))
    model.compile(optimizer="sgd", loss=lambda y, p: ops.mean(p) * 0.0, metrics=[Mark()])
    return model


def fit(stream, *, steps, epochs):
    seen = Seen()
    make_model().fit(
        stream,
        steps_per_epoch=steps,
        epochs=epochs,
        shuffle=False,
        callbacks=[seen],
        verbose=0,
    )
    return seen.marks


def expected(batches, first, count):
    n = batches.batches_per_epoch
    return [mark(*batches.batch(*divmod(step, n))) for step in range(first, first + count)]


@pytest.mark.parametrize(
    ("prefetch", "start", "steps", "epochs"), [(0, 0, 5, 3), (3, 7, 1, 4), (3, 3, 20, 2)]
)
def test_fit_sees_the_steps_in_order(batches, prefetch, start, steps, epochs):
    assert len(set(expected(batches, 0, 30))) > 25
    stream = TrainingStream(batches, start_step=start, prefetch=prefetch)
    found = fit(stream, steps=steps, epochs=epochs)
    assert found == expected(batches, start, steps * epochs)


def test_resumed_run_equals_the_uninterrupted_one(batches):
    whole = fit(TrainingStream(batches), steps=4, epochs=6)
    stopped = fit(TrainingStream(batches), steps=4, epochs=2)
    resumed = fit(TrainingStream(batches, start_step=8), steps=4, epochs=4)
    assert stopped + resumed == whole


def test_first_batches_of_one_shape_do_not_fix_the_shape(batches):
    """Keras on TensorFlow infers shapes from two items; start where both have the same shape."""
    shapes = [batches.batch(0, i)[1].shape for i in range(batches.batches_per_epoch)]
    start = next(i for i in range(len(shapes) - 1) if shapes[i] == shapes[i + 1])
    found = fit(TrainingStream(batches, start_step=start), steps=10, epochs=1)
    assert found == expected(batches, start, 10)


def test_items_before_an_epoch_are_whole_or_only_larger(batches):
    stream = TrainingStream(batches)
    assert mark(*stream[0]) == mark(*stream.batch(0))
    on_tensorflow = keras.backend.backend() == "tensorflow"
    assert (
        stream[1][1].shape[1] == stream.batch(0 if on_tensorflow else 1)[1].shape[1] + on_tensorflow
    )
    stream.on_epoch_begin()
    assert mark(*stream[1]) == mark(*stream.batch(1))


def test_pairs_can_come_twice_for_r_drop(batches, store):
    stream = TrainingStream(batches, start_step=3, twice=True)
    inputs, labels = stream.batch(3)
    expected_inputs, expected_labels = batches.batch(0, 3)
    for found, once in (
        (labels, expected_labels),
        *zip(inputs.values(), expected_inputs.values(), strict=True),
    ):
        np.testing.assert_array_equal(found[: len(once)], once)
        np.testing.assert_array_equal(found[len(once) :], once)

    import zoo

    model = zoo.build("transformer_tiny", vocabulary_size=400, width=16, num_heads=2, dropout=0.5)
    model.compile("sgd", loss=RDropCrossEntropy(5.0))
    loss = model.fit(stream, steps_per_epoch=4, shuffle=False, verbose=0).history["loss"][0]
    assert np.isfinite(loss)


def test_stream_can_be_read_in_any_order(batches):
    stream = TrainingStream(batches, start_step=5, prefetch=3)
    stream.on_epoch_begin()
    wanted = [0, 1, 2, 9, 3, 3, 40, 0]
    assert [mark(*stream[i]) for i in wanted] == [expected(batches, 5 + i, 1)[0] for i in wanted]


def test_stream_passes_on_errors_of_its_thread(batches):
    stream = TrainingStream(batches, prefetch=2)
    stream.on_epoch_begin()
    batches.batch = None
    with pytest.raises(TypeError, match="not callable"):
        stream[0]


def test_second_fit_of_a_stream_is_refused(batches):
    stream = TrainingStream(batches)
    model = make_model()
    options = {"steps_per_epoch": 2, "epochs": 1, "shuffle": False, "verbose": 0}
    model.fit(stream, **options)
    with pytest.raises(ValueError, match=r"used by another fit.*start_step set to the steps done"):
        model.fit(stream, **options)


@pytest.mark.parametrize("options", [{"start_step": -1}, {"prefetch": -1}])
def test_negative_options_are_refused(batches, options):
    with pytest.raises(ValueError, match="expected 0 or more"):
        TrainingStream(batches, **options)


def test_closed_stream_has_no_thread_and_the_same_batches(batches):
    def threads():
        return {t for t in threading.enumerate() if t.name.startswith("training-stream")}

    others = threads()
    stream = TrainingStream(batches, start_step=3)
    fit(stream, steps=4, epochs=1)
    assert len(threads() - others) == 1
    stream.close()
    stream.close()
    assert not threads() - others
    assert mark(*stream[9]) == expected(batches, 12, 1)[0]
