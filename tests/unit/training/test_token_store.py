"""Token stores: contents, reuse, rebuilding, limits, memory."""

import json
import os
import tracemalloc

import numpy as np
import pytest

from training.token_store import TokenStore
from training.vocabulary import train_tokenizers

PAIRS = [(f"the number {n} runs {'far ' * (n % 9)}away", f"수 {n} 달린다") for n in range(300)]


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    directory = tmp_path_factory.mktemp("vocabulary")
    return train_tokenizers(lambda: PAIRS, directory, vocabulary_size=330, joint=False)


def build(directory, tokenizers, pairs=PAIRS, **options):
    settings = {"max_source_length": 64, "max_target_length": 64} | options
    return TokenStore.build(directory / "store", lambda: iter(pairs), *tokenizers, **settings)


def rows_of(store, side):
    flat, counts = store.ids(side, np.arange(len(store)))
    return [part.tolist() for part in np.split(flat, np.cumsum(counts)[:-1])]


def test_ids_are_those_of_the_tokenizers(tmp_path, tokenizers):
    store = build(tmp_path, tokenizers)
    assert len(store) == 300
    assert rows_of(store, "source") == tokenizers[0].encode_batch([source for source, _ in PAIRS])
    assert rows_of(store, "target") == tokenizers[1].encode_batch([target for _, target in PAIRS])
    assert store.source_lengths[7] == len(tokenizers[0].encode(PAIRS[7][0])) + 1
    flat, counts = store.ids("target", np.array([9, 3]))
    assert flat.tolist() == tokenizers[1].encode(PAIRS[9][1]) + tokenizers[1].encode(PAIRS[3][1])
    assert counts.sum() == len(flat)
    assert not store.has_text
    assert store.copies is None


def test_text_is_kept_on_request(tmp_path, tokenizers):
    store = build(tmp_path, tokenizers, keep_text=True)
    assert [(store.text("source", row), store.text("target", row)) for row in (0, 150, 299)] == [
        PAIRS[0],
        PAIRS[150],
        PAIRS[299],
    ]


def test_long_and_empty_pairs_are_dropped_and_counted(tmp_path, tokenizers):
    length = len(tokenizers[0].encode("the number 1 runs away")) + 1
    pairs = [
        ("the number 1 runs away", "수"),
        ("the number 1 runs away far", "수"),
        ("a", "수 " * 50),
    ]
    pairs.append(("\u3000", "수"))
    store = build(tmp_path, tokenizers, pairs, max_source_length=length, max_target_length=20)
    assert len(store) == 1
    assert store.source_lengths.tolist() == [length]
    assert store.description["dropped"] == {
        "source too long": 1,
        "target too long": 1,
        "empty": 1,
    }


@pytest.mark.parametrize(("side", "column"), [("source", 0), ("target", 1)])
def test_limit_counts_the_end_token(tmp_path, tokenizers, side, column):
    length = len(tokenizers[column].encode(PAIRS[1][column])) + 1
    assert len(build(tmp_path, tokenizers, PAIRS[1:2], **{f"max_{side}_length": length})) == 1
    with pytest.raises(ValueError, match=f"'{side} too long': 1"):
        build(tmp_path, tokenizers, PAIRS[1:2], **{f"max_{side}_length": length - 1})


def test_copies_are_stored_only_when_needed(tmp_path, tokenizers):
    store = build(tmp_path, tokenizers, [("a", "수", 1), ("the", "수", 3)])
    assert store.copies.tolist() == [1, 3]
    assert store.description["pairs_per_epoch"] == 4


