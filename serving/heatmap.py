"""Attention as a heat map: text for a terminal, and a PNG."""

import functools
import importlib.util
import os
import shutil
import threading
import unicodedata
from pathlib import Path

import numpy as np

from serving.translation import Hypothesis, Translation

# Shares below the first step show as a dot, so that the grid stays visible.
_SHADES = ((0.05, "·"), (0.25, "░"), (0.5, "▒"), (0.75, "▓"), (float("inf"), "█"))
# Colors of the 256-color palette from no attention (dark) to all of it (bright).
_COLORS = (234, 17, 18, 19, 25, 31, 37, 43, 84, 156, 229)
_LONGEST_LABEL = 12
_HANGUL_FONTS = ("NanumGothic", "Noto Sans CJK KR", "Noto Sans KR", "Malgun Gothic", "AppleGothic")
_FONT_LOCK = threading.Lock()


def render_text(
    translation: Translation, hypothesis: int = 0, width: int | None = None, color: bool = False
) -> str:
    """Draws attention weights with characters: a row per target token, a column per source token.

    Columns that do not fit beside each other continue in panels below. Long tokens are cut to 12
    columns. Hangul and other wide characters take two columns, as terminals draw them.

    Args:
        translation: A translation made with ``return_attention=True``.
        hypothesis: Which hypothesis, 0 for the best.
        width: Columns to use; None takes the terminal's.
        color: Whether to color the cells and print each share in percent (ANSI, 256 colors);
            without it cells are shaded with block characters.

    Returns:
        Lines without a final line break.

    Raises:
        ValueError: No such hypothesis, or it has no attention weights.
    """
    chosen = _choose("render_text", translation, hypothesis)
    if not chosen.tokens:
        return "(no tokens: the text is empty)"
    width = width or shutil.get_terminal_size().columns
    columns = [_label(token) for token in translation.source_tokens]
    rows = [_label(token) for token in chosen.tokens]
    margin = max(map(_text_width, rows)) + 1
    lines = []
    for start, stop in _panels(columns, width - margin):
        if lines:
            lines.append("")
        widths = [_cell_width(label) for label in columns[start:stop]]
        header = (_center(*pair) for pair in zip(columns[start:stop], widths, strict=True))
        lines.append((" " * margin + " ".join(header)).rstrip())
        for row, shares in zip(rows, chosen.attention[:, start:stop], strict=True):
            cells = (_cell(*pair, color) for pair in zip(shares, widths, strict=True))
            label = " " * (margin - 1 - _text_width(row)) + row
            lines.append(f"{label} " + " ".join(cells))
    if not color:
        steps = (f"{shade} < {limit:.0%}" for limit, shade in _SHADES[:-1])
        lines += ["", f"{'   '.join(steps)}   {_SHADES[-1][1]} more"]
    return "\n".join(lines)


def save_png(
    translation: Translation, path: str | os.PathLike, title: str | None = None, hypothesis: int = 0
) -> None:
    """Draws attention weights into a PNG file, source tokens on top and target tokens at the left.

    Hangul needs a font that has it: the ``plot`` extra brings one, else an installed one is used.

    Args:
        translation: A translation made with ``return_attention=True``.
        path: The file to write.
        title: Text above the map; None for source and translation, "" for none.
        hypothesis: Which hypothesis, 0 for the best.

    Raises:
        ImportError: matplotlib is not installed.
        OSError: The file cannot be written.
        ValueError: No such hypothesis, no attention weights, or no tokens.
    """
    chosen = _choose("save_png", translation, hypothesis)
    if not chosen.tokens:
        raise ValueError("save_png: the translation has no tokens; there is nothing to draw.")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "save_png: matplotlib is not installed. Install the extra, in the repository: "
            'pip install ".[plot]"'
        ) from error
    if title is None:
        title = f"{_shorten(translation.source.strip(), 60)}\n{_shorten(chosen.text, 60)}"
    # (T, S) cells of equal size; the figure grows with them up to 24 inches.
    num_rows, num_columns = chosen.attention.shape
    cell = min(0.42, 20 / max(num_rows, num_columns))
    figure = Figure(figsize=(num_columns * cell + 2.6, num_rows * cell + 2.0), layout="constrained")
    FigureCanvasAgg(figure)
    _draw(figure, translation, chosen, title, font_size=min(11.0, 26 * cell))
    figure.savefig(path, format="png", dpi=160, bbox_inches="tight", pad_inches=0.2)


