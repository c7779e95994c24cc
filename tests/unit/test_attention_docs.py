"""The lesson quotes lines of the code: they must be where its links point, in both languages."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
QUOTE = re.compile(r"^\[`([^`]+)`\]\(\.\./([^)#]+)#L(\d+)\): `(.+)`$", re.MULTILINE)
LESSONS = ("attention.md", "attention.ko.md")


@pytest.mark.parametrize("lesson", LESSONS)
def test_quoted_lines_are_where_the_links_point(lesson):
    text = (DOCS / lesson).read_text(encoding="utf-8")
    quotes = QUOTE.findall(text)
    for shown, path, number, code in quotes:
        assert shown == path
        source = (ROOT / path).read_text(encoding="utf-8")
        lines = [line.split("  # ")[0].strip() for line in source.splitlines()]
        found = [place for place, line in enumerate(lines, 1) if line == code]
        assert found == [int(number)], f"{lesson}: {path} has it in {found}: {code}"
    *sections, _ = text.split("\n## ")[1:]
    assert len(sections) == 9
    assert all(QUOTE.search(section) for section in sections)


def test_lessons_quote_the_same_lines_in_the_same_order():
    first, second = (QUOTE.findall((DOCS / name).read_text(encoding="utf-8")) for name in LESSONS)
    assert first == second
