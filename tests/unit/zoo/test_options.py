"""Options of `translate_ids` beside the beam: constraints, coverage, whose attention is shown."""

import keras
import numpy as np
import pytest

from zoo import search
from zoo.layers import CrossAttention

START, END = 1, 2
LAYERS, HEADS = 3, 4
SOURCE = np.array([[5, 6, 7, 8, 2], [9, 4, 2, 0, 0], [2, 0, 0, 0, 0]], "int32")


# --- attention_layer, attention_head --------------------------------------------------------------


@pytest.fixture(scope="module")
def transformer(tiny):
    return tiny("transformer_tiny", decoder_layers=LAYERS, num_heads=HEADS)


def teacher_forced_weights(model, ids):
    """Cross-attention `(L, B, H, T, S)` of each block's `call` when `ids` are spoken."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        attend = CrossAttention._attend

        def record(self, *arguments, **options):
            output, weights = attend(self, *arguments, **options)
            found.append(keras.ops.convert_to_numpy(weights))
            return output, weights

        patch.setattr(CrossAttention, "_attend", record)
        starts = np.full((len(ids), 1), START, "int32")
        target = np.concatenate([starts, ids[:, :-1]], axis=1)
        model({"source_ids": SOURCE, "target_ids": target})
    return np.stack(found)


def assert_attention_is(result, weights, n=0):
    """Hypothesis n looked as `weights` `(B, T, S)` say, up to its end."""
    length = result["lengths"][:, n]
    spoken = np.arange(weights.shape[1]) < length[:, None]
    expected = weights * spoken[..., None]
    np.testing.assert_allclose(result["attention"][:, n], expected, atol=1e-5)


def test_default_attention_is_the_mean_over_the_last_blocks_heads(transformer):
    result = transformer.translate_ids(SOURCE)
    weights = teacher_forced_weights(transformer, result["ids"][:, 0])
    assert weights.shape[0] == LAYERS
    assert_attention_is(result, weights[-1].mean(axis=1))


@pytest.mark.parametrize("search_options", [{}, {"beam_size": 3, "num_hypotheses": 2}])
def test_attention_is_that_of_the_chosen_layer_and_head(transformer, search_options):
    expected = transformer.translate_ids(SOURCE, **search_options)
    last = search_options.get("num_hypotheses", 1) - 1
    weights = teacher_forced_weights(transformer, expected["ids"][:, last])
    for layer in range(-LAYERS, LAYERS):
        for head in range(-1, HEADS):
            result = transformer.translate_ids(
                SOURCE, attention_layer=layer, attention_head=head, **search_options
            )
            np.testing.assert_array_equal(result["ids"], expected["ids"])
            chosen = weights[layer]
            assert_attention_is(result, chosen.mean(axis=1) if head < 0 else chosen[:, head], last)


def test_layer_and_head_may_be_python_ints_of_encode(transformer):
    state = transformer.encode(SOURCE, attention_layer=1, attention_head=2)
    tokens = np.full((3,), START, "int32")
    _, _, attention = transformer.decode_step(tokens, state)
    weights = teacher_forced_weights(transformer, tokens[:, None])
    np.testing.assert_allclose(attention, weights[1, :, 2, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention_layer": 3}, "attention_layer is out of range; expected -3 to 2. Received 3."),
        ({"attention_layer": -4}, "attention_layer is out of range; .* Received -4."),
        ({"attention_head": 4}, "attention_head is out of range; expected -1 to 3. Received 4."),
        ({"attention_head": -2}, "attention_head is out of range; .* Received -2."),
    ],
)
def test_layer_and_head_must_exist(transformer, options, message):
    with pytest.raises(ValueError, match=f"translate_ids: {message}"):
        transformer.translate_ids(SOURCE, **options)


# --- what every family takes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("seq2seq_tiny", ["suppressed_ids", "no_repeat_ngram"]),
        ("luong_tiny", ["suppressed_ids", "coverage_penalty", "no_repeat_ngram"]),
        (
            "transformer_tiny",
            [
                "suppressed_ids",
                "coverage_penalty",
                "no_repeat_ngram",
                "attention_layer",
                "attention_head",
            ],
        ),
    ],
)
def test_unknown_options_are_named_with_those_of_the_family(tiny, name, known):
    model = tiny(name)
    assert set(known) < set(model.search_options)
    others = {"coverage_penalty", "attention_layer", "attention_head"} - set(known)
    for unknown in sorted(others | {"beams"}):
        rule = f"unknown option {unknown}; expected one of {', '.join(known)}. Leave it out."
        with pytest.raises(ValueError, match=f"^translate_ids: {rule}$"):
            model.translate_ids(SOURCE, **{unknown: 1})


def test_suppressed_ids_must_be_a_flat_list(tiny):
    model = tiny("seq2seq_tiny")
    for wrong, shape in ((5, r"\(\)"), ([[5], [6], [7]], r"\(3, 1\)")):
        with pytest.raises(ValueError, match=f"suppressed_ids has the wrong shape.*{shape}"):
            model.translate_ids(SOURCE, suppressed_ids=wrong)


@pytest.mark.parametrize("beam", [{}, {"beam_size": 3}])
def test_constraints_reach_the_search(tiny, beam):
    model = tiny("seq2seq_tiny")
    free = model.translate_ids(SOURCE, min_length=5, **beam)["ids"]
    common = int(np.bincount(free[free > END]).argmax())
    result = model.translate_ids(
        SOURCE, min_length=5, suppressed_ids=[common, START], no_repeat_ngram=1, **beam
    )
    for ids, length in zip(result["ids"][:, 0], result["lengths"][:, 0], strict=True):
        spoken = ids[:length].tolist()
        assert length >= 5
        assert not {common, START} & set(spoken)
        assert len(set(spoken)) == length


@pytest.mark.parametrize("beam", [{}, {"beam_size": 3}])
def test_coverage_penalty_reaches_the_search(tiny, beam):
    model, common = tiny("luong_tiny"), {"length_penalty": 1.0, "max_length": 2}
    result = model.translate_ids(SOURCE, coverage_penalty=0.25, **common, **beam)
    # Greedy search made to say the same gives the score without coverage.
    plain = model.translate_ids(SOURCE, prefix_ids=result["ids"][:, 0], **common)
    np.testing.assert_array_equal(plain["lengths"], result["lengths"])
    change = keras.ops.convert_to_numpy(search.coverage(result["attention"], SOURCE != 0))
    np.testing.assert_allclose(result["scores"], plain["scores"] + 0.25 * change, atol=1e-5)
    assert (change < -0.1).any()
