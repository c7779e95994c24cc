"""`serving verify`: passes as exported, fails however the bundle is tampered with."""

import dataclasses
import json
import shutil

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from serving.__main__ import main
from serving.manifest import BundleError, hash_files
from serving.verify import verify


@pytest.fixture
def bundle(exported, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(exported("seq2seq_gru").bundle, tmp_path / "bundle")


def sign_again(bundle):
    """What a careful forger would do: sizes and hashes that fit the changed files."""
    path = bundle / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    files = hash_files(bundle)
    content["files"] = {name: dataclasses.asdict(info) for name, info in files.items()}
    path.write_text(json.dumps(content), encoding="utf-8")


def change_golden(bundle, key, change):
    path = bundle / "golden.json"
    golden = json.loads(path.read_text(encoding="utf-8"))
    entry = next(entry for entry in golden if len(entry["ids"]) > 3)
    entry[key] = change(entry[key])
    path.write_text(json.dumps(golden), encoding="utf-8")


def test_bundle_as_exported_verifies(exported, capsys):
    made = exported("luong_lstm")
    golden = json.loads((made.bundle / "golden.json").read_text(encoding="utf-8"))
    assert verify(made.bundle).equal == len(golden) > 30
    assert main(["verify", str(made.bundle)]) == 0
    assert f"{len(golden)} golden translations equal" in capsys.readouterr().out


def test_changed_golden_id_fails_the_hash(bundle):
    change_golden(bundle, "ids", lambda ids: [ids[0] ^ 1, *ids[1:]])
    with pytest.raises(BundleError, match=r"golden\.json"):
        verify(bundle)


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("ids", lambda ids: [ids[0] ^ 1, *ids[1:]], "tokens differ"),
        ("source_ids", lambda ids: ids[::-1], "source_ids differ"),
        ("text", lambda text: text[::-1] + "x", "text differ"),
        ("score", lambda score: score - 0.01, "score differs"),
    ],
)
def test_changed_golden_example_fails_even_with_new_hashes(bundle, key, change, message):
    change_golden(bundle, key, change)
    sign_again(bundle)
    with pytest.raises(BundleError, match=message):
        verify(bundle)


def test_changed_weight_fails_even_with_new_hashes(bundle):
    path = bundle / "translate.onnx"
    model = onnx.load(path)
    largest = max(model.graph.initializer, key=lambda tensor: np.prod(tensor.dims))
    values = -numpy_helper.to_array(largest)
    largest.CopyFrom(numpy_helper.from_array(values, largest.name))
    onnx.save(model, path)
    sign_again(bundle)
    with pytest.raises(BundleError, match="tokens differ"):
        verify(bundle)


def test_changed_tensor_name_fails_even_with_new_hashes(bundle):
    path = bundle / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"scores"', '"points"'))
    with pytest.raises(BundleError, match="points"):
        verify(bundle)


def test_unreadable_golden_examples_are_one_clear_error(bundle, capsys):
    (bundle / "golden.json").write_text("[{}]", encoding="utf-8")
    sign_again(bundle)
    assert main(["verify", str(bundle)]) == 2
    assert "golden examples cannot be read" in capsys.readouterr().err