def test_second_build_reuses_the_store(tmp_path, tokenizers):
    first = build(tmp_path, tokenizers, fingerprint="corpus 1")
    written = os.stat(first.directory / "source.ids").st_ino

    def untouched():
        raise AssertionError("the corpus was read again")

    limits = {"max_source_length": 64, "max_target_length": 64, "fingerprint": "corpus 1"}
    again = TokenStore.build(tmp_path / "store", untouched, *tokenizers, **limits)
    assert os.stat(again.directory / "source.ids").st_ino == written
    assert again.fingerprint == first.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"fingerprint": "corpus 2"},
        {"max_source_length": 63},
        {"max_target_length": 63},
        {"keep_text": True},
        {"swap": True},
    ],
)
def test_changed_input_rebuilds_the_store(tmp_path, tokenizers, change):
    first = build(tmp_path, tokenizers, fingerprint="corpus 1").fingerprint
    swapped = change.pop("swap", False)
    kept = tokenizers[::-1] if swapped else tokenizers
    again = build(tmp_path, kept, **({"fingerprint": "corpus 1"} | change))
    assert again.fingerprint != first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]


def test_changed_pairs_are_noticed_without_a_fingerprint(tmp_path, tokenizers):
    assert len(build(tmp_path, tokenizers)) == 300
    assert len(build(tmp_path, tokenizers, PAIRS[:5])) == 5


def test_damaged_store_is_rebuilt_and_refused_when_opened(tmp_path, tokenizers):
    store = build(tmp_path, tokenizers)
    path = store.directory / "target.ids"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(
        ValueError, match=r"store: token store is incomplete.*target\.ids of \d+ bytes"
    ):
        TokenStore(store.directory)
    assert len(rows_of(build(tmp_path, tokenizers), "target")) == 300


def test_failing_corpus_leaves_the_old_store_and_no_rubbish(tmp_path, tokenizers):
    build(tmp_path, tokenizers)

    def broken():
        yield from PAIRS[:50]
        raise ValueError("a.en: line 51 is not UTF-8")

    with pytest.raises(ValueError, match=r"a\.en: line 51"):
        TokenStore.build(
            tmp_path / "store",
            broken,
            *tokenizers,
            max_source_length=9,
            max_target_length=9,
            fingerprint="other",
        )
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    assert len(TokenStore(tmp_path / "store")) == 300


def test_foreign_directory_is_left_alone(tmp_path, tokenizers):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "thesis.txt").write_text("precious")
    with pytest.raises(ValueError, match=r"store: directory holds other files.*thesis\.txt"):
        build(tmp_path, tokenizers)
    assert (tmp_path / "store" / "thesis.txt").read_text() == "precious"


def test_opening_something_else_is_explained(tmp_path, tokenizers):
    with pytest.raises(ValueError, match=r"directory is not a token store"):
        TokenStore(tmp_path)
    store = build(tmp_path, tokenizers)
    description = json.loads((store.directory / "store.json").read_text())
    (store.directory / "store.json").write_text(json.dumps(description | {"format_version": 99}))
    with pytest.raises(ValueError, match=r"another format version; expected 1\. Received 99"):
        TokenStore(store.directory)


def test_limits_and_an_empty_result_are_explained(tmp_path, tokenizers):
    with pytest.raises(ValueError, match=r"max_target_length is too small.*Received 1\."):
        build(tmp_path, tokenizers, max_target_length=1)
    with pytest.raises(ValueError, match=r"no pair is left to store.*'source too long': 300"):
        build(tmp_path, tokenizers, max_source_length=2)
    assert list(tmp_path.iterdir()) == []


def test_building_holds_one_chunk_in_memory(tmp_path, tokenizers):
    """Peak memory hardly grows when the corpus does (about 1 and 4 MB of text)."""

    def peak(count):
        tracemalloc.start()
        pairs = ((f"the number {n} runs far away", f"수 {n} 달린다") for n in range(count))
        TokenStore.build(
            tmp_path / str(count),
            lambda: pairs,
            *tokenizers,
            max_source_length=64,
            max_target_length=64,
            keep_text=True,
            fingerprint=str(count),
        )
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    small, large = peak(4_000), peak(16_000)
    assert large < small + 12_000 * 40
