"""What the product rests on, for every preset and every switch: one model, however it is called."""

import keras
import numpy as np
import pytest

import zoo
from zoo import masks, search

PAD, START, END = 0, 1, 2


def _numpy(x):
    return keras.ops.convert_to_numpy(x)


def _log_softmax(x):
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def _norm(length, penalty):
    return ((5 + length) / 6) ** penalty


def _assert_same_translations(first, second):
    """Equal but for padding at the end of ids, and of attention over a padded source."""
    length = min(first["ids"].shape[2], second["ids"].shape[2])
    np.testing.assert_array_equal(first["lengths"], second["lengths"])
    np.testing.assert_allclose(first["scores"], second["scores"], atol=1e-5)
    np.testing.assert_array_equal(first["ids"][:, :, :length], second["ids"][:, :, :length])
    for result in (first, second):
        assert not result["ids"][:, :, length:].any()
    if "attention" in first:
        width = min(first["attention"].shape[3], second["attention"].shape[3])
        np.testing.assert_allclose(
            first["attention"][:, :, :length, :width],
            second["attention"][:, :, :length, :width],
            atol=1e-5,
        )


def test_call_equals_scanned_decode_step(case):
    expected = case.own_logits
    state = case.model.encode(case.source)
    steps = []
    for t in range(case.target.shape[1]):
        logits, state, _ = case.model.decode_step(case.target[:, t], state)
        steps.append(_numpy(logits))
    np.testing.assert_allclose(np.stack(steps, axis=1), expected, atol=1e-5)
    assert expected.dtype == np.float32
    assert expected.shape == (3, 5, case.model.config.target_vocabulary_size)


def test_decode_step_with_beams_equals_repeated_rows(case):
    """Two steps with a beam of 2, in which the second hypothesis takes the place of the first."""
    beam_size, sentences = 2, len(case.source)
    tokens = np.array([4, 5, 6, 7, 8, 9], "int32")
    parents = np.array([1, 1, 2, 3, 5, 4])  # of the first sentence, one hypothesis survives
    wide = case.model.encode(case.source)
    repeated = case.model.encode(np.repeat(case.source, beam_size, axis=0))
    per_sentence = ["ancestry", *(n for n in wide if n.startswith(("memory", "cache")))]
    state = {name: x if name in per_sentence else repeated[name] for name, x in wide.items()}
    own = np.broadcast_to(np.eye(beam_size, dtype=bool), (sentences, beam_size, beam_size))
    ancestry = own
    for step in range(2):
        if any(name.startswith("cache") for name in wide):
            state["ancestry"] = ancestry
        logits, state, attention = case.model.decode_step(tokens.reshape(-1, beam_size), state)
        other_logits, repeated, other_attention = case.model.decode_step(tokens, repeated)
        np.testing.assert_allclose(_numpy(logits), _numpy(other_logits), atol=1e-5)
        if case.model.has_attention:
            np.testing.assert_allclose(_numpy(attention), _numpy(other_attention), atol=1e-5)
        if step == 0:  # the beam's past follows its parents, caches and memory stay
            state = {n: x if n in per_sentence else _numpy(x)[parents] for n, x in state.items()}
            repeated = {n: _numpy(x)[parents] for n, x in repeated.items()}
            inherited = ancestry.reshape(-1, beam_size)[parents].reshape(ancestry.shape)
            ancestry = np.concatenate([inherited, own], axis=2)
    assert list(state) == [*wide, *(["ancestry"] if "ancestry" in state else [])]
    assert (attention is not None) == case.model.has_attention


def test_logits_depend_on_the_past_alone(case):
    changed = case.target.copy()
    changed[:, 3:] = 4
    before, after = case.own_logits, case.logits(target=changed)
    np.testing.assert_allclose(before[:, :3], after[:, :3], atol=1e-6)
    assert np.abs(before[:, 3:] - after[:, 3:]).max() > 1e-3


def test_padding_changes_no_logits(case):
    padded = np.pad(case.source, ((0, 0), (0, 3)))
    np.testing.assert_allclose(case.logits(padded), case.own_logits, atol=1e-5)


