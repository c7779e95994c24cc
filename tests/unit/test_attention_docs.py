"""The lesson quotes lines of the code: they must be there, in both languages."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
QUOTE = re.compile(r"^\[`([^`]+)`\]\(\.\./([^)]+)\): `(.+)`$", re.MULTILINE)
LESSONS = ("attention.md", "attention.ko.md")


@pytest.mark.parametrize("lesson", LESSONS)
def test_quoted_lines_are_in_the_code(lesson):
    quotes = QUOTE.findall((DOCS / lesson).read_text(encoding="utf-8"))
    assert len(quotes) >= 10
    for shown, path, code in quotes:
        assert shown == path
        source = (DOCS.parent / path).read_text(encoding="utf-8")
        lines = [line.split("  # ")[0].strip() for line in source.splitlines()]
        assert code in lines, f"{lesson}: {path} lacks {code}"


def test_lessons_quote_the_same_lines_in_the_same_order():
    first, second = (QUOTE.findall((DOCS / name).read_text(encoding="utf-8")) for name in LESSONS)
    assert first == second