def _draw(figure, translation: Translation, chosen: Hypothesis, title: str, font_size: float):
    axes = figure.add_subplot()
    weights = chosen.attention
    # A fixed top would leave diffuse attention pale: round the largest share up to a tenth.
    top = min(1.0, np.ceil(float(weights.max()) * 10 + 1e-6) / 10)
    image = axes.imshow(weights, cmap="GnBu", vmin=0.0, vmax=top, aspect="equal")
    axes.xaxis.tick_top()
    axes.set_xticks(range(weights.shape[1]), _png_labels(translation.source_tokens))
    axes.set_yticks(range(weights.shape[0]), _png_labels(chosen.tokens))
    axes.tick_params(length=0, pad=4)
    for label in axes.get_xticklabels():
        label.set(rotation=50, ha="left", va="bottom", rotation_mode="anchor")
    # White lines between the cells.
    axes.set_xticks(np.arange(weights.shape[1] + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(weights.shape[0] + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.2)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    # Width = height / aspect: about as wide as half a cell, whatever the number of rows.
    bar = figure.colorbar(
        image, ax=axes, shrink=0.75, aspect=max(6, 1.5 * weights.shape[0]), pad=0.03
    )
    bar.set_label("attention")
    bar.outline.set_visible(False)
    heading = axes.set_title(title, loc="left", pad=12)
    texts = [*axes.get_xticklabels(), *axes.get_yticklabels(), *bar.ax.get_yticklabels()]
    for text in (*texts, bar.ax.yaxis.label, heading):
        # Tokens with dollar signs are no formulas.
        text.set(family=_font_families(), fontsize=font_size, parse_math=False)
    heading.set_fontsize(font_size + 1)


def _choose(where: str, translation: Translation, hypothesis: int) -> Hypothesis:
    count = len(translation.hypotheses)
    if not 0 <= hypothesis < count:
        raise ValueError(
            f"{where}: hypothesis is out of range; expected 0 to {count - 1}. "
            f"Received {hypothesis}. Translate with a larger num_hypotheses."
        )
    chosen = translation.hypotheses[hypothesis]
    if chosen.attention is None:
        raise ValueError(
            f"{where}: the translation has no attention weights. "
            "Translate with return_attention=True."
        )
    return chosen


def _panels(labels: list[str], width: int) -> list[tuple[int, int]]:
    """Splits columns into ranges that fit; a range holds one column at least."""
    panels, start, used = [], 0, 0
    for index, label in enumerate(labels):
        needed = _cell_width(label) + (index > start)
        if index > start and used + needed > width:
            panels.append((start, index))
            start, used, needed = index, 0, _cell_width(label)
        used += needed
    return [*panels, (start, len(labels))]


def _cell_width(label: str) -> int:
    return max(3, _text_width(label))


def _cell(share: float, width: int, color: bool) -> str:
    if not color:
        return next(shade for limit, shade in _SHADES if share < limit) * width
    background = _COLORS[round(float(share) * (len(_COLORS) - 1))]
    foreground = 255 if share < 0.65 else 16
    number = f"{share * 100:.0f}" if share >= 0.005 else ""
    return f"\x1b[48;5;{background};38;5;{foreground}m{number:^{width}}\x1b[0m"


def _center(label: str, width: int) -> str:
    left = (width - _text_width(label)) // 2
    return " " * left + label + " " * (width - _text_width(label) - left)


def _png_labels(tokens: tuple[str, ...]) -> list[str]:
    # The word mark ▁ is a thick block in most fonts; an underscore reads better.
    return [_shorten(token.replace("▁", "_"), 24) for token in tokens]


def _label(token: str) -> str:
    return _shorten(token, _LONGEST_LABEL)


def _printable(token: str) -> str:
    # Control characters would move the cursor or start a color.
    return "".join(character if character.isprintable() else "\ufffd" for character in token)


def _shorten(text: str, width: int) -> str:
    """Cuts a text to a number of terminal columns, with an ellipsis."""
    text = _printable(text)
    if _text_width(text) <= width:
        return text
    while text and _text_width(text) >= width:
        text = text[:-1]
    return text + "…"


def _text_width(text: str) -> int:
    return sum(map(_character_width, text))


def _character_width(character: str) -> int:
    # Combining marks, and the vowels and finals of decomposed Hangul, join the one before.
    if unicodedata.category(character) in ("Mn", "Me") or "\u1160" <= character <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


@functools.cache
def _font_families() -> list[str]:
    """Fonts in order of preference, one with Hangul first when there is one."""
    from matplotlib import font_manager

    with _FONT_LOCK:
        # find_spec() and not an import, which would change matplotlib's settings.
        spec = importlib.util.find_spec("koreanize_matplotlib")
        for folder in spec.submodule_search_locations or [] if spec else []:
            font = Path(folder) / "fonts" / "NanumGothic.ttf"
            if font.is_file():
                font_manager.fontManager.addfont(font)
        known = set(font_manager.fontManager.get_font_names())
    return [*[name for name in _HANGUL_FONTS if name in known][:1], "DejaVu Sans"]
