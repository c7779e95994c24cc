"""Greedy and beam search as one graph loop over a `decode_step` function.

A search takes a function, never a model:
`decode_step(token_ids, state) → (logits, state, attention)` with `token_ids` `(B,)`, or `(B, K)`
for the K hypotheses of each sentence, `logits` `(N, V)` with N = B·K, `attention` `(N, S)` or None,
and `state` a dict of tensors, batch first. The name of an entry says what it is:

- "memory…" stays as it is, one row a sentence.
- "cache…" has one row a sentence, too, and grows: each step appends, on axis 2, an entry for each
  of its K hypotheses. A beam never reorders it. Instead `decode_step` finds boolean "ancestry"
  `(B, K, P + K)` in the state: which of the P entries so far, and of the K to come, each
  hypothesis descends from.
- All others have a row for each hypothesis, change from step to step, and follow their hypothesis.

The names in `RESERVED` are the search's own.

Sentences that are done leave the batch, so `decode_step` sees fewer rows as the search goes on.
"""

from keras import ops

from zoo import backend
from zoo.constraints import IMPOSSIBLE, Constraints
from zoo.shrinking_loop import shrinking_loop

RESERVED = {"token", "limit", "norm", "row", "done", "live", "best", "taken", "ancestry"}
_ALIVE = -5e8  # any score above belongs to a hypothesis that can still be chosen
_UNSEEN = 1e-6  # least attention that counts, so that its logarithm is finite


def length_norm(length, length_penalty):
    """((5 + length) / 6)^α, that divides a sum of log-probabilities (Wu et al. 2016, eq. 14).

    Args:
        length: number of tokens, end token included; any int tensor.
        length_penalty: α, a float scalar; 0 leaves the sum as it is.
    """
    return ops.power((ops.cast(length, "float32") + 5.0) / 6.0, length_penalty)


def coverage(attention, source_mask):
    """Σ_s log(min(Σ_t a_ts, 1)): how little of the source was looked at (Wu et al. 2016, eq. 14).

    Args:
        attention: float32 `(B, n, T, S)`, zeros after the end.
        source_mask: boolean `(B, S)`, True for real tokens.

    Returns:
        float32 `(B, n)`, at most 0; a token that no step looked at counts log 10⁻⁶.
    """
    seen = ops.minimum(ops.maximum(ops.sum(attention, axis=2), _UNSEEN), 1.0)  # (B, n, S)
    return ops.sum(ops.log(seen) * ops.cast(ops.expand_dims(source_mask, 1), "float32"), axis=2)


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
    """The entries that follow their hypothesis, the caches, and the memory.

    Raises:
        ValueError: an entry has a name of the search's own.
    """
    taken = sorted(RESERVED & state.keys())
    if taken:
        raise ValueError(
            f"The state of decode_step has entries of the search's own names; expected others than "
            f"{', '.join(sorted(RESERVED))}. Received {', '.join(taken)}. Rename them."
        )
    memory = {name: value for name, value in state.items() if name.startswith("memory")}
    caches = {name: value for name, value in state.items() if name.startswith("cache")}
    others = {name: state[name] for name in state if name not in memory and name not in caches}
    return others, caches, memory


def _flat_gather(tensor, indices):
    """Single entries of a tensor by their index in the flattened tensor."""
    return backend.gather(ops.reshape(tensor, (-1,)), indices)


def _tokens(columns, candidates):
    """The tokens of columns of the logits."""
    return columns if candidates is None else backend.gather(candidates, columns)


