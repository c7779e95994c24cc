"""The progress line."""

import io
import sys

import pytest

from serving.progress import ProgressLine, wants_progress


def test_line_counts_and_ends():
    stream = io.StringIO()
    with ProgressLine(2000, shown=True, stream=stream) as line:
        line.advance(500)
        line.advance(1500)
    first, last = stream.getvalue().split("\r")[1:]
    assert first.startswith("500 of 2,000 texts (25%), ")
    assert last.startswith("2,000 of 2,000 texts (100%), ")
    assert last.endswith("\n")


def test_line_of_an_endless_stream_has_no_share():
    stream = io.StringIO()
    with ProgressLine(None, shown=True, stream=stream) as line:
        line.advance(7)
    assert stream.getvalue().startswith("\r7 texts, ")


def test_hidden_line_writes_nothing():
    stream = io.StringIO()
    with ProgressLine(10, shown=False, stream=stream) as line:
        line.advance(10)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("progress", "terminal", "batches", "expected"),
    [
        (None, True, 4, True),
        (None, True, None, True),
        (None, True, 3, False),
        (None, False, 100, False),
        (True, False, 1, True),
        (False, True, 100, False),
    ],
)
def test_progress_is_shown_for_long_work_on_a_terminal(
    monkeypatch, progress, terminal, batches, expected
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    assert wants_progress(progress, batches) is expected


@pytest.mark.parametrize("stream", [None, object()])
@pytest.mark.parametrize("progress", [None, False])
def test_no_progress_without_a_terminal(monkeypatch, stream, progress):
    monkeypatch.setattr(sys, "stderr", stream)
    assert wants_progress(progress, 100) is False


def test_translation_goes_on_without_a_standard_error(translator, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert translator.translate("a dog", progress=True).text == "a dog"


def test_translator_draws_progress_when_asked(translator, capsys):
    translator.translate(["a dog", "", "the cat"], batch_size=1, progress=True)
    captured = capsys.readouterr()
    assert "3 of 3 texts (100%)" in captured.err
    assert captured.out == ""
