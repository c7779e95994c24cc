"""Greedy and beam search as one graph loop over a `decode_step` function.

A search takes a function, never a model:
`decode_step(token_ids, state) → (logits, state, attention)` with `token_ids` `(N,)`, `logits`
`(N, V)`, `attention` `(N, S)` or None, and `state` a dict of tensors, batch first. Entries of the
state whose name starts with "memory" stay as they are, one row a sentence; all others have a row
for each hypothesis, change from step to step, and follow their hypothesis.

Loops grow what they collect, ids and attention, by concatenation along an axis that starts with
length 0 (see `backend.while_loop`).
"""

from keras import ops

from zoo import backend

# Score of what cannot be chosen: far below any real score, and finite, so that sums stay finite.
IMPOSSIBLE = -1e9
_ALIVE = -5e8  # any score above belongs to a hypothesis that can still be chosen


def length_norm(length, length_penalty):
    """((5 + length) / 6)^α, that divides a sum of log-probabilities (Wu et al. 2016, eq. 14).

    Args:
        length: number of tokens, end token included; any int tensor.
        length_penalty: α, a float scalar; 0 leaves the sum as it is.
    """
    return ops.power((ops.cast(length, "float32") + 5.0) / 6.0, length_penalty)


def length_limits(source_ids, max_length, ceiling, pad_id=0):
    """The most tokens each translation may have, end token included.

    Args:
        source_ids: int32 `(B, S)`.
        max_length: int32 scalar; 0 means twice the source's tokens plus 10, for each row.
        ceiling: the longest target that the model knows positions for.
        pad_id: the id that fills short rows.

    Returns:
        int32 `(B,)`, each in `[1, ceiling]`.
    """
    length = ops.sum(ops.cast(ops.not_equal(source_ids, pad_id), "int32"), axis=1)
    asked = ops.where(ops.equal(max_length, 0), length * 2 + 10, max_length)
    return ops.maximum(ops.minimum(asked, ceiling), 1)


def _split_state(state):
    """The names that change, and a function from their values to the whole state."""
    names = [name for name in state if not name.startswith("memory")]
    memory = {name: value for name, value in state.items() if name.startswith("memory")}
    return names, lambda values: {**memory, **dict(zip(names, values, strict=True))}


def _forced_tokens(prefix_ids, pad_id):
    """A function from the step to the token each sentence is forced to, `pad_id` for none."""
    if prefix_ids is None:
        return lambda step: ops.full((1,), pad_id, "int32")
    by_step = ops.transpose(ops.pad(prefix_ids, ((0, 0), (0, 1)), constant_values=pad_id))
    last = ops.shape(prefix_ids)[1]
    return lambda step: backend.gather(by_step, ops.minimum(step, last))


def _flat_gather(matrix, indices):
    """Single entries of a matrix by their index in the flattened matrix."""
    return backend.gather(ops.reshape(matrix, (-1,)), indices)


def _append(collected, entry, axis):
    return ops.concatenate([collected, ops.expand_dims(entry, axis)], axis=axis)