def greedy(
    decode_step,
    state,
    *,
    limits,
    start_id,
    end_id,
    pad_id,
    source_mask=None,
    length_penalty=0.0,
    coverage_penalty=0.0,
    candidates=None,
    **constraints,
):
    """Takes the most likely token at each step.

    Args:
        decode_step: see the module.
        state: the state before the first step, B rows.
        limits: int32 `(B,)`, most tokens of each row, end token included, at least 1.
        start_id, end_id, pad_id: ints.
        source_mask: boolean `(B, S)`, True for real tokens, when `decode_step` gives attention;
            None when it gives None.
        length_penalty: α of `length_norm`, for the score only.
        coverage_penalty: β, the weight of `coverage` in the score.
        candidates: int32 `(C,)`, ascending: the token of each column of the logits, which are then
            `(N, C)`; None where they are all tokens.
        **constraints: `prefix_ids`, `min_length`, `suppressed_ids`, `no_repeat_ngram` of
            `Constraints`.

    Returns:
        A dict of tensors: `ids` `(B, 1, T)`, padded after the end token; `lengths` `(B, 1)`;
        `scores` `(B, 1)`; and `attention` `(B, 1, T, S)` if there is attention.
    """
    batch = ops.shape(limits)[0]
    constraints = Constraints(batch, end_id, pad_id, candidates=candidates, **constraints)
    changing, caches, memory = _split_state(state)
    changing |= caches  # without beams a sentence is a hypothesis

    def advance(step, sentences, hypotheses, fixed, history):
        state = {name: {**hypotheses, **fixed}[name] for name in (*changing, *memory)}
        logits, new_state, attention = decode_step(hypotheses["token"], state)
        log_probs = ops.log_softmax(logits, axis=-1)

        def constrained():
            rows, so_far = fixed["row"], lambda: history()["token"]
            return backend.top_k(constraints.apply(step, log_probs, rows, 1, so_far), 1)

        bound = constraints.may_bind(step)
        gain, token = backend.cond(bound, constrained, lambda: backend.top_k(log_probs, 1))
        gain, token = ops.reshape(gain, (-1,)), _tokens(ops.reshape(token, (-1,)), candidates)
        done = sentences["done"]
        token = ops.where(done, pad_id, token)
        stop = ops.logical_or(ops.equal(token, end_id), step + 1 >= fixed["limit"])
        done = ops.logical_or(done, stop)
        entries = {"token": token, "gain": gain}
        if source_mask is not None:
            entries["attention"] = attention
        following = {"token": token, **{name: new_state[name] for name in changing}}
        return {"done": done}, following, ops.logical_not(done), entries

    logs = {
        "token": (ops.zeros((batch, 0), "int32"), pad_id),
        "gain": (ops.zeros((batch, 0), "float32"), 0.0),
    }
    if source_mask is not None:
        logs["attention"] = (ops.zeros((batch, 0, ops.shape(source_mask)[1]), "float32"), 0.0)
    log = shrinking_loop(
        advance,
        {"done": ops.zeros_like(limits, dtype="bool")},
        {"token": ops.zeros_like(limits) + start_id, **changing},
        {"limit": limits, **memory},
        logs,
    )
    ids = log["token"]
    ended = ops.cast(ops.equal(ids, end_id), "int32")
    before_end = ops.equal(ops.cumsum(ended, axis=1) - ended, 0)
    places = ops.expand_dims(ops.arange(ops.shape(ids)[1], dtype="int32"), 0)
    spoken = ops.logical_and(before_end, places < ops.expand_dims(limits, 1))  # (B, T)
    lengths = ops.sum(ops.cast(spoken, "int32"), axis=1, keepdims=True)
    spoken = ops.cast(spoken, "float32")  # rows that are done go on until they leave the batch
    scores = ops.sum(log["gain"] * spoken, axis=1, keepdims=True)
    scores = scores / length_norm(lengths, length_penalty)
    result = {"ids": ops.expand_dims(ids, 1), "lengths": lengths, "scores": scores}
    if source_mask is not None:
        attention = ops.expand_dims(log["attention"] * ops.expand_dims(spoken, -1), 1)
        result["attention"] = attention
        result["scores"] = scores + coverage_penalty * coverage(attention, source_mask)
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
    source_mask=None,
    length_penalty=0.0,
    coverage_penalty=0.0,
    candidates=None,
    **constraints,
):
    """Keeps the `beam_size` most likely beginnings of each sentence.

    A sentence has K slots. At each step the best continuations of its live hypotheses fill the
    slots that are left; one that takes the end token, or reaches the sentence's limit, is finished:
    it keeps its slot's place in the count but is set apart and never extended. The search of a
    sentence ends when no live hypothesis is left, or when none of them can still enter the n best:
    log-probabilities only fall, so a live sum s scores at most s divided by the largest
    `length_norm` it can reach. The bound never changes the result; a coverage penalty switches it
    off. A beam of 1 is greedy search.

    What the loop logs (tokens, parents, attention) is never reordered: the chosen hypotheses are
    traced back through their parents afterwards.

    Args:
        beam_size: K, int or int32 scalar tensor, at least 1.
        num_hypotheses: n, results for each sentence, int or int32 scalar tensor, at most K.
        length_penalty: α of `length_norm`, by which finished hypotheses are compared.
        coverage_penalty: β, the weight of `coverage` when the K finished ones are ranked.
        The other arguments are those of `greedy`.

    Returns:
        A dict of tensors, best hypothesis first: `ids` `(B, n, T)`, `lengths` `(B, n)`, `scores`
        `(B, n)`, and `attention` `(B, n, T, S)` if there is attention. Where fewer than n
        hypotheses exist the rest have length 0 and a score of at most `IMPOSSIBLE`.

    Source: Graves (2012) and Bahdanau et al. (2015) for slots that finished hypotheses use up; the
    bound follows Huang et al. (2017), §3.
    """
    batch = ops.shape(limits)[0]
    source_length = None if source_mask is None else ops.shape(source_mask)[1]
    constraints = Constraints(batch, end_id, pad_id, candidates=candidates, **constraints)
    changing, caches, memory = _split_state(state)
    ranks = ops.expand_dims(ops.arange(beam_size, dtype="int32"), 0)  # (1, K)
    covering = ops.not_equal(coverage_penalty, 0.0)
    limits = ops.expand_dims(limits, 1)  # (B, 1)
    norms = ops.arange(ops.max(limits) + 3, dtype="int32")
    norms = length_norm(norms, length_penalty)  # by length

    def advance(step, sentences, hypotheses, fixed, history):
        known = {**hypotheses, **sentences, **fixed}
        state = {name: known[name] for name in (*changing, *caches, *memory)}
        if caches:
            state["ancestry"] = own = ops.concatenate(
                [sentences["ancestry"], _alone(fixed["row"], ranks)], axis=2
            )
        tokens = ops.reshape(hypotheses["token"], (-1, beam_size))
        logits, new_state, attention = decode_step(tokens, state)
        log_probs = ops.log_softmax(logits, axis=-1)
        first_row = ops.arange(ops.shape(fixed["row"])[0], dtype="int32") * beam_size
        first_row = ops.expand_dims(first_row, 1)  # (b, 1)

        def tokens_so_far():
            past = history()
            slots = ops.zeros_like(first_row) + ranks
            ids = _trace_back(slots * 0 + step - 1, slots, past["token"], past["parent"], pad_id)
            return ops.reshape(ids["ids"], (-1, step))

        def constrained():
            rows = fixed["row"]
            allowed = constraints.apply(step, log_probs, rows, beam_size, tokens_so_far)
            return backend.top_k(allowed, width)

        # The K best continuations of each sentence, by the sum of their log-probabilities.
        width = ops.minimum(beam_size, ops.shape(logits)[-1])
        bound = constraints.may_bind(step)
        gains, choices = backend.cond(
            bound, constrained, lambda: backend.top_k(log_probs, width)
        )  # (N, width)
        totals = ops.reshape(sentences["live"], (-1, 1)) + gains
        totals = ops.reshape(totals, (-1, beam_size * width))
        totals, index = backend.top_k(totals, beam_size)  # (b, K)
        parent = index // width
        token = _tokens(_flat_gather(choices, first_row * width + index), candidates)

        # Finished ones leave the beam with their score; the others go on.
        valid = ops.logical_and(ranks + sentences["taken"] < beam_size, totals > _ALIVE)
        stops = ops.logical_or(ops.equal(token, end_id), step + 1 >= fixed["limit"])
        ending = ops.logical_and(valid, stops)
        ended = ops.where(ending, totals / backend.gather(norms, step + 1), 2.0 * IMPOSSIBLE)
        best = backend.top_k(ops.concatenate([sentences["best"], ended], axis=1), beam_size)[0]
        going_on = ops.logical_and(valid, ops.logical_not(ending))
        live = ops.where(going_on, totals, IMPOSSIBLE)

        # Stop where even the most that a live sum can come to is no better than the n-th best.
        largest_norm = ops.maximum(fixed["norm"], backend.gather(norms, step + 2))  # (b,)
        best_live = ops.max(live, axis=1)
        nth = backend.gather(best, num_hypotheses - 1, axis=1)  # (b,)
        promising = ops.logical_or(covering, best_live / largest_norm > nth)
        active = ops.logical_and(best_live > _ALIVE, promising)

        parent_row = ops.reshape(first_row + parent, (-1,))
        following = {name: backend.gather(new_state[name], parent_row) for name in changing}
        entries = {"token": token, "parent": parent, "ended": ended}
        if source_mask is not None:
            entries["attention"] = ops.reshape(attention, (-1, beam_size, source_length))
        sentences = {
            "live": live,
            "best": best,
            "taken": sentences["taken"] + ops.sum(ops.cast(ending, "int32"), axis=1, keepdims=True),
            **{name: new_state[name] for name in caches},
        }
        if caches:
            inherited = backend.gather(ops.reshape(own, (-1, ops.shape(own)[2])), parent_row)
            sentences["ancestry"] = ops.reshape(inherited, ops.shape(own))
        hypotheses = {"token": ops.reshape(token, (-1,)), **following}
        return sentences, hypotheses, active, entries

    nothing = ops.zeros((batch, 1), "float32") + ops.cast(ranks * 0, "float32")  # (B, K)
    everyone = ops.expand_dims(ops.arange(batch, dtype="int32"), 1)
    repeat = ops.reshape(everyone + ranks * 0, (-1,))
    logs = {
        "token": (ops.zeros((batch, 0, beam_size), "int32"), pad_id),
        "parent": (ops.zeros((batch, 0, beam_size), "int32"), 0),
        "ended": (ops.zeros((batch, 0, beam_size), "float32"), 2.0 * IMPOSSIBLE),
    }
    if source_mask is not None:
        unseen = ops.zeros((batch, 0, beam_size, source_length), "float32")
        logs["attention"] = (unseen, 0.0)
    sentences = {
        "live": ops.where(ops.equal(ranks, 0), 0.0, IMPOSSIBLE) + nothing,
        "best": nothing + 2.0 * IMPOSSIBLE,
        "taken": ops.zeros((batch, 1), "int32"),
        **caches,
    }
    if caches:
        sentences["ancestry"] = ops.zeros((batch, beam_size, 0), "bool")
    log = shrinking_loop(
        advance,
        sentences,
        {
            "token": ops.zeros_like(repeat) + start_id,
            **{name: backend.gather(value, repeat) for name, value in changing.items()},
        },
        {"limit": limits, "norm": length_norm(limits[:, 0], length_penalty), **memory},
        logs,
        beam_size,
    )
    return _best(log, beam_size, num_hypotheses, source_mask, coverage_penalty, pad_id)


