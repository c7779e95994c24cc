"""Stacked, optionally bidirectional GRU or LSTM over a padded source."""

import keras
from keras import ops

RNN_LAYERS = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM}


@keras.saving.register_keras_serializable(package="attention_zoo")
class RecurrentEncoder(keras.layers.Layer):
    """m_1 … m_S = RNN(x_1 … x_S); bidirectional: m_s = [→h_s; ←h_s] (Bahdanau et al. 2015, §3.2).

    Args:
        cell: "gru" or "lstm".
        units: width of one direction.
        num_layers: stacked layers, at least 1.
        bidirectional: whether a second RNN reads from the end.
        dropout: share dropped between layers, in training.

    Call arguments:
        x: `(B, S, D)`.
        source_mask: boolean `(B, S)`, True for real tokens, which come first in each row.

    Returns:
        `(memory, final_states)`: memory `(B, S, units · directions)` with zeros at padding, and
        for each layer the list of its final states, each `(B, units)`, forward before backward,
        h before c.

    Cost: S sequential steps of num_layers · directions cells.

    Example:
        >>> from keras import ops
        >>> encoder = RecurrentEncoder("gru", units=4)
        >>> memory, states = encoder(ops.ones((2, 5, 3)), ops.ones((2, 5), "bool"))
        >>> memory.shape == (2, 5, 8) and len(states[0]) == 2
        True
    """

    def __init__(self, cell, units, num_layers=1, bidirectional=True, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.cell = cell
        self.units = units
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.layers = []
        for index in range(num_layers):
            layer = RNN_LAYERS[cell](
                units,
                return_sequences=True,
                return_state=True,
                name=f"layer_{index}",
                dtype=self.dtype_policy,
            )
            if bidirectional:
                layer = keras.layers.Bidirectional(
                    layer, name=f"layer_{index}", dtype=self.dtype_policy
                )
            self.layers.append(layer)
        self.between = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.built = True

    def call(self, x, source_mask=None, training=None):
        final_states = []
        for index, layer in enumerate(self.layers):
            if index:
                x = self.between(x, training=training)
            x, *states = layer(x, mask=source_mask, training=training)
            final_states.append(states)
        if source_mask is not None:
            x = x * ops.expand_dims(ops.cast(source_mask, x.dtype), -1)
        return x, final_states

    def get_config(self):
        names = ("cell", "units", "num_layers", "bidirectional", "dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