def test_logits_of_a_batch_equal_those_of_a_single_sentence(case):
    alone = case.logits(case.source[1:2, :3], case.target[1:2])
    np.testing.assert_allclose(alone[0], case.own_logits[1], atol=1e-5)


def test_padding_changes_no_translation(case):
    padded = np.pad(case.source, ((0, 0), (0, 3)))
    _assert_same_translations(case.model.translate_ids(padded), case.greedy)
    again = case.model.translate_ids(padded, beam_size=3, num_hypotheses=2)
    _assert_same_translations(again, case.beam)


def test_batch_equals_single_sentences(case):
    for row, length in enumerate((case.source != PAD).sum(axis=1)):
        alone = case.source[row : row + 1, :length]
        for options, batch in (
            ({}, case.greedy),
            ({"beam_size": 3, "num_hypotheses": 2}, case.beam),
        ):
            single = case.model.translate_ids(alone, **options)
            _assert_same_translations(single, {k: v[row : row + 1] for k, v in batch.items()})


@pytest.mark.parametrize("search", ["greedy", "beam"])
def test_score_equals_rescoring_the_translation(case, search):
    result = getattr(case, search)
    for n in range(result["ids"].shape[1]):
        ids = result["ids"][:, n]
        start = np.ones((3, 1), "int32")
        logits = case.logits(target=np.concatenate([start, ids[:, :-1]], axis=1))
        gains = np.take_along_axis(_log_softmax(logits), ids[..., None], axis=2)[..., 0]
        lengths = result["lengths"][:, n]
        total = (gains * (np.arange(ids.shape[1]) < lengths[:, None])).sum(axis=1)
        np.testing.assert_allclose(result["scores"][:, n], total / _norm(lengths, 0.6), atol=1e-5)


@pytest.mark.parametrize("search", ["greedy", "beam"])
def test_ids_end_with_the_end_token_or_at_the_limit(case, search):
    result = getattr(case, search)
    sizes = (case.source != PAD).sum(axis=1)
    limits = np.minimum(2 * sizes + 10, case.model.config.max_target_length)
    for row, limit in enumerate(limits):
        for ids, length in zip(result["ids"][row], result["lengths"][row], strict=True):
            assert 1 <= length <= limit
            assert ids[length - 1] == END or length == limit
            assert END not in ids[: length - 1]
            assert not ids[length:].any()
    assert result["ids"].dtype == result["lengths"].dtype == np.int32
    assert result["scores"].dtype == np.float32


@pytest.mark.parametrize("search", ["greedy", "beam"])
def test_attention_sums_to_one_over_the_source_and_is_zero_elsewhere(case, search):
    result = getattr(case, search)
    if not case.model.has_attention:
        assert "attention" not in result
        return
    attention = result["attention"]
    spoken = np.arange(attention.shape[2]) < result["lengths"][..., None]
    np.testing.assert_allclose(attention.sum(axis=-1), spoken, atol=1e-5)
    for row in range(3):
        assert not attention[row][..., case.source[row] == PAD].any()
    assert (attention >= 0).all()


def test_greedy_equals_beam_of_one(case):
    source = keras.ops.convert_to_tensor(case.source)
    searched = search.beam(
        case.model.decode_step,
        case.model.encode(source),
        beam_size=1,
        limits=search.length_limits(source, 0, case.model.config.max_target_length),
        start_id=START,
        end_id=END,
        pad_id=PAD,
        length_penalty=0.6,
        source_mask=masks.padding_mask(source) if case.model.has_attention else None,
    )
    _assert_same_translations({n: _numpy(x) for n, x in searched.items()}, case.greedy)


def test_best_of_beam_is_sorted_and_distinct(case):
    assert (np.diff(case.beam["scores"], axis=1) <= 0).all()
    for first, second in case.beam["ids"]:
        assert not np.array_equal(first, second)


def test_limits_and_prefix_are_honoured(case):
    prefix = np.array([[7, 0], [4, 9], [2, 5]], "int32")
    for options in ({}, {"beam_size": 3, "num_hypotheses": 2}):
        result = case.model.translate_ids(
            case.source, min_length=4, max_length=5, prefix_ids=prefix, **options
        )
        ids, lengths = result["ids"], result["lengths"]
        assert (ids[0, :, 0] == 7).all()
        assert (ids[1, :, :2] == [4, 9]).all()
        assert ids[2, 0].tolist()[:2] == [END, PAD]  # a forced end is an end, however early
        assert lengths[2, 0] == 1
        assert ((lengths[:2] >= 4) & (lengths[:2] <= 5)).all()


