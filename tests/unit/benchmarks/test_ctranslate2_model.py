"""A converted model is the same function as the Keras model."""

import json

import ctranslate2
import keras
import numpy as np
import pytest
import sentencepiece

import zoo
from benchmarks.ctranslate2_model import convert
from serving.rows import pad

START, END = 1, 2


def _rows(made, seed):
    """Rows of random ids, none of them special."""
    rng = np.random.default_rng(seed)
    size = made.model.config.source_vocabulary_size
    return [rng.integers(4, size, length).tolist() for length in (1, 4, 7, 12)]


def _open(made):
    processor = sentencepiece.SentencePieceProcessor(model_file=str(made.tokenizer))
    translator = ctranslate2.Translator(str(made.directory), device="cpu", compute_type="float32")
    return translator, processor


def _assert_same_token_scores(made, atol):
    """Log-probabilities of each target token and of the end token, on random rows."""
    translator, processor = _open(made)
    sources, targets = _rows(made, 2), _rows(made, 3)
    scored = translator.score_batch(
        [processor.id_to_piece(row) for row in sources],
        [processor.id_to_piece(row) for row in targets],
    )
    inputs = {
        "source_ids": pad([[*row, END] for row in sources]),
        "target_ids": pad([[START, *row] for row in targets]),
    }
    logits = made.model(inputs)
    log_probs = keras.ops.convert_to_numpy(keras.ops.log_softmax(logits))
    for index, (row, received) in enumerate(zip(targets, scored, strict=True)):
        tokens = [*row, END]
        expected = log_probs[index, np.arange(len(tokens)), tokens]
        np.testing.assert_allclose(received.log_probs, expected, atol=atol)


def test_greedy_ids_match_keras(variant):
    translator, processor = _open(variant)
    rows = _rows(variant, 1)
    source_ids = pad([[*row, END] for row in rows])
    expected = variant.model.translate_ids(source_ids, max_length=25)["ids"][:, 0]
    expected = [[i for i in row.tolist() if i not in (0, END)] for row in expected]
    found = translator.translate_batch(
        [processor.id_to_piece(row) for row in rows],
        beam_size=1,
        max_decoding_length=25,
        min_decoding_length=0,
    )
    assert [processor.piece_to_id(result.hypotheses[0]) for result in found] == expected
    assert len({tuple(row) for row in expected}) > 1  # not one answer to everything


def test_token_scores_match_keras(variant):
    _assert_same_token_scores(variant, atol=2e-5)


def test_small_activations_show_that_epsilon_is_ours(convert_new):
    def shrink(model):
        for layer in (model.source_embedding, model.target_embedding):
            layer.embeddings.assign(layer.embeddings * 1e-3)
        for layer in (model.source_positions, model.target_positions):
            layer.positions.assign(layer.positions * 1e-3)

    made = convert_new({"positions": "learned", "tie_output": False}, shrink)
    _assert_same_token_scores(made, atol=1e-4)


def test_int8_model_is_smaller(converted, tmp_path):
    made = converted("pre")
    convert(made.checkpoint, tmp_path / "int8", quantization="int8")
    sizes = [(path / "model.bin").stat().st_size for path in (tmp_path / "int8", made.directory)]
    assert sizes[0] < 0.6 * sizes[1]
    translator = ctranslate2.Translator(str(tmp_path / "int8"), compute_type="int8")
    assert translator.compute_type.startswith("int8")


def test_vocabulary_keeps_the_ids_of_the_tokenizer(converted):
    made = converted("pre")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(made.tokenizer))
    pieces = json.loads((made.directory / "shared_vocabulary.json").read_text(encoding="utf-8"))
    assert pieces == [processor.id_to_piece(i) for i in range(processor.get_piece_size())]


@pytest.mark.parametrize(
    ("preset", "settings"),
    [
        ("transformer_tiny", {"positions": "rotary"}),
        ("transformer_tiny_ssru", {}),
        ("seq2seq_tiny", {"units": 8}),
    ],
)
def test_what_cannot_be_converted_is_named(preset, settings, tmp_path):
    model = zoo.build(preset, vocabulary_size=10, **settings)
    zoo.save_checkpoint(model, tmp_path / "checkpoint")
    with pytest.raises(ValueError, match="cannot be converted; expected a Transformer"):
        convert(tmp_path / "checkpoint", tmp_path / "converted")
