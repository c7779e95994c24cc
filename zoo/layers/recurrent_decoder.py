"""Stacked GRU or LSTM that runs over a whole target, or one position at a time."""

import keras
from keras import ops

from zoo.layers.recurrent_encoder import RNN_LAYERS

_STATES = {"gru": ("h",), "lstm": ("h", "c")}


@keras.saving.register_keras_serializable(package="attention_zoo")
class RecurrentDecoder(keras.layers.Layer):
    """s_t = RNN(x_t, s_{t−1}), in `num_layers` layers.

    Args:
        cell: "gru" or "lstm".
        units: width of each layer.
        num_layers: stacked layers, at least 1.
        dropout: share dropped between layers, in training.

    Call arguments:
        x: `(B, T, D)`.
        states: list of `(B, units)` tensors in the order of `state_names`.

    Returns:
        The top layer's outputs `(B, T, units)`.

    `step` is the same map for one position; `call` equals scanned `step`, in training with the
    factors that `draw_factors` gives.

    Example:
        >>> from keras import ops
        >>> decoder = RecurrentDecoder("gru", units=4)
        >>> decoder(ops.ones((2, 5, 3)), [ops.zeros((2, 4))]).shape == (2, 5, 4)
        True
    """

    def __init__(self, cell, units, num_layers=1, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.cell = cell
        self.units = units
        self.num_layers = num_layers
        self.dropout = dropout
        self.layers = [
            RNN_LAYERS[cell](
                units, return_sequences=True, name=f"layer_{index}", dtype=self.dtype_policy
            )
            for index in range(num_layers)
        ]
        self.between = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.built = True

    @property
    def state_names(self):
        """Names of the state tensors, layer by layer: decoder_h0, decoder_c0, decoder_h1, …"""
        kinds = _STATES[self.cell]
        return [f"decoder_{kind}{index}" for index in range(self.num_layers) for kind in kinds]

    def build_for(self, input_width):
        """Creates the weights for inputs of `input_width` features."""
        for index, layer in enumerate(self.layers):
            layer.build((None, None, input_width if index == 0 else self.units))

    def call(self, x, states, training=None):
        per_layer = len(_STATES[self.cell])
        for index, layer in enumerate(self.layers):
            if index:
                x = self.between(x, training=training)
            start = states[index * per_layer : (index + 1) * per_layer]
            x = layer(x, initial_state=start, training=training)
        return x

    def draw_factors(self, x, training=None):
        """What `step` multiplies each layer's input with: 0 where it is dropped, else 1 / (1 − p).

        Args:
            x: `(T, B, D)`, for its shape.
            training: whether anything is dropped.

        Returns:
            A list of `(T, B, units)` tensors, one for each layer after the first; empty where
            nothing is dropped.
        """
        if not training or not self.dropout:
            return []
        ones = ops.ones((*ops.shape(x)[:2], self.units), dtype=self.compute_dtype)
        return [self.between(ones, training=True) for _ in self.layers[1:]]

    def step(self, x, states, factors=()):
        """One position.

        Args:
            x: `(N, D)`.
            states: list of `(N, units)` tensors in the order of `state_names`.
            factors: this position of `draw_factors`, `(N, units)` each.

        Returns:
            `(output, states)`: `(N, units)` and the next states.
        """
        per_layer = len(_STATES[self.cell])
        next_states = []
        for index, layer in enumerate(self.layers):
            if index and factors:
                x = x * factors[index - 1]
            x, new = layer.cell(x, states[index * per_layer : (index + 1) * per_layer])
            next_states.extend(new)
        return x, next_states

    def get_config(self):
        names = ("cell", "units", "num_layers", "dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
