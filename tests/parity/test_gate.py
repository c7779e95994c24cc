"""The parity gate refuses what it should, and leaves nothing behind."""

import json
import shutil

import keras.src.export.tf2onnx_lib
import numpy as np
import onnx
import pytest
import tf2onnx.tfonnx

import export.bundle
from export import artefacts, parity
from export.bundle import export_bundle
from export.compare import main as compare_main
from serving.manifest import BundleError, Manifest
from serving.tokenizer import load_tokenizers


@pytest.fixture
def quick(exported, monkeypatch):
    """A checkpoint whose conversion is remembered, so that an export takes a second."""
    made = exported("seq2seq_gru")
    path = made.bundle / "translate.onnx"
    monkeypatch.setattr(export.bundle, "convert", lambda *_: onnx.load(path))
    return made


def export_again(made, directory, **options):
    return export_bundle(made.checkpoint, directory, report=lambda line: None, **options)


def change_output(monkeypatch, name, change):
    """Makes the ONNX artefact give something else in one of its outputs."""
    original = artefacts.OnnxArtefact.translate_ids

    def changed(self, source_ids, beam_size):
        result = original(self, source_ids, beam_size)
        return {**result, name: change(result[name])}

    monkeypatch.setattr(artefacts.OnnxArtefact, "translate_ids", changed)


def test_gate_passes_an_honest_export(quick, tmp_path):
    result = export_again(quick, tmp_path / "bundle")
    comparisons = result.comparisons
    assert Manifest.read(tmp_path / "bundle") == result.manifest
    assert {(c.artefact, c.beam_size) for c in comparisons} == {
        ("SavedModel", 1),
        ("ONNX", 1),
        ("SavedModel", 4),
        ("ONNX", 4),
    }
    assert all(c.rows > 10 and not c.different for c in comparisons)


def test_gate_names_tensor_difference_and_tolerance(quick, tmp_path, monkeypatch):
    change_output(monkeypatch, "scores", lambda scores: scores + 0.01)
    with pytest.raises(
        parity.ParityError, match=r"ONNX, beam_size 1: scores differ by 0\.01; expected at most 0"
    ):
        export_again(quick, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_gate_refuses_a_nan(quick, tmp_path, monkeypatch):
    change_output(monkeypatch, "scores", lambda scores: scores * np.nan)
    with pytest.raises(parity.ParityError, match="scores differ by inf"):
        export_again(quick, tmp_path / "bundle")


def test_gate_refuses_other_ids(quick, tmp_path, monkeypatch):
    def swap(ids):
        ids = ids.copy()
        ids[3, 0, 0] = 9 if ids[3, 0, 0] != 9 else 10
        return ids

    change_output(monkeypatch, "ids", swap)
    with pytest.raises(parity.ParityError, match="ids of row 3 differ"):
        export_again(quick, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_gate_refuses_another_text(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(
        artefacts.SavedModelArtefact, "translate_text", lambda self, texts: ["x"] * len(texts)
    )
    with pytest.raises(parity.ParityError, match=r"SavedModel, text, beam_size 1: .* gives 'x'"):
        export_again(quick, tmp_path / "bundle")


def test_failed_export_keeps_the_bundle_it_would_replace(quick, tmp_path, monkeypatch):
    shutil.copytree(quick.bundle, tmp_path / "bundle")
    change_output(monkeypatch, "scores", lambda scores: scores + 0.01)
    with pytest.raises(parity.ParityError):
        export_again(quick, tmp_path / "bundle", overwrite=True)
    Manifest.read(tmp_path / "bundle")


def test_export_refuses_an_existing_directory(quick, tmp_path):
    with pytest.raises(ValueError, match=r"exists already.*--overwrite"):
        export_again(quick, tmp_path)


def test_export_refuses_a_checkpoint_without_tokenizer(quick, tmp_path):
    shutil.copytree(quick.checkpoint, tmp_path / "checkpoint")
    (tmp_path / "checkpoint" / "tokenizer.model").unlink()
    with pytest.raises(ValueError, match="tokenizer files are missing"):
        export_bundle(tmp_path / "checkpoint", tmp_path / "bundle")


def test_golden_examples_hold_stress_texts(exported):
    made = exported("seq2seq_gru")
    golden = json.loads((made.bundle / "golden.json").read_text(encoding="utf-8"))
    source, _ = load_tokenizers(made.bundle)
    limit = made.model.config.max_source_length
    lengths = [len(entry["source_ids"]) for entry in golden]
    assert min(lengths) == 0
    assert max(lengths) == limit
    assert any("🙂" in entry["source"] for entry in golden)
    for entry in golden:
        pieces = source.encode(entry["source"])[: limit - 1]
        assert entry["source_ids"] == ([*pieces, 2] if pieces else [])
    assert {entry["beam_size"] for entry in golden} == {1, 4}


def test_damaged_weight_is_found_before_the_model_runs(exported, tmp_path):
    shutil.copytree(exported("seq2seq_gru").bundle, tmp_path / "bundle")
    path = tmp_path / "bundle" / "translate.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"translate\.onnx"):
        Manifest.read(tmp_path / "bundle")


def test_compare_counts_equal_sentences(exported, tmp_path, capsys):
    made = exported("seq2seq_gru")
    sentences = tmp_path / "sentences.txt"
    sentences.write_text("a dog runs\n\nwe read 나는\nthe cat\n", encoding="utf-8")
    assert compare_main([str(made.checkpoint), str(made.bundle), str(sentences)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("3 of 3 with the same ids") == 4


def test_private_hooks_into_tf2onnx_are_still_there():
    assert callable(keras.src.export.tf2onnx_lib.patch_tf2onnx)
    assert callable(tf2onnx.tfonnx.rewrite_bi_direction_lstm)
