"""`serving verify`: passes as exported, fails however the bundle is tampered with."""

import dataclasses
import json
import re
import shutil

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from serving.commands import main
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


def files_of(bundle):
    return json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))["files"]


def test_one_changed_bit_of_any_file_fails_the_hash(bundle):
    names = files_of(bundle)
    assert {"golden.json", "parity.json", "parity.md", "tokenizer.model"} < names.keys()
    for name in names:
        path = bundle / name
        content = path.read_bytes()
        place = len(content) // 2
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(BundleError, match=re.escape(name)):
            verify(bundle)
        path.write_bytes(content)
    assert verify(bundle).examples > 30


def test_one_changed_byte_of_a_weight_fails_even_with_new_hashes(bundle):
    path = bundle / "translate_text.onnx"  # translate.onnx points to the weights in it
    content = bytearray(path.read_bytes())
    weight = max(onnx.load(path).graph.initializer, key=lambda tensor: len(tensor.raw_data))
    place = content.index(weight.raw_data) + 4 * (len(weight.raw_data) // 8)
    content[place + 3] ^= 0x40  # the highest bit of its exponent
    path.write_bytes(content)
    sign_again(bundle)
    with pytest.raises(BundleError, match="differ"):
        verify(bundle)


def rename_in_graph(bundle, kind, name):
    path = bundle / "translate.onnx"
    model = onnx.load(path, load_external_data=False)
    values = getattr(model.graph, kind)
    next(value for value in values if value.name == name).name = "renamed"
    for node in model.graph.node:
        node.input[:] = ["renamed" if used == name else used for used in node.input]
        node.output[:] = ["renamed" if made == name else made for made in node.output]
    path.write_bytes(model.SerializeToString())


@pytest.mark.parametrize(("kind", "name"), [("output", "scores"), ("input", "source_ids")])
def test_changed_name_in_the_graph_fails_even_with_new_hashes(bundle, kind, name):
    rename_in_graph(bundle, kind, name)
    sign_again(bundle)
    with pytest.raises(BundleError, match=name):
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
