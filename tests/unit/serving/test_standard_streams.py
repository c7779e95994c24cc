"""Standard streams that are closed, as under a service manager or a shell's `>&-`."""

import subprocess
import sys
from pathlib import Path

import pytest

from serving import standard_streams

REPOSITORY = Path(__file__).resolve().parents[3]
COMMANDS = [
    "serving info nowhere",
    "training recipes",
    "training.phrasebook --sample 1",
    "export nowhere nowhere",
    "export.compare nowhere nowhere nowhere",
    "export.recover nowhere nowhere",
]


def shell(line):
    return subprocess.run(["bash", "-c", line], capture_output=True, cwd=REPOSITORY, timeout=120)


@pytest.mark.parametrize("command", COMMANDS)
def test_closed_standard_output_is_one_line(command):
    result = shell(f"'{sys.executable}' -m {command} >&-")
    assert result.returncode == 2
    assert b"standard output is closed; expected a place for results" in result.stderr
    assert result.stderr.count(b"\n") == 1


def test_closed_standard_error_takes_nothing_from_the_result():
    result = shell(f"'{sys.executable}' -m training recipes 2>&-")
    assert result.returncode == 0
    assert b"multi30k_luong_tiny" in result.stdout


@pytest.mark.parametrize("command", ["training recipes", "training.phrasebook --sample 20000"])
def test_reader_that_goes_away_causes_no_traceback(command):
    result = shell(f"set -o pipefail; '{sys.executable}' -m {command} | true")
    assert result.stderr == b""
    assert result.returncode == 141


def test_streams_without_settings_are_left_as_they_are(monkeypatch):
    class Plain:
        pass

    streams = Plain(), Plain()
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    standard_streams.prepare()
    assert (sys.stdout, sys.stderr) == streams
