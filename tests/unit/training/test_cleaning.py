"""Filters, the duplicate set and the report."""

import io
import sys

import pytest

from training.cleaning import CorpusReport, Filters, Report, SeenPairs


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  two \t words\u3000here\u00a0 ", "two words here"),
        ("a\u0000b\u200bc\ufeffd\u0007", "abcd"),
        ("line\u2028break\x85x\x1fy", "line break x y"),
        ("e\u0301 한", "é 한"),
        ("\u200b \x00", ""),
        ("कि क\u200dष", "कि क\u200dष"),
    ],
)
def test_normalize_cleans_text(raw, clean):
    assert Filters().normalize(raw) == clean


def test_normalize_follows_the_unicode_form():
    assert Filters(unicode_form="NFKC").normalize("ﬁ") == "fi"
    assert Filters(unicode_form="none").normalize("e\u0301") == "e\u0301"


@pytest.mark.parametrize(
    ("options", "source", "target", "reason"),
    [
        ({}, "", "a", "empty"),
        ({}, "a", "", "empty"),
        ({"min_length": 3}, "ab", "abc", "too short"),
        ({"max_length": 3}, "abc", "abcd", "too long"),
        ({"max_length": 3, "unit": "words"}, "a b c", "long words pass", None),
        ({"max_length": 3, "unit": "words"}, "a b c d", "a", "too long"),
        ({"max_length_ratio": 2.0}, "x" * 41, "y" * 20, "length ratio"),
        ({"max_length_ratio": 2.0}, "x" * 40, "y" * 20, None),
        ({"max_length_ratio": 2.0}, "x" * 19, "y", None),
        ({"max_length_ratio": None}, "x" * 500, "y", None),
        ({}, "same", "same", "identical"),
        ({"drop_identical": False}, "same", "same", None),
    ],
)
def test_filters_give_the_reason(options, source, target, reason):
    assert Filters(**options).reason_to_drop(source, target) == reason


def test_filters_name_every_bad_value():
    with pytest.raises(ValueError, match=r"Filters: unicode_form .*'NFX'.*unit .*min_length .*0"):
        Filters(unicode_form="NFX", unit="bytes", min_length=0)
    with pytest.raises(
        ValueError, match=r"max_length is out of range; expected min_length or more"
    ):
        Filters(min_length=5, max_length=4)


def test_seen_pairs_remembers_each_pair_in_little_memory():
    seen = SeenPairs()
    assert all(seen.add(f"source {number}", "target") for number in range(5000))
    assert not any(seen.add(f"source {number}", "target") for number in range(5000))
    assert seen.add("source 1 target", "")
    assert len(seen) == 5001
    assert sys.getsizeof(seen._table) <= 32 * 5001


def test_report_prints_counts_and_examples():
    from rich.console import Console

    corpus = CorpusReport("a.en + a.ko", read=1234, kept=1230, used=2460)
    for line in range(1, 6):
        corpus.drop("too long", line, "s" * 99, "[bold]t[/]")
    report = Report([corpus])
    assert "a.en + a.ko: 1,234 read, 1,230 kept, 2,460 used an epoch" in str(report)
    assert "5 too long" in str(report)
    assert f"line 3: '{'s' * 60}' | '[bold]t[/]'" in str(report)
    assert "line 4" not in str(report)
    assert report.dropped == {"too long": 5}
    output = io.StringIO()
    Console(file=output, width=200).print(report)
    assert "5 too long" in output.getvalue()
    assert "[bold]t[/]" in output.getvalue()
