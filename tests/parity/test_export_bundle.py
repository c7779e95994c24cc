"""An export replaces only what an export has made, and refuses what it cannot finish."""

import shutil
from pathlib import Path

import pytest

import export.bundle
from export import parity
from export.bundle import export_bundle
from serving.manifest import Manifest


def test_bundle_with_files_of_others_is_not_replaced(quick, tmp_path, export_again):
    shutil.copytree(quick.bundle, tmp_path / "bundle")
    (tmp_path / "bundle" / "notes.md").write_text("mine")
    with pytest.raises(ValueError, match=r"holds files that no export has made.* notes\.md"):
        export_again(quick, tmp_path / "bundle", overwrite=True)
    assert (tmp_path / "bundle" / "notes.md").read_text() == "mine"


def test_link_to_a_bundle_points_to_the_new_one(quick, tmp_path, export_again):
    shutil.copytree(quick.bundle, tmp_path / "v1")
    (tmp_path / "current").symlink_to(tmp_path / "v1")
    export_again(quick, tmp_path / "current", overwrite=True, examples=["we read once more"])
    assert (tmp_path / "current").is_symlink()
    golden = (tmp_path / "v1" / "golden.json").read_text(encoding="utf-8")
    assert "we read once more" in golden
    assert sorted(path.name for path in tmp_path.iterdir()) == ["current", "v1"]


def test_directory_that_came_to_be_meanwhile_is_kept(quick, tmp_path, monkeypatch, export_again):
    original = export.bundle.check_bundle

    def slow(*given):
        (tmp_path / "bundle").mkdir()
        (tmp_path / "bundle" / "work").write_text("mine")
        return original(*given)

    monkeypatch.setattr(export.bundle, "check_bundle", slow)
    with pytest.raises(ValueError, match="is there already, and no bundle"):
        export_again(quick, tmp_path / "bundle")
    assert [path.name for path in tmp_path.rglob("*")] == ["bundle", "work"]


def test_too_many_examples_are_refused(quick, tmp_path, export_again):
    with pytest.raises(ValueError, match="examples are too many; expected at most 200"):
        export_again(quick, tmp_path / "bundle", examples=["a"] * 201)


def test_failed_export_keeps_the_bundle_it_would_replace(
    quick, tmp_path, monkeypatch, export_again
):
    def refuse(*given):
        raise parity.ParityError("scores differ")

    shutil.copytree(quick.bundle, tmp_path / "bundle")
    monkeypatch.setattr(export.bundle, "check_bundle", refuse)
    with pytest.raises(parity.ParityError, match="scores differ"):
        export_again(quick, tmp_path / "bundle", overwrite=True)
    Manifest.read(tmp_path / "bundle")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_bundle_comes_back_when_the_new_one_cannot_take_its_place(
    quick, tmp_path, monkeypatch, export_again
):
    shutil.copytree(quick.bundle, tmp_path / "bundle")
    before = (tmp_path / "bundle" / "manifest.json").read_bytes()
    original = Path.rename

    def rename(path, target):
        if path.name == "bundle" and path.parent != tmp_path:
            raise PermissionError("no")
        return original(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(PermissionError):
        export_again(quick, tmp_path / "bundle", overwrite=True, examples=["we read once more"])
    assert (tmp_path / "bundle" / "manifest.json").read_bytes() == before
    Manifest.read(tmp_path / "bundle")


def test_export_refuses_an_existing_bundle(quick, tmp_path, export_again):
    shutil.copytree(quick.bundle, tmp_path / "bundle")
    with pytest.raises(ValueError, match=r"exists already.*--overwrite"):
        export_again(quick, tmp_path / "bundle")


@pytest.mark.parametrize("overwrite", [False, True])
def test_export_replaces_bundles_only(quick, tmp_path, overwrite, export_again):
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "manifest.json").write_text('{"name": "of something else"}')
    (tmp_path / "file").write_text("mine")
    for place in (texts, tmp_path / "file", quick.checkpoint, quick.checkpoint.parent):
        before = sorted(place.rglob("*"))
        with pytest.raises(ValueError, match="expected a new directory, or a bundle to replace"):
            export_again(quick, place, overwrite=overwrite)
        assert sorted(place.rglob("*")) == before
    assert (tmp_path / "file").read_text() == "mine"


def test_export_leaves_its_neighbours_alone(quick, tmp_path, export_again):
    neighbour = tmp_path / "bundle.partial"
    neighbour.mkdir()
    (neighbour / "notes").write_text("mine")
    (tmp_path / "bundle").mkdir()  # empty: nothing is lost
    export_again(quick, tmp_path / "bundle")
    Manifest.read(tmp_path / "bundle")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "bundle.partial"]
    assert (neighbour / "notes").read_text() == "mine"


def test_export_says_where_the_checkpoint_is(quick, tmp_path):
    for place, problem in (
        (tmp_path / "nowhere", "config.json, .* not found; expected a checkpoint directory"),
        (tmp_path, "not found; expected a checkpoint directory. Name the `final` or `best`"),
        (tmp_path / "run", "This is a training run; its checkpoint is .*run/final"),
    ):
        if place.name == "run":
            shutil.copytree(quick.checkpoint, place / "final")
        with pytest.raises(ValueError, match=problem):
            export_bundle(place, tmp_path / "bundle")
        assert not (tmp_path / "bundle").exists()


def test_export_refuses_a_checkpoint_without_tokenizer(quick, tmp_path):
    shutil.copytree(quick.checkpoint, tmp_path / "checkpoint")
    (tmp_path / "checkpoint" / "tokenizer.model").unlink()
    with pytest.raises(ValueError, match="tokenizer files are missing"):
        export_bundle(tmp_path / "checkpoint", tmp_path / "bundle")
