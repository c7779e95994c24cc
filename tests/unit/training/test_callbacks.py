"""The callbacks inside a real `fit` of a toy model, with scripted scores."""

import csv
import itertools

import keras
import numpy as np
import pytest

from training.callbacks import (
    CurveLog,
    PeriodCount,
    PeriodicEvaluation,
    StateSaver,
    keep_rows,
)
from training.losses import LabelSmoothedCrossEntropy
from training.schedules import InverseSquareRoot
from training.state import Progress, load_state


def _rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def model():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((None,), dtype="int32")
    model = keras.Model(inputs, keras.layers.Dense(9)(keras.layers.Embedding(9, 4)(inputs)))
    optimizer = keras.optimizers.Adam(InverseSquareRoot(peak=0.1, warmup_steps=4))
    model.compile(optimizer=optimizer, loss=LabelSmoothedCrossEntropy(), jit_compile=False)
    return model


def _fit(model, callbacks, periods=1, steps=4):
    ids = np.arange(8, dtype="int32").reshape(2, 4)
    model.fit(
        (batch for batch in itertools.repeat((ids, ids))),
        steps_per_epoch=steps,
        epochs=periods,
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )


def _evaluation(path, progress, scores, **options):
    scores = iter(scores)

    def evaluate(_):
        bleu, loss = next(scores)
        return {"bleu": bleu, "chrf": 0.0, "loss": loss, "perplexity": 1.0}

    options = {"monitor": "bleu", "patience": 0, "on_evaluated": lambda *_: None, **options}
    return PeriodicEvaluation(path, progress, evaluate, **options)


def test_curve_holds_each_steps_own_loss_and_rate(model, tmp_path):
    progress, path = Progress(), tmp_path / "log.csv"
    before = model.get_weights()
    _fit(model, [CurveLog(path, progress)], periods=2)
    rows = _rows(path)
    assert [row["step"] for row in rows] == [str(n) for n in range(1, 9)]
    assert progress.step == 8
    assert [float(row["learning_rate"]) for row in rows[:4]] == [0.025, 0.05, 0.075, 0.1]
    # Its own loss, not the epoch's mean: the last one is that of the weights after 7 updates.
    model.set_weights(before)
    model.optimizer.iterations.assign(0)
    for variable in model.optimizer.variables[1:]:
        variable.assign(np.zeros(variable.shape))
    _fit(model, [], periods=1, steps=7)
    ids = np.arange(8, dtype="int32").reshape(2, 4)
    expected = float(LabelSmoothedCrossEntropy()(ids, model(ids)))
    assert float(rows[-1]["loss"]) == pytest.approx(expected, rel=1e-6)


def test_curve_drops_rows_after_the_restored_step(model, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("step,loss,learning_rate\n1,5,0.1\n2,4,0.1\n3,3,0.1\n4,2")
    _fit(model, [CurveLog(path, Progress(step=2))], steps=1)
    assert [row["step"] for row in _rows(path)] == ["1", "2", "3"]
    assert _rows(path)[1]["loss"] == "4"
    assert _rows(path)[2]["loss"] != "3"


def test_keep_rows_makes_a_missing_file_with_its_header(tmp_path):
    keep_rows(tmp_path / "x.csv", ["step", "value"], 0)
    assert (tmp_path / "x.csv").read_text() == "step,value\n"


def test_diverged_loss_stops_with_a_remedy(model, tmp_path):
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    with pytest.raises(FloatingPointError, match=r"loss is nan at step 1.*learning_rate"):
        _fit(model, [CurveLog(tmp_path / "log.csv", Progress())])


def test_equal_scores_are_told_apart_by_their_loss(model, tmp_path):
    progress, kept = Progress(), []
    callbacks = [
        CurveLog(tmp_path / "log.csv", progress),
        _evaluation(
            tmp_path / "evaluations.csv",
            progress,
            [(0.0, 3.0), (0.0, 2.0), (0.0, 2.5)],
            on_evaluated=lambda model, scores, is_best: kept.append(is_best),
            patience=2,
        ),
    ]
    _fit(model, callbacks, periods=3)
    assert kept == [True, True, False]
    assert progress.evaluations_since_best == 1


def test_progress_counts_all_periods(model, capsys):
    ids = np.arange(8, dtype="int32").reshape(2, 4)
    model.fit(ids, ids, initial_epoch=1, epochs=2, callbacks=[PeriodCount(40)], verbose=2)
    assert "Epoch 2/40" in capsys.readouterr().out


@pytest.mark.parametrize(("monitor", "best"), [("bleu", 3), ("loss", 6)])
def test_best_is_judged_by_the_monitored_score(model, tmp_path, monitor, best):
    progress, kept = Progress(), []
    scores = [(9.0, 3.0), (8.0, 2.0), (7.0, 2.5)]
    callbacks = [
        CurveLog(tmp_path / "log.csv", progress),
        _evaluation(
            tmp_path / "evaluations.csv",
            progress,
            scores,
            monitor=monitor,
            on_evaluated=lambda _m, _s, is_best: kept.append(is_best),
        ),
    ]
    _fit(model, callbacks, periods=3, steps=3)
    assert progress.best_step == best
    assert kept == [True, monitor == "loss", False]
    rows = _rows(tmp_path / "evaluations.csv")
    assert [(row["step"], row["bleu"]) for row in rows] == [("3", "9"), ("6", "8"), ("9", "7")]
    assert float(rows[2]["train_seconds"]) == pytest.approx(progress.train_seconds, rel=1e-4)
    assert float(rows[0]["train_seconds"]) < float(rows[1]["train_seconds"])


def test_patience_ends_training(model, tmp_path):
    progress = Progress()
    scores = [(5.0, 1.0), (6.0, 1.0), (6.0, 1.0), (5.9, 1.0), (7.0, 1.0)]
    callbacks = [
        CurveLog(tmp_path / "log.csv", progress),
        _evaluation(tmp_path / "evaluations.csv", progress, scores, patience=2),
    ]
    _fit(model, callbacks, periods=5, steps=1)
    assert progress.step == 4
    assert progress.best_step == 2


def test_state_is_saved_on_schedule_and_after_the_evaluation(model, tmp_path, monkeypatch):
    progress, path, steps = Progress(), tmp_path / "state.npz", []
    callbacks = [
        CurveLog(tmp_path / "log.csv", progress),
        _evaluation(tmp_path / "evaluations.csv", progress, [(5.0, 1.0)]),
        StateSaver(path, progress, every=2),
    ]
    import training.callbacks as module

    original = module.save_state
    monkeypatch.setattr(
        module, "save_state", lambda *a: (steps.append(progress.step), original(*a))
    )
    _fit(model, callbacks, steps=4)
    assert steps == [2, 4]
    # The one save at step 4 came after the evaluation: it knows the best score.
    assert load_state(path, model) == progress
    assert (progress.step, progress.best_score, progress.best_step) == (4, 5.0, 4)
