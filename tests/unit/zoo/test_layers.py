"""The parts beside attention: against Keras with the same weights, and against numpy."""

import doctest
import inspect

import keras
import numpy as np
import pytest
from keras import ops

from zoo import layers, masks
from zoo.layers.masked_softmax import masked_softmax

LAYERS = {
    "BahdanauAttention": {"units": 4, "normalize": True},
    "CrossAttention": {"width": 8, "num_heads": 2, "dropout": 0.1},
    "DecoderBridge": {"units": 3, "num_states": 2, "num_layers": 2, "project": False},
    "Dense": {"units": 3, "activation": "tanh"},
    "LayerNormalization": {"epsilon": 1e-3},
    "LearnedPositionalEncoding": {"max_length": 5, "width": 4},
    "LuongAttention": {
        "score": "concat",
        "window": "local_m",
        "window_size": 3,
        "max_source_length": 7,
    },
    "RecurrentDecoder": {"cell": "gru", "units": 3, "num_layers": 2, "dropout": 0.2},
    "RecurrentEncoder": {
        "cell": "lstm",
        "units": 3,
        "num_layers": 2,
        "bidirectional": False,
        "dropout": 0.2,
    },
    "SSRU": {"units": 3},
    "SelfAttention": {"width": 8, "num_heads": 2, "dropout": 0.1, "rotary_length": 5},
    "SinusoidalPositionalEncoding": {"max_length": 5, "width": 4},
    "TokenEmbedding": {"vocabulary_size": 5, "width": 4, "scale": 2.0},
    **{
        name: {
            "width": 8,
            "feedforward_width": 6,
            "num_heads": 2,
            "norm": "post",
            "dropout": 0.1,
            "rotary_length": None,
            "inner_dropout": 0.2,
        }
        for name in ("SSRUDecoderBlock", "TransformerDecoderBlock", "TransformerEncoderBlock")
    },
}


def _normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


# --- all public layers ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", layers.__all__)
def test_example_of_the_docstring_runs(name):
    cls = getattr(layers, name)
    module = inspect.getmodule(cls)
    found = doctest.DocTestFinder(recurse=False).find(cls, name, globs=vars(module).copy())
    results = [doctest.DocTestRunner(verbose=False).run(test) for test in found]
    assert sum(result.attempted for result in results) > 0
    assert sum(result.failed for result in results) == 0


def test_every_layer_is_tested_for_its_configuration():
    assert {*LAYERS, "RotaryPositions"} == set(layers.__all__)  # that one is no Keras layer


@pytest.mark.parametrize("name", LAYERS)
def test_configuration_makes_the_same_layer(name):
    cls = getattr(layers, name)
    config = cls(**LAYERS[name], name="some_name").get_config()
    again = cls.from_config(config)
    assert again.get_config() == config
    assert again.name == "some_name"
    assert all(config[key] == value for key, value in LAYERS[name].items())
    assert keras.saving.get_registered_name(cls) == f"attention_zoo>{name}"


# --- masks ----------------------------------------------------------------------------------------


def test_masks_are_true_where_one_may_attend():
    assert masks.padding_mask(np.array([[4, 2, 0]])).numpy().tolist() == [[True, True, False]]
    assert masks.over_queries(np.ones((2, 3), bool)).shape == (2, 1, 3)
    np.testing.assert_array_equal(masks.causal_mask(3)[0], np.tril(np.ones((3, 3), bool)))
    window = masks.window_mask(6, np.array([[0.0, 2.5, 5.0]], "float32"), 1)
    seen = [np.flatnonzero(row).tolist() for row in window.numpy()[0]]
    assert seen == [[0, 1], [2, 3], [4, 5]]


def test_both_masks_must_allow():
    first, second = np.array([True, True, False]), np.array([True, False, False])
    assert masks.both(first, second).numpy().tolist() == [True, False, False]
    assert masks.both(first, None) is first
    assert masks.both(None, second) is second
    assert masks.both(None, None) is None


def test_masked_softmax_is_exact_for_any_scores():
    scores = np.array([[1e4, -1e4, 3.0], [-3e4, -3e4, 9e4], [5.0, 5.0, 5.0]], "float32")
    mask = np.array([[True, True, False], [True, True, False], [False, False, False]])
    expected = [[1, 0, 0], [0.5, 0.5, 0], [0, 0, 0]]
    np.testing.assert_array_equal(masked_softmax(scores, mask), expected)
    assert masked_softmax(np.ones((2, 3), "float16")).dtype == "float32"
    np.testing.assert_array_equal(masked_softmax(scores[:, :1]), np.ones((3, 1)))


