"""Where a token stands: sinusoidal, learned and rotary positions.

All three answer two questions alike: a whole sequence (positions 0 … T−1), and single rows at
given positions, which is what a decode step needs.
"""

import keras
import numpy as np
from keras import ops

from zoo import backend


class _PositionTable(keras.layers.Layer):
    """x + P[position], with P from a subclass."""

    def __init__(self, max_length, width, **kwargs):
        super().__init__(**kwargs)
        self.max_length = max_length
        self.width = width

    def _table(self):
        raise NotImplementedError

    def call(self, x, positions=None):
        """Adds positions to a sequence, or to single rows.

        Args:
            x: `(B, T, D)`, or `(N, D)` together with `positions`.
            positions: int32 `(N,)`, each below `max_length`; None means 0 … T−1.

        Returns:
            A tensor like `x`.
        """
        table = ops.cast(self._table(), x.dtype)
        if positions is None:
            return x + table[: ops.shape(x)[1]]
        return x + backend.gather(table, positions)

    def get_config(self):
        return {**super().get_config(), "max_length": self.max_length, "width": self.width}


@keras.saving.register_keras_serializable(package="attention_zoo")
class SinusoidalPositionalEncoding(_PositionTable):
    """x + P, P[p, i] = sin(p / 10000^(2i/D)) for the first D/2 features, cos for the rest.

    Args:
        max_length: number of positions.
        width: D, even.

    The two halves hold what Vaswani et al. (2017, §3.5) interleave: a permutation of features,
    which the layers that follow learn through.

    Example:
        >>> from keras import ops
        >>> SinusoidalPositionalEncoding(9, 4)(ops.zeros((1, 3, 4))).shape == (1, 3, 4)
        True
    """

    def __init__(self, max_length, width, **kwargs):
        super().__init__(max_length, width, **kwargs)
        rates = 10000.0 ** (-np.arange(0, width, 2) / width)
        angles = np.arange(max_length)[:, None] * rates[None, :]
        self._values = np.concatenate([np.sin(angles), np.cos(angles)], axis=-1).astype("float32")
        self.built = True

    def _table(self):
        return ops.convert_to_tensor(self._values)


@keras.saving.register_keras_serializable(package="attention_zoo")
class LearnedPositionalEncoding(_PositionTable):
    """x + P with a trained row for each position (Gehring et al. 2017, §3.1).

    Args:
        max_length: number of positions.
        width: D.

    Example:
        >>> from keras import ops
        >>> LearnedPositionalEncoding(9, 4)(ops.zeros((1, 3, 4))).shape == (1, 3, 4)
        True
    """

    def __init__(self, max_length, width, **kwargs):
        super().__init__(max_length, width, **kwargs)
        self.positions = self.add_weight(
            shape=(max_length, width),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
            name="positions",
        )
        self.built = True

    def _table(self):
        return ops.convert_to_tensor(self.positions)


class RotaryPositions:
    """Turns pairs of query and key features by an angle that grows with the position.

    (x₁, x₂) → (x₁ cos pθ − x₂ sin pθ, x₁ sin pθ + x₂ cos pθ), θ_i = 10000^(−2i/D), so that a
    dot product depends on the distance of two positions only. Source: Su et al. (2021, eq. 34),
    with the pairs (i, i + D/2) in place of neighbours: a permutation of features.

    Args:
        max_length: number of positions.
        head_width: D, features of one head, even.

    Example:
        >>> from keras import ops
        >>> RotaryPositions(9, 4).sequence(ops.ones((1, 2, 3, 4))).shape == (1, 2, 3, 4)
        True
    """

    def __init__(self, max_length, head_width):
        rates = 10000.0 ** (-np.arange(0, head_width, 2) / head_width)
        angles = np.arange(max_length)[:, None] * rates[None, :]
        self._cos = np.cos(angles).astype("float32")
        self._sin = np.sin(angles).astype("float32")
        self._half = head_width // 2

    def sequence(self, x):
        """Turns `(B, H, T, D)` by positions 0 … T−1."""
        length = ops.shape(x)[2]
        cos, sin = ops.convert_to_tensor(self._cos), ops.convert_to_tensor(self._sin)
        return self._turn(x, cos[:length], sin[:length])

    def rows(self, x, positions):
        """Turns `(B, H, K, D)`, one decode step; `positions` is int32 `(N,)`, all of them equal."""
        cos = backend.gather(ops.convert_to_tensor(self._cos), positions[:1])
        sin = backend.gather(ops.convert_to_tensor(self._sin), positions[:1])
        return self._turn(x, cos[:, None, None, :], sin[:, None, None, :])

    def _turn(self, x, cos, sin):
        cos, sin = ops.cast(cos, x.dtype), ops.cast(sin, x.dtype)
        first, second = x[..., : self._half], x[..., self._half :]
        return ops.concatenate([first * cos - second * sin, first * sin + second * cos], axis=-1)
