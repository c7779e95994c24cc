"""Two files that share weights: the same numbers, less on disk, and either survives a move."""

import shutil

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper, parser
from onnx.external_data_helper import ExternalDataInfo, uses_external_data

from export.shared_weights import ALIGNMENT, MIN_BYTES, save_sharing

GRAPH = """
<ir_version: 10, opset_import: ["" : 18]>
{name} (float[b, 20] x) => (float[b, 20] {output})
{{
    a = Gemm (x, w_large, bias)
    b = Gemm (a, w_square, bias)
    {output} = Gemm ({last}, w_same, small)
}}
"""
# Lengths around those where a length takes one byte more inside the file.
SIZES = [257, 300, 4090, 4094, 4095, 4096, 4097, 5000]


def weights():
    rng = np.random.default_rng(5)
    square = rng.normal(size=(20, 20)).astype("float32")
    found = {
        "w_large": rng.normal(size=(20, 20)).astype("float32"),
        "bias": np.zeros(20, "float32"),
        "w_square": square,
        "w_same": square,
        "small": rng.normal(size=20).astype("float32"),
        "zeros": np.zeros(700, "float32"),
    }
    return found | {f"size_{n}": rng.normal(size=n).astype("float32") for n in SIZES}


def make_model(name, output, last="b"):
    model = parser.parse_model(GRAPH.format(name=name, output=output, last=last))
    for key, value in weights().items():
        model.graph.initializer.append(numpy_helper.from_array(value, key))
    return model


@pytest.fixture
def pair(tmp_path):
    """The id model, the owner, and the folder with both files."""
    model, owner = make_model("ids", "y"), make_model("text", "z", last="a")
    owner.doc_string = "kept"
    owner.graph.initializer.insert(0, numpy_helper.from_array(np.arange(3.0), "first"))
    (tmp_path / "bundle").mkdir()
    save_sharing(model, tmp_path / "bundle" / "ids.onnx", owner, "text.onnx")
    return model, owner, tmp_path / "bundle"


def run(model):
    """Of a model, or of the file at a path."""
    content = model.SerializeToString() if isinstance(model, onnx.ModelProto) else str(model)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # silent about weights that no node uses
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(6).normal(size=(3, 20)).astype("float32")
    return session.run(None, {"x": x})[0]


def external(path):
    """Initializers that point into another file, by name, with where they point."""
    model = onnx.load(path, load_external_data=False)
    return {t.name: ExternalDataInfo(t) for t in model.graph.initializer if uses_external_data(t)}


def test_both_files_compute_what_they_did(pair):
    model, owner, folder = pair
    np.testing.assert_array_equal(run(folder / "ids.onnx"), run(model))
    np.testing.assert_array_equal(run(folder / "text.onnx"), run(owner))
    assert not np.allclose(run(model), run(owner))


def test_every_large_weight_is_stored_once_and_aligned(pair):
    _, _, folder = pair
    large = {name: value for name, value in weights().items() if value.nbytes >= MIN_BYTES}
    content = (folder / "text.onnx").read_bytes()
    found = external(folder / "ids.onnx")
    assert found.keys() == large.keys()
    assert len(large) == len(SIZES) + 4
    for name, place in found.items():
        assert place.location == "text.onnx"
        assert place.offset % ALIGNMENT == 0
        assert content[place.offset :][: place.length] == large[name].tobytes()
    assert (folder / "ids.onnx").stat().st_size < 4000
    assert len(content) < sum(value.nbytes for value in weights().values()) + 4000


def test_standard_tools_read_the_files(pair):
    model, _, folder = pair
    onnx.checker.check_model(str(folder / "ids.onnx"), full_check=True)
    onnx.checker.check_model(str(folder / "text.onnx"), full_check=True)
    loaded = onnx.load(folder / "ids.onnx")
    for read, written in zip(loaded.graph.initializer, model.graph.initializer, strict=True):
        assert read.name == written.name
        assert read.raw_data == written.raw_data
    assert onnx.load(folder / "text.onnx").doc_string.strip() == "kept"


def test_model_is_not_changed(tmp_path):
    model = make_model("ids", "y")
    before = model.SerializeToString()
    save_sharing(model, tmp_path / "ids.onnx", make_model("text", "z"), "text.onnx")
    assert model.SerializeToString() == before


def test_owner_is_complete_without_the_other(pair, tmp_path):
    _, owner, folder = pair
    (tmp_path / "alone").mkdir()
    shutil.move(folder / "text.onnx", tmp_path / "alone")
    np.testing.assert_array_equal(run(tmp_path / "alone" / "text.onnx"), run(owner))
    with pytest.raises(Exception, match=r"text\.onnx"):
        run(folder / "ids.onnx")


def test_weights_that_the_owner_lacks_stay_inside(tmp_path):
    model, owner = make_model("ids", "y"), make_model("text", "z")
    changed = owner.graph.initializer[0]
    changed.CopyFrom(numpy_helper.from_array(weights()["w_large"] * 2, "w_large"))
    shared = save_sharing(model, tmp_path / "ids.onnx", owner, "text.onnx")
    found = external(tmp_path / "ids.onnx")
    assert "w_large" not in found
    assert shared == sum(place.length for place in found.values())
    np.testing.assert_array_equal(run(tmp_path / "ids.onnx"), run(model))


@pytest.mark.parametrize("layout", ["hub cache", "volume", "hard links"])
def test_linked_files_load(pair, tmp_path, layout):
    """As model hubs and container platforms store them; onnxruntime looks where links lead."""
    model, _, folder = pair
    shown = tmp_path / "shown"
    shown.mkdir()
    for index, name in enumerate(("ids.onnx", "text.onnx")):
        if layout == "hard links":
            (shown / name).hardlink_to(folder / name)
        elif layout == "volume":
            (shown / name).symlink_to(folder / name)
        else:
            shutil.move(folder / name, folder / f"blob{index}")
            (shown / name).symlink_to(folder / f"blob{index}")
    np.testing.assert_array_equal(run(shown / "ids.onnx"), run(model))