def test_masked_softmax_of_rows_that_are_never_empty_is_the_same():
    scores = np.random.default_rng(0).normal(scale=50, size=(40, 6)).astype("float32")
    mask = np.random.default_rng(1).random((40, 6)) < 0.4
    mask[:, 3] = True
    weights = np.asarray(masked_softmax(scores, mask, never_empty=True))
    np.testing.assert_array_equal(weights, masked_softmax(scores, mask))
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-6)
    assert not weights[~mask].any()  # exactly 0


# --- dense, normalisation, embedding --------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 4), (2, 5, 4)])
def test_dense_matches_keras(shape):
    ours = layers.Dense(3, activation="tanh", bias_initializer="normal")
    theirs = keras.layers.Dense(3, activation="tanh")
    x = _normal(*shape)
    ours(x), theirs(x)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-6)


@pytest.mark.parametrize("spread", [5.0, 1e-3, 0.0])  # ε matters for the small ones
@pytest.mark.parametrize("shape", [(3, 4), (2, 5, 4)])
def test_layer_normalization_matches_keras(shape, spread):
    ours = layers.LayerNormalization()
    theirs = keras.layers.LayerNormalization(epsilon=1e-6)
    x = 0.5 + spread * _normal(*shape)
    ours(x), theirs(x)
    for layer in (ours, theirs):
        layer.set_weights([_normal(shape[-1], seed=1), _normal(shape[-1], seed=2)])
    # A small spread is divided by √ε = 1e-3, which makes rounding a thousand times larger.
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-4)


def test_layer_normalization_computes_in_float32():
    layer = layers.LayerNormalization(dtype="mixed_float16")
    x = np.array([[60000.0, 60000.0, -60000.0, -60000.0]], "float16")  # their squares overflow
    output = layer(x)
    assert keras.backend.standardize_dtype(output.dtype) == "float16"
    np.testing.assert_allclose(output, [[1, 1, -1, -1]], atol=1e-3)


def test_token_embedding_looks_up_and_compares():
    layer = layers.TokenEmbedding(7, 4, scale=3.0)
    table = layer.embeddings.numpy()
    ids = np.array([[0, 6, 2], [1, 1, 5]], "int32")
    np.testing.assert_allclose(layer(ids), 3 * table[ids], atol=1e-6)
    np.testing.assert_allclose(layer(ids[0]), 3 * table[ids[0]], atol=1e-6)
    x = _normal(2, 3, 4)
    np.testing.assert_allclose(layer.logits(x), x @ table.T, atol=1e-5)
    np.testing.assert_allclose(layer.logits(x[0]), x[0] @ table.T, atol=1e-5)


def test_token_embedding_starts_with_rows_of_length_one():
    table = layers.TokenEmbedding(500, 16).embeddings.numpy()
    np.testing.assert_allclose(np.square(table).sum(axis=1).mean(), 1, atol=0.1)


# --- positions ------------------------------------------------------------------------------------


def test_sinusoids_are_those_of_vaswani():
    table = layers.SinusoidalPositionalEncoding(50, 6)(np.zeros((1, 50, 6), "float32")).numpy()[0]
    for position in (0, 1, 49):
        for i in range(3):
            angle = position / 10000 ** (2 * i / 6)
            np.testing.assert_allclose(table[position, i], np.sin(angle), atol=1e-5)
            np.testing.assert_allclose(table[position, 3 + i], np.cos(angle), atol=1e-5)
    # a fixed distance is a fixed rotation, so these products depend on the distance only
    products = table @ table.T
    for distance in (1, 7):
        diagonal = np.diagonal(products, distance)
        np.testing.assert_allclose(diagonal, diagonal[0], atol=1e-4)


@pytest.mark.parametrize(
    "cls", [layers.SinusoidalPositionalEncoding, layers.LearnedPositionalEncoding]
)
def test_rows_at_positions_equal_the_sequence(cls):
    layer, x = cls(9, 4), _normal(2, 5, 4)
    expected = layer(x).numpy()
    rows = layer(x[:, 3], positions=np.array([3, 3], "int32"))
    np.testing.assert_allclose(rows, expected[:, 3], atol=1e-6)
    assert np.abs(expected - x).max() > 1e-3


