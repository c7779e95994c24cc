"""Batches: every pair once an epoch, budget, few shapes, padding, order, sampling."""

import collections
import json
import subprocess
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from training.batches import Batches
from training.token_store import TokenStore
from training.vocabulary import train_tokenizers

REPOSITORY = Path(__file__).resolve().parents[3]
PAIRS = [
    (f"the number {n} runs {'far ' * (n * n % 11)}away", f"수 {n} {'멀리 ' * (n * n % 9)}달린다")
    for n in range(400)
]


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    directory = tmp_path_factory.mktemp("vocabulary")
    return train_tokenizers(lambda: PAIRS, directory, vocabulary_size=300, kind="bpe", joint=False)


@pytest.fixture(scope="module")
def store(tmp_path_factory, tokenizers):
    return make_store(tmp_path_factory.mktemp("stores"), tokenizers, PAIRS)


def make_store(directory, tokenizers, pairs):
    return TokenStore.build(
        directory / "store",
        lambda: pairs,
        *tokenizers,
        max_source_length=60,
        max_target_length=60,
        keep_text=True,
    )


def epoch_rows(batches, epoch):
    return [batches.pairs(epoch, index).tolist() for index in range(batches.batches_per_epoch)]


def test_every_pair_comes_once_an_epoch(store):
    batches = Batches(store, tokens_per_batch=300)
    for epoch in (0, 1, 7):
        assert sorted(chain(*epoch_rows(batches, epoch))) == list(range(400))


def test_weighted_pairs_come_as_often_as_their_weight(tmp_path, tokenizers):
    pairs = [(*pair, 1 + n % 3) for n, pair in enumerate(PAIRS[:60])]
    batches = Batches(make_store(tmp_path, tokenizers, pairs), tokens_per_batch=300)
    counts = collections.Counter(chain(*epoch_rows(batches, 2)))
    assert counts == {n: 1 + n % 3 for n in range(60)}
    assert batches.pairs_per_epoch == 120
    inputs, _ = batches.batch(2, 0)
    row = int(batches.pairs(2, 0)[0])
    assert tokenizers[0].decode(inputs["source_ids"][0]) == PAIRS[row][0]


def test_padding_and_special_ids(store, tokenizers):
    batches = Batches(store, tokens_per_batch=300)
    for index in range(batches.batches_per_epoch):
        inputs, labels = batches.batch(3, index)
        rows = batches.pairs(3, index).tolist()
        assert inputs["target_ids"].shape == labels.shape
        assert {array.dtype for array in (*inputs.values(), labels)} == {np.dtype("int32")}
        for place, row in enumerate(rows):
            source, target = (t.encode(x) for t, x in zip(tokenizers, PAIRS[row], strict=True))
            for found, ids in (
                (inputs["source_ids"], [*source, 2]),
                (inputs["target_ids"], [1, *target]),
                (labels, [*target, 2]),
            ):
                assert found[place].tolist() == ids + [0] * (found.shape[1] - len(ids))


@pytest.mark.parametrize("sampling_alpha", [None, 0.2])
def test_budget_holds_and_shapes_are_few_and_steady(store, tokenizers, sampling_alpha):
    batches = Batches(
        store,
        tokens_per_batch=300,
        max_sentences=20,
        sampling_alpha=sampling_alpha,
        tokenizers=tokenizers,
    )
    for epoch in range(3):
        seen = collections.Counter()
        for index in range(batches.batches_per_epoch):
            inputs, labels = batches.batch(epoch, index)
            (rows, source), target = inputs["source_ids"].shape, labels.shape[1]
            seen[rows, source, target] += 1
            assert rows * max(source, target) <= 300
            assert rows <= 20
        assert seen == batches.shapes
    assert len(batches.shapes) <= len(batches.buckets) + 1
    partial = [shape for shape, count in batches.shapes.items() if count == 1]
    assert sum(rows * n for (rows, _, _), n in batches.shapes.items()) == 400, partial


def test_only_one_batch_is_not_full(store):
    batches = Batches(store, tokens_per_batch=300)
    full = {(b.rows, b.source_length, b.target_length) for b in batches.buckets}
    assert sum(n for shape, n in batches.shapes.items() if shape not in full) <= 1


def test_padding_share_is_what_batches_hold(store):
    batches = Batches(store, tokens_per_batch=300)
    zeros = places = 0
    for index in range(batches.batches_per_epoch):
        inputs, labels = batches.batch(0, index)
        for array in (inputs["source_ids"], labels):
            zeros += int((array == 0).sum())
            places += array.size
    assert batches.padding == pytest.approx(zeros / places)


