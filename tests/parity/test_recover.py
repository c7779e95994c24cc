"""A bundle back to a checkpoint: the very weights, or an error that names what is missing."""

import json
import shutil

import numpy as np
import onnx
import pytest

import zoo
from export import unbundle
from export.quantize import quantize
from export.recover import main
from export.text_onnx import TEXT_GRAPH
from export.unbundle import recover_checkpoint
from serving.manifest import Manifest, hash_files
from serving.tokenizer import load_tokenizers
from serving.verify import GOLDEN_NAME

QUICK = "seq2seq_gru"


def _same_weights(model, checkpoint):
    recovered, metadata = zoo.load_checkpoint(checkpoint)
    for ours, theirs in zip(model.weights, recovered.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy(), err_msg=ours.path)
    return metadata


@pytest.fixture(scope="module")
def numbers(exported):
    """Where the weights of the quick model go, found once."""
    bundle = exported(QUICK).bundle
    manifest, tokenizers = Manifest.read(bundle), load_tokenizers(bundle)
    return unbundle._numbered_constants(unbundle._model(manifest), tokenizers, manifest.decoding)


@pytest.fixture
def quick(exported, numbers, monkeypatch):
    """A bundle that is recovered in a second, and what is known of its graph."""
    known = dict(numbers)
    monkeypatch.setattr(unbundle, "_numbered_constants", lambda *arguments: known)
    return exported(QUICK), known


@pytest.mark.parametrize(
    "name", ["bahdanau_lstm", "luong_gru_local", "transformer_post", "transformer_ssru"]
)
def test_float32_weights_come_back_bit_by_bit(exported, name, tmp_path):
    made = exported(name)
    drift = recover_checkpoint(made.bundle, tmp_path / "back")
    assert drift < 1e-4
    metadata = _same_weights(made.model, tmp_path / "back")
    assert metadata["preset"] == Manifest.read(made.bundle).model.preset
    assert metadata["tokenize"] == "intl"  # how its BLEU is to be measured
    files = sorted(path.name for path in (tmp_path / "back").iterdir())
    assert files == ["config.json", "model.weights.h5", "tokenizer.model"]


def test_int8_weights_come_back_within_half_a_step(exported, tmp_path):
    graph = onnx.load(exported("transformer_pre").bundle / TEXT_GRAPH)
    quantized = quantize(graph)
    onnx.save(quantized, tmp_path / "int8.onnx")
    before, after = unbundle._constants(graph), unbundle._stored_constants(tmp_path / "int8.onnx")
    kept = unbundle._constants(quantized)
    rounded = 0
    for name, value in before.items():
        for axis, each in enumerate(("row", "column")):
            if f"{name}_int8_by_{each}" in kept:
                step = np.expand_dims(kept[f"{name}_scale_by_{each}"], 1 - axis)
                assert (np.abs(after[name] - value) <= 0.501 * step).all()
                rounded += 1
    assert rounded > 10


def test_renamed_constant_is_known_by_its_shape(quick, tmp_path):
    made, known = quick
    shapes = [value.shape for value in known.values()]
    name = next(n for n, value in known.items() if shapes.count(value.shape) == 1)
    known["of an earlier release"] = known.pop(name)
    recover_checkpoint(made.bundle, tmp_path / "back")
    _same_weights(made.model, tmp_path / "back")


def test_weight_that_is_missing_is_named(quick, tmp_path):
    made, known = quick
    known.pop(next(name for name, value in known.items() if value.ndim == 2))
    with pytest.raises(ValueError, match=r"\w+/\w+ is not in the graph as it was trained"):
        recover_checkpoint(made.bundle, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_weights_that_translate_otherwise_are_refused(quick, tmp_path):
    made, _ = quick
    changed = tmp_path / "changed"
    shutil.copytree(made.bundle, changed)
    golden = json.loads((changed / GOLDEN_NAME).read_text(encoding="utf-8"))
    for entry in golden:
        entry["score"] -= 0.5
    (changed / GOLDEN_NAME).write_text(json.dumps(golden), encoding="utf-8")
    manifest = json.loads((changed / "manifest.json").read_text(encoding="utf-8"))
    info = hash_files(changed)[GOLDEN_NAME]
    manifest["files"][GOLDEN_NAME] = {"sha256": info.sha256, "bytes": info.bytes}
    (changed / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ValueError, match="do not give its golden translations"):
        recover_checkpoint(changed, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_command_tells_what_it_wrote(quick, tmp_path, capsys):
    made, _ = quick
    assert main([str(made.bundle), str(tmp_path / "back")]) == 0
    assert f"--set model.start_from={tmp_path / 'back'}" in capsys.readouterr().out
    assert main([str(made.bundle), str(tmp_path / "back")]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main([str(tmp_path / "none"), str(tmp_path / "other")]) == 2
    assert "the manifest is missing" in capsys.readouterr().err
