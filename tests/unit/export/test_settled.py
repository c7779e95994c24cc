"""Texts on which rounding decides are told from those that prove something."""

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from export.gate.settled import moved_by_rounding
from export.probe import KerasProbe, teacher_rows

STEPS = 24


class Doubling:
    """A state that doubles at each step, without its integer part: differences double, too."""

    has_attention = False

    def __init__(self, factor):
        self._factor = factor

    def encode(self, source_ids):
        return {"x": ops.cast(source_ids[:, :1], "float32") / 7}

    def decode_step(self, token_ids, state):
        x = state["x"] * self._factor
        x = x - ops.floor(x)
        return ops.concatenate([x, -x], axis=-1), {"x": x}, None


def fed(rows, steps):
    return teacher_rows(np.full((rows, STEPS), 5), np.asarray(steps))


def test_only_rows_that_rounding_moves_are_found():
    source_ids = np.array([[3], [0], [3]], "int32")  # 0 stays 0
    target_ids, mask = fed(3, [STEPS, STEPS, 4])  # the third ends before it shows
    found = moved_by_rounding(Doubling(2.0), source_ids, target_ids, mask)
    assert found.tolist() == [True, False, False]


def test_state_that_forgets_is_settled():
    target_ids, mask = fed(2, [STEPS, STEPS])
    found = moved_by_rounding(Doubling(0.5), np.array([[3], [5]], "int32"), target_ids, mask)
    assert not found.any()


def test_attention_counts_as_logits_do():
    class Looking(Doubling):
        has_attention = True

        def decode_step(self, token_ids, state):
            logits, state, _ = super().decode_step(token_ids, state)
            return ops.zeros_like(logits), state, logits

    target_ids, mask = fed(1, [STEPS])
    assert moved_by_rounding(Looking(2.0), np.array([[3]], "int32"), target_ids, mask).all()


@pytest.mark.parametrize("preset", ["seq2seq_tiny", "bahdanau_tiny", "luong_tiny"])
def test_steps_are_the_probe_s_and_move_as_far_as_they_are_told(preset):
    keras.utils.set_random_seed(0)
    model = zoo.build(preset, vocabulary_size=40, embedding_width=8, units=12)
    source_ids = np.array([[5, 9, 7, 2], [6, 2, 0, 0]], "int32")
    target_ids, mask = teacher_rows(np.array([[5, 6, 7], [8, 2, 0]]), [3, 2])
    probe = KerasProbe(model)
    whole = probe(source_ids, target_ids)
    exact = list(probe.steps(source_ids, target_ids))
    assert exact[0].keys() == ({"logits", "attention"} if model.has_attention else {"logits"})
    for name in exact[0]:
        np.testing.assert_array_equal(np.stack([s[name] for s in exact], 1), whole[name])
    moved = list(probe.steps(source_ids, target_ids, rounding=1e-3))
    apart = [np.abs(a["logits"] - b["logits"]).max() for a, b in zip(exact, moved, strict=True)]
    assert apart[0] == 0  # the first step reads what the encoder said
    assert all(0 < distance < 1e-2 for distance in apart[1:])
    assert not moved_by_rounding(model, source_ids, target_ids, mask).any()