def test_order_depends_on_seed_and_epoch_only(store):
    first, second = (Batches(store, tokens_per_batch=300, seed=5) for _ in range(2))
    later = epoch_rows(second, 4)
    assert epoch_rows(second, 1) != later
    assert epoch_rows(first, 4) == later
    assert epoch_rows(Batches(store, tokens_per_batch=300, seed=6), 4) != later


def test_another_process_makes_the_same_batches(store, tokenizers, tmp_path):
    for name, tokenizer in zip("st", tokenizers, strict=True):
        (tmp_path / name).write_bytes(tokenizer.model_proto)
    program = (
        "import json, sys\n"
        "from serving.tokenizer import Tokenizer\n"
        "from training.batches import Batches\n"
        "from training.token_store import TokenStore\n"
        "pair = [Tokenizer.load(path) for path in sys.argv[2:]]\n"
        "batches = Batches(TokenStore(sys.argv[1]), tokens_per_batch=300, seed=3,\n"
        "                  sampling_alpha=0.2, tokenizers=pair)\n"
        "print(json.dumps([batches.batch(2, i)[1].tolist() for i in range(4)]))"
    )
    output = subprocess.run(
        [
            sys.executable,
            "-c",
            program,
            str(store.directory),
            str(tmp_path / "s"),
            str(tmp_path / "t"),
        ],
        capture_output=True,
        check=True,
        cwd=REPOSITORY,
        text=True,
    ).stdout
    here = Batches(store, tokens_per_batch=300, seed=3, sampling_alpha=0.2, tokenizers=tokenizers)
    assert json.loads(output) == [here.batch(2, index)[1].tolist() for index in range(4)]


def sampled(store, tokenizers, **options):
    return Batches(
        store, tokens_per_batch=300, sampling_alpha=0.2, tokenizers=tokenizers, **options
    )


def test_sampled_ids_decode_to_the_same_text(store, tokenizers):
    batches = sampled(store, tokenizers)
    longer = 0
    for index in range(batches.batches_per_epoch):
        inputs, labels = batches.batch(0, index)
        for place, row in enumerate(batches.pairs(0, index).tolist()):
            assert tokenizers[0].decode(inputs["source_ids"][place]) == PAIRS[row][0]
            assert tokenizers[1].decode(labels[place]) == PAIRS[row][1]
            assert (labels[place] == 2).sum() == 1
            longer += int((labels[place] != 0).sum() > store.target_lengths[row])
    assert longer > 100


def test_sampling_draws_anew_each_epoch_and_repeats_exactly(store, tokenizers):
    batches = sampled(store, tokenizers)

    def ids_of_row_zero(epoch):
        for index in range(batches.batches_per_epoch):
            place = np.flatnonzero(batches.pairs(epoch, index) == 0)
            if len(place):
                ids = batches.batch(epoch, index)[0]["source_ids"][place[0]]
                return tuple(ids[ids != 0].tolist())
        raise AssertionError("row 0 is missing")

    draws = [ids_of_row_zero(epoch) for epoch in range(6)]
    assert len(set(draws)) > 1
    assert [ids_of_row_zero(epoch) for epoch in range(6)] == draws


def test_draw_that_does_not_fit_gives_way_to_the_plain_ids(store, tokenizers, monkeypatch):
    """With buckets as long as the plain ids, no longer draw fits; nothing may be cut off."""
    monkeypatch.setattr(Batches, "_measure_room", lambda self: (1.0, 1.0))
    batches = sampled(store, tokenizers, growth=1.001, multiple=1)
    plain = 0
    for index in range(batches.batches_per_epoch):
        inputs, _ = batches.batch(0, index)
        for ids, row in zip(inputs["source_ids"], batches.pairs(0, index).tolist(), strict=True):
            assert tokenizers[0].decode(ids) == PAIRS[row][0]
            plain += ids[ids != 0].tolist() == [*tokenizers[0].encode(PAIRS[row][0]), 2]
    assert plain > 200


def test_sampling_needs_text_and_tokenizers(store, tokenizers, tmp_path):
    with pytest.raises(ValueError, match=r"needs text and tokenizers.*tokenizers None"):
        Batches(store, tokens_per_batch=300, sampling_alpha=0.2)
    bare = TokenStore.build(
        tmp_path / "bare", lambda: PAIRS, *tokenizers, max_source_length=60, max_target_length=60
    )
    with pytest.raises(ValueError, match="Received no text, tokenizers given"):
        sampled(bare, tokenizers)


@pytest.mark.parametrize("position", [(0, -1), (-1, 0), (0, 10**6)])
def test_position_outside_an_epoch_is_refused(store, position):
    batches = Batches(store, tokens_per_batch=300)
    with pytest.raises(ValueError, match=r"index 0 to \d+\. Received epoch -?\d+, index -?\d+"):
        batches.batch(*position)
