"""Self- and cross-attention against the equation and against Keras with the same weights."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo import masks
from zoo.layers import CrossAttention, SelfAttention, TransformerDecoderBlock
from zoo.layers.multi_head_attention import dot_product_attention

B, T, S, WIDTH, HEADS = 2, 4, 5, 8, 2
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], bool)[:, None]


def _numpy(x):
    return x.numpy()


def _normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def _same_weights_in_keras(layer, query, memory):
    theirs = keras.layers.MultiHeadAttention(HEADS, WIDTH // HEADS)
    theirs(query, memory)
    for weight in layer.weights:  # biases too
        weight.assign(_normal(*weight.shape, seed=len(weight.shape)))
    values = []
    for part in ("query", "key", "value"):
        dense = getattr(layer, f"{part}_projection")
        values.append(np.reshape(_numpy(dense.kernel), (-1, HEADS, WIDTH // HEADS)))
        values.append(np.reshape(_numpy(dense.bias), (HEADS, WIDTH // HEADS)))
    kernel = np.reshape(_numpy(layer.output_projection.kernel), (HEADS, WIDTH // HEADS, WIDTH))
    theirs.set_weights([*values, kernel, _numpy(layer.output_projection.bias)])
    return theirs


def test_dot_product_attention_equals_its_equation():
    query, key, value = _normal(B, HEADS, T, 3), _normal(B, HEADS, S, 3), _normal(B, HEADS, S, 3)
    columns = np.swapaxes(key, 2, 3)
    context, weights = dot_product_attention(query, columns, value, MASK[:, None], scale=3**-0.5)
    scores = np.einsum("bhtd,bhsd->bhts", query, key) / np.sqrt(3)
    powers = np.exp(scores) * MASK[:, None]
    expected = powers / powers.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    np.testing.assert_allclose(context, expected @ value, atol=1e-5)


def test_scores_that_overflow_float16_before_scaling_give_no_nan():
    query = np.full((1, 1, 1, 64), 40, "float16")  # q · k = 102400, q · k / √64 = 12800
    key = np.concatenate([query, query / 2], axis=2)
    _, weights = dot_product_attention(query, np.swapaxes(key, 2, 3), key, scale=64**-0.5)
    np.testing.assert_array_equal(weights, [[[[1, 0]]]])


@pytest.mark.parametrize("mask", [None, MASK])
def test_cross_attention_matches_keras(mask):
    query, memory = _normal(B, T, WIDTH), _normal(B, S, 6, seed=1)
    ours = CrossAttention(WIDTH, HEADS)
    ours(query, memory)
    theirs = _same_weights_in_keras(ours, query, memory)
    options = {"attention_mask": mask, "return_attention_scores": True}
    for mine, other in zip(
        ours(query, memory, **options), theirs(query, memory, **options), strict=True
    ):
        np.testing.assert_allclose(mine, other, atol=1e-5)


def test_self_attention_matches_keras_with_a_causal_mask():
    x = _normal(B, T, WIDTH)
    ours = SelfAttention(WIDTH, HEADS)
    ours(x)
    theirs = _same_weights_in_keras(ours, x, x)
    causal = masks.causal_mask(T)
    mine, weights = ours(x, attention_mask=causal, return_attention_scores=True)
    np.testing.assert_allclose(mine, theirs(x, x, use_causal_mask=True), atol=1e-5)
    assert not np.triu(weights, 1).any()
    np.testing.assert_allclose(ours(x, x), ours(x), atol=1e-6)
    plain = np.tril(np.ones((T, T), bool))  # (T, S), for all rows of the batch
    np.testing.assert_allclose(ours(x, attention_mask=plain), mine, atol=1e-6)


@pytest.mark.parametrize("rotary_length", [None, 9])
def test_self_attention_step_equals_causal_call(rotary_length):
    x = _normal(B, T, WIDTH)
    layer = SelfAttention(WIDTH, HEADS, rotary_length=rotary_length)
    expected = ops.convert_to_numpy(layer(x, attention_mask=masks.causal_mask(T)))
    keys = values = ops.zeros((B, HEADS, 0, WIDTH // HEADS))
    for t in range(T):
        output, keys, values = layer.step(x[:, t], keys, values, np.full((B,), t, "int32"))
        np.testing.assert_allclose(output, expected[:, t], atol=1e-5)
    assert keys.shape == values.shape == (B, HEADS, T, WIDTH // HEADS)


def test_rotary_scores_depend_on_the_distance_alone():
    """The same token everywhere: the score of two positions may depend on their distance only."""
    x = np.repeat(_normal(1, 1, WIDTH), 6, axis=1)
    layer = SelfAttention(WIDTH, HEADS, rotary_length=6)
    layer(x)
    for weight in layer.weights:
        weight.assign(_normal(*weight.shape, seed=2))
    queries = layer.rotary.sequence(layer._heads(layer.query_projection(x)))
    keys = layer.rotary.sequence(layer._heads(layer.key_projection(x)))
    scores = np.einsum("bhtd,bhsd->hts", queries, keys)
    for head in scores:
        for distance in range(-5, 6):
            diagonal = np.diagonal(head, distance)
            np.testing.assert_allclose(diagonal, diagonal[0], atol=1e-4)
        assert np.ptp(head[0]) > 1e-2
    np.testing.assert_allclose(
        np.linalg.norm(keys, axis=-1)[0, :, 5],
        np.linalg.norm(layer._heads(layer.key_projection(x)), axis=-1)[0, :, 5],
        rtol=1e-5,
    )


def test_cross_attention_with_projections_equals_the_memory():
    query, memory = _normal(B, T, WIDTH), _normal(B, S, 6, seed=1)
    layer = CrossAttention(WIDTH, HEADS)
    expected = layer(query, memory, attention_mask=MASK)
    keys, values = layer.project_keys(memory), layer.project_values(memory)
    assert keys.shape == (B, HEADS, WIDTH // HEADS, S)
    assert values.shape == (B, HEADS, S, WIDTH // HEADS)
    given = layer(query, values, key=keys, attention_mask=MASK)
    np.testing.assert_allclose(given, expected, atol=1e-6)
    rows, weights = layer.step(query.reshape(-1, WIDTH), values, keys, MASK)
    np.testing.assert_allclose(np.reshape(rows, (B, T, WIDTH)), expected, atol=1e-5)
    full = layer(query, memory, attention_mask=MASK, return_attention_scores=True)[1]
    np.testing.assert_allclose(weights, full, atol=1e-6)


def test_projected_keys_are_divided_by_the_root_of_the_head_width():
    memory, layer = _normal(B, S, 6), CrossAttention(WIDTH, HEADS)
    keys = np.reshape(layer.key_projection(memory), (B, S, HEADS, WIDTH // HEADS))
    expected = np.moveaxis(keys, 1, 3) / np.sqrt(WIDTH // HEADS)
    np.testing.assert_allclose(layer.project_keys(memory), expected, rtol=1e-6)


def test_step_without_beams_equals_a_beam_of_one():
    query, memory = _normal(B, WIDTH), _normal(B, S, 6, seed=1)
    layer = CrossAttention(WIDTH, HEADS)
    keys, values = layer.project_keys(memory), layer.project_values(memory)
    output, weights = layer.step(query, values, keys, MASK, has_beams=False)
    expected, expected_weights = layer.step(query, values, keys, MASK)
    np.testing.assert_allclose(output, expected, atol=1e-6)
    np.testing.assert_allclose(weights, expected_weights, atol=1e-6)
    whole = layer(query[:, None], memory, attention_mask=MASK, return_attention_scores=True)
    np.testing.assert_allclose(output, whole[0][:, 0], atol=1e-5)
    np.testing.assert_allclose(weights, whole[1], atol=1e-6)


def test_nothing_to_attend_to_gives_the_output_bias_and_finite_gradients():
    tf = pytest.importorskip("tensorflow", reason="gradients are taken with TensorFlow")
    query, memory = tf.Variable(_normal(B, T, WIDTH)), tf.Variable(_normal(B, S, WIDTH, seed=1))
    layer = CrossAttention(WIDTH, HEADS)
    layer(query, memory)
    layer.output_projection.bias.assign(np.arange(WIDTH))
    mask = MASK & np.array([True, False])[:, None, None]
    with tf.GradientTape() as tape:
        output, weights = layer(query, memory, attention_mask=mask, return_attention_scores=True)
        loss = tf.reduce_sum(output**2)
    assert not weights.numpy()[1].any()
    np.testing.assert_allclose(output[1], np.tile(np.arange(WIDTH), (T, 1)))
    for gradient in tape.gradient(loss, [query, memory, *layer.trainable_variables]):
        assert np.isfinite(gradient).all()


def test_dropout_drops_weights_in_training_only():
    x = _normal(B, T, WIDTH)
    layer = SelfAttention(WIDTH, HEADS, dropout=0.9)
    np.testing.assert_array_equal(layer(x), layer(x, training=False))
    assert np.abs(np.array(layer(x, training=True)) - np.array(layer(x))).max() > 1e-3


@pytest.mark.parametrize(("dropout", "inner_dropout"), [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5)])
def test_dropout_falls_on_outputs_and_inner_dropout_within(dropout, inner_dropout):
    x, memory = _normal(B, T, WIDTH), _normal(B, S, WIDTH, seed=1)
    block = TransformerDecoderBlock(WIDTH, 12, HEADS, "pre", dropout, None, inner_dropout)

    def is_noisy(layer):
        return not np.allclose(layer(x, memory, training=True), layer(x, memory, training=False))

    assert is_noisy(block) == (dropout + inner_dropout > 0)
    assert is_noisy(block.cross_attention) == (inner_dropout > 0)
    assert block.drop_hidden.rate == inner_dropout


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("rotary_length", [None, 9])
def test_decoder_block_step_equals_call(norm, rotary_length):
    x, memory = _normal(B, T, WIDTH), _normal(B, S, WIDTH, seed=1)
    block = TransformerDecoderBlock(WIDTH, 12, HEADS, norm, 0.1, rotary_length)
    expected = ops.convert_to_numpy(
        block(x, memory, causal_mask=masks.causal_mask(T), memory_mask=MASK)
    )
    key = block.cross_attention.project_keys(memory)
    value = block.cross_attention.project_values(memory)
    states = block.initial_states(B)
    for t in range(T):
        positions = np.full((B,), t, "int32")
        y, states, weights = block.step(x[:, t], states, key, value, MASK, positions)
        np.testing.assert_allclose(y, expected[:, t], atol=1e-5)
    assert weights.shape == (B, HEADS, 1, S)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_norm_stands_where_the_paper_puts_it(norm):
    """Post-norm outputs are normalised; pre-norm outputs keep the residual as it is."""
    x = 10 * _normal(B, T, WIDTH)
    block = TransformerDecoderBlock(WIDTH, 12, HEADS, norm, 0.0, None)
    output = np.array(block(x, _normal(B, S, WIDTH, seed=1)))
    if norm == "post":
        np.testing.assert_allclose(output.mean(axis=-1), 0, atol=1e-5)
        np.testing.assert_allclose(output.std(axis=-1), 1, atol=1e-3)
    else:
        for dense in (
            block.contract,
            block.self_attention.output_projection,
            block.cross_attention.output_projection,
        ):
            dense.kernel.assign(0 * dense.kernel)
        np.testing.assert_allclose(block(x, _normal(B, S, WIDTH, seed=1)), x, atol=1e-6)


@pytest.mark.parametrize("cls", [SelfAttention, CrossAttention])
def test_unequal_heads_are_refused(cls):
    with pytest.raises(ValueError, match=r"width is no multiple of num_heads.*10 and 4.*Use 8"):
        cls(10, 4)