def greedy(
    decode_step,
    state,
    *,
    limits,
    start_id,
    end_id,
    pad_id,
    prefix_ids=None,
    length_penalty=0.0,
    min_length=0,
    source_length=None,
):
    """Takes the most likely token at each step.

    Args:
        decode_step: see the module.
        state: the state before the first step, B rows.
        limits: int32 `(B,)`, most tokens of each row, end token included, at least 1.
        start_id, end_id, pad_id: ints.
        prefix_ids: int32 `(B, P)` or `(1, P)`, forced first tokens, `pad_id` for free.
        length_penalty: α of `length_norm`, for the score only.
        min_length: least number of tokens, end token included.
        source_length: S, when `decode_step` gives attention; None when it gives None.

    Returns:
        A dict of tensors: `ids` `(B, 1, T)`, padded after the end token; `lengths` `(B, 1)`;
        `scores` `(B, 1)`; and `attention` `(B, 1, T, S)` if there is attention.
    """
    names, whole_state = _split_state(state)
    forced_at = _forced_tokens(prefix_ids, pad_id)
    rows = ops.shape(limits)[0]
    with_attention = source_length is not None

    def choose(step, log_probs):
        best_two = backend.top_k(log_probs, 2)[1]
        too_early = ops.logical_and(ops.equal(best_two[:, 0], end_id), step + 1 < min_length)
        token = ops.where(too_early, best_two[:, 1], best_two[:, 0])
        forced = forced_at(step)
        return ops.where(ops.equal(forced, pad_id), token, forced)

    def cond(step, tokens, finished, *_):
        return ops.logical_not(ops.all(finished))

    def body(step, tokens, finished, scores, lengths, ids, looked, *values):
        logits, new_state, attention = decode_step(tokens, whole_state(values))
        log_probs = ops.log_softmax(logits, axis=-1)
        token = choose(step, log_probs)
        row_starts = ops.arange(rows, dtype="int32") * logits.shape[-1]
        gain = _flat_gather(log_probs, row_starts + token)
        active = ops.logical_not(finished)
        token = ops.where(finished, pad_id, token)
        stop = ops.logical_or(ops.equal(token, end_id), step + 1 >= limits)
        return (
            step + 1,
            token,
            ops.logical_or(finished, stop),
            scores + ops.where(active, gain, 0.0),
            lengths + ops.cast(active, "int32"),
            _append(ids, token, 1),
            _append(looked, attention, 1) if with_attention else looked,
            *(new_state[name] for name in names),
        )

    first = (
        ops.convert_to_tensor(0, "int32"),
        ops.zeros_like(limits) + start_id,
        ops.zeros_like(limits, dtype="bool"),
        ops.zeros_like(limits, dtype="float32"),
        ops.zeros_like(limits),
        ops.zeros((rows, 0), "int32"),
        ops.zeros((rows, 0, source_length) if with_attention else (0,), "float32"),
        *(state[name] for name in names),
    )
    _, _, _, scores, lengths, ids, looked, *_ = backend.while_loop(cond, body, first)
    result = {
        "ids": ops.expand_dims(ids, 1),
        "lengths": ops.expand_dims(lengths, 1),
        "scores": ops.expand_dims(scores / length_norm(lengths, length_penalty), 1),
    }
    if with_attention:  # rows that ended early went on looking; that is not part of the result
        spoken = ops.arange(ops.shape(ids)[1], dtype="int32") < lengths[:, None]
        looked = looked * ops.expand_dims(ops.cast(spoken, "float32"), -1)
        result["attention"] = ops.expand_dims(looked, 1)
    return result


