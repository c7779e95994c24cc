"""One step of each family, spelled out from its paper with the model's own weights."""

import numpy as np
import pytest

SOURCE = np.array([[5, 6, 7, 2], [9, 2, 0, 0]], "int32")
MASK = (SOURCE != 0)[:, None]
TOKENS = np.array([4, 8], "int32")


def _dense(layer, x):
    y = x @ layer.kernel.numpy()
    return y if layer.bias is None else y + layer.bias.numpy()


def _normalize(layer, x):
    centered = x - x.mean(axis=-1, keepdims=True)
    scaled = centered / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + layer.epsilon)
    return scaled * layer.gamma.numpy() + layer.beta.numpy()


def _second_step(model):
    """The state before and after the second token, its logits and its attention."""
    _, state, _ = model.decode_step(np.ones((2,), "int32"), model.encode(SOURCE))
    logits, after, attention = model.decode_step(TOKENS, state)
    return state, after, logits, attention


@pytest.mark.parametrize("name", ["bahdanau_tiny", "bahdanau_lstm"])
def test_bahdanau_looks_with_the_last_state_and_pools_a_deep_output(tiny, name):
    model = tiny(name)
    state, after, logits, attention = _second_step(model)
    query = state["decoder_h0"][:, None]
    context, weights = model.attention(
        query, state["memory"], attention_mask=MASK, return_attention_scores=True
    )
    np.testing.assert_allclose(attention, weights[:, 0], atol=1e-6)
    y = model.target_embedding.embeddings.numpy()[TOKENS]
    deep = _dense(
        model.deep_output,
        np.concatenate([after["decoder_h0"], y, context[:, 0]], axis=-1),
    )
    pooled = np.maximum(deep[:, :6], deep[:, 6:])
    np.testing.assert_allclose(logits, _dense(model.output_layer, pooled), atol=1e-5)


@pytest.mark.parametrize("name", ["luong_small", "luong_plain"])
def test_luong_looks_with_the_new_top_state_and_feeds_the_result_back(tiny, name):
    model = tiny(name)
    state, after, logits, attention = _second_step(model)
    y = model.target_embedding.embeddings.numpy()[TOKENS]
    if model.config.input_feeding:
        y = np.concatenate([y, state["attentional"]], axis=-1)
    hidden = model.decoder.step(y, [state[n] for n in model.decoder.state_names])[0].numpy()
    np.testing.assert_allclose(hidden, after["decoder_h1"], atol=1e-6)
    context, weights = model.attention(
        hidden[:, None], state["memory"], attention_mask=MASK, return_attention_scores=True
    )
    np.testing.assert_allclose(attention, weights[:, 0], atol=1e-6)
    attentional = np.tanh(_dense(model.combine, np.concatenate([context[:, 0], hidden], axis=-1)))
    np.testing.assert_allclose(logits, _dense(model.output_layer, attentional), atol=1e-5)
    if model.config.input_feeding:
        np.testing.assert_allclose(after["attentional"], attentional, atol=1e-6)


@pytest.mark.parametrize(
    "name", ["transformer_tiny", "transformer_base", "transformer_rotary_untied"]
)
def test_transformer_is_embedding_blocks_norm_and_output(tiny, name, monkeypatch):
    model = tiny(name, decoder_layers=2)
    c = model.config
    memory = np.sqrt(c.width) * model.source_embedding.embeddings.numpy()[SOURCE]
    if c.positions == "sinusoidal":
        angles = np.arange(4)[:, None] / 10000 ** (np.arange(0, c.width, 2) / c.width)
        memory = memory + np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)
    memory = memory.astype("float32")
    for block in model.encoder_blocks:
        memory = block(memory, attention_mask=MASK).numpy()
    if c.norm == "pre":
        memory = _normalize(model.encoder_norm, memory)
    state = model.encode(SOURCE)
    keys = model.decoder_blocks[1].cross_attention.project_keys(memory)
    np.testing.assert_allclose(state["memory_keys_1"], keys, atol=1e-5)

    seen, last = [], model.decoder_blocks[1]
    step = last.step
    monkeypatch.setattr(last, "step", lambda *args: seen.append(step(*args)) or seen[0])
    logits, _, attention = model.decode_step(TOKENS, state)
    x, _, weights = seen[0]
    np.testing.assert_allclose(attention, weights.numpy().mean(axis=1)[:, 0], atol=1e-6)
    x = _normalize(model.decoder_norm, x.numpy()) if c.norm == "pre" else x.numpy()
    if c.tie_output:
        expected = x @ model.target_embedding.embeddings.numpy().T + model.output_bias.numpy()
    else:
        expected = _dense(model.output_layer, x)
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_shared_embeddings_are_one_table(tiny):
    model = tiny("transformer_shared_learned")
    assert model.source_embedding is model.target_embedding
    tables = [w for w in model.weights if w.path.endswith("/embeddings")]
    assert len(tables) == 1
