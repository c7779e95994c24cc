"""Multiplicative, concatenated and location-based attention of Luong et al. (2015)."""

import keras
from keras import ops

from zoo import backend, masks
from zoo.config import SCORES, WINDOWS
from zoo.layers.attention import Attention
from zoo.layers.dense import Dense


@keras.saving.register_keras_serializable(package="attention_zoo")
class LuongAttention(Attention):
    """a(t, s) = softmax_s(score(h_t, m_s)), context = Σ_s a(t, s) · m_s.

    score(h, m) is one of (Luong et al. 2015, §3.1; location: eq. 8)
        dot       hᵀ m                     widths of query and memory must be equal
        general   hᵀ W m
        concat    vᵀ tanh(W [h; m])
        location  w_sᵀ h                   a learned row for each source position, m unused

    window says which positions s each query sees, with S the source length (§3.2, eq. 9 and 10)
        global    all
        local_m   |s − t| ≤ D: monotonic
        local_p   |s − p_t| ≤ D with p_t = S · sigmoid(v_pᵀ tanh(W_p h_t)), and a Gaussian around
                  p_t of σ = D/2

    Where we differ from the paper: the Gaussian enters as −(s − p_t)²/(2σ²) before the softmax, so
    that rows still sum to 1 (the paper multiplies afterwards: the same weights up to the row's
    sum); and a monotonic center beyond the source stays on its last token instead of seeing
    nothing.

    Args:
        score: "dot", "general", "concat" or "location".
        window: "global", "local_m" or "local_p".
        window_size: D, positions to each side, at least 1; local windows only.
        max_source_length: S at most; "location" only. Longer sources are not attended beyond it.

    Call arguments:
        query: decoder states `(B, T, Dq)`.
        value: memory `(B, S, Dv)`.
        key: `project_keys(value)`; None computes it.
        attention_mask: boolean, broadcasts to `(B, T, S)`, True = may attend.
        return_attention_scores: also return the weights.
        query_positions: int32, broadcasts to `(B, T)`; None means 0 … T−1 (for "local_m").

    Returns:
        context `(B, T, Dv)`, or `(context, attention_scores)` with float32 `(B, T, S)`. A query
        that may attend to nothing gets zeros.

    Raises:
        ValueError: an unknown score or window, or "dot" with unequal widths.

    Cost: B·T·S·Dq multiply-adds for dot, general and location; as many tanh for concat.

    Source: Luong, Pham & Manning (2015). `keras.layers.Attention` offers only dot and a concat
    without weights, and no windows.

    Example:
        >>> from keras import ops
        >>> layer = LuongAttention(score="general", window="local_p", window_size=2)
        >>> layer(ops.ones((2, 3, 4)), ops.ones((2, 9, 6))).shape == (2, 3, 6)
        True
    """

    def __init__(
        self, score="general", window="global", window_size=10, max_source_length=256, **kwargs
    ):
        super().__init__(**kwargs)
        problems = [
            f"LuongAttention: {name} is unknown; expected one of {', '.join(allowed)}. "
            f"Received {value!r}."
            for name, value, allowed in (("score", score, SCORES), ("window", window, WINDOWS))
            if value not in allowed
        ]
        if window_size < 1:
            problems.append(
                f"LuongAttention: window_size must be at least 1. Received {window_size}."
            )
        if problems:
            raise ValueError("\n".join(problems))
        self.score = score
        self.window = window
        self.window_size = window_size
        self.max_source_length = max_source_length

    def build(self, query_shape, value_shape, key_shape=None):
        width = query_shape[-1]
        if self.score == "dot" and width != value_shape[-1]:
            raise ValueError(
                f'LuongAttention(score="dot"): query width {width} and key width '
                f'{value_shape[-1]} differ; "dot" needs equal widths. Use score="general", or '
                f"{width} encoder units in all directions together."
            )
        if self.score in ("general", "concat"):
            self.key_projection = Dense(
                width, use_bias=False, name="key_projection", dtype=self.dtype_policy
            )
        if self.score == "concat":
            self.query_projection = Dense(
                width, use_bias=False, name="query_projection", dtype=self.dtype_policy
            )
            self.v = self.add_weight(shape=(width,), initializer="glorot_uniform", name="v")
        if self.score == "location":
            shape = (self.max_source_length, width)
            self.locations = self.add_weight(shape, initializer="glorot_uniform", name="locations")
        if self.window == "local_p":
            self.center_hidden = Dense(
                width, activation="tanh", use_bias=False, name="center", dtype=self.dtype_policy
            )
            self.center_output = Dense(
                1, use_bias=False, name="center_output", dtype=self.dtype_policy
            )
        self.built = True

    def project_keys(self, memory):
        if self.score == "dot":
            return memory
        if not self.built:
            raise ValueError(
                f'LuongAttention(score="{self.score}"): project_keys needs weights as wide as the '
                "query. Call the layer first, or layer.build(query_shape, value_shape)."
            )
        if self.score == "location":
            last = self.max_source_length - 1
            places = ops.minimum(ops.arange(ops.shape(memory)[1], dtype="int32"), last)
            rows = backend.gather(ops.cast(self.locations, memory.dtype), places)
            return ops.expand_dims(rows, 0) + ops.zeros_like(memory[:, :, :1])  # (B, S, Dq)
        return self.key_projection(memory)

    def project_query(self, query):
        projected = self.query_projection(query) if self.score == "concat" else query
        if self.window != "local_p":
            return (projected,)
        center = ops.cast(self.center_output(self.center_hidden(query)), "float32")
        return (projected, ops.sigmoid(center))

    def scores(self, query, key):
        if self.score != "concat":
            query, key = ops.cast(query, "float32"), ops.cast(key, "float32")
            return ops.matmul(query, ops.transpose(key, (0, 2, 1)))
        hidden = ops.tanh(ops.expand_dims(query, 2) + ops.expand_dims(key, 1))  # (B, T, S, Dq)
        width = hidden.shape[-1]
        column = ops.reshape(ops.cast(self.v, hidden.dtype), (width, 1))
        flat = ops.matmul(ops.reshape(hidden, (-1, width)), column)
        return ops.reshape(flat, (ops.shape(key)[0], -1, ops.shape(key)[1]))

    def focus(self, features, value, attention_mask, positions):
        length = ops.shape(value)[1]
        places = ops.arange(length, dtype="int32")
        if self.score == "location":
            known = ops.reshape(places < self.max_source_length, (1, 1, -1))
            attention_mask = masks.both(attention_mask, known)
        if self.window == "global":
            return attention_mask, None
        if attention_mask is None:
            real = ops.cast(ops.reshape(length, (1, 1)), "float32")
        else:  # (B, 1): how many source tokens there are
            real = ops.max(ops.sum(ops.cast(attention_mask, "float32"), axis=-1), axis=1)
            real = ops.expand_dims(real, -1)
        if self.window == "local_m":
            if positions is None:
                raise ValueError(
                    'LuongAttention(window="local_m"): query_positions is missing; expected the '
                    "number of each query's token, for the window lies around it. Pass it to step."
                )
            centers = ops.minimum(ops.cast(positions, "float32"), ops.maximum(real - 1.0, 0.0))
            window = masks.window_mask(length, centers, self.window_size)
            return masks.both(attention_mask, window), None
        centers = real * features[1][:, :, 0]
        distance = ops.cast(places, "float32") - ops.expand_dims(centers, -1)
        bias = ops.square(distance) * (-2.0 / self.window_size**2)  # −d²/(2σ²), σ = D/2
        window = masks.window_mask(length, centers, self.window_size)
        return masks.both(attention_mask, window), bias

    def get_config(self):
        config = {"score": self.score, "window": self.window, "window_size": self.window_size}
        return {**super().get_config(), **config, "max_source_length": self.max_source_length}
