"""Buckets: every pair fits, the budget holds, shapes are few."""

import numpy as np
import pytest

from training.buckets import plan_buckets


def plan(source, target, **options):
    settings = {
        "tokens_per_batch": 1000,
        "max_sentences": 64,
        "max_source_length": 100,
        "max_target_length": 100,
    } | options
    return plan_buckets(np.array(source), np.array(target), **settings)


def lengths(seed, count=2000, ratio=1.0, limit=100):
    generator = np.random.default_rng(seed)
    target = np.clip(generator.gamma(3, 6, count), 2, limit).astype(int)
    source = np.clip(target * ratio * generator.uniform(0.7, 1.4, count), 2, limit).astype(int)
    return source, target


@pytest.mark.parametrize("ratio", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("multiple", [1, 4, 8])
def test_each_pair_has_the_first_bucket_that_fits(ratio, multiple):
    source, target = lengths(0, ratio=ratio)
    buckets, chosen = plan(source, target, multiple=multiple)
    for s, t, place in zip(source, target, chosen, strict=True):
        fits = [s <= b.source_length and t <= b.target_length for b in buckets]
        assert fits.index(True) == place


def test_rows_respect_budget_and_cap():
    buckets, _ = plan(*lengths(1))
    for bucket in buckets:
        longest = max(bucket.source_length, bucket.target_length)
        assert bucket.rows == min(64, 1000 // longest)


def test_bounds_grow_and_never_pass_the_limits():
    source, target = lengths(2, limit=97)
    source[0] = target[0] = 97
    buckets, _ = plan(source, target, max_source_length=97, max_target_length=98)
    sides = [(b.source_length, b.target_length) for b in buckets]
    assert sides == sorted(sides)
    assert len(set(sides)) == len(sides)
    assert sides[-1] == (97, 98)
    assert all(s % 4 == 0 and t % 4 == 0 for s, t in sides[:-1])


def test_smaller_growth_gives_more_buckets():
    few, _ = plan(*lengths(3), growth=2.0)
    many, _ = plan(*lengths(3), growth=1.2)
    assert len(few) < len(many) < 25


def test_single_length_gives_one_bucket():
    buckets, chosen = plan([3, 3], [4, 4])
    assert [(b.source_length, b.target_length) for b in buckets] == [(4, 4)]
    assert chosen.tolist() == [0, 0]


def test_bad_options_are_all_named():
    with pytest.raises(
        ValueError, match=r"tokens_per_batch .*growth is out of range.*Received 1\.0"
    ):
        plan([3], [3], tokens_per_batch=0, growth=1.0)
    with pytest.raises(ValueError, match=r"smaller than one padded sentence; expected at least 92"):
        plan([90], [20], tokens_per_batch=91)
