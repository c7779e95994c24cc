"""Bahdanau's and Luong's attention against numpy: every score, every window, every mask."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo.layers import BahdanauAttention, LuongAttention

SCORES = ("dot", "general", "concat", "location")
WINDOWS = ("global", "local_m", "local_p")
B, T, S, DIM = 2, 7, 9, 4
# The first sentence has 9 tokens, the second 4.
LENGTHS = np.array([9, 4])
MASK = (np.arange(S) < LENGTHS[:, None])[:, None]  # (B, 1, S)
CASES = {
    "bahdanau": lambda: BahdanauAttention(5),
    "bahdanau_normalized": lambda: BahdanauAttention(5, normalize=True),
    **{
        f"luong_{score}_{window}": lambda score=score, window=window: LuongAttention(
            score, window, window_size=2, max_source_length=S
        )
        for score in SCORES
        for window in WINDOWS
    },
}


def _randomize(layer):
    random = np.random.default_rng(3)
    for weight in layer.weights:
        weight.assign(random.normal(size=weight.shape))
    return layer


def _inputs(seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(B, T, DIM)).astype("float32"), random.normal(
        size=(B, S, DIM)
    ).astype("float32")


@pytest.fixture(params=CASES)
def layer(request):
    layer = CASES[request.param]()
    layer(*_inputs())
    return _randomize(layer)


def _numpy(x):
    return x.numpy()


def _call(layer, *args, **kwargs):
    results = layer(*args, return_attention_scores=True, **kwargs)
    return [_numpy(x) for x in results]


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _softmax(scores, allowed):
    """The definition, row by row; a row that allows nothing is zeros."""
    weights = np.zeros_like(scores)
    for index in np.ndindex(scores.shape[:-1]):
        keys = np.flatnonzero(allowed[index])
        if len(keys):
            powers = np.exp(scores[index][keys] - scores[index][keys].max())
            weights[index][keys] = powers / powers.sum()
    return weights


def _bahdanau_score(layer, q, m):
    w, u = (_numpy(p.kernel) for p in (layer.query_projection, layer.key_projection))
    v = _numpy(layer.v)
    if not layer.normalize:
        return np.tanh(q @ w + m @ u) @ v
    hidden = np.tanh(q @ w + m @ u + _numpy(layer.bias))
    return _numpy(layer.gain) * (v / np.linalg.norm(v)) @ hidden


def _luong_score(layer, q, m, s):
    if layer.score == "dot":
        return q @ m
    if layer.score == "general":  # hᵀ W m
        return q @ _numpy(layer.key_projection.kernel).T @ m
    if layer.score == "location":
        return _numpy(layer.locations)[s] @ q
    w = np.vstack([_numpy(p.kernel) for p in (layer.query_projection, layer.key_projection)])
    return np.tanh(np.concatenate([q, m]) @ w) @ _numpy(layer.v)


def _luong_weights(layer, query, memory, mask, lengths):
    scores, allowed = np.zeros((B, T, S)), np.broadcast_to(mask, (B, T, S)).copy()
    for b, t in np.ndindex(B, T):
        q = query[b, t]
        center = min(t, lengths[b] - 1)
        if layer.window == "local_p":
            hidden = np.tanh(q @ _numpy(layer.center_hidden.kernel))
            center = lengths[b] * _sigmoid(hidden @ _numpy(layer.center_output.kernel))[0]
        for s in range(S):
            scores[b, t, s] = _luong_score(layer, q, memory[b, s], s)
            if layer.window == "local_p":
                sigma = layer.window_size / 2
                scores[b, t, s] -= (s - center) ** 2 / (2 * sigma**2)
            if layer.window != "global":
                allowed[b, t, s] &= abs(s - center) <= layer.window_size
    return _softmax(scores, allowed)


@pytest.mark.parametrize("masked", [True, False])
def test_attention_equals_its_equation(layer, masked):
    query, memory = _inputs()
    mask = MASK if masked else np.ones((B, 1, S), bool)
    lengths = LENGTHS if masked else np.array([S, S])
    if isinstance(layer, LuongAttention):
        expected = _luong_weights(layer, query, memory, mask, lengths)
    else:
        scores = np.array(
            [
                [[_bahdanau_score(layer, q, m) for m in memory[b]] for q in query[b]]
                for b in range(B)
            ]
        )
        expected = _softmax(scores, np.broadcast_to(mask, scores.shape))
    context, weights = _call(layer, query, memory, attention_mask=mask if masked else None)
    np.testing.assert_allclose(weights, expected, atol=1e-5)
    np.testing.assert_allclose(context, expected @ memory, atol=1e-5)
    assert not weights[expected == 0].any()


def test_gaussian_is_the_papers_up_to_the_sum_of_a_row():
    """align(h_t, m_s) · exp(−(s − p_t)²/2σ²), divided by its sum (Luong et al. 2015, eq. 10)."""
    options = {"score": "dot", "window_size": 3}
    query, memory = _inputs()
    local = LuongAttention(window="local_p", **options)
    local(query, memory)
    _randomize(local)
    plain = _call(LuongAttention(**options), query, memory)[1]
    hidden = np.tanh(query @ _numpy(local.center_hidden.kernel))
    center = S * _sigmoid(hidden @ _numpy(local.center_output.kernel))  # (B, T, 1)
    distance = np.arange(S) - center
    paper = plain * np.exp(-(distance**2) / (2 * 1.5**2)) * (np.abs(distance) <= 3)
    expected = paper / paper.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(_call(local, query, memory)[1], expected, atol=1e-5)


def test_monotonic_center_stays_on_the_last_token():
    layer = LuongAttention("dot", "local_m", window_size=1)
    query, memory = _inputs()
    weights = _call(layer, query, memory, attention_mask=MASK)[1]
    seen = [np.flatnonzero(row).tolist() for row in weights[1]]
    assert seen == [[0, 1], [0, 1, 2], [1, 2, 3], [2, 3], [2, 3], [2, 3], [2, 3]]


def test_query_positions_move_the_monotonic_center():
    layer = LuongAttention("dot", "local_m", window_size=1)
    query, memory = _inputs()
    positions = np.array([[5] * T, [0] * T], "int32")
    weights = _call(layer, query, memory, query_positions=positions)[1]
    assert [np.flatnonzero(row).tolist() for row in weights[:, 3]] == [[4, 5, 6], [0, 1]]


def test_location_attends_to_nothing_beyond_its_longest_source():
    layer = LuongAttention("location", max_source_length=6)
    weights = _call(layer, *_inputs())[1]
    assert not weights[:, :, 6:].any()
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-6)


def test_weights_sum_to_one_on_allowed_keys_and_are_zero_elsewhere(layer):
    weights = _call(layer, *_inputs(), attention_mask=MASK)[1]
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-6)
    assert not weights[~np.broadcast_to(MASK, weights.shape)].any()


def test_nothing_to_attend_to_gives_zeros_and_finite_gradients(layer):
    tf = pytest.importorskip("tensorflow", reason="gradients are taken with TensorFlow")
    query, memory = map(tf.Variable, _inputs())
    mask = MASK.copy()
    mask[1] = False
    with tf.GradientTape() as tape:
        context, weights = layer(query, memory, attention_mask=mask, return_attention_scores=True)
        loss = tf.reduce_sum(context**2)
    assert not weights.numpy()[1].any()
    assert not context.numpy()[1].any()
    gradients = tape.gradient(loss, [query, memory, *layer.trainable_variables])
    for gradient in gradients:
        assert gradient is None or np.isfinite(tf.convert_to_tensor(gradient)).all()
    assert not gradients[1].numpy()[1].any()
    assert gradients[1].numpy()[0].any()


def test_projected_keys_passed_back_in_change_nothing(layer):
    query, memory = _inputs()
    plain = _call(layer, query, memory, attention_mask=MASK)
    again = _call(layer, query, memory, key=layer.project_keys(memory), attention_mask=MASK)
    for ours, theirs in zip(plain, again, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_step_equals_call_with_a_row_for_each_hypothesis(layer):
    """K hypotheses of a sentence go on the query axis; the memory is never repeated."""
    query, memory = _inputs()
    positions = np.arange(T, dtype="int32")[None].repeat(B, axis=0)
    keys = layer.project_keys(memory)
    context, weights = layer.step(
        query.reshape(B * T, DIM), memory, keys, MASK, positions.reshape(-1)
    )
    expected = _call(
        layer,
        query.reshape(B * T, 1, DIM),
        memory.repeat(T, axis=0),
        attention_mask=MASK.repeat(T, axis=0),
        query_positions=positions.reshape(-1, 1),
    )
    np.testing.assert_allclose(context, expected[0][:, 0], atol=1e-5)
    np.testing.assert_allclose(weights, expected[1][:, 0], atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("name", CASES)
def test_mixed_precision_keeps_scores_in_float32(name, policy):
    query, memory = _inputs()
    plain = CASES[name]()
    expected = _call(plain, query, memory, attention_mask=MASK)[1]
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        layer = CASES[name]()
        layer(query, memory)
    finally:
        keras.config.set_dtype_policy(before)
    layer.set_weights(plain.get_weights())
    context, weights = layer(query, memory, attention_mask=MASK, return_attention_scores=True)
    assert keras.backend.standardize_dtype(weights.dtype) == "float32"
    assert keras.backend.standardize_dtype(context.dtype) == policy.removeprefix("mixed_")
    weights = ops.convert_to_numpy(weights)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-6)
    if "local_p" not in name:  # there a rounded center may move the window by a whole token
        np.testing.assert_allclose(weights, expected, atol=0.05)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match=r"units must be at least 1\. Received 0\."):
        BahdanauAttention(0)
    problems = r"score is unknown(.|\n)*window is unknown(.|\n)*window_size must be at least 1"
    with pytest.raises(ValueError, match=problems):
        LuongAttention("cosine", "local", window_size=0)
    with pytest.raises(ValueError, match="query width 4 and key width 6 differ"):
        LuongAttention("dot")(np.ones((1, 2, 4)), np.ones((1, 3, 6)))


def test_luong_says_what_it_lacks():
    memory = ops.ones((2, 9, 6))
    for score in ("general", "concat", "location"):
        with pytest.raises(ValueError, match=r"Call the layer first, or layer\.build"):
            LuongAttention(score).project_keys(memory)
    layer = LuongAttention(window="local_m")
    layer.build((2, 1, 6), (2, 9, 6))
    with pytest.raises(ValueError, match="query_positions is missing"):
        layer.step(memory[:, 0], memory, layer.project_keys(memory))