def _alone(rows, ranks):
    """`(b, K, K)`: of the entries that a step appends, each hypothesis has its own."""
    same = ops.equal(ops.expand_dims(ranks, 2), ops.expand_dims(ranks, 1))  # (1, K, K)
    return backend.gather(same, rows * 0)


def _best(log, beam_size, num_hypotheses, source_mask, coverage_penalty, pad_id):
    """The result of `beam` from what its loop logged."""
    batch, ended = ops.shape(log["ended"])[0], log["ended"]
    covered = source_mask is not None
    traced = num_hypotheses
    if covered:  # then all that finished are compared: K at most
        traced = ops.where(ops.equal(coverage_penalty, 0.0), num_hypotheses, beam_size)
    scores, index = backend.top_k(ops.reshape(ended, (batch, -1)), traced)  # over T·K endings
    last_step = index // beam_size
    exists = scores > IMPOSSIBLE
    result = _trace_back(
        ops.where(exists, last_step, -1),
        index - last_step * beam_size,
        log["token"],
        log["parent"],
        pad_id,
        log.get("attention"),
    )
    result["lengths"] = ops.where(exists, last_step + 1, 0)
    if covered:
        change = coverage_penalty * coverage(result["attention"], source_mask)
        scores, order = backend.top_k(scores + ops.where(exists, change, 0.0), num_hypotheses)
        rows = ops.expand_dims(ops.arange(batch, dtype="int32") * traced, 1) + order
        for name, value in result.items():
            flat = ops.reshape(value, (-1, *ops.shape(value)[2:]))
            result[name] = backend.gather(flat, rows)
    return {**result, "scores": scores}


