"""The command line."""

import pytest

from benchmarks import decode_speed

ARGUMENTS = ["--pair", "a", "b", "c", "--source", "s", "--target", "t"]


def test_missing_packages_are_one_line_with_the_remedy(monkeypatch, capsys):
    monkeypatch.setattr(
        decode_speed, "find_spec", lambda name: None if name == "ctranslate2" else object()
    )
    assert decode_speed.main(ARGUMENTS) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("decode_speed: ctranslate2 not installed")
    assert 'pip install --constraint constraints.txt --editable ".[dev]"' in line


def test_two_pairs_need_two_names(capsys):
    with pytest.raises(SystemExit):
        decode_speed.main([*ARGUMENTS, "--pair", "a", "d", "e"])
    assert "names must differ" in capsys.readouterr().err


def test_counts_below_one_are_refused(capsys):
    with pytest.raises(SystemExit):
        decode_speed.main([*ARGUMENTS, "--rounds", "0"])
    assert "expected at least 1. Received 0." in capsys.readouterr().err


def test_report_shows_no_home_directory(tmp_path):
    shown = decode_speed._without_home(str(tmp_path / "runs" / "final"))
    assert shown == "…/runs/final"
    assert decode_speed._without_home("runs/tiny/final") == "runs/tiny/final"
