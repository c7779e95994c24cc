"""Text files of the command line: UTF-8 lines, gzip or not, and a word about anything else."""

import gzip

import pytest

from export.__main__ import read_lines

TEXT = "\ufeffone\r\ntwo\u2028still two\n\nlast"
LINES = ["one", "two\u2028still two", "", "last"]


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_lines_are_those_of_the_file(tmp_path, pack, end):
    path = tmp_path / "text"
    path.write_bytes(pack((TEXT + end).encode()))
    assert read_lines(path) == LINES


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "file is missing"),
        (b"good\nsch\xf6n\n", "line 2 is not UTF-8"),
        (gzip.compress(b"a line\n" * 99)[:20], "damaged gzip"),
    ],
)
def test_other_files_are_named(tmp_path, content, problem):
    path = tmp_path / "text"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path}: {problem}"):
        read_lines(path)
