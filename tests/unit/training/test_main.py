"""The command line: what it lists, and one clear line for each mistake."""

import itertools
import json
import re
import sys

import numpy as np
import pytest

from training.__main__ import main
from training.recipe import load_recipe, shipped_recipes
from training.run_directory import RunDirectory


def _error(capsys, *arguments):
    assert main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert "Traceback" not in captured.err
    return captured.err


def test_recipes_are_listed_with_their_languages(capsys):
    assert main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == shipped_recipes()
    assert any("multi30k_luong_tiny" in line and "en → de" in line for line in lines)


def test_a_recipe_is_printed_with_a_comment_for_every_key(capsys):
    assert main(["recipes", "luong_tiny"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# luong_tiny on your own text")
    for key in ("sampling_alpha", "unicode_form", "byte_fallback", "optimizer"):
        assert re.search(rf"^# .+\n{key} = ", printed, re.M), key


def test_unknown_recipe_is_one_line(capsys):
    assert "recipe is not there" in _error(capsys, "train", "nowhere")
    assert "Did you mean luong_tiny?" in _error(capsys, "train", "luong_tinny")


def test_left_out_data_directory_is_the_remedy(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "Say where they are with --data DIR" in _error(capsys, "train", "luong_tiny")
    assert not list(tmp_path.iterdir())


def test_missing_package_names_the_extra(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "training.train", None)
    message = _error(capsys, "train", "phrasebook")
    assert 'pip install ".[train]"' in message


@pytest.mark.parametrize(("command", "goes_on"), [("resume", True), ("average", False)])
def test_interruption_says_how_to_go_on_where_one_can(
    tmp_path, monkeypatch, capsys, command, goes_on
):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("training.run_directory.RunDirectory.load", interrupt)
    monkeypatch.setattr("training.checkpoints.average_run", interrupt)
    assert main([command, str(tmp_path)]) == 130
    printed = capsys.readouterr().err
    assert printed.startswith("interrupted")
    assert ("resume RUN` goes on" in printed) == goes_on


def test_evaluation_never_overwrites_its_input(capsys, tmp_path):
    source, reference = tmp_path / "a", tmp_path / "b"
    source.write_text("a\n")
    reference.write_text("b\n")
    for output in (source, reference):
        options = ["--source", source, "--reference", reference, "--output", output]
        assert "would be overwritten" in _error(capsys, "evaluate", tmp_path, *options)
    assert (source.read_text(), reference.read_text()) == ("a\n", "b\n")


@pytest.mark.parametrize(
    "wrong", ["model.preset=luong_huge", "model.overrides.units=-1", "train.tokenize=ko-mecab"]
)
def test_what_cannot_work_is_refused_before_anything_is_read(capsys, tmp_path, monkeypatch, wrong):
    def lacking(tokenize, **_):
        if tokenize == "ko-mecab":
            raise RuntimeError("Korean tokenization requires extra dependencies")

    monkeypatch.setattr("sacrebleu.metrics.BLEU", lacking)
    options = ["--data", tmp_path, "--run", tmp_path / "run", "--set", wrong]
    message = _error(capsys, "train", "luong_tiny", *options)
    assert "file is missing" not in message
    assert 'pip install "sacrebleu[ko]"' in message or "[model] cannot be built" in message
    assert not (tmp_path / "run").exists()


def test_mistyped_set_names_the_key(capsys):
    message = _error(capsys, "train", "luong_tiny", "--set", "train.step=5")
    assert "unknown key train.step. Did you mean train.steps?" in message


def test_missing_data_names_the_files_and_can_be_tried_again(capsys, tmp_path):
    for _ in range(2):
        arguments = ["train", "luong_tiny", "--data", tmp_path, "--run", tmp_path / "run"]
        message = _error(capsys, *arguments)
        assert "train.source" in message
        assert "file is missing" in message


@pytest.mark.parametrize("command", [["resume"], ["average"]])
def test_directory_that_is_no_run_is_refused(capsys, tmp_path, command):
    assert "expected a" in _error(capsys, *command, tmp_path)


def test_run_goes_on_elsewhere_and_longer(capsys, tmp_path, monkeypatch):
    run, given = RunDirectory(tmp_path / "run"), []
    run.start(load_recipe("luong_tiny", ["train.steps=50"]), tmp_path)
    monkeypatch.setattr("training.train.train", lambda *a, **options: given.append((a, options)))
    (tmp_path / "moved").mkdir()
    arguments = ["resume", str(run.path), "--data", str(tmp_path / "moved"), "--steps", "70"]
    assert "moved/train.source: file is missing" in _error(capsys, *arguments)
    assert run.load()[1] == tmp_path  # a wrong directory is not kept
    for part, side in itertools.product(("train", "valid"), ("source", "target")):
        (tmp_path / "moved" / f"{part}.{side}").touch()
    assert main(arguments) == 0
    [((recipe, data, path), options)] = given
    assert (recipe.train.steps, data, path) == (70, tmp_path / "moved", run.path)
    assert options == {"resume": True}
    assert run.load() == (recipe, tmp_path / "moved")  # and so it stays
    assert main(["resume", str(run.path)]) == 0
    assert given[-1][0] == given[0][0]
    header = {"format_version": 1, "progress": {"step": 65}}
    run.state.parent.mkdir()
    np.savez(run.state, header=np.array(json.dumps(header)))
    assert "expected 65 or more" in _error(capsys, "resume", run.path, "--steps", "64")
    assert main(["resume", str(run.path), "--steps", "66"]) == 0  # 70 was a mistake
    assert given[-1][0][0].train.steps == 66


def test_cosine_ends_where_it_ends(capsys, tmp_path):
    run = RunDirectory(tmp_path / "run")
    run.start(load_recipe("luong_tiny", ["train.schedule=cosine"]), tmp_path)
    before = run.load()
    message = _error(capsys, "resume", run.path, "--steps", "999999")
    assert "--steps does not suit cosine" in message
    assert run.load() == before


def test_evaluating_a_missing_file_names_it(capsys, tmp_path):
    missing = tmp_path / "nothing.txt"
    message = _error(capsys, "evaluate", tmp_path, "--source", missing, "--reference", missing)
    assert "nothing.txt" in message
