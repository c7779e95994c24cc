"""Heat maps: columns stay aligned under Hangul, and PNG files are drawn without warnings."""

import importlib.util
import re
import struct
import sys
import unicodedata

import numpy as np
import pytest

from serving.heatmap import render_text, save_png
from serving.translation import Hypothesis, Translation

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def make(source, target, weights=None, text="text"):
    if weights is None:
        weights = np.eye(len(target), len(source), dtype=np.float32)
    hypothesis = Hypothesis(text, -1.0, tuple(target), np.asarray(weights, np.float32))
    return Translation("source", tuple(source), (hypothesis,))


def width(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


KOREAN = make(["▁나는", "▁학교", "에", "▁간다", "</s>"], ["▁I", "▁go", "▁학교", "</s>"])


def test_text_has_a_header_and_a_row_per_target_token():
    lines = render_text(KOREAN, width=80).splitlines()
    assert lines[0].split() == list(KOREAN.source_tokens)
    assert [line.split()[0] for line in lines[1:5]] == list(KOREAN.tokens)


@pytest.mark.parametrize("color", [False, True])
def test_text_columns_align_under_hangul(color):
    lines = ANSI.sub("", render_text(KOREAN, width=80, color=color)).splitlines()
    assert len({width(line) for line in lines[1:5]}) == 1
    # Each header label lies within its column; the last one ends where the rows end.
    assert width(lines[0]) == width(lines[1])


def test_text_header_stands_over_its_cells():
    lines = render_text(KOREAN, width=80).splitlines()
    # Columns in the order of the source: the first row attends to the first token only.
    before_label = width(lines[0][: lines[0].index("▁나는")])
    assert before_label == width(lines[1][: lines[1].index("█")])
    before_label = width(lines[0][: lines[0].index("에")])
    assert before_label == width(lines[3][: lines[3].index("█")])


def test_decomposed_hangul_takes_the_width_of_composed():
    tokens = [unicodedata.normalize("NFD", "▁학교"), "x"]
    composed = render_text(make(["▁학교", "x"], ["a"], [[1, 0]]), width=80).splitlines()[1]
    assert render_text(make(tokens, ["a"], [[1, 0]]), width=80).splitlines()[1] == composed


def test_text_shades_by_weight():
    weights = [[0.0, 0.1, 0.3, 0.6, 0.9]]
    row = render_text(make("abcde", ["x"], weights), width=80).splitlines()[1]
    assert row == "x ··· ░░░ ▒▒▒ ▓▓▓ ███"


def test_color_prints_percentages_on_brighter_grounds():
    text = render_text(make("abc", ["x"], [[0.001, 0.25, 1.0]]), width=80, color=True)
    assert ANSI.sub("", text).splitlines()[1] == "x     25  100"
    assert "48;5;234" in text
    assert "48;5;229;38;5;16m100" in text


def test_long_sentences_continue_in_panels_that_fit():
    source = [f"▁token{number}" for number in range(20)]
    text = render_text(make(source, ["▁a", "▁b"]), width=50)
    panels = text.split("\n\n")[:-1]
    assert len(panels) > 2
    assert " ".join(panel.splitlines()[0] for panel in panels).split() == source
    assert all(width(line) <= 50 for panel in panels for line in panel.splitlines())
    assert all("▁a" in panel and "▁b" in panel for panel in panels)


def test_panel_fills_the_width_exactly():
    translation = make("abc", ["x"])
    widest = len("x ··· ··· ···")
    assert render_text(translation, width=widest).count("\n\n") == 1
    assert render_text(translation, width=widest - 1).count("\n\n") == 2


def test_narrow_terminal_gets_one_column_per_panel():
    assert len(render_text(make("abc", ["x"]), width=1).split("\n\n")) == 4


def test_long_tokens_are_cut():
    lines = render_text(make(["▁Donaudampfschifffahrt", "학" * 20], ["x"]), width=80).splitlines()
    assert lines[0].split() == ["▁Donaudampf…", "학학학학학…"]


def test_control_characters_are_not_printed():
    text = render_text(make(["a\x1b[31m", "b\n"], ["\r"]), width=80)
    assert "\x1b" not in text
    assert "\r" not in text
    assert len(text.splitlines()) == 4


def test_empty_translation_is_said_to_be_empty():
    assert "empty" in render_text(make([], [], np.zeros((0, 0))))
    with pytest.raises(ValueError, match="nothing to draw"):
        save_png(make([], [], np.zeros((0, 0))), "never.png")


def test_missing_attention_and_hypothesis_are_errors(translator):
    plain = translator.translate("a dog")
    with pytest.raises(ValueError, match="return_attention=True"):
        render_text(plain)
    with pytest.raises(ValueError, match="hypothesis is out of range; expected 0 to 0"):
        render_text(KOREAN, hypothesis=1)


def test_translator_attention_renders_its_diagonal(translator):
    result = translator.translate("a dog", return_attention=True)
    rows = render_text(result, width=200).splitlines()[1 : len(result.tokens) + 1]
    assert [row.split()[1:].index("█" * len(row.split()[1])) for row in rows[:1]] == [0]
    assert all("█" in row for row in rows)


def png_size(path):
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def test_png_grows_with_the_sentence(tmp_path):
    pytest.importorskip("matplotlib")
    save_png(make("ab", "ab"), tmp_path / "small.png")
    save_png(make("abcdefghijkl", "abcdefgh"), tmp_path / "large.png")
    small, large = png_size(tmp_path / "small.png"), png_size(tmp_path / "large.png")
    assert large[0] > small[0] > 200
    assert large[1] > small[1] > 200


def test_png_draws_hangul_and_formula_signs_without_warnings(tmp_path):
    pytest.importorskip("matplotlib")
    if importlib.util.find_spec("koreanize_matplotlib") is None:
        pytest.skip("needs the font of the plot extra")
    # pytest turns every warning, such as a missing glyph, into an error.
    translation = make(["▁나는", "$x_2$", "▁Grüße", "</s>"], ["▁I", "$", "$\\frac{$", "</s>"])
    save_png(translation, tmp_path / "map.png", title="나는 $100 … ▁")
    assert png_size(tmp_path / "map.png")[0] > 300


def test_png_leaves_matplotlib_settings_alone(tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    before = dict(matplotlib.rcParams)
    save_png(make("ab", "ab"), tmp_path / "map.png")
    assert dict(matplotlib.rcParams) == before
    assert "koreanize_matplotlib.koreanize_matplotlib" not in sys.modules


def test_png_without_matplotlib_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "\.\[plot\]"'):
        save_png(make("ab", "ab"), tmp_path / "map.png")
