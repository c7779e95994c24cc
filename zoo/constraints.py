"""What a caller may force or forbid in a translation: prefix, minimum, tokens, repetition."""

from keras import ops

from zoo import backend

# Score of what cannot be chosen: far below any real score, and finite, so that sums stay finite.
IMPOSSIBLE = -1e9


class Constraints:
    """The constraints of one search, as a function on its log-probabilities.

    Most searches have none, and many others only in their first steps: `may_bind` says by one
    comparison whether a step needs `apply` at all.

    Args:
        batch: B, int32 scalar.
        end_id, pad_id: ints.
        prefix_ids: int32 `(B, P)` or `(1, P)`, forced first tokens, `pad_id` for free; or None. A
            forced token is chosen whatever else forbids it.
        min_length: least number of tokens, end token included; int or int32 scalar.
        suppressed_ids: int32 `(X,)`, tokens that are never chosen; or None.
        no_repeat_ngram: n: no n tokens in a row occur twice in a translation (Paulus et al. 2018,
            §2.5); 0 allows it. int or int32 scalar.
        candidates: int32 `(C,)`, ascending: the token of each column of the log-probabilities; None
            where they are all tokens. What is forced must be among them.
    """

    def __init__(
        self,
        batch,
        end_id,
        pad_id,
        prefix_ids=None,
        min_length=0,
        suppressed_ids=None,
        no_repeat_ngram=0,
        candidates=None,
    ):
        self.end_id, self.pad_id = end_id, pad_id
        self.min_length, self.no_repeat_ngram = min_length, no_repeat_ngram
        self.candidates = candidates
        if prefix_ids is None:
            prefix_ids = ops.full((1, 1), pad_id, "int32")
        if suppressed_ids is None:
            suppressed_ids = ops.zeros((0,), "int32")
        self.suppressed_ids = suppressed_ids
        free = ops.full((ops.shape(prefix_ids)[0], 1), pad_id, "int32")
        self.prefix_ids = ops.concatenate([prefix_ids, free], axis=1)
        self.prefix_ids = self.prefix_ids + ops.zeros((batch, 1), "int32")  # a row a sentence
        forced = ops.any(ops.not_equal(prefix_ids, pad_id), axis=0)  # (P,)
        columns = ops.arange(ops.shape(prefix_ids)[1], dtype="int32") + 1
        prefix_length = ops.max(columns * ops.cast(forced, "int32"))
        always = ops.logical_or(
            ops.shape(suppressed_ids)[0] > 0, ops.cast(no_repeat_ngram, "int32") > 0
        )
        steps = ops.maximum(prefix_length, ops.cast(min_length, "int32") - 1)
        self._steps = ops.where(always, 2**31 - 1, steps)

    def may_bind(self, step):
        """Whether `apply` may change anything at this step: a scalar boolean tensor."""
        return step < self._steps

    def apply(self, step, log_probs, rows, beam_size, tokens_so_far):
        """Log-probabilities with `IMPOSSIBLE` for what may not be chosen.

        Args:
            step: int32 scalar, the number of tokens so far.
            log_probs: `(N, V)`, N = b·K; `(N, C)` with candidates.
            rows: int32 `(b,)`, the sentences that are left.
            beam_size: K.
            tokens_so_far: function without arguments to int32 `(N, step)`.
        """
        tokens = self.candidates
        if tokens is None:
            tokens = ops.arange(log_probs.shape[-1], dtype="int32")
        tokens = ops.expand_dims(tokens, 0)  # (1, V)
        suppressed = ops.equal(ops.expand_dims(self.suppressed_ids, 1), tokens)
        forbidden = ops.sum(ops.cast(suppressed, "int32"), axis=0, keepdims=True) > 0
        early = ops.logical_and(ops.equal(tokens, self.end_id), step + 1 < self.min_length)
        forbidden = ops.logical_or(forbidden, early)
        free = ops.where(forbidden, IMPOSSIBLE, log_probs)
        n = ops.cast(self.no_repeat_ngram, "int32")
        free = backend.cond(
            ops.logical_and(n > 0, step >= n),  # the first n tokens are one n-gram
            lambda: ops.where(
                self._repeats(step, tokens_so_far(), log_probs.shape[-1]), IMPOSSIBLE, free
            ),
            lambda: free + 0.0,
        )
        column = backend.gather(
            self.prefix_ids, ops.minimum(step, ops.shape(self.prefix_ids)[1] - 1), axis=1
        )
        forced = ops.expand_dims(backend.gather(column, rows), 1)  # (b, 1)
        beams = ops.expand_dims(ops.arange(beam_size, dtype="int32") * 0, 0)
        forced = ops.reshape(forced + beams, (-1, 1))  # (N, 1)
        only_forced = ops.where(ops.equal(tokens, forced), log_probs, IMPOSSIBLE)
        return ops.where(ops.equal(forced, self.pad_id), free, only_forced)

    def _repeats(self, step, tokens, vocabulary):
        """Which tokens would complete an n-gram for the second time: boolean `(N, V)`."""
        n = self.no_repeat_ngram
        if self.candidates is not None:
            vocabulary = self.candidates[-1] + 1  # the largest id that a token so far can have
        places = ops.arange(step, dtype="int32")  # (t,)

        def cond(back, matches):
            return back < n

        def body(back, matches):
            before = backend.gather(tokens, ops.maximum(places - back, 0), axis=1)
            latest = backend.gather(tokens, ops.maximum(step - back, 0), axis=1)
            same = ops.equal(before, ops.expand_dims(latest, 1))
            same = ops.logical_and(same, ops.expand_dims(places >= back, 0))
            return back + 1, ops.logical_and(matches, same)

        start = (ops.convert_to_tensor(1, "int32"), tokens >= 0)
        _, matches = backend.while_loop(cond, body, start)
        # Marks each token that followed a match. What did not match marks an extra column, V, which
        # is cut off in the end.
        columns = ops.where(matches, tokens, vocabulary)
        rows = ops.shape(tokens)[0]
        starts = ops.expand_dims(ops.arange(rows, dtype="int32") * (vocabulary + 1), 1)
        index = ops.reshape(columns + starts, (-1, 1))
        marks = ops.ones_like(index[:, 0], dtype="float32")
        marked = ops.scatter(index, marks, (rows * (vocabulary + 1),))
        marked = ops.reshape(marked, (-1, vocabulary + 1))
        if self.candidates is not None:
            return backend.gather(marked, self.candidates, axis=1) > 0
        return marked[:, :vocabulary] > 0