def test_default_limit_is_twice_the_source_plus_ten(tiny):
    model = tiny("seq2seq_tiny", max_target_length=40)
    never = np.zeros(12, "float32")
    never[END] = -1e4
    model.output_layer.bias.assign(never)
    source = np.array([[5, 6, 2], [2, 0, 0]], "int32")
    assert model.translate_ids(source)["lengths"].tolist() == [[16], [12]]
    assert model.translate_ids(source, max_length=7)["lengths"].tolist() == [[7], [7]]
    assert model.translate_ids(source, max_length=99)["lengths"].tolist() == [[40], [40]]


def test_translate_ids_refuses_a_source_without_tokens(tiny):
    model = tiny("seq2seq_tiny")
    for empty in (np.zeros((0, 3)), np.zeros((2, 0)), np.zeros(3), np.array([[4, 2], [0, 0]])):
        with pytest.raises(ValueError, match="source_ids has no tokens in some row, or the wrong"):
            model.translate_ids(empty)


def test_translate_ids_names_every_problem(tiny):
    model = tiny("seq2seq_tiny", max_source_length=4)
    prefixes = np.ones((3, 1), "int32")
    with pytest.raises(ValueError, match="num_hypotheses is out of range") as caught:
        model.translate_ids([[4, 5, 6, 7, 2]], beam_size=2, num_hypotheses=3, prefix_ids=prefixes)
    message = str(caught.value)
    assert "source_ids is too wide; expected at most max_source_length 4 columns" in message
    assert "prefix_ids has the wrong shape; expected (1, P) or (1, P)" in message
    with pytest.raises(ValueError, match=r"source_ids is out of range; .* 0 to 10\..*-1 to 4"):
        model.translate_ids([[4, -1]])
    with pytest.raises(ValueError, match=r"prefix_ids is out of range.* 0 to 11\..* 12 to 12"):
        model.translate_ids([[4, 2]], prefix_ids=[[12]])


def test_unknown_field_gets_a_suggestion():
    with pytest.raises(ValueError, match=r"unknown field unit\. Did you mean units\?"):
        zoo.build("luong_tiny", vocabulary_size=11, unit=9)


@pytest.mark.parametrize("input_feeding", [True, False])
def test_dropout_falls_between_the_decoder_layers_of_luong(input_feeding):
    model = zoo.build(
        "luong_tiny", vocabulary_size=11, embedding_width=4, units=6, num_layers=2, dropout=0.5,
        input_feeding=input_feeding,
    )  # fmt: skip
    model.drop.rate = model.encoder.dropout = 0.0
    for dropout in model.encoder._flatten_layers(include_self=False):
        if isinstance(dropout, keras.layers.Dropout):
            dropout.rate = 0.0
    inputs = {"source_ids": np.array([[4, 5, 2]]), "target_ids": np.array([[1, 4, 5, 6]])}
    drawn = [_numpy(model(inputs, training=True)) for _ in range(3)]
    assert not np.allclose(drawn[0], drawn[1])
    plain = [_numpy(model(inputs, training=False)) for _ in range(2)]
    np.testing.assert_array_equal(*plain)
    model.decoder.between.rate = model.decoder.dropout = 0.0
    np.testing.assert_allclose(_numpy(model(inputs, training=True)), plain[0], atol=1e-6)


def test_factors_keep_the_mean():
    decoder = zoo.build("luong_small", vocabulary_size=11, units=64, dropout=0.25).decoder
    [factors] = decoder.draw_factors(np.zeros((9, 20, 3), "float32"), training=True)
    assert factors.shape == (9, 20, 64)
    np.testing.assert_allclose(np.unique(_numpy(factors)), [0, 4 / 3], rtol=1e-6)
    assert _numpy(factors).mean() == pytest.approx(1.0, abs=0.05)
    assert decoder.draw_factors(np.zeros((9, 20, 3), "float32"), training=False) == []