def test_rotary_rows_equal_the_sequence():
    rotary, x = layers.RotaryPositions(9, 4), _normal(2, 3, 5, 4)
    expected = rotary.sequence(x).numpy()
    rows = rotary.rows(x[:, :, 2:3], np.array([2, 2], "int32"))
    np.testing.assert_allclose(rows, expected[:, :, 2:3], atol=1e-6)
    angle = 2 * 10000 ** (-2 / 4)  # position 2, the second pair: features 1 and 3
    turned = x[0, 0, 2, 1] * np.cos(angle) - x[0, 0, 2, 3] * np.sin(angle)
    np.testing.assert_allclose(expected[0, 0, 2, 1], turned, atol=1e-6)


# --- recurrent parts ------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_encoder_ends_at_the_last_token(cell, bidirectional):
    encoder = layers.RecurrentEncoder(cell, 3, num_layers=2, bidirectional=bidirectional)
    x, mask = _normal(2, 5, 4), np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], bool)
    memory, states = encoder(x, mask)
    alone, states_alone = encoder(x[1:, :2])
    np.testing.assert_allclose(memory[1:, :2], alone, atol=1e-6)
    assert not memory.numpy()[1, 2:].any()
    assert memory.shape == (2, 5, 6 if bidirectional else 3)
    for layer, layer_alone in zip(states, states_alone, strict=True):
        assert len(layer) == (2 if bidirectional else 1) * (2 if cell == "lstm" else 1)
        for ours, theirs in zip(layer, layer_alone, strict=True):
            np.testing.assert_allclose(ours[1:], theirs, atol=1e-6)
    # forward h of the top layer is the memory's last row, backward h its first
    np.testing.assert_allclose(states[-1][0][0], memory[0, -1, :3], atol=1e-6)
    if bidirectional:
        np.testing.assert_allclose(states[-1][-2 if cell == "lstm" else -1][0], memory[0, 0, 3:])


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_decoder_call_equals_scanned_step(cell):
    decoder = layers.RecurrentDecoder(cell, 3, num_layers=2, dropout=0.5)
    decoder.build_for(4)
    x = _normal(2, 5, 4)
    states = [_normal(2, 3, seed=i) for i in range(len(decoder.state_names))]
    expected = decoder(x, states).numpy()
    for t in range(5):
        output, states = decoder.step(x[:, t], states)
        np.testing.assert_allclose(output, expected[:, t], atol=1e-5)
    names = ["decoder_h0", "decoder_h1"]
    if cell == "lstm":
        names = ["decoder_h0", "decoder_c0", "decoder_h1", "decoder_c1"]
    assert decoder.state_names == names


def test_bridge_joins_the_same_kind_of_both_directions():
    states = [[_normal(2, 3, seed=10 * i + j) for j in range(4)] for i in range(2)]
    bridge = layers.DecoderBridge(5, num_states=2, num_layers=2)
    outputs = bridge(states)
    assert len(outputs) == 4
    for index, (layer, kind) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        joined = np.concatenate([states[layer][kind], states[layer][2 + kind]], axis=-1)
        dense = bridge.projections[index]
        expected = np.tanh(joined @ dense.kernel.numpy() + dense.bias.numpy())
        np.testing.assert_allclose(outputs[index], expected, atol=1e-6)


def test_bridge_hands_one_direction_over():
    states = [[_normal(2, 3), _normal(2, 3, seed=1)], [_normal(2, 3, seed=2)] * 2]
    handed = layers.DecoderBridge(3, num_states=2, num_layers=2, project=False)(states)
    for ours, given in zip(handed, states[0] + states[1], strict=True):
        np.testing.assert_array_equal(ours, given)


def test_beams_split_and_merge_sentence_by_sentence():
    from zoo.layers.beams import merge_beams, split_beams

    rows = np.arange(12, dtype="float32").reshape(6, 2)
    split = split_beams(rows, np.zeros((3, 5)))
    np.testing.assert_array_equal(split[1], rows[2:4])
    np.testing.assert_array_equal(merge_beams(ops.convert_to_tensor(split)), rows)
