"""Ratios, the tables and the line that everything ends with."""

import pytest

from benchmarks import report
from benchmarks.comparison import require_same
from benchmarks.timing import Cell, Result, Samples, time_cells

CELL = Cell("tiny", "float32", 1, 16, 4)


def _result(own, other, **fields):
    texts, cores = ["a", "b"], [1.0] * len(own)
    samples = [Samples(seconds, cores, texts, tokens=10) for seconds in (own, other)]
    return Result(CELL, *samples, **fields)


MISSING = Result(Cell("tiny", "int8", 1, 16, 4), reason="no such file")
SLOWER, EQUAL, FASTER = (
    _result([2.0, 4.0, 9.0], [1.0, 6.0, 6.5]),
    _result([1.5, 1.5], [1.5, 3.0]),
    _result([1.0], [3.0]),
)


def test_ratios_are_their_time_over_ours():
    assert SLOWER.ratio == 0.5
    assert SLOWER.median_ratio == 1.5
    assert MISSING.ratio is None


@pytest.mark.parametrize(
    ("results", "line"),
    [
        ([SLOWER, EQUAL, FASTER], "cells at or above CTranslate2: 2 of 3, median 1.00"),
        ([SLOWER, FASTER], "cells at or above CTranslate2: 1 of 2, median 1.75"),
        ([FASTER, MISSING, MISSING], "cells at or above CTranslate2: 1 of 3, median 3.00"),
        ([MISSING], "cells at or above CTranslate2: 0 of 1, median not measured"),
        ([_result([1.0], [0.9996])], "cells at or above CTranslate2: 0 of 1, median 1.00"),
    ],
)
def test_summary_counts_cells_and_takes_the_median(results, line):
    assert report.summary(results) == line


def test_cell_rows_hold_times_speeds_and_ratios():
    section = report.cell_section("tiny", [SLOWER, MISSING])
    assert section.rows[0] == (
        *("float32", "1", "16", "beam 4"),
        *("2.000", "4.000", "1.000", "6.000"),
        *("5", "10", "0.50", "1.50", "2 of 2"),
    )
    assert section.rows[1][-1] == "not measured"
    assert all(len(row) == len(section.columns) for row in section.rows)


def test_document_ends_with_the_summary():
    section = report.Section("Cells", ("a", "b"), [("1", "2")], "note")
    text = report.markdown("Speed", ["how"], [section], "the end")
    assert text == (
        "# Speed\n\nhow\n\n## Cells\n\n| a | b |\n| --- | ---: |\n| 1 | 2 |\n\nnote\n\nthe end\n"
    )


def test_baseline_ratios_are_against_ours():
    measured = {
        "beam_size": 1,
        "sentences": 7,
        "rows": [
            {
                "precision": "int8",
                "batch_size": 16,
                "seconds": {"ours": [2.0, 3.0], "SavedModel": [5.0, 9.0], "Keras": [4.0, 4.0]},
                "same": {"ours": 7, "SavedModel": 7, "Keras": 6},
            }
        ],
    }
    [row] = report.baseline_section("luong", measured, 1).rows
    assert row == ("int8", "16", "2.000", "5.000", "4.000", "2.50", "2.00", "7 of 7", "6 of 7")


def test_rounds_alternate_and_skip_what_cannot_be_measured(monkeypatch):
    monkeypatch.setattr("benchmarks.timing.SETTLE_SECONDS", 0)
    calls = []

    class Engine:
        def __init__(self, name):
            self.name = name

        def translate(self, texts, beam_size, batch_size):
            calls.append((self.name, beam_size, batch_size))
            return [text.upper() for text in texts]

    engines = Engine("ours"), Engine("theirs")
    measured, lines = Result(CELL), []
    time_cells([measured, MISSING], lambda cell: engines, lambda cell: ["x"], 2, lines.append)
    assert calls == [(name, 4, 16) for name in ("ours", "theirs", "theirs", "ours")]
    assert [len(samples.seconds) for samples in (measured.own, measured.other)] == [2, 2]
    assert measured.own.texts == ["X"]
    assert len(lines) == 4


def test_one_percent_of_different_texts_is_the_most():
    own = [str(number) for number in range(200)]
    require_same("tiny", own, own, ["?", "?", *own[2:]])
    with pytest.raises(RuntimeError, match=r"differ in 3 of 200 sentences.*'0' from ours"):
        require_same("tiny", own, own, ["?", "?", "?", *own[3:]])
