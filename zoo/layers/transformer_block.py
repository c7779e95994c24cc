"""Transformer blocks: attention and feed-forward sublayers with residuals."""

import keras
from keras import ops

from zoo.layers.cross_attention import CrossAttention
from zoo.layers.dense import Dense
from zoo.layers.layer_normalization import LayerNormalization
from zoo.layers.self_attention import SelfAttention
from zoo.layers.ssru import SSRU


class _TransformerBlock(keras.layers.Layer):
    """Residual sublayers in pre- or post-norm order."""

    def __init__(
        self,
        width,
        feedforward_width,
        num_heads,
        norm,
        dropout,
        rotary_length,
        inner_dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.settings = {
            "width": width,
            "feedforward_width": feedforward_width,
            "num_heads": num_heads,
            "norm": norm,
            "dropout": dropout,
            "rotary_length": rotary_length,
            "inner_dropout": inner_dropout,
        }
        self.norm = norm
        self._create_mixer()
        self.self_norm = LayerNormalization(name="self_norm", dtype=self.dtype_policy)
        self.expand = Dense(
            feedforward_width, activation="relu", name="expand", dtype=self.dtype_policy
        )
        self.contract = Dense(width, name="contract", dtype=self.dtype_policy)
        self.feedforward_norm = LayerNormalization(name="feedforward_norm", dtype=self.dtype_policy)
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.drop_hidden = keras.layers.Dropout(inner_dropout, dtype=self.dtype_policy)
        self.built = True

    def _create_mixer(self):
        """The first sublayer, the one in which a position sees others of its own sequence."""
        names = ("width", "num_heads", "inner_dropout", "rotary_length")
        self.self_attention = SelfAttention(
            *(self.settings[name] for name in names),
            name="self_attention",
            dtype=self.dtype_policy,
        )

    def _before(self, norm, x):
        return norm(x) if self.norm == "pre" else x

    def _after(self, norm, x, change, training):
        x = x + self.drop(change, training=training)
        return x if self.norm == "pre" else norm(x)

    def _feedforward(self, x, training=None):
        """max(0, x W₁ + b₁) W₂ + b₂ (Vaswani et al. 2017, eq. 2)."""
        hidden = self.expand(self._before(self.feedforward_norm, x))
        hidden = self.drop_hidden(hidden, training=training)
        return self._after(self.feedforward_norm, x, self.contract(hidden), training)

    def get_config(self):
        return {**super().get_config(), **self.settings}


@keras.saving.register_keras_serializable(package="attention_zoo")
class TransformerEncoderBlock(_TransformerBlock):
    """x + SelfAttention(norm(x)), then x + FeedForward(norm(x)); post-norm: norm(x + …).

    Args:
        width: features.
        feedforward_width: hidden features of the feed-forward sublayer.
        num_heads: attention heads.
        norm: "pre" (Xiong et al. 2020) or "post" (Vaswani et al. 2017, §3.1).
        dropout: share of each sublayer's output dropped in training.
        rotary_length: see `SelfAttention`.
        inner_dropout: share of attention weights and of the feed-forward sublayer's hidden units
            dropped in training.

    Call arguments:
        x: `(B, S, width)`.
        attention_mask: boolean `(B, 1, S)`.

    Returns:
        `(B, S, width)`.

    Example:
        >>> from keras import ops
        >>> block = TransformerEncoderBlock(8, 16, 2, norm="pre", dropout=0.1, rotary_length=None)
        >>> block(ops.ones((2, 5, 8))).shape == (2, 5, 8)
        True
    """

    def call(self, x, attention_mask=None, training=None):
        y = self._before(self.self_norm, x)
        y = self.self_attention(y, attention_mask=attention_mask, training=training)
        return self._feedforward(self._after(self.self_norm, x, y, training), training)


@keras.saving.register_keras_serializable(package="attention_zoo")
class TransformerDecoderBlock(_TransformerBlock):
    """Self-attention to the past, cross-attention to the memory, feed-forward.

    Args:
        width, feedforward_width, num_heads, norm, dropout, rotary_length, inner_dropout: as in
            `TransformerEncoderBlock`.

    Call arguments:
        x: `(B, T, width)`.
        memory: `(B, S, width)`.
        causal_mask: boolean `(1, T, T)`.
        memory_mask: boolean `(B, 1, S)`.

    Returns:
        `(B, T, width)`. `step` is the same map for one position; `call` equals scanned `step`.

    Example:
        >>> from keras import ops
        >>> block = TransformerDecoderBlock(8, 16, 2, norm="pre", dropout=0.1, rotary_length=None)
        >>> block(ops.ones((2, 3, 8)), ops.ones((2, 5, 8))).shape == (2, 3, 8)
        True
    """

    # What carries the past from one step to the next.
    state_names = ("cache_keys", "cache_values")

    def __init__(self, *settings, **kwargs):
        super().__init__(*settings, **kwargs)
        names = ("width", "num_heads", "inner_dropout")
        self.cross_attention = CrossAttention(
            *(self.settings[name] for name in names),
            name="cross_attention",
            dtype=self.dtype_policy,
        )
        self.cross_norm = LayerNormalization(name="cross_norm", dtype=self.dtype_policy)

    def initial_states(self, num_rows):
        """The states before the first step, in the order of `state_names`.

        Args:
            num_rows: B, int or int32 scalar.

        Returns:
            Empty keys and values, a list of `(B, H, 0, D)`.
        """
        attention = self.self_attention
        shape = (num_rows, attention.num_heads, 0, attention.head_width)
        return [ops.zeros(shape, self.compute_dtype) for _ in self.state_names]

    def _mix(self, x, causal_mask, training):
        return self.self_attention(x, attention_mask=causal_mask, training=training)

    def _mix_step(self, x, states, positions, ancestry):
        x, *states = self.self_attention.step(x, *states, positions, ancestry)
        return x, states

    def call(self, x, memory, causal_mask=None, memory_mask=None, training=None):
        y = self._mix(self._before(self.self_norm, x), causal_mask, training)
        x = self._after(self.self_norm, x, y, training)
        y = self._before(self.cross_norm, x)
        y = self.cross_attention(y, memory, attention_mask=memory_mask, training=training)
        x = self._after(self.cross_norm, x, y, training)
        return self._feedforward(x, training)

    def step(self, x, states, key, value, memory_mask, positions, has_beams=True, ancestry=None):
        """One decode step.

        Args:
            x: `(N, width)`.
            states: list of this block's past in the order of `state_names`: keys and values, each
                `(B, H, P, D)`.
            key, value: `(B, H, S, D)`, this block's projections of the memory.
            memory_mask: boolean `(B, 1, S)`.
            positions: int32 `(N,)`.
            has_beams: whether there may be more rows than sentences.
            ancestry: see `SelfAttention.step`.

        Returns:
            `(x, states, attention_scores)`: `(N, width)`, the past with this position, float32
            `(B, H, K, S)`.
        """
        y, states = self._mix_step(self._before(self.self_norm, x), states, positions, ancestry)
        x = self._after(self.self_norm, x, y, training=False)
        y = self._before(self.cross_norm, x)
        y, weights = self.cross_attention.step(y, value, key, memory_mask, has_beams)
        x = self._after(self.cross_norm, x, y, training=False)
        return self._feedforward(x), states, weights


@keras.saving.register_keras_serializable(package="attention_zoo")
class SSRUDecoderBlock(TransformerDecoderBlock):
    """A `TransformerDecoderBlock` with an `SSRU` in place of self-attention.

    Its past is one tensor, c of `SSRU`, which does not grow with the target.

    Args:
        width, feedforward_width, num_heads, norm, dropout, rotary_length, inner_dropout: as in
            `TransformerEncoderBlock`; heads are those of the cross-attention, and `rotary_length`
            has no effect.

    Call arguments:
        x, memory, memory_mask: as in `TransformerDecoderBlock`.
        causal_mask: unused, a recurrence sees nothing but the past.

    Returns:
        `(B, T, width)`. `step` is the same map for one position; `call` equals scanned `step`.

    Source: Kim et al. (2019), From Research to Production and Back: Ludicrously Fast Neural Machine
    Translation.

    Example:
        >>> from keras import ops
        >>> block = SSRUDecoderBlock(8, 16, 2, norm="pre", dropout=0.1, rotary_length=None)
        >>> block(ops.ones((2, 3, 8)), ops.ones((2, 5, 8))).shape == (2, 3, 8)
        True
    """

    state_names = ("ssru",)

    def initial_states(self, num_rows):
        """As in `TransformerDecoderBlock`: a list of zeros, float32 `(N, width)`."""
        return [ops.zeros((num_rows, self.ssru.units), "float32")]

    def _create_mixer(self):
        self.ssru = SSRU(self.settings["width"], name="ssru", dtype=self.dtype_policy)

    def _mix(self, x, causal_mask, training):
        return self.ssru(x)

    def _mix_step(self, x, states, positions, ancestry):
        x, state = self.ssru.step(x, *states)
        return x, [state]
