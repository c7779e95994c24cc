"""Ids that differ are an error, unless Keras itself is undecided."""

import numpy as np
import pytest

import zoo
from export import parity

ROWS = np.array([[5, 6, 2], [7, 2, 0]], "int32")


def _model(difference):
    """A model whose first token is 5, and 6 by so much less."""
    model = zoo.build("seq2seq_tiny", vocabulary_size=9, embedding_width=4, units=4)
    bias = np.array([0, 0, 0, 0, 0, 1, 1 - difference, 0.9, 0], "float32")
    model.output_layer.kernel.assign(np.zeros(model.output_layer.kernel.shape))
    model.output_layer.bias.assign(bias)
    return model


def _compare(model, beam_size, change):
    options = {"max_length": 1}
    expected = model.translate_ids(ROWS, beam_size, num_hypotheses=beam_size, **options)
    received = {name: np.array(value) for name, value in expected.items()}
    change(received)
    comparison = parity.Comparison("it", beam_size, family="seq2seq")
    tied = parity.compare(comparison, model, ROWS, expected, received, options)
    assert comparison.rows == 2
    return comparison, tied


@pytest.mark.parametrize(("difference", "is_tie"), [(1e-5, True), (1e-3, False)])
def test_tie_is_within_noise(difference, is_tie):
    def other_token(received):
        received["ids"][1, 0, 0] = 6

    comparison, tied = _compare(_model(difference), 1, other_token)
    assert (len(comparison.ties), len(comparison.different)) == ((1, 0) if is_tie else (0, 1))
    assert tied == ([1] if is_tie else [])
    [entry] = comparison.ties or comparison.different
    assert (entry["row"], entry["hypothesis"]) == (1, 1)
    assert bool(comparison.problems()) != is_tie


@pytest.mark.parametrize(("token", "is_tie"), [(5, True), (7, False)])
def test_second_hypothesis_counts_too(token, is_tie):
    def other_second(received):
        received["ids"][0, 1, 0] = token

    comparison, tied = _compare(_model(1e-5), 2, other_second)
    assert (len(comparison.ties), len(comparison.different)) == ((1, 0) if is_tie else (0, 1))
    assert tied == []  # the best one is settled
    [entry] = comparison.ties or comparison.different
    assert (entry["row"], entry["hypothesis"]) == (0, 2)


def test_equal_ids_need_no_second_look(monkeypatch):
    monkeypatch.setattr(parity, "translations_within_noise", lambda *_: pytest.fail("a tie?"))
    comparison, tied = _compare(_model(1e-3), 2, lambda received: None)
    assert not comparison.problems() + tied + comparison.ties


def test_equal_hypotheses_below_a_different_one_are_measured():
    def other_best(received):
        received["ids"][0, 0, 0] = 7
        received["scores"][0, 1] += 1.0

    comparison, _ = _compare(_model(1e-5), 2, other_best)
    assert [entry["hypothesis"] for entry in comparison.different] == [1]
    assert comparison.differences["scores"].largest == pytest.approx(1.0)


def test_first_different_hypothesis_of_a_row_is_noted():
    def other_two(received):
        received["ids"][0, :, 0] = 7

    comparison, _ = _compare(_model(1e-5), 2, other_two)
    assert [entry["hypothesis"] for entry in comparison.different] == [1]
