"""The resumable state: what comes back is what was saved, dropout's generator included."""

import json

import keras
import numpy as np
import pytest

from training.losses import LabelSmoothedCrossEntropy
from training.state import Progress, load_state, save_state, write_atomically


def _toy(units=4, optimizer=keras.optimizers.Adam):
    source = keras.Input((None,), dtype="int32", name="source_ids")
    target = keras.Input((None,), dtype="int32", name="target_ids")
    x = keras.layers.Embedding(9, units)(target)
    x = keras.layers.Dropout(0.5, seed=3)(x + keras.layers.Embedding(9, units)(source))
    model = keras.Model({"source_ids": source, "target_ids": target}, keras.layers.Dense(9)(x))
    model.compile(optimizer=optimizer(0.1), loss=LabelSmoothedCrossEntropy(), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def _train(model, steps):
    ids = np.arange(1, 9, dtype="int32").reshape(2, 4)
    inputs = {"source_ids": ids, "target_ids": ids}
    model.reset_metrics()
    losses = []
    for _ in range(steps):
        losses.append(float(model.train_on_batch(inputs, ids)))
        model.reset_metrics()
    return losses


@pytest.fixture(params=[keras.optimizers.Adam, keras.optimizers.Muon])
def saved(tmp_path, request):
    keras.utils.set_random_seed(1)
    model = _toy(optimizer=request.param)
    _train(model, 3)
    path = tmp_path / "state" / "state.npz"
    save_state(path, model, Progress(step=3, best_score=1.5, best_step=2))
    return path, model


def test_training_goes_on_bit_for_bit(saved):
    path, model = saved
    expected = _train(model, 4)
    keras.utils.set_random_seed(99)
    restored = _toy(optimizer=type(model.optimizer))
    assert load_state(path, restored) == Progress(step=3, best_score=1.5, best_step=2)
    assert _train(restored, 4) == expected
    for ours, theirs in zip(restored.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_loss_scale_is_restored_too(tmp_path):
    models = []
    for _ in range(2):
        model = _toy()
        adam = keras.optimizers.Adam(0.1)
        scaled = keras.optimizers.LossScaleOptimizer(
            adam, initial_scale=8.0, dynamic_growth_steps=2
        )
        model.compile(optimizer=scaled, loss=LabelSmoothedCrossEntropy(), jit_compile=False)
        model.optimizer.build(model.trainable_variables)
        models.append(model)
    _train(models[0], 3)  # two steps with finite gradients double the scale
    save_state(tmp_path / "state.npz", models[0], Progress(step=3))
    load_state(tmp_path / "state.npz", models[1])
    assert float(models[1].optimizer.dynamic_scale) == 16.0
    assert _train(models[1], 2) == _train(models[0], 2)


def test_dropout_state_is_part_of_it(saved):
    path, _ = saved
    with np.load(path) as file:
        shapes = [file[name].shape for name in file.files if name.startswith("model/")]
        assert shapes.count((2,)) == 1  # the generator's state
        header = json.loads(str(file["header"]))
    assert header["format_version"] == 1


def test_state_of_another_model_is_refused_with_its_differences(saved):
    path, _ = saved
    with pytest.raises(ValueError, match=r"has shape \(9, 4\) in the file, \(9, 5\) in the model"):
        load_state(path, _toy(units=5))


def test_newer_state_is_refused(tmp_path):
    path = tmp_path / "state.npz"
    np.savez(path, header=np.array(json.dumps({"format_version": 2})))
    with pytest.raises(ValueError, match=r"format_version differs; expected 1\. Received 2"):
        load_state(path, _toy())


def test_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def half(file):
        file.write(b"ne")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, half)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_goes_with_the_next_state(saved):
    path, model = saved[0], saved[1]
    left = path.with_name(f".{path.name}.4711.tmp")
    left.write_bytes(b"half a state")
    other = path.with_name(".another.npz.4711.tmp")
    other.write_bytes(b"of another file")
    save_state(path, model, Progress(step=3))
    assert not left.exists()
    assert other.exists()
