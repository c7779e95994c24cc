"""A search with a shortlist against one that masks logits by the candidates of each sentence."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo.shortlist import Shortlist

PAD, START, END = 0, 1, 2
SIZE = 12  # target ids of the tiny models
SOURCE = np.array([[5, 6, 7, 8, 2], [9, 4, 2, 0, 0], [2, 0, 0, 0, 0]], "int32")
# One of each way to have an output layer.
MOST_SEARCHES = ("seq2seq_tiny", "transformer_tiny")
OTHERS = ("bahdanau_tiny", "luong_tiny", "transformer_rotary_untied", "transformer_tiny_ssru")
SEARCHES = {
    "greedy": {},
    "beam": {"beam_size": 3, "num_hypotheses": 3},
    "prefix": {"prefix_ids": [[11], [0], [10]]},
    "prefix of beams": {"beam_size": 3, "num_hypotheses": 2, "prefix_ids": [[9, 11]]},
    "suppressed": {"suppressed_ids": [3, 5, 7], "min_length": 4},
    "n-grams": {"no_repeat_ngram": 1, "max_length": 5},
    "n-grams of beams": {"no_repeat_ngram": 2, "beam_size": 3, "num_hypotheses": 3},
}


def some_shortlist(size=SIZE):
    """Two proposals a source token; 10 and 11 are proposed by nothing."""
    table = np.random.default_rng(4).integers(3, 10, (size, 2)).astype("int32")
    table[PAD] = END
    return Shortlist(table, np.array([END, 6], "int32"))


def whole_vocabulary():
    return Shortlist(np.full((SIZE, 1), END, "int32"), np.arange(SIZE, dtype="int32"))


def own_candidates(shortlist, source, prefix=()):
    """The candidates of one sentence, by the docstring of `Shortlist`."""
    proposed = {int(token) for source_id in source for token in shortlist.table[source_id]}
    forced = {int(token) for token in prefix if token != PAD}
    return sorted(proposed | forced | set(shortlist.frequent.tolist()))


def masked_search(model, source, allowed, beam_size=1, num_hypotheses=1, **options):
    """The search without a shortlist, of one sentence, whose step forbids what is not allowed."""
    penalty = np.full((1, SIZE), -1e9, "float32")
    penalty[0, allowed] = 0.0

    def step(token_ids, state):
        logits, state, attention = model.decode_step(token_ids, state)
        return logits + penalty, state, attention

    for name in ("prefix_ids", "suppressed_ids"):
        if name in options:
            options[name] = ops.convert_to_tensor(np.array(options[name], "int32"))
    rows = ops.convert_to_tensor(source[None])
    found = model.search(
        rows, beam_size, num_hypotheses, decode_step=step, length_penalty=0.6, **options
    )
    return {name: ops.convert_to_numpy(value) for name, value in found.items()}


def assert_same(found, expected, row):
    """One sentence's results; padding may be longer in a batch."""
    for n, length in enumerate(expected["lengths"][0]):
        assert found["lengths"][row, n] == length
        ids = expected["ids"][0, n, :length]
        np.testing.assert_array_equal(found["ids"][row, n, :length], ids)
        score = expected["scores"][0, n]
        if score > -1e8:  # else there is no such hypothesis
            np.testing.assert_allclose(found["scores"][row, n], score, atol=1e-4)
        if "attention" in expected:
            looked = expected["attention"][0, n, :length]
            np.testing.assert_allclose(
                found["attention"][row, n, :length, : looked.shape[1]], looked, atol=1e-5
            )


@pytest.mark.parametrize(
    ("kind", "search"),
    [(kind, "prefix of beams") for kind in OTHERS]
    + [(kind, search) for kind in MOST_SEARCHES for search in SEARCHES],
)
def test_each_row_chooses_among_its_own_candidates(tiny, kind, search):
    model, options = tiny(kind), SEARCHES[search]
    shortlist = some_shortlist()
    found = model.translate_ids(SOURCE, shortlist=shortlist, length_penalty=0.6, **options)
    for row, source in enumerate(SOURCE):
        alone = dict(options)
        if "prefix_ids" in alone:
            alone["prefix_ids"] = np.resize(alone["prefix_ids"], (3, len(alone["prefix_ids"][0])))
            alone["prefix_ids"] = alone["prefix_ids"][row : row + 1]
        prefix = alone.get("prefix_ids", [[]])[0]
        source = source[source != PAD]
        allowed = own_candidates(shortlist, source, prefix)
        assert len(allowed) < SIZE - 2
        assert_same(found, masked_search(model, source, allowed, **alone), row)


@pytest.mark.parametrize("search", ["greedy", "beam", "n-grams of beams"])
@pytest.mark.parametrize("kind", ["luong_tiny", "transformer_tiny"])
def test_whole_vocabulary_equals_no_shortlist(tiny, kind, search):
    model, options = tiny(kind), SEARCHES[search]
    expected = model.translate_ids(SOURCE, **options)
    found = model.translate_ids(SOURCE, shortlist=whole_vocabulary(), **options)
    assert found.keys() == expected.keys()
    np.testing.assert_array_equal(found["ids"], expected["ids"])
    for name in found.keys() - {"ids", "lengths"}:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-5)


@pytest.mark.parametrize("prefix", [None, [[0]], [[0, 11]], [[3], [0], [11]]])
def test_candidates_are_those_of_each_row(prefix):
    shortlist = some_shortlist()
    prefix_ids = None if prefix is None else ops.convert_to_tensor(np.array(prefix, "int32"))
    source = ops.convert_to_tensor(SOURCE)
    ids, is_own = shortlist.candidates(source, prefix_ids, SIZE, END, PAD)
    ids, is_own = ops.convert_to_numpy(ids), ops.convert_to_numpy(is_own)
    assert ids.tolist() == sorted(set(ids.tolist()))
    assert is_own.any(axis=0).all()
    for row, source in enumerate(SOURCE):
        forced = () if prefix is None else prefix[row % len(prefix)]
        expected = own_candidates(shortlist, source[source != PAD], forced)
        assert ids[is_own[row]].tolist() == expected


def test_step_computes_logits_of_candidates_only(tiny, monkeypatch):
    model, widths = tiny("transformer_tiny"), []
    step = model.decode_step

    def record(token_ids, state):
        logits, state, attention = step(token_ids, state)
        widths.append(logits.shape[-1])
        return logits, state, attention

    shortlist = some_shortlist()
    rows = ops.convert_to_tensor(SOURCE)
    model.search(rows, decode_step=record, shortlist=shortlist)
    union = {i for row in SOURCE for i in own_candidates(shortlist, row[row != PAD])}
    assert set(widths) == {len(union)}


def test_model_without_output_of_is_refused(tiny, monkeypatch):
    model = tiny("seq2seq_tiny")
    monkeypatch.setattr(model, "output_of", partial(zoo.TranslationModel.output_of, model))
    with pytest.raises(ValueError, match=r"Seq2Seq: shortlist cannot be used.*output_of"):
        model.translate_ids(SOURCE, shortlist=whole_vocabulary())


def test_two_shortlists_do_not_share_a_trace(tiny):
    model = tiny("luong_tiny")
    only_end = Shortlist(np.full((SIZE, 1), END, "int32"), np.array([END], "int32"))
    assert model.translate_ids(SOURCE, shortlist=only_end)["ids"].tolist() == [[[END]]] * 3
    found = model.translate_ids(SOURCE, shortlist=whole_vocabulary())["ids"]
    np.testing.assert_array_equal(found, model.translate_ids(SOURCE)["ids"])
    assert keras.ops.shape(found)[2] > 1
