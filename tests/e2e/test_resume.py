"""A run that is killed in the middle of an epoch goes on as if nothing had happened."""

import csv
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 600  # seconds, for machines that are slow or busy
STEPS, KILL_AFTER = 60, 33  # evaluations at 25 and 50, states at 10, 20, 25, 30, 40, 50, 60

RECIPE = """
name = "resume"
[data]
source_language = "de"
target_language = "en"
train = [{ source = "train.de", target = "train.en" }]
valid = [{ source = "valid.de", target = "valid.en" }]
test = [{ source = "valid.de", target = "valid.en" }]
[vocabulary]
size = 90
byte_fallback = false
[model]
preset = "luong_tiny"
overrides = { embedding_width = 16, units = 32, dropout = 0.3 }
[train]
steps = 60
batch_tokens = 512
learning_rate = 0.01
warmup_steps = 10
evaluate_every = 25
save_every = 10
average_last = 2
"""

NUMBERS = ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def _write_corpus(directory):
    generator = random.Random(5)
    for part, count in (("train", 600), ("valid", 24)):
        rows = [
            [generator.randrange(10) for _ in range(generator.randint(2, 9))] for _ in range(count)
        ]
        for language, words in (("de", NUMBERS), ("en", DIGITS)):
            text = "".join(" ".join(words[n] for n in row) + "\n" for row in rows)
            (directory / f"{part}.{language}").write_text(text, encoding="utf-8")
    (directory / "resume.toml").write_text(RECIPE, encoding="utf-8")


def _start(*arguments, log):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, "-m", "training", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)


def _rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def _kill_in_mid_epoch(process, log):
    """Waits for step `KILL_AFTER` to be logged, then kills without warning."""
    deadline = time.monotonic() + _PATIENCE
    while not log.exists() or len(log.read_bytes().splitlines()) <= KILL_AFTER:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline, "the run did not get far enough"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs of one recipe: one straight through, the other killed and resumed."""
    data = tmp_path_factory.mktemp("resume")
    _write_corpus(data)
    straight, broken = data / "straight", data / "broken"
    with (data / "output.txt").open("w+") as log:
        train = ["train", data / "resume.toml", "--data", data, "--run"]
        first = _start(*train, straight, log=log)
        second = _start(*train, broken, log=log)
        started = [first, second]
        try:
            _kill_in_mid_epoch(second, broken / "log.csv")
            killed_at = len(_rows(broken / "log.csv")) - 1
            started.append(_start("resume", broken, log=log))
            codes = [process.wait(timeout=_PATIENCE) for process in (first, started[-1])]
        finally:
            for process in started:
                process.kill()
            log.seek(0)
            output = log.read()
    assert codes == [0, 0], output
    resumed_at = int(re.search(r"Resuming at step (\d+)", output)[1])
    assert resumed_at <= killed_at < STEPS  # 30 of 33, unless the kill came late
    assert resumed_at >= 30
    return straight, broken


def test_loss_curve_equals_the_uninterrupted_one(runs):
    straight, broken = (_rows(run / "log.csv") for run in runs)
    assert [row[0] for row in straight[1:]] == [str(step) for step in range(1, STEPS + 1)]
    assert broken == straight  # every digit: nine of them, which float32 needs
    assert float(straight[-1][1]) < 0.7 * float(straight[1][1])


def test_evaluations_equal_the_uninterrupted_ones(runs):
    straight, broken = (_rows(run / "evaluations.csv") for run in runs)
    assert [row[0] for row in straight[1:]] == ["25", "50", "60"]
    assert [row[:-2] for row in broken] == [row[:-2] for row in straight]  # all but the seconds
    for rows in (straight, broken):
        seconds = [float(row[-1]) for row in rows[1:]]
        assert 0 < seconds[0] < seconds[1] < seconds[2]


def test_weights_equal_the_uninterrupted_ones(runs):
    import zoo

    for name in ("best", "final"):
        (straight, theirs), (broken, ours) = (zoo.load_checkpoint(run / name) for run in runs)
        assert ours == theirs
        for a, b in zip(straight.get_weights(), broken.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_final_holds_the_weights_that_it_names(runs):
    import zoo

    (best, _), (final, metadata) = (zoo.load_checkpoint(runs[0] / n) for n in ("best", "final"))
    assert metadata["weights"] in ("best", "average of 2")
    equal = [(a == b).all() for a, b in zip(best.get_weights(), final.get_weights(), strict=True)]
    assert all(equal) == (metadata["weights"] == "best")
    assert metadata["scores"]["test_bleu"] >= 0
    assert metadata["measured_on"]["test"]["set"] == "valid.de"


def test_another_run_goes_on_from_its_weights_and_then_longer(runs, tmp_path):
    straight, data = runs[0], runs[0].parent
    changes = [f"model.start_from={straight / 'final'}", "train.steps=2", "train.evaluate_every=2"]
    commands = (
        ["train", data / "resume.toml", "--data", data, "--run", tmp_path / "more", "--set"],
        ["resume", tmp_path / "more", "--steps", 4],
    )
    with (tmp_path / "output.txt").open("w+") as log:
        for command, last in zip(commands, ("2", "4"), strict=True):
            process = _start(*command, *changes[: 3 * (command[0] == "train")], log=log)
            assert process.wait(timeout=_PATIENCE) == 0, (tmp_path / "output.txt").read_text()
            assert _rows(tmp_path / "more" / "log.csv")[-1][0] == last
    first = float(_rows(tmp_path / "more" / "log.csv")[1][1])
    assert first < 1.2 * float(_rows(straight / "log.csv")[-1][1])


def test_tensorboard_shows_the_uninterrupted_curves(runs):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    shown = []
    for run in runs:
        events = EventAccumulator(str(run / "tensorboard"))
        events.Reload()
        tags = events.Tags()["scalars"]
        shown.append({tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in tags})
    straight, broken = shown
    assert broken == straight
    assert [step for step, _ in straight["train/loss"]] == list(range(10, STEPS + 1, 10))
    assert [step for step, _ in straight["valid/bleu"]] == [25, 50, 60]
    assert len(list((runs[1] / "tensorboard").iterdir())) == 2  # killed, resumed
