"""What docs/serving.md tells to do works: its Python blocks and its commands run as they stand."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", GUIDE, flags=re.DOTALL | re.MULTILINE)
COMMANDS = re.findall(r"^\$ python (-m serving .*?)(?:  +#.*)?$", GUIDE, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def home(exported, tmp_path_factory):
    """A directory with a bundle, as the guide calls it, and a text."""
    home = tmp_path_factory.mktemp("guide")
    (home / "bundle").symlink_to(exported("transformer_pre").bundle)
    (home / "in.txt").write_text("the cat sleeps.\na dog\n", encoding="utf-8")
    return home


def run(home, command, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, *command]
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, **options)


def test_guide_was_read():
    assert len(BLOCKS) == 4
    assert len(COMMANDS) == 9


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[-1])
def test_python_of_the_guide_runs(home, block):
    found = run(home, ["-W", "error::SyntaxWarning", "-c", block])
    assert found.returncode == 0, found.stderr.decode()
    assert found.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_command_of_the_guide_runs(home, command):
    words = shlex.split(command, comments=True)
    given = home / "in.txt" if "<" in words else Path(os.devnull)
    words = words[: words.index("<")] if "<" in words else words
    with given.open("rb") as stdin:
        found = run(home, words, stdin=stdin)
    if "int8" in words:  # this bundle has none
        assert b"the bundle has no int8 graph" in found.stderr
    else:
        assert found.returncode == 0, found.stderr.decode()
        assert found.stdout
