"""Attention masks: boolean, True means "may attend". No other module makes one."""

from keras import ops


def padding_mask(ids, pad_id=0):
    """True where `ids` holds a real token.

    Args:
        ids: int tensor `(B, S)`.
        pad_id: the id that fills short rows.

    Returns:
        Boolean tensor `(B, S)`.
    """
    return ops.not_equal(ids, pad_id)


def over_queries(mask):
    """Makes a `(B, S)` key mask broadcast over the query axis: `(B, 1, S)`."""
    return ops.expand_dims(mask, 1)


def causal_mask(length):
    """Query `t` may attend to keys `0 … t`.

    Args:
        length: int or int32 scalar, the number T of positions.

    Returns:
        Boolean tensor `(1, T, T)`.
    """
    positions = ops.arange(length, dtype="int32")
    return ops.expand_dims(positions[:, None] >= positions[None, :], 0)


def window_mask(source_length, centers, reach):
    """Query `t` may attend to keys within `reach` positions of its center.

    Args:
        source_length: int or int32 scalar S.
        centers: float tensor `(B, T)`, a (fractional) source position for each query.
        reach: number of positions to each side, D in Luong et al. (2015).

    Returns:
        Boolean tensor `(B, T, S)`.
    """
    positions = ops.cast(ops.arange(source_length, dtype="int32"), "float32")
    return ops.abs(positions - ops.expand_dims(centers, -1)) <= float(reach)


def both(first, second):
    """Where both masks allow; either may be None, which allows everything."""
    if first is None or second is None:
        return second if first is None else first
    return ops.logical_and(first, second)
