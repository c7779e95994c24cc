"""The SSRU and the decoder block around it, against the equation and against their own steps."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo.layers import SSRU, SSRUDecoderBlock

B, T, S, WIDTH, HEADS = 2, 6, 5, 4, 2
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], bool)[:, None]


def _normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def _random_layer(units=WIDTH, **kwargs):
    layer = SSRU(units, **kwargs)
    layer(_normal(B, T, WIDTH))
    for index, weight in enumerate(layer.weights):  # biases too
        weight.assign(_normal(*weight.shape, seed=index + 1))
    return layer


def _numpy(x):
    return ops.convert_to_numpy(x)


def _by_hand(layer, x, state):
    """The three equations of the class, position by position."""
    w_f, b_f = map(_numpy, layer.forget_projection.weights)
    (w,) = map(_numpy, layer.input_projection.weights)
    outputs = []
    for t in range(x.shape[1]):
        forget = 1 / (1 + np.exp(-(x[:, t] @ w_f + b_f)))
        state = forget * state + (1 - forget) * (x[:, t] @ w)
        outputs.append(np.maximum(state, 0))
    return np.stack(outputs, axis=1)


def test_ssru_equals_its_equation():
    layer, x, start = _random_layer(3), _normal(B, T, WIDTH), _normal(B, 3, seed=9)
    np.testing.assert_allclose(layer(x), _by_hand(layer, x, np.zeros((B, 3))), atol=1e-5)
    np.testing.assert_allclose(layer(x, start), _by_hand(layer, x, start), atol=1e-5)
    assert (_numpy(layer(x, start)) > 0).any()


def test_call_equals_scanned_step():
    layer, x, state = _random_layer(), _normal(B, T, WIDTH), _normal(B, WIDTH, seed=9)
    expected = _numpy(layer(x, state))
    for t in range(T):
        output, state = layer.step(x[:, t], state)
        np.testing.assert_allclose(output, expected[:, t], atol=1e-6)
    assert (_numpy(state) < 0).any()  # the state is not the output: it keeps its sign


def test_later_positions_change_nothing_before_them():
    layer, x = _random_layer(), _normal(B, T, WIDTH)
    changed = x.copy()
    changed[:, 3] += 1
    before, after = _numpy(layer(x)), _numpy(layer(changed))
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert np.abs(before[:, 3:] - after[:, 3:]).max(axis=(0, 2)).min() > 1e-3  # all that follow


def test_length_may_be_known_only_at_run_time():
    tf = pytest.importorskip("tensorflow", reason="only TensorFlow traces free lengths")
    layer, x = _random_layer(), _normal(B, T, WIDTH)
    spec = tf.TensorSpec([None, None, WIDTH])
    traced = tf.function(layer, input_signature=[spec], autograph=False)
    for length in (1, T):
        np.testing.assert_allclose(traced(x[:, :length]), layer(x[:, :length]), atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_gradient_is_the_slope_of_the_output(jit_compile):
    tf = pytest.importorskip("tensorflow", reason="gradients are taken with TensorFlow")
    layer, x = _random_layer(), _normal(B, T, WIDTH)
    weights = _normal(B, T, WIDTH, seed=7)

    def loss(x):
        return tf.reduce_sum(layer(x) * weights)

    @tf.function(jit_compile=jit_compile, autograph=False)
    def gradients(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(x)
        return tape.gradient(value, [x, *layer.trainable_variables])

    found = gradients(tf.constant(x))
    assert all(np.abs(gradient).max() > 1e-2 for gradient in found)
    step = 1e-2
    for position in ((0, 0, 1), (1, 2, 3), (1, T - 1, 0)):
        bump = np.zeros_like(x)
        bump[position] = step
        slope = (loss(x + bump) - loss(x - bump)) / (2 * step)
        np.testing.assert_allclose(found[0][position], slope, atol=2e-2)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_keeps_the_state_in_float32(policy):
    plain, layer = _random_layer(), SSRU(WIDTH, dtype=policy)
    x = _normal(B, T, WIDTH)
    layer(x)
    layer.set_weights(plain.get_weights())
    state = ops.zeros((B, WIDTH), "float32")
    output, state = layer.step(ops.cast(x[:, 0], layer.compute_dtype), state)
    whole = layer(x)
    for tensor in (output, whole):
        assert keras.backend.standardize_dtype(tensor.dtype) == policy.removeprefix("mixed_")
    assert keras.backend.standardize_dtype(state.dtype) == "float32"
    np.testing.assert_allclose(ops.cast(whole, "float32"), plain(x), atol=0.05)


def test_a_gate_near_one_remembers_for_a_thousand_positions():
    """1 − f is 3e-4, which bfloat16 cannot tell from zero."""
    layer = SSRU(1, dtype="mixed_bfloat16")
    x = np.ones((1, 1000, 1), "float32")
    layer(x)
    layer.set_weights([np.zeros((1, 1)), np.array([8.0]), np.ones((1, 1))])
    expected = 1 - (1 / (1 + np.exp(-8.0))) ** 1000
    np.testing.assert_allclose(float(layer(x)[0, -1, 0]), expected, rtol=0.01)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_decoder_block_step_equals_call(norm):
    x, memory = _normal(B, T, WIDTH), _normal(B, S, WIDTH, seed=1)
    block = SSRUDecoderBlock(WIDTH, 12, HEADS, norm, dropout=0.1, rotary_length=None)
    expected = _numpy(block(x, memory, memory_mask=MASK))
    key = block.cross_attention.project_keys(memory)
    value = block.cross_attention.project_values(memory)
    states = block.initial_states(B)
    for t in range(T):
        positions = np.full((B,), t, "int32")
        y, states, weights = block.step(x[:, t], states, key, value, MASK, positions)
        np.testing.assert_allclose(y, expected[:, t], atol=1e-5)
    assert [tuple(state.shape) for state in states] == [(B, WIDTH)]
    assert weights.shape == (B, HEADS, 1, S)


def test_decoder_block_puts_the_ssru_where_self_attention_was():
    """Pre-norm: with the other sublayers silent, x + SSRU(norm(x)) is all there is."""
    x, memory = _normal(B, T, WIDTH), _normal(B, S, WIDTH, seed=1)
    block = SSRUDecoderBlock(WIDTH, 12, HEADS, "pre", dropout=0.0, rotary_length=None)
    block(x, memory)
    for dense in (block.contract, block.cross_attention.output_projection):
        dense.kernel.assign(0 * dense.kernel)
    expected = x + block.ssru(block.self_norm(x))
    np.testing.assert_allclose(block(x, memory), expected, atol=1e-6)
    assert not hasattr(block, "self_attention")


def test_state_of_a_model_holds_one_row_a_hypothesis_that_does_not_grow(tiny):
    model = tiny("transformer_tiny_ssru")
    state = model.encode(np.array([[5, 6, 2], [9, 2, 0]], "int32"))
    for _ in range(3):
        _, state, _ = model.decode_step(np.ones((2,), "int32"), state)
    changing = {n: tuple(x.shape) for n, x in state.items() if not n.startswith("memory")}
    assert changing == {"position": (2,), "ssru_0": (2, 8), "ssru_1": (2, 8)}


def test_model_searches_in_mixed_precision(tiny):
    plain = tiny("transformer_tiny_ssru")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = tiny("transformer_tiny_ssru")
    finally:
        keras.config.set_dtype_policy(before)
    model.set_weights(plain.get_weights())
    ids = np.array([[4, 5, 2], [6, 2, 0]], "int32")
    inputs = {"source_ids": ids, "target_ids": ids}
    np.testing.assert_allclose(model(inputs), plain(inputs), atol=0.3)
    result = model.search(ids, beam_size=2, max_length=3)
    assert (_numpy(result["lengths"]) >= 1).all()


def test_units_below_one_are_refused():
    with pytest.raises(ValueError, match=r"SSRU: units is too small; expected .* Received 0\."):
        SSRU(0)