def _trace_back(last_step, slot, tokens, parents, pad_id, attention=None):
    """Follows chosen hypotheses from their last token to their first.

    Args:
        last_step: int32 `(B, n)`, the step of the last token, −1 for no hypothesis.
        slot: int32 `(B, n)`, the slot of the last token.
        tokens: int32 `(B, T, K)`, the token that each slot took at each step.
        parents: int32 `(B, T, K)`, the slot that it continued.
        pad_id: fills the ids after a hypothesis's last token.
        attention: float32 `(B, T, K, S)`, where each slot looked before it was continued; or None.

    Returns:
        A dict with `ids` `(B, n, T)` and, given `attention`, `attention` `(B, n, T, S)`.
    """
    batch, num_steps, num_slots = ops.shape(tokens)
    starts = ops.expand_dims(ops.arange(batch, dtype="int32") * (num_steps * num_slots), 1)

    def cond(step, *_):
        return step >= 0

    def body(step, slot, ids, places):
        spoken = step <= last_step
        row = starts + step * num_slots  # (B, 1)
        parent = _flat_gather(parents, row + slot)
        token = ops.where(spoken, _flat_gather(tokens, row + slot), pad_id)
        ids = ops.concatenate([ops.expand_dims(token, 2), ids], axis=2)
        places = ops.concatenate([ops.expand_dims(row + parent, 2), places], axis=2)
        return step - 1, ops.where(spoken, parent, slot), ids, places

    shape = ops.shape(last_step)
    empty = ops.zeros((shape[0], shape[1], 0), "int32")
    start = (num_steps - 1, slot, empty, empty)
    _, _, ids, places = backend.while_loop(cond, body, start)
    if attention is None:
        return {"ids": ids}
    looked_at = ops.reshape(attention, (-1, ops.shape(attention)[3]))
    spoken = ops.arange(num_steps, dtype="int32") <= ops.expand_dims(last_step, 2)  # (B, n, T)
    weights = backend.gather(looked_at, places)  # (B, n, T, S)
    return {"ids": ids, "attention": weights * ops.expand_dims(ops.cast(spoken, "float32"), -1)}
