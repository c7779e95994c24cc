"""The parity gate looks at files as they lie on the disk, at tensors, and at int8 graphs."""

import re
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import tensorflow as tf
from onnx import numpy_helper

import export.bundle
import export.gate.check
import export.graph_files
from export import artefacts, parity
from export.gate.files import compare_saved_signature
from export.quantize import quantize
from serving.manifest import Manifest
from serving.translator import Translator
from serving.verify import verify


def change_file(monkeypatch, name, change):
    """Damages a written graph before anything is compared: its bytes go through a function."""
    original = export.graph_files.save_sharing

    def save(model, path, owner, owner_name):
        shared = original(model, path, owner, owner_name)
        damaged = path.with_name(name)
        damaged.write_bytes(change(damaged.read_bytes()))
        return shared

    monkeypatch.setattr(export.graph_files, "save_sharing", save)


def edit(change):
    """A change of a file's bytes from a change of the model in them."""

    def changed(content):
        model = onnx.ModelProto.FromString(content)
        change(model)
        return model.SerializeToString()

    return changed


def flip_a_bit(content):
    """Changes the lowest bit of one weight, which no translation can show."""
    model = onnx.ModelProto.FromString(content)
    weight = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    place = content.index(weight.raw_data) + 4 * 100
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def test_gate_refuses_one_changed_bit_of_a_weight(quick, tmp_path, monkeypatch, export_again):
    change_file(monkeypatch, "translate_text.onnx", flip_a_bit)
    with pytest.raises(parity.ParityError) as raised:
        export_again(quick, tmp_path / "bundle")
    lines = str(raised.value).splitlines()
    # translate.onnx points into the other file, so both hold the changed weight.
    for name in ("translate.onnx", "translate_text.onnx"):
        assert any(line.startswith(f"{name}: weights ") for line in lines)
    assert all("weights" in line for line in lines)
    assert list(tmp_path.iterdir()) == []


def rename_output(model):
    for node in model.graph.node:
        node.output[:] = ["points" if name == "scores" else name for name in node.output]
    next(value for value in model.graph.output if value.name == "scores").name = "points"


def rename_axis(model):
    next(v for v in model.graph.input if v.name == "source_ids").type.tensor_type.shape.dim[
        1
    ].dim_param = "time"


def change_default(model):
    value = next(t for t in model.graph.initializer if t.name == "length_penalty")
    value.CopyFrom(numpy_helper.from_array(np.array(0.7, "float32"), "length_penalty"))


def drop_default(model):
    for tensor in [t for t in model.graph.initializer if t.name == "beam_size"]:
        model.graph.initializer.remove(tensor)


def older_ir(model):
    model.ir_version = 9


CHANGES = {
    "name": (rename_output, r"output scores is not .*Received None\."),
    "axis": (rename_axis, r"input source_ids is not .*'source'.*Received .*'time'"),
    "default": (change_default, r"input length_penalty is not .*default=0\.6.*Received .*0\.6999"),
    "no_default": (drop_default, r"input beam_size is not .*default=1.*Received .*default=None"),
    "ir_version": (older_ir, r"ir_version is not .*expected 10\. Received 9\."),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES.keys())
def test_gate_refuses_a_graph_that_the_manifest_does_not_describe(
    quick, tmp_path, monkeypatch, change, message, export_again
):
    change_file(monkeypatch, "translate.onnx", edit(change))
    with pytest.raises(parity.ParityError, match=rf"translate\.onnx: {message}"):
        export_again(quick, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_gate_compares_the_saved_model_with_the_id_graph(quick):
    spec = Manifest.read(quick.bundle).graphs["translate.onnx"]
    signature = artefacts.SavedModelArtefact(quick.bundle).signatures["translate_ids"]
    assert compare_saved_signature(signature, spec).verdict == "ok"
    inputs = dict(signature.structured_input_signature[1])
    inputs["beams"] = inputs.pop("beam_size")
    inputs["max_length"] = tf.TensorSpec([None], tf.int64)
    changed = SimpleNamespace(
        structured_input_signature=((), inputs), structured_outputs=signature.structured_outputs
    )
    problems = compare_saved_signature(changed, spec).problem.splitlines()
    assert [line.split(" is not")[0] for line in problems] == [
        "SavedModel: input beam_size",
        "SavedModel: input max_length",
        "SavedModel: input beams",
    ]


def test_gate_lists_every_tensor_out_of_tolerance(quick, tmp_path, monkeypatch, export_again):
    original = export.gate.check.convert_probe

    def other_weights(model):
        graph = original(model)
        for tensor in graph.graph.initializer:
            if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) == 2:
                values = numpy_helper.to_array(tensor) * np.float32(1.01)
                tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        return graph

    monkeypatch.setattr(export.gate.check, "convert_probe", other_weights)
    with pytest.raises(parity.ParityError) as raised:
        export_again(quick, tmp_path / "bundle")
    lines = str(raised.value).splitlines()
    for name in ("state decoder_h0", "step logits"):
        assert any(line.startswith(f"ONNX probe, float32: {name} differs by ") for line in lines)
    assert any(line.startswith("translate.onnx: weights ") for line in lines)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def int8(quick, monkeypatch, lines):
    """Options of an export that keeps int8 graphs, however they translate."""
    monkeypatch.setattr("export.bleu_gate.MOST_LOST", 1000.0)
    monkeypatch.setattr("export.bleu_gate.LEAST_BLEU", 0.0)
    monkeypatch.setattr("export.bleu_gate.LEAST_SENTENCES", 1)
    return {"valid": (lines, lines)}


