"""From the encoder's final states to the decoder's first."""

import keras
from keras import ops

from zoo.layers.dense import Dense


@keras.saving.register_keras_serializable(package="attention_zoo")
class DecoderBridge(keras.layers.Layer):
    """s_0 = tanh(W h + b) for each decoder state, or s_0 = h where the shapes already agree.

    A bidirectional encoder ends in two states a layer, which one projection joins; a
    unidirectional one hands its states over unchanged (Sutskever et al. 2014, §2).

    Args:
        units: width of a decoder state.
        num_states: number of decoder states of one layer: 1 for GRU, 2 for LSTM.
        num_layers: decoder layers.
        project: whether to project; False hands the states over.

    Call arguments:
        final_states: for each layer the encoder's states, as `RecurrentEncoder` returns them.

    Returns:
        A flat list of `(B, units)` tensors, layer by layer, h before c.

    Example:
        >>> from keras import ops
        >>> forward, backward = ops.ones((2, 3)), ops.ones((2, 3))
        >>> bridge = DecoderBridge(units=4, num_states=1, num_layers=1)
        >>> bridge([[forward, backward]])[0].shape == (2, 4)
        True
    """

    def __init__(self, units, num_states, num_layers, project=True, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.num_states = num_states
        self.num_layers = num_layers
        self.project = project
        count = num_states * num_layers if project else 0
        self.projections = [
            Dense(units, activation="tanh", name=f"state_{index}", dtype=self.dtype_policy)
            for index in range(count)
        ]
        self.built = True

    def call(self, final_states):
        # Each layer holds forward h (, c), then backward h (, c): join one kind's directions.
        flat = [
            ops.concatenate(layer_states[kind :: self.num_states], axis=-1)
            for layer_states in final_states[: self.num_layers]
            for kind in range(self.num_states)
        ]
        if not self.project:
            return flat
        return [layer(state) for layer, state in zip(self.projections, flat, strict=True)]

    def get_config(self):
        names = ("units", "num_states", "num_layers", "project")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
