"""Bundles made of symbolic links, whose graph keeps weights in another ONNX file."""

import os
import tempfile

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data

from serving import BundleError, Translator
from serving.linked_files import plain_files
from serving.manifest import hash_files
from serving.session import open_session

WEIGHTS = np.linspace(0, 1, 400, dtype=np.float32)
OWNER = "translate_text.onnx"
OFFSET = 64


def with_outside_weights(content: bytes) -> bytes:
    """The graph with a Loop that adds the sum of weights, which lie in another file, to scores."""
    model = onnx.load_from_string(content)
    weights = numpy_helper.from_array(WEIGHTS, "weights")
    set_external_data(weights, OWNER, OFFSET, WEIGHTS.nbytes)
    weights.ClearField("raw_data")
    body = helper.make_graph(
        [
            helper.make_node("ReduceSum", ["weights"], ["sum"], keepdims=0),
            helper.make_node("Add", ["before", "sum"], ["after"]),
            helper.make_node("Identity", ["go_on"], ["still"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("step", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, None),
        ],
        [weights],
    )
    scores = next(node for node in model.graph.node if "scores" in node.output)
    scores.output[0] = "plain_scores"
    loop = helper.make_node("Loop", ["STEP", "", "plain_scores"], ["scores"], body=body)
    model.graph.node.append(loop)
    return model.SerializeToString()


@pytest.fixture
def bundle(toolbox):
    """A bundle whose translate.onnx needs translate_text.onnx; its scores are higher by 200."""
    directory = toolbox.bundle("original", graph=with_outside_weights(toolbox.copying_graph()))
    (directory / OWNER).write_bytes(bytes(OFFSET) + WEIGHTS.tobytes())
    return toolbox.bundle(
        "original", graph=(directory / "translate.onnx").read_bytes(), files=hash_files(directory)
    )


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The directory for temporary files."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


def score(directory):
    return Translator.load(directory).translate("a dog").score


def hub_cache(bundle, root):
    """Every file is a link to a blob that is named by its hash."""
    (root / "blobs").mkdir(parents=True)
    (root / "snapshot").mkdir()
    for number, path in enumerate(sorted(bundle.iterdir())):
        (root / "blobs" / str(number)).write_bytes(path.read_bytes())
        (root / "snapshot" / path.name).symlink_to(f"../blobs/{number}")
    return root / "snapshot"


def volume(bundle, root):
    """Every file is a link through a link to a directory, as Kubernetes mounts a ConfigMap."""
    (root / "..2026_11_21").mkdir(parents=True)
    (root / "..data").symlink_to("..2026_11_21")
    for path in bundle.iterdir():
        (root / "..2026_11_21" / path.name).write_bytes(path.read_bytes())
        (root / path.name).symlink_to(f"..data/{path.name}")
    return root


def linked_directory(bundle, root):
    root.symlink_to(bundle, target_is_directory=True)
    return root


def linked_weights(bundle, root):
    """Only the file with the weights is a link."""
    root.mkdir()
    for path in bundle.iterdir():
        if path.name == OWNER:
            (root / path.name).symlink_to(path)
        else:
            (root / path.name).write_bytes(path.read_bytes())
    return root


def linked_graph(bundle, root):
    """Only the graph is a link, to a directory without the weights."""
    root.mkdir()
    blob = root / "blob"
    for path in bundle.iterdir():
        (root / path.name).write_bytes(path.read_bytes())
    (root / "translate.onnx").rename(blob)
    (root / "translate.onnx").symlink_to(blob)
    return root


@pytest.mark.parametrize(
    "layout", [hub_cache, volume, linked_directory, linked_weights, linked_graph]
)
def test_linked_bundle_translates_and_leaves_nothing_behind(bundle, tmp_path, temporary, layout):
    linked = layout(bundle, tmp_path / "linked")
    assert score(linked) == pytest.approx(score(bundle)) == pytest.approx(-10.6 + WEIGHTS.sum())
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("layout", [hub_cache, linked_weights, linked_graph])
def test_only_the_files_that_are_needed_are_copied(bundle, tmp_path, temporary, layout):
    linked = layout(bundle, tmp_path / "linked")
    (linked / "other.onnx").write_bytes(b"another graph")
    with plain_files(linked / "translate.onnx") as path:
        assert sorted(file.name for file in path.parent.iterdir()) == ["translate.onnx", OWNER]
        assert temporary in path.parents
    assert not path.exists()


@pytest.mark.parametrize("layout", [volume, linked_directory])
def test_files_that_lie_together_are_not_copied(bundle, tmp_path, temporary, layout):
    linked = layout(bundle, tmp_path / "linked")
    with plain_files(linked / "translate.onnx") as path:
        assert path.samefile(linked / "translate.onnx")
        assert list(temporary.iterdir()) == []
    assert path.exists()


def test_graph_without_outside_weights_is_not_copied(toolbox, tmp_path, temporary):
    linked = hub_cache(toolbox.bundle(), tmp_path / "linked")
    with plain_files(linked / "translate.onnx") as path:
        assert path == linked / "translate.onnx"


def test_copies_are_removed_when_the_graph_cannot_be_opened(bundle, tmp_path, temporary):
    linked = hub_cache(bundle, tmp_path / "linked")
    graph = (linked / "translate.onnx").resolve()
    graph.write_bytes(OWNER.encode())
    with pytest.raises(BundleError, match=r"linked/snapshot/translate\.onnx: onnxruntime cannot"):
        open_session(linked / "translate.onnx", "cpu")
    assert list(temporary.iterdir()) == []


def test_directory_that_cannot_be_removed_is_no_error(bundle, tmp_path, temporary, monkeypatch):
    linked = hub_cache(bundle, tmp_path / "linked")

    def refuse(*_, **__):
        raise PermissionError("in use")

    with monkeypatch.context() as patched:
        for name in ("unlink", "rmdir"):  # as on Windows while a session has the files open
            patched.setattr(os, name, refuse)
        assert score(linked) == score(bundle)
    assert list(temporary.iterdir()) != []