def test_int8_is_measured_and_reported(quick, tmp_path, int8, export_again):
    found = export_again(quick, tmp_path / "bundle", **int8)
    assert found.int8.written
    verdicts = {
        (item.artefact, item.compared): item for item in found.findings if item.precision == "int8"
    }
    for beam in ("greedy", "beam 4"):
        share = verdicts["ONNX", f"ids as in float32, {beam}, one batch"]
        assert share.verdict == "information"
        assert re.fullmatch(r"\d+ of (\d+) equal", share.detail)
        assert verdicts["text ONNX", f"texts as from int8 ids, {beam}"].verdict == "ok"
    assert verdicts["ONNX probe", "weights, rounded"].verdict == "ok"
    logits = verdicts["ONNX probe", "step logits"]
    exact = next(i for i in found.findings if i.compared == "step logits" and i is not logits)
    assert 10 * exact.largest < logits.largest <= logits.tolerance
    for name in ("translate.int8.onnx", "translate_text.int8.onnx"):
        assert verdicts[name, "weights, bit for bit"].verdict == "ok"
        assert verdicts[name, "names, dtypes, axes, defaults"].verdict == "ok"
    text = (tmp_path / "bundle" / "parity.md").read_text(encoding="utf-8")
    assert "| greedy | " in text.split("## int8")[1] or "| beam 1 | " in text.split("## int8")[1]


def test_int8_alone_is_a_bundle(quick, tmp_path, int8, export_again):
    directory = tmp_path / "bundle"
    export_again(quick, directory, int8_only=True, **int8)
    names = {path.name for path in directory.iterdir()}
    assert {name for name in names if name.endswith(".onnx")} == {
        "translate.int8.onnx",
        "translate_text.int8.onnx",
    }
    assert "saved_model" not in names
    translator = Translator.load(directory, threads=1)
    assert translator.precision == "int8"
    assert verify(directory).drift is not None
    with pytest.raises(ValueError, match="the bundle has no float32 graph"):
        Translator.load(directory, precision="float32")


def test_int8_alone_must_be_good_enough(quick, tmp_path, monkeypatch, lines, export_again):
    monkeypatch.setattr("export.bleu_gate.MOST_LOST", -1.0)
    monkeypatch.setattr("export.bleu_gate.LEAST_BLEU", 0.0)
    monkeypatch.setattr("export.bleu_gate.LEAST_SENTENCES", 1)
    with pytest.raises(ValueError, match=r"int8 cannot stand alone.* Leave out --int8-only"):
        export_again(quick, tmp_path / "bundle", int8_only=True, valid=(lines, lines))
    with pytest.raises(ValueError, match="int8 has nothing to be measured on"):
        export_again(quick, tmp_path / "bundle", int8_only=True)
    assert list(tmp_path.iterdir()) == []


def test_gate_refuses_int8_weights_of_another_scale(
    quick, tmp_path, monkeypatch, int8, export_again
):
    def wrong(model):
        graph = quantize(model)
        for tensor in graph.graph.initializer:
            if tensor.name.endswith(("_scale_by_row", "_scale_by_column")):
                values = numpy_helper.to_array(tensor)[::-1].copy()
                tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        return graph

    monkeypatch.setattr(export.bundle, "quantize", wrong)
    monkeypatch.setattr(export.gate.check, "quantize", wrong)
    message = r"ONNX probe, int8: step logits differs by .* Leave out --valid"
    with pytest.raises(parity.ParityError, match=message):
        export_again(quick, tmp_path / "bundle", **int8)
    assert list(tmp_path.iterdir()) == []


def test_gate_refuses_an_int8_text_graph_that_says_something_else(
    quick, tmp_path, monkeypatch, int8, export_again
):
    original = artefacts.TextOnnxArtefact.run

    def changed(self, texts, beam_size):
        result = original(self, texts, beam_size)
        if "int8" in self.name:
            result["translation"] = result["translation"] + "x"
        return result

    monkeypatch.setattr(artefacts.TextOnnxArtefact, "run", changed)
    with pytest.raises(parity.ParityError, match=r"int8 text ONNX, beam_size 1: .*gives '.*x'"):
        export_again(quick, tmp_path / "bundle", **int8)
