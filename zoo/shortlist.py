"""A vocabulary shortlist: the few target tokens that a source is likely to give.

The output layer is the widest product of a small model, and after it come a softmax and a choice
over the whole vocabulary. With a shortlist all three see only the candidates of a batch.
"""

from dataclasses import dataclass

import numpy as np
from keras import ops

from zoo import backend
from zoo.constraints import IMPOSSIBLE

# Entries of the state of a search with a shortlist.
_WEIGHTS = "shared_output_weights"  # (D, C): not a row a sentence, but the same for all
_BIAS = "memory_output_bias"  # (B, C)


@dataclass(frozen=True, eq=False)
class Shortlist:
    """Target tokens that each source token proposes, and those that are always there.

    A sentence's candidates are the proposals of its tokens, the frequent tokens, and whatever its
    prefix forces. They do not depend on the sentences that share its batch: logits are computed for
    the candidates of all, and each row takes its own.

    Args:
        table: int32 `(V_source, N)`, target ids; a row with fewer repeats one, such as the end id.
        frequent: int32 `(F,)`, target ids, the end id among them.

    Source: Jean et al. (2015), §3; L'Hostis, Grangier & Auli (2016).
    """

    table: np.ndarray
    frequent: np.ndarray

    def candidates(self, source_ids, prefix_ids, vocabulary_size, end_id, pad_id):
        """The candidates of a batch, and of each row.

        Args:
            source_ids: int32 `(B, S)`; what padding proposes counts too.
            prefix_ids: int32 `(B, P)` or `(1, P)`, forced tokens, `pad_id` for none; or None.
            vocabulary_size: V, number of target ids.
            end_id, pad_id: ints.

        Returns:
            `(candidates, is_own)`: int32 `(C,)`, ascending, and boolean `(B, C)`.
        """
        rows = ops.expand_dims(ops.arange(ops.shape(source_ids)[0], dtype="int32"), 1)  # (B, 1)
        proposed = backend.gather(np.asarray(self.table, "int32"), source_ids)  # (B, S, N)
        width = ops.shape(source_ids)[1] * self.table.shape[1]
        proposed = ops.reshape(proposed, (-1, width))
        if prefix_ids is not None:
            forced = ops.where(ops.equal(prefix_ids, pad_id), end_id, prefix_ids)
            proposed = ops.concatenate([proposed, forced + rows * 0], axis=1)
        index = ops.reshape(proposed + rows * vocabulary_size, (-1, 1))
        marks = ops.ones_like(index[:, 0], dtype="float32")
        marked = ops.scatter(index, marks, (ops.shape(source_ids)[0] * vocabulary_size,))
        always = np.zeros((1, vocabulary_size), "bool")
        always[0, self.frequent] = True
        own = ops.logical_or(ops.reshape(marked, (-1, vocabulary_size)) > 0, always)  # (B, V)
        candidates = backend.indices_of(ops.any(own, axis=0))
        return candidates, backend.gather(own, candidates, axis=1)


def shortlist_state(weights, bias, is_own):
    """What `decode_step` finds in its state when there is a shortlist.

    Args:
        weights: `(D, C)`, the output layer's columns of the candidates.
        bias: `(C,)`.
        is_own: boolean `(B, C)`.

    Returns:
        `(shared, memory)`: two dicts of entries. What is shared has no row a sentence, so no search
        may gather it.
    """
    return {_WEIGHTS: weights}, {_BIAS: ops.where(is_own, ops.cast(bias, "float32"), IMPOSSIBLE)}


def has_shortlist(state):
    """Whether a state was made by a search with a shortlist."""
    return _WEIGHTS in state


def shortlist_logits(x, state, has_beams):
    """Logits of the candidates: `IMPOSSIBLE` for those that are not a row's own.

    Args:
        x: `(N, D)`, what the output layer is given.
        state: with the entries of `shortlist_state`.
        has_beams: whether N may be more than B.

    Returns:
        float32 `(N, C)`.
    """
    weights, bias = state[_WEIGHTS], state[_BIAS]
    logits = ops.cast(ops.matmul(x, ops.cast(weights, x.dtype)), "float32")
    if not has_beams:
        return logits + bias
    rows, width = ops.shape(bias)[0], ops.shape(bias)[1]
    logits = ops.reshape(logits, (rows, -1, width)) + ops.expand_dims(bias, 1)  # (B, K, C)
    return ops.reshape(logits, (-1, width))
