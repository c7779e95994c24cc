"""The command line: what it lists, and one clear line for each mistake."""

import pytest

from training.__main__ import main
from training.recipe import shipped_recipes


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


def test_unknown_recipe_is_one_line(capsys):
    assert "recipe is not there" in _error(capsys, "train", "nowhere")


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


def test_evaluating_a_missing_file_names_it(capsys, tmp_path):
    missing = tmp_path / "nothing.txt"
    message = _error(capsys, "evaluate", tmp_path, "--source", missing, "--reference", missing)
    assert "nothing.txt" in message
