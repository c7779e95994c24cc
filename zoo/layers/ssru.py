"""The simpler simple recurrent unit: a recurrence with one gate and no matrix of its own."""

import keras
from keras import ops

from zoo.layers.dense import Dense


@keras.saving.register_keras_serializable(package="attention_zoo")
class SSRU(keras.layers.Layer):
    """f_t = σ(W_f x_t + b_f);  c_t = f_t ∘ c_{t−1} + (1 − f_t) ∘ W x_t;  o_t = max(0, c_t).

    x_t is `(D,)`, W_f and W are `(units, D)`, b_f, f_t, c_t and o_t `(units,)`. The gate looks at x
    alone, so both matrix products run over the whole sequence at once, and what is left for each
    position is three element-wise operations. A decoder that has it in place of self-attention
    keeps one vector a hypothesis, however long the target grows.

    Args:
        units: width of the state and of the output, at least 1.

    Call arguments:
        x: `(B, T, D)`.
        initial_state: c_0, float32 `(B, units)`; None means zeros.

    Returns:
        `(B, T, units)` in the compute dtype; row t depends on rows 0 … t of x. `step` is the same
        map for one position; `call` equals scanned `step`.

    Raises:
        ValueError: `units` is below 1.

    Cost: 2·B·T·D·units multiply-adds, then T steps of B·units.

    Source: Kim et al. (2019), From Research to Production and Back: Ludicrously Fast Neural Machine
    Translation; the SRU of Lei et al. (2018) without its reset gate. Against
    `keras.layers.SimpleRNN`: a gate, and no matrix on the state. The state is float32 under every
    dtype policy.

    Example:
        >>> from keras import ops
        >>> SSRU(4)(ops.ones((2, 5, 3))).shape == (2, 5, 4)
        True
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(
                "SSRU: units is too small; expected a whole number of at least 1. Received "
                f"{units}. Use the width of the model."
            )
        self.units = units
        self.forget_projection = Dense(units, name="forget_projection", dtype=self.dtype_policy)
        self.input_projection = Dense(
            units, use_bias=False, name="input_projection", dtype=self.dtype_policy
        )
        # An early token survives as a product of many gates: float32 under every policy.
        cell = _Recurrence(units, name="recurrence", dtype="float32")
        self.recurrence = keras.layers.RNN(cell, return_sequences=True, dtype="float32")
        self.built = True

    def call(self, x, initial_state=None):
        gates = ops.concatenate(self._gates(x), axis=-1)
        states = self.recurrence(gates, initial_state=initial_state)  # (B, T, units)
        return ops.cast(ops.relu(states), self.compute_dtype)

    def step(self, x, state):
        """One position.

        Args:
            x: `(N, D)`.
            state: float32 `(N, units)`.

        Returns:
            `(output, state)`: `(N, units)` and the next state.
        """
        state = _mix(state, *self._gates(x))
        return ops.cast(ops.relu(state), self.compute_dtype), state

    def _gates(self, x):
        """f and W x, both float32."""
        forget = ops.sigmoid(ops.cast(self.forget_projection(x), "float32"))
        return forget, ops.cast(self.input_projection(x), "float32")

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def _mix(state, forget, candidate):
    """f ∘ c + (1 − f) ∘ W x, written with one operation less."""
    return candidate + forget * (state - candidate)


class _Recurrence(keras.layers.Layer):
    """c_t from `[f_t; W x_t]` and c_{t−1}, as a cell of `keras.layers.RNN`.

    Keras's own loop runs, with gradients, on every backend, under XLA, and over lengths that are
    known only at run time; its general scans do not on TensorFlow.
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.state_size = self.output_size = units
        self.built = True

    def call(self, gates, states):
        forget, candidate = gates[:, : self.state_size], gates[:, self.state_size :]
        state = _mix(states[0], forget, candidate)
        return state, [state]