def beam(
    decode_step,
    state,
    *,
    beam_size,
    num_hypotheses=1,
    limits,
    start_id,
    end_id,
    pad_id,
    prefix_ids=None,
    length_penalty=0.0,
    min_length=0,
    source_length=None,
):
    """Keeps the `beam_size` most likely beginnings of each sentence.

    A sentence has K slots. At each step the best continuations of its live hypotheses fill the
    slots that are left; one that takes the end token, or reaches the sentence's limit, is finished:
    it keeps its slot's place in the count but is set apart and never extended. The search of a
    sentence ends when no live hypothesis is left, or when none of them can still enter the n best:
    log-probabilities only fall, so a live sum s scores at most s divided by the largest
    `length_norm` it can reach. The bound never changes the result. A beam of 1 is greedy search.

    What the loop collects (tokens, parents, attention) is never reordered: the chosen hypotheses
    are traced back through their parents afterwards.

    Args:
        beam_size: K, int or int32 scalar tensor, at least 1.
        num_hypotheses: n, results for each sentence, int or int32 scalar tensor, at most K.
        length_penalty: α of `length_norm`, by which finished hypotheses are compared.
        The other arguments are those of `greedy`.

    Returns:
        A dict of tensors, best hypothesis first: `ids` `(B, n, T)`, `lengths` `(B, n)`, `scores`
        `(B, n)`, and `attention` `(B, n, T, S)` if there is attention. Where fewer than n
        hypotheses exist the rest have length 0 and a score of at most `IMPOSSIBLE`.

    Source: Graves (2012) and Bahdanau et al. (2015) for slots that finished hypotheses use up; the
    bound follows Huang et al. (2017), §3.
    """
    names, whole_state = _split_state(state)
    forced_at = _forced_tokens(prefix_ids, pad_id)
    batch = ops.shape(limits)[0]
    rows = batch * beam_size
    ranks = ops.expand_dims(ops.arange(beam_size, dtype="int32"), 0)  # (1, K)
    sentences = ops.expand_dims(ops.arange(batch, dtype="int32"), 1)  # (B, 1)
    row_limits = ops.expand_dims(limits, 1)  # (B, 1)
    with_attention = source_length is not None

    def candidates(step, logits):
        """Log-probability and token of each row's best continuations, `(N, C)` both."""
        vocabulary = logits.shape[-1]
        log_probs = ops.log_softmax(logits, axis=-1)
        # One more than K, since the end token may be forbidden.
        values, tokens = backend.top_k(log_probs, ops.minimum(beam_size + 1, vocabulary))
        early = ops.logical_and(ops.equal(tokens, end_id), step + 1 < min_length)
        values = ops.where(early, IMPOSSIBLE, values)
        forced = ops.reshape(forced_at(step)[:, None] + ranks * 0 + sentences * 0, (-1, 1))
        starts = ops.expand_dims(ops.arange(rows, dtype="int32") * vocabulary, 1)
        forced_value = _flat_gather(log_probs, starts + forced)  # (N, 1)
        only_first = ops.equal(ops.arange(ops.shape(tokens)[1], dtype="int32"), 0)
        forced_value = ops.where(only_first, forced_value, IMPOSSIBLE)
        free = ops.equal(forced, pad_id)
        return ops.where(free, values, forced_value), ops.where(free, tokens, forced)

    def cond(step, tokens, live, *_):
        return ops.any(live > _ALIVE)

    def body(step, tokens, live, taken, best, ends, history, parents, looked, *values):
        logits, new_state, attention = decode_step(tokens, whole_state(values))

        # The K best continuations of each sentence, by the sum of their log-probabilities.
        gains, choices = candidates(step, logits)
        width = ops.shape(gains)[1]
        totals = ops.reshape(ops.reshape(live, (-1, 1)) + gains, (batch, -1))
        totals, index = backend.top_k(totals, beam_size)  # (B, K)
        parent = sentences * beam_size + index // width
        token = _flat_gather(choices, sentences * (beam_size * width) + index)

        # Finished ones leave the beam with their score; the others go on.
        valid = ops.logical_and(ranks < beam_size - taken, totals > _ALIVE)
        stops = ops.logical_or(ops.equal(token, end_id), step + 1 >= row_limits)
        ending = ops.logical_and(valid, stops)
        score = ops.where(ending, totals / length_norm(step + 1, length_penalty), 2.0 * IMPOSSIBLE)
        best = backend.top_k(ops.concatenate([best, score], axis=1), beam_size)[0]
        taken = taken + ops.sum(ops.cast(ending, "int32"), axis=1, keepdims=True)
        live = ops.where(ops.logical_and(valid, ops.logical_not(ending)), totals, IMPOSSIBLE)

        # Stop where even the most that a live sum can come to is no better than the n-th best.
        largest_norm = ops.maximum(
            length_norm(row_limits, length_penalty), length_norm(step + 2, length_penalty)
        )
        nth = backend.gather(ops.transpose(best), num_hypotheses - 1)  # (B,)
        hopeless = ops.max(live, axis=1) / largest_norm[:, 0] <= nth
        live = ops.where(ops.expand_dims(hopeless, 1), IMPOSSIBLE, live)

        flat_parent = ops.reshape(parent, (-1,))
        flat_token = ops.reshape(token, (-1,))
        return (
            step + 1,
            flat_token,
            live,
            taken,
            best,
            ops.concatenate([ends, score], axis=1),
            _append(history, flat_token, 0),
            _append(parents, flat_parent, 0),
            _append(looked, attention, 0) if with_attention else looked,
            *(backend.gather(new_state[name], flat_parent) for name in names),
        )

    nothing = ops.zeros((batch, 1), "float32") + ops.cast(ranks * 0, "float32")  # (B, K)
    repeat = ops.reshape(sentences + ranks * 0, (-1,))
    first = (
        ops.convert_to_tensor(0, "int32"),
        ops.zeros_like(repeat) + start_id,
        ops.where(ops.equal(ranks, 0), 0.0, IMPOSSIBLE) + nothing,
        ops.zeros((batch, 1), "int32"),
        nothing + 2.0 * IMPOSSIBLE,
        ops.zeros((batch, 0), "float32"),
        ops.zeros((0, rows), "int32"),
        ops.zeros((0, rows), "int32"),
        ops.zeros((0, rows, source_length) if with_attention else (0,), "float32"),
        *(backend.gather(state[name], repeat) for name in names),
    )
    _, _, _, _, _, ends, history, parents, looked, *_ = backend.while_loop(cond, body, first)
    scores, index = backend.top_k(ends, num_hypotheses)  # (B, n) over T·K endings
    last_step = index // beam_size
    row = sentences * beam_size + index - last_step * beam_size
    exists = scores > IMPOSSIBLE
    result = {
        "lengths": ops.where(exists, last_step + 1, 0),
        "scores": scores,
    }
    traced = _trace_back(
        ops.where(exists, last_step, -1),
        row,
        history,
        parents,
        looked if with_attention else None,
        pad_id,
    )
    return {**result, **traced}


