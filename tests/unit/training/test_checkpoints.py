"""Averaging arithmetic, which files are kept, and swapping a directory."""

import keras
import numpy as np
import pytest

import zoo
from training.checkpoints import (
    average_run,
    average_weights,
    replace_checkpoint,
    save_step,
    saved_steps,
    step_of,
)


@pytest.fixture
def dense():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])

    def set_to(value):
        model.set_weights([np.full_like(weight, value) for weight in model.get_weights()])
        return model

    return set_to


def test_average_is_the_mean_of_the_files(dense, tmp_path):
    for step, value in ((1, 1.0), (2, 2.0), (3, 6.0)):
        save_step(dense(value), tmp_path, step, keep=3)
    model = dense(99.0)
    average_weights(model, saved_steps(tmp_path))
    for weight in model.get_weights():
        np.testing.assert_array_equal(weight, np.full_like(weight, 3.0))


def test_average_of_nothing_is_refused(dense):
    with pytest.raises(ValueError, match="files is empty"):
        average_weights(dense(0.0), [])


def test_only_the_newest_are_kept_in_the_order_of_steps(dense, tmp_path):
    for step in (8, 9, 10, 11):
        save_step(dense(step), tmp_path, step, keep=2)
    assert [step_of(path) for path in saved_steps(tmp_path)] == [10, 11]


def test_files_of_later_steps_are_left_overs_and_go(dense, tmp_path):
    for step in (10, 20, 30):
        save_step(dense(step), tmp_path, step, keep=5)
    save_step(dense(0.0), tmp_path, 20, keep=5)  # the run was resumed at 15
    assert [step_of(path) for path in saved_steps(tmp_path)] == [10, 20]


def test_other_file_names_are_refused():
    with pytest.raises(ValueError, match=r"expected a name like step-1000\.weights\.h5"):
        step_of("model.weights.h5")


@pytest.fixture(scope="module")
def tiny():
    return zoo.build("seq2seq_tiny", vocabulary_size=9, embedding_width=4, units=4)


def test_replaced_checkpoint_holds_the_new_one_alone(tiny, tmp_path):
    for step in (1, 2):
        (tmp_path / f"extra-{step}").write_text("x")
        replace_checkpoint(tiny, tmp_path / "best", {"step": step}, [tmp_path / f"extra-{step}"])
    _, metadata = zoo.load_checkpoint(tmp_path / "best")
    assert metadata["step"] == 2
    names = sorted(path.name for path in (tmp_path / "best").iterdir())
    assert names == ["config.json", "extra-2", "model.weights.h5"]
    assert not list(tmp_path.glob(".best*"))
    (tmp_path / "best").rename(tmp_path / ".best.old")  # killed between the renames
    with pytest.raises(FileNotFoundError):
        replace_checkpoint(tiny, tmp_path / "best", {"step": 3}, [tmp_path / "nowhere"])
    assert zoo.load_checkpoint(tmp_path / "best")[1]["step"] == 2


def test_run_without_checkpoints_cannot_be_averaged(tmp_path):
    with pytest.raises(ValueError, match="no checkpoints to average"):
        average_run(tmp_path)
    with pytest.raises(ValueError, match="last is out of range"):
        average_run(tmp_path, last=0)


def test_average_replaces_checkpoints_only(tmp_path):
    (tmp_path / "letter").write_text("dear")
    with pytest.raises(ValueError, match="is no checkpoint; expected a new directory"):
        average_run(tmp_path, output=tmp_path)
    (tmp_path / zoo.checkpoint.WEIGHTS).touch()
    with pytest.raises(ValueError, match="Received one with letter"):
        average_run(tmp_path, output=tmp_path)
    assert (tmp_path / "letter").read_text() == "dear"


@pytest.mark.parametrize("name", ["best", "final"])
def test_average_never_replaces_what_training_chose(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run" / name).mkdir(parents=True)
    (tmp_path / "run" / name / zoo.checkpoint.WEIGHTS).write_text("dear")
    with pytest.raises(ValueError, match="holds weights that training chose"):
        average_run(tmp_path / "run", output=f"run/{name}")
    assert (tmp_path / "run" / name / zoo.checkpoint.WEIGHTS).read_text() == "dear"


def test_averaging_a_run_takes_its_last_checkpoints(tiny, tmp_path):
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "tokenizer" / "tokenizer.model").write_bytes(b"model")
    shapes = [weight.shape for weight in tiny.get_weights()]
    for step in (1, 2, 5):
        tiny.set_weights([np.full(shape, step, "float32") for shape in shapes])
        save_step(tiny, tmp_path / "checkpoints", step, keep=3)
    best = {"step": 1, "recipe": "r", "measured_on": {"valid": {}}}
    replace_checkpoint(tiny, tmp_path / "best", best, [])
    directory, steps = average_run(tmp_path, last=2)
    model, metadata = zoo.load_checkpoint(directory)
    assert (directory, steps) == (tmp_path / "average", [2, 5])
    assert {float(weight.flat[0]) for weight in model.get_weights()} == {3.5}
    assert metadata == {"step": 5, "recipe": "r", "weights": "average of 2", "scores": {}}
    assert (directory / "tokenizer.model").read_bytes() == b"model"
