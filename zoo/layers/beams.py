"""Rows of hypotheses against rows of sentences.

A decode step works on rank-2 tensors with one row a hypothesis: N = B·K rows for B sentences and a
beam of K, sentence by sentence. What belongs to the source (memory, its projections, its mask)
keeps B rows and is never repeated: the K hypotheses of a sentence go on the query axis instead.
"""

from keras import ops


def split_beams(x, memory):
    """`(B·K, D)` to `(B, K, D)`, where B is the number of rows of `memory`."""
    return ops.reshape(x, (ops.shape(memory)[0], -1, x.shape[-1]))


def merge_hypotheses(token_ids):
    """Tokens `(B, K)` or `(B,)` as a vector `(N,)`."""
    return token_ids if len(token_ids.shape) == 1 else ops.reshape(token_ids, (-1,))


def merge_beams(x):
    """`(B, K, D)` to `(B·K, D)`; the last axis may have a length known only at run time."""
    width = x.shape[-1]
    return ops.reshape(x, (-1, ops.shape(x)[-1] if width is None else width))
