"""The examples run as they stand."""

import importlib.util
import re
from pathlib import Path

import pytest

import zoo
from serving.tokenizer import load_tokenizers
from training import phrasebook

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def load(name):
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    return example


def test_training_with_plain_keras_leaves_a_checkpoint(tmp_path):
    example = load("train_your_own")
    phrasebook.write(tmp_path)
    for side in ("ko", "en"):
        lines = (tmp_path / f"train.{side}").read_text(encoding="utf-8").splitlines()[:2000]
        (tmp_path / side).write_text("\n".join(lines), encoding="utf-8")
    example.main(tmp_path / "ko", tmp_path / "en", tmp_path / "out", 600, 5)
    model, metadata = zoo.load_checkpoint(tmp_path / "out" / "final")
    tokenizers = load_tokenizers(tmp_path / "out" / "final")
    assert metadata == {"preset": "luong_tiny"}
    assert model.config.source_vocabulary_size == tokenizers[0].vocabulary_size == 600


def test_the_lesson_shows_what_its_titles_say(capsys):
    load("lesson").main()
    printed = capsys.readouterr().out
    assert "60 tokens: decoder_h0 (256,)\n" in printed
    assert "60 tokens: decoder_h0 (256,), memory (60, 512), memory_keys (60, 256)" in printed
    found = re.findall(r"^   (\S.*?)\s{2,}([-\d. ]+)$", printed, re.MULTILINE)
    rows = {label: [float(number) for number in numbers.split()] for label, numbers in found}
    assert sum(rows["no padding"]) == pytest.approx(1, abs=0.02)
    assert sum(rows["the last one padding"]) == pytest.approx(1, abs=0.02)
    assert rows["the last one padding"][-1] == 0
    assert rows["by hand"] == rows["by the layer"]
    assert max(rows["d = 1024, as they are"]) > 0.99
    assert max(rows["d = 1024, over √d"]) < 0.9
