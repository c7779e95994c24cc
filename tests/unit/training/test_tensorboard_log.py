"""The event files, read back by TensorBoard's own reader."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorboard", reason="tensorboard is not installed")

import keras

from training.schedules import InverseSquareRoot
from training.state import Progress
from training.tensorboard_log import TensorBoardLog

ROOT = Path(__file__).resolve().parents[3]
SCORES = {"loss": 0.5, "perplexity": 1.65, "bleu": 30.0, "chrf": 50.0}


def _curves(directory):
    """Returns tag → [(step, value)], as TensorBoard shows them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(directory), size_guidance={"scalars": 0})
    events.Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def _train(directory, progress, last_step, loss, every=2):
    """Stands in for `fit`: the callback needs a model's optimizer and the steps."""
    log = TensorBoardLog(directory, progress, every)
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(InverseSquareRoot(peak=0.5, warmup_steps=4)))
    log.set_model(model)
    while progress.step < last_step:
        progress.step += 1
        log.on_train_batch_end(0, {"loss": loss * progress.step})
    return log


def test_curves_hold_every_nth_step_and_the_scores(tmp_path):
    log = _train(tmp_path / "logs", Progress(), 5, loss=0.25)
    log.log_scores(SCORES)
    curves = _curves(tmp_path / "logs")
    assert curves["train/loss"] == [(2, 0.5), (4, 1.0)]
    assert curves["train/learning_rate"] == [(2, 0.25), (4, 0.5)]
    for name, value in SCORES.items():
        assert curves[f"valid/{name}"] == [(5, pytest.approx(value))]
    assert len(curves) == 6


@pytest.mark.parametrize("restored", [0, 3, 4])
def test_steps_after_the_restored_one_are_replaced(tmp_path, restored):
    _train(tmp_path, Progress(), 8, loss=0.25).log_scores(SCORES)
    progress = Progress(step=restored)
    _train(tmp_path, progress, 8, loss=2.0).log_scores({**SCORES, "bleu": 31.0})
    curves = _curves(tmp_path)
    expected = [(step, step * (0.25 if step <= restored else 2.0)) for step in (2, 4, 6, 8)]
    assert curves["train/loss"] == expected
    assert curves["valid/bleu"] == [(8, 31.0)]


def test_torn_record_of_a_killed_run_does_no_harm(tmp_path):
    killed = _train(tmp_path, Progress(), 4, loss=0.25)
    killed.path.write_bytes(killed.path.read_bytes()[:-5])
    _train(tmp_path, Progress(step=2), 4, loss=2.0)
    assert _curves(tmp_path)["train/loss"] == [(2, 0.5), (4, 8.0)]


def test_tensorflow_is_not_imported_for_it(tmp_path):
    if keras.backend.backend() == "tensorflow":
        pytest.importorskip("jax", reason="jax is not installed")
    code = """
import sys
from training.state import Progress
from training.tensorboard_log import TensorBoardLog
TensorBoardLog(sys.argv[1], Progress()).log_scores(
    {"loss": 1, "perplexity": 1, "bleu": 1, "chrf": 1}
)
assert "tensorflow" not in sys.modules
"""
    environment = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, check=True)
    assert _curves(tmp_path)["valid/loss"] == [(0, 1.0)]
