"""The operations that differ by backend, eagerly and in a graph with free axes."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo import backend


def _numbers(x):
    return ops.convert_to_numpy(x).tolist()


def test_gather_takes_entries_along_any_axis():
    x = np.arange(12, dtype="float32").reshape(3, 4)
    indices = np.array([[2, 0], [1, 1]], "int32")
    np.testing.assert_array_equal(backend.gather(x, indices), x[indices])
    np.testing.assert_array_equal(backend.gather(x, indices, axis=1), x[:, indices])
    np.testing.assert_array_equal(backend.gather(x, ops.convert_to_tensor(3), axis=1), x[:, 3])


@pytest.mark.parametrize("mask", [[False, True, True, False, True], [True], [False, False]])
def test_indices_of_a_mask_are_those_of_its_true_entries(mask):
    found = backend.indices_of(ops.convert_to_tensor(mask))
    assert _numbers(found) == np.flatnonzero(mask).tolist()
    assert keras.backend.standardize_dtype(found.dtype) == "int32"


def test_cond_runs_one_branch_alone():
    ran = []

    def branch(name, value):
        def run():
            ran.append(name)
            return ops.convert_to_tensor(value), ops.convert_to_tensor(2 * value)

        return run

    for size, name, value in ((4, "then", 1.0), (2, "else", 3.0)):
        first, second = backend.cond(
            ops.convert_to_tensor(size) > 3, branch("then", 1.0), branch("else", 3.0)
        )
        assert (_numbers(first), _numbers(second)) == (value, 2 * value)
        assert ran.pop() == name
        assert not ran


def test_while_loop_lets_an_empty_axis_grow_and_rows_go():
    def cond(step, left, grown):
        return ops.shape(left)[0] > 1

    def body(step, left, grown):
        grown = ops.concatenate([grown, ops.reshape(ops.cast(step, "int32"), (1, 1))], axis=1)
        return step + 1, left[1:], grown

    start = (ops.convert_to_tensor(0), ops.arange(4), ops.zeros((1, 0), "int32"))
    step, left, grown = backend.while_loop(cond, body, start, rows_change=True)
    assert (_numbers(step), _numbers(left), _numbers(grown)) == (3, [3], [[0, 1, 2]])


def test_while_loop_of_a_graph_keeps_rows_unless_told():
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow traces graphs whose shapes are free")

    def shorten(rows_change):
        @tf.function(autograph=False)
        def run():
            rows = tf.constant([[5, 6], [7, 8], [9, 10]])  # three rows, and the graph knows it
            loop = (lambda rows, _: tf.shape(rows)[0] > 1, lambda rows, n: (rows[1:], n + 1))
            return backend.while_loop(*loop, (rows, 0), rows_change=rows_change)

        return run()

    rows, turns = shorten(rows_change=True)
    assert (rows.numpy().tolist(), int(turns)) == ([[9, 10]], 2)
    with pytest.raises(ValueError, match="shape"):
        shorten(rows_change=False)
