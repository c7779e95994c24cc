"""Rows of ids, and what is read back from a graph's arrays."""

import numpy as np

from serving.rows import Row, make_rows, pad, read_translation


def read(translator, ids, length, attention=None):
    output = {"ids": [ids], "lengths": [length], "scores": [-1.5]}
    output = {name: np.asarray(value) for name, value in output.items()}
    if attention is not None:
        output["attention"] = np.asarray([attention], np.float32)
    row = Row((*translator.source_tokenizer.encode("a dog"), 2), (), False)
    tokenizer = translator.target_tokenizer
    return read_translation("a dog", row, output, translator.source_tokenizer, tokenizer)


def test_pad_fills_with_zeros_on_the_right():
    padded = pad([(5, 2), (), (7, 8, 2)])
    assert padded.dtype == np.int32
    assert padded.tolist() == [[5, 2, 0], [0, 0, 0], [7, 8, 2]]


def test_rows_end_with_the_end_id(translator):
    tokenizer = translator.source_tokenizer
    [row, nothing] = make_rows(["a dog", " "], [[7], []], tokenizer, 24)
    assert row.source_ids == (*tokenizer.encode("a dog"), 2)
    assert row.prefix_ids == (7,)
    assert nothing is None


def test_output_that_hit_the_limit_has_no_end_token(translator):
    pieces = translator.target_tokenizer.encode("the cat")
    ended = read(translator, [*pieces, 2, 0, 0], len(pieces) + 1)
    cut = read(translator, [*pieces, 0, 0, 0], len(pieces))
    assert ended.tokens == (*cut.tokens, "</s>")
    assert cut.text == ended.text == "the cat"
    assert cut.score == -1.5


def test_attention_rows_of_hidden_ids_are_dropped(translator):
    pieces = translator.target_tokenizer.encode("the cat")
    ids = [1, pieces[0], 0, *pieces[1:], 2, 0]
    weights = np.arange(len(ids), dtype=np.float32)[:, None] * np.ones((1, 30), np.float32)
    result = read(translator, ids, len(ids) - 1, weights)
    assert result.attention.shape == (len(result.tokens), len(result.source_tokens))
    assert result.attention[:, 0].tolist() == [1, *range(3, len(ids) - 1)]


def test_output_without_any_token_is_empty(translator):
    result = read(translator, [0, 0], 0, np.zeros((2, 30)))
    assert (result.text, result.tokens) == ("", ())
    assert result.attention.shape == (0, len(result.source_tokens))


def test_hypotheses_that_do_not_exist_are_left_out(translator):
    pieces = [*translator.target_tokenizer.encode("the cat"), 2]
    output = {
        "ids": np.array([pieces, [0] * len(pieces)]),
        "lengths": np.array([len(pieces), 0]),
        "scores": np.array([-1.0, -2e9]),
    }
    tokenizer = translator.source_tokenizer
    row = Row((*tokenizer.encode("a dog"), 2), (), False)
    result = read_translation("a dog", row, output, tokenizer, translator.target_tokenizer)
    assert [hypothesis.text for hypothesis in result.hypotheses] == ["the cat"]
