"""Clean pairs from several corpora: order, weights, duplicates, streaming, real data."""

import gzip
import os
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from training.corpus import Corpus, Filters, Report, clean_pairs, corpus_fingerprint, raw_pairs
from training.recipe import load_recipe

SHARED = Path(
    os.environ.get("ATTENTION_ZOO_DATA", Path(__file__).resolve().parents[4] / "shared" / "data")
)


def corpus(directory, name, pairs, **options):
    path = directory / f"{name}.tsv"
    path.write_text("".join(f"{source}\t{target}\n" for source, target in pairs), "utf-8")
    return Corpus(path, **options)


def numbered(prefix, count):
    return [(f"{prefix} {number}", f"{number} {prefix}") for number in range(count)]


def test_pairs_come_clean_in_order_with_a_report(tmp_path):
    first = corpus(tmp_path, "first", [(" one\u200b ", "하나"), ("", "둘"), ("x", "x")])
    second = corpus(tmp_path, "second", [("one", "하나"), ("two", "둘")])
    report = Report()
    pairs = clean_pairs([first, second], report=report)
    assert list(pairs) == [("one", "하나", 1), ("two", "둘", 1)]
    assert [c.dropped for c in report.corpora] == [{"empty": 1, "identical": 1}, {"duplicate": 1}]
    assert [(c.read, c.kept, c.used) for c in report.corpora] == [(3, 1, 1), (2, 1, 1)]
    assert report.corpora[1].examples == {"duplicate": [(1, "one", "하나")]}


def test_rows_filtered_by_column_are_reported(tmp_path):
    only = corpus(tmp_path, "only", [("one", "하나"), ("two", "둘")], where={1: ["two"]})
    report = Report()
    assert list(clean_pairs([only], report=report)) == [("two", "둘", 1)]
    assert report.dropped == {"filtered by column": 1}
    assert "1 filtered by column" in str(report)


def test_report_starts_anew_with_each_reading(tmp_path):
    only = corpus(tmp_path, "only", numbered("a", 5))
    report = Report()
    for _ in range(2):
        list(clean_pairs([only], report=report))
    assert report.kept == 5


def test_duplicates_are_kept_on_request(tmp_path):
    only = corpus(tmp_path, "only", [("a", "b"), ("a", "b"), ("a", "c")])
    assert len(list(clean_pairs([only]))) == 2
    assert len(list(clean_pairs([only], Filters(drop_duplicates=False)))) == 3


@pytest.mark.parametrize(("weight", "total"), [(2.0, 2000), (0.5, 500), (1.5, 1500), (0.1, 100)])
def test_weight_gives_its_share(tmp_path, weight, total):
    only = corpus(tmp_path, "only", numbered("a", 1000), weight=weight)
    pairs = list(clean_pairs([only], seed=3))
    assert sum(pair.copies for pair in pairs) == pytest.approx(total, abs=16)
    assert {pair.copies for pair in pairs} <= {max(1, int(weight)), int(weight) + 1}


def test_fractional_weight_follows_the_seed(tmp_path):
    only = corpus(tmp_path, "only", numbered("a", 200), weight=0.5)
    draws = [list(clean_pairs([only], seed=seed)) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_nothing_left_explains_why(tmp_path):
    only = corpus(tmp_path, "only", [("same", "same"), ("", "x")])
    with pytest.raises(
        ValueError, match=r"only\.tsv: no pair is left .*'identical': 1, 'empty': 1"
    ):
        list(clean_pairs([only]))


def test_all_missing_files_are_named_before_reading(tmp_path):
    good = corpus(tmp_path, "good", numbered("a", 3))
    corpora = [good, Corpus(tmp_path / "x.en", tmp_path / "x.ko"), Corpus(tmp_path / "y.tsv")]
    with pytest.raises(ValueError, match=r"x\.en, .*x\.ko, .*y\.tsv: file is missing"):
        next(clean_pairs(corpora))
    with pytest.raises(ValueError, match="corpora is empty"):
        next(clean_pairs([]))


def test_fingerprint_changes_with_content_and_options(tmp_path):
    only = corpus(tmp_path, "only", numbered("a", 3))
    before = corpus_fingerprint([only])
    variants = {
        corpus_fingerprint([only], Filters(max_length=9)),
        corpus_fingerprint([only], seed=1),
        corpus_fingerprint([Corpus(only.source, weight=2.0)]),
        corpus_fingerprint([Corpus(only.source, source_column=2, target_column=1)]),
        corpus_fingerprint([Corpus(only.source, where={1: ["a 1"]})]),
        corpus_fingerprint([Corpus(only.source, where={1: ["a 2"]})]),
        corpus_fingerprint([Corpus(only.source, where={2: ["a 1"]})]),
        corpus_fingerprint([corpus(tmp_path, "other", numbered("b", 3))]),
    }
    assert corpus_fingerprint([Corpus(only.source)]) == before
    assert corpus_fingerprint([Corpus(only.source, where={})]) == before
    assert len(variants | {before}) == 9


def test_large_corpus_is_streamed(tmp_path):
    """Peak memory does not follow the size of the text (11 MB here)."""
    paths = [tmp_path / f"big.{side}.gz" for side in ("en", "ko")]
    for path in paths:
        with gzip.open(path, "wt", compresslevel=1, encoding="utf-8") as stream:
            stream.writelines(f"{path.name} {n} {'word ' * 20}\n" for n in range(50_000))
    filters = Filters(drop_duplicates=False)
    tracemalloc.start()
    count = sum(1 for _ in clean_pairs([Corpus(*paths)], filters))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 50_000
    assert peak < 500_000


def test_multi30k_reads_clean():
    files = [SHARED / "multi30k" / f"val.{language}.gz" for language in ("en", "de")]
    if not all(path.is_file() for path in files):
        pytest.skip("Multi30k is not there; set ATTENTION_ZOO_DATA")
    raw = sum(1 for _ in raw_pairs(Corpus(*files)))
    report = Report()
    kept = sum(1 for _ in clean_pairs([Corpus(*files)], report=report))
    assert (raw, kept) == (1014, 1014 - sum(report.dropped.values()))
    assert kept > 1000


def test_mix_is_read_without_debian():
    recipe = load_recipe("enko_mix")
    (mix,) = (part.corpus(SHARED) for part in recipe.data.train)
    if not mix.paths[0].is_file():
        pytest.skip("the mix is not there; set ATTENTION_ZOO_DATA")
    problems = Counter(pair.problem for pair in raw_pairs(mix))
    assert problems == {None: 119_598, "filtered by column": 14_136}
    first = next(raw_pairs(mix))
    assert first.source.isascii()
    assert not first.target.isascii()
