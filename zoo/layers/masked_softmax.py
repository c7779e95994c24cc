"""Softmax over allowed keys: the one place where a mask meets scores."""

from keras import ops

from zoo import backend

# Added to the score of a forbidden key. Large enough that exp() of it is exactly 0 in float32
# next to any real score, small enough to stay finite.
_FORBIDDEN = 1e9


def masked_softmax(scores, attention_mask=None, never_empty=False):
    """softmax over the last axis, in float32, with forbidden keys at exactly 0.

    Args:
        scores: float tensor `(…, S)` of any float dtype.
        attention_mask: boolean tensor that broadcasts against `scores`, True = may attend;
            None allows every key.
        never_empty: whether every row is known to allow a key. Then the softmax of the masked
            scores needs no correction, which saves a decode loop one product.

    Returns:
        float32 tensor like `scores`. Each row sums to 1 over its allowed keys; a row that allows
        none is all zeros, never NaN.
    """
    scores = ops.cast(scores, "float32")
    if attention_mask is None:
        return backend.softmax(scores)
    allowed = ops.cast(attention_mask, "float32")
    # The bias depends on the mask alone, so that a decode loop computes it once.
    weights = backend.softmax(scores + (allowed - 1.0) * _FORBIDDEN)
    return weights if never_empty else weights * allowed
