"""`examples/train_your_own.py` runs as it stands."""

import importlib.util
from pathlib import Path

import zoo
from serving.tokenizer import load_tokenizers
from training import phrasebook

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "train_your_own.py"


def test_training_with_plain_keras_leaves_a_checkpoint(tmp_path):
    spec = importlib.util.spec_from_file_location("train_your_own", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    phrasebook.write(tmp_path)
    for side in ("ko", "en"):
        lines = (tmp_path / f"train.{side}").read_text(encoding="utf-8").splitlines()[:2000]
        (tmp_path / side).write_text("\n".join(lines), encoding="utf-8")
    example.main(tmp_path / "ko", tmp_path / "en", tmp_path / "out", 600, 5)
    model, metadata = zoo.load_checkpoint(tmp_path / "out" / "final")
    tokenizers = load_tokenizers(tmp_path / "out" / "final")
    assert metadata == {"preset": "luong_tiny"}
    assert model.config.source_vocabulary_size == tokenizers[0].vocabulary_size == 600
