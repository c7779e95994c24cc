"""The loop under both searches: who is seen at each step, and what is written down for whom."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo.shrinking_loop import shrinking_loop

# What is logged for sentences that have left.
FILLS = {"count": -7, "share": 0.25}


class Lives:
    """Sentences that are done after `lives` steps each, with `beam_size` hypotheses a sentence.

    A sentence's total grows by its number + 1 at each step; a hypothesis remembers in a growing
    axis which one it was at each step, as row · K + k.
    """

    def __init__(self, lives, beam_size=1):
        self.lives, self.beam_size = np.array(lives, "int32"), beam_size
        self.rows = []  # numbers of the sentences that each step saw
        self.histories = []

    def entries(self, sentence, step):
        """The count and the share that this sentence logs at this step; no other logs the same."""
        return (sentence + 1) * (step + 1), [sentence + step / 64, -sentence]

    def advance(self, step, sentences, hypotheses, fixed, history):
        rows = ops.convert_to_numpy(fixed["row"])
        self.rows.append(rows.tolist())
        self.histories.append({n: ops.convert_to_numpy(x) for n, x in history().items()})
        np.testing.assert_array_equal(fixed["life"], self.lives[rows])
        numbers = (rows[:, None] * self.beam_size + np.arange(self.beam_size)).reshape(-1)
        memory = ops.convert_to_numpy(hypotheses["memory"])
        assert memory.shape == (len(numbers), int(step))
        np.testing.assert_array_equal(memory, np.repeat(numbers[:, None], int(step), axis=1))
        grown = ops.concatenate([hypotheses["memory"], numbers[:, None].astype("int32")], axis=1)
        total = sentences["total"] + fixed["row"] + 1
        share = ops.stack(
            [ops.cast(fixed["row"], "float32") + ops.cast(step, "float32") / 64, -1.0 * rows],
            axis=1,
        )
        entries = {"count": total, "share": ops.cast(share, "float32")}
        return {"total": total}, {"memory": grown}, step + 1 < fixed["life"], entries

    def run(self):
        batch = len(self.lives)
        logs = {
            "count": (ops.zeros((batch, 0), "int32"), FILLS["count"]),
            "share": (ops.zeros((batch, 0, 2), "float32"), FILLS["share"]),
        }
        log = shrinking_loop(
            self.advance,
            {"total": ops.zeros((batch,), "int32")},
            {"memory": ops.zeros((batch * self.beam_size, 0), "int32")},
            {"life": ops.convert_to_tensor(self.lives)},
            logs,
            self.beam_size,
        )
        return {name: ops.convert_to_numpy(value) for name, value in log.items()}

    def expected(self, rows):
        """The logs of these sentences, step by step; the fill where one was no longer there."""
        steps = range(len(self.rows))
        here = [[self.entries(b, t) if b in self.rows[t] else None for t in steps] for b in rows]
        gone = (FILLS["count"], [FILLS["share"]] * 2)
        count = [[(entry or gone)[0] for entry in row] for row in here]
        share = [[(entry or gone)[1] for entry in row] for row in here]
        return {"count": np.array(count), "share": np.array(share)}


LIVES = [2, 9, 1, 5, 9, 1, 12, 3]


@pytest.mark.parametrize(
    ("lives", "left"),
    [
        (LIVES, [8] + [6] * 2 + [4] * 2 + [3] * 4 + [1] * 3),
        ([4, 4, 4, 3, 4], [5] * 4),  # 4 of 5 are more than three quarters
        ([5, 2], [2, 2, 1, 1, 1]),
        ([6] * 3, [3] * 6),
        ([3], [1] * 3),
        ([1, 1, 1, 1], [4]),
    ],
)
def test_batch_shrinks_once_a_quarter_is_done(lives, left):
    run = Lives(lives)
    run.run()
    assert [len(rows) for rows in run.rows] == left
    for step, rows in enumerate(run.rows):  # nobody leaves too early, and all stay in order
        assert {b for b, life in enumerate(lives) if life > step} <= set(rows)
        assert rows == sorted(rows)


@pytest.mark.parametrize("beam_size", [1, 3])
@pytest.mark.parametrize("lives", [LIVES, [4], [2, 2, 2], [1, 7]])
def test_logs_hold_each_sentences_entries_and_the_fill_after_it_left(lives, beam_size):
    run = Lives(lives, beam_size)
    log = run.run()
    assert len(run.rows) == max(lives)
    for name, expected in run.expected(range(len(lives))).items():
        np.testing.assert_array_equal(log[name], expected)
    filled = log["count"] == FILLS["count"]
    assert not filled[np.arange(max(lives)) < run.lives[:, None]].any()


def test_history_gives_what_the_sentences_that_are_left_have_logged():
    run = Lives(LIVES)
    run.run()
    for step, (rows, history) in enumerate(zip(run.rows, run.histories, strict=True)):
        for name, expected in run.expected(rows).items():
            np.testing.assert_array_equal(history[name], expected[:, :step])


def test_graph_with_free_axes_gives_the_same_logs():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow traces graphs whose shapes are free")
    import tensorflow as tf

    signature = [tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)]

    @tf.function(input_signature=signature, autograph=False)
    def count(lives, beam_size):
        def advance(step, sentences, hypotheses, fixed, history):
            seen = tf.reduce_sum(history()["seen"], axis=1) + fixed["row"]
            active = step + 1 < fixed["life"]
            return sentences, {"x": hypotheses["x"] + 1}, active, {"seen": seen}

        batch = tf.shape(lives)[0]
        nothing = {"unused": tf.zeros_like(lives)}
        hypotheses = {"x": tf.zeros((batch * beam_size, 2))}
        logs = {"seen": (tf.zeros((batch, 0), tf.int32), -1)}
        return shrinking_loop(advance, nothing, hypotheses, {"life": lives}, logs, beam_size)

    # Each step logs the sum of all before it, and the sentence's number: b, 2b, 4b …
    assert count([4, 1, 3], 2)["seen"].numpy().tolist() == [
        [0, 0, 0, 0],
        [1, -1, -1, -1],
        [2, 4, 8, -1],
    ]
    assert count([2], 5)["seen"].numpy().tolist() == [[0, 0]]