def _trace_back(last_step, row, history, parents, looked, pad_id):
    """Follows chosen hypotheses from their last token to their first.

    Args:
        last_step: int32 `(B, n)`, the step of the last token, −1 for no hypothesis.
        row: int32 `(B, n)`, the row of the last token.
        history: int32 `(T, N)`, the token chosen at each step.
        parents: int32 `(T, N)`, the row it continued.
        looked: float32 `(T, N, S)`, where that row looked; or None.
        pad_id: fills the ids after a hypothesis's last token.

    Returns:
        A dict with `ids` `(B, n, T)` and, given `looked`, `attention` `(B, n, T, S)`.
    """
    num_rows = ops.shape(history)[1]
    shape = ops.shape(last_step)
    with_attention = looked is not None
    if with_attention:
        source_length = ops.shape(looked)[2]
        flat_looked = ops.reshape(looked, (-1, source_length))

    def cond(step, *_):
        return step >= 0

    def body(step, row, ids, attention):
        spoken = step <= last_step
        index = step * num_rows + row
        parent = _flat_gather(parents, index)
        token = ops.where(spoken, _flat_gather(history, index), pad_id)
        ids = ops.concatenate([token[:, :, None], ids], axis=2)
        if with_attention:
            weights = backend.gather(flat_looked, step * num_rows + parent)  # (B, n, S)
            weights = weights * ops.expand_dims(ops.cast(spoken, "float32"), -1)
            attention = ops.concatenate([weights[:, :, None], attention], axis=2)
        return step - 1, ops.where(spoken, parent, row), ids, attention

    empty = ops.zeros((shape[0], shape[1], 0), "int32")
    unseen = (shape[0], shape[1], 0, source_length) if with_attention else (0,)
    start = (ops.shape(history)[0] - 1, row, empty, ops.zeros(unseen, "float32"))
    _, _, ids, attention = backend.while_loop(cond, body, start)
    return {"ids": ids, "attention": attention} if with_attention else {"ids": ids}
