"""A search loop whose batch shrinks: sentences that are done leave it."""

from keras import ops

from zoo import backend


def shrinking_loop(advance, sentences, hypotheses, fixed, logs, beam_size=1):
    """Runs `advance` step by step until every sentence is done.

    Two loops, one in the other: the inner one runs steps until a quarter or more of the sentences
    in the batch are done; the outer one writes down what they logged, and takes those sentences
    out. Until then a sentence that is done takes part in the steps like any other.
    With b of B sentences left, `advance` sees b rows in `sentences`, `fixed` and the logs, and
    b·K rows in `hypotheses`, sentence by sentence.

    Args:
        advance: function `(step, sentences, hypotheses, fixed, history) → (sentences, hypotheses,
            active, entries)`. `step` is an int32 scalar that counts from 0; the dicts have the
            names of those given here; `active` is boolean `(b,)`, False for a sentence that is
            done; `entries` has a tensor `(b, …)` for each log. `history()` gives all entries so
            far, `(b, step, …)` under each log's name; it copies them all.
        sentences: dict of tensors `(B, …)`; they change from step to step.
        hypotheses: dict of tensors `(B·K, …)`; they change, and may grow along an axis that starts
            with length 0.
        fixed: dict of tensors `(B, …)` that stay as they are; `advance` also finds int32 `row`
            there, the number of each sentence that is left.
        logs: dict of `(empty, fill)`: a tensor `(B, 0, …)`, and the value that stands where a
            sentence was no longer there.
        beam_size: K, int or int32 scalar tensor.

    Returns:
        A dict of tensors `(B, T, …)`, the entries of each log in T steps, in the order of the
        sentences at the start.
    """
    batch = ops.shape(next(iter(sentences.values())))[0]
    everyone = ops.arange(batch, dtype="int32")
    fixed = {**fixed, "row": everyone}
    ranks = ops.expand_dims(ops.arange(beam_size, dtype="int32"), 0)  # (1, K)
    empty = {name: start for name, (start, _) in logs.items()}

    def run_steps(step, sentences, hypotheses, fixed, full):
        """Steps until a quarter of the sentences are done; also gives what they logged."""
        rows = fixed["row"]
        enough = ops.shape(rows)[0] * 3 // 4

        def cond(step, active, *_):
            return ops.sum(ops.cast(active, "int32")) > enough

        def body(step, active, *values):
            inside = _unpack(values, sentences, hypotheses, empty)

            def history():
                return {
                    name: ops.concatenate([backend.gather(full[name], rows), entries], axis=1)
                    for name, entries in inside[2].items()
                }

            *state, active, entries = advance(step, inside[0], inside[1], fixed, history)
            log = {
                name: ops.concatenate([entries_so_far, ops.expand_dims(entries[name], 1)], axis=1)
                for name, entries_so_far in inside[2].items()
            }
            return step + 1, active, *_pack(*state, log, like=(sentences, hypotheses, empty))

        local = {name: backend.gather(start, rows) for name, start in empty.items()}
        active = ops.ones_like(rows, dtype="bool")
        first = (step, active, *_pack(sentences, hypotheses, local))
        step, active, *values = backend.while_loop(cond, body, first)
        return step, active, *_unpack(values, sentences, hypotheses, empty)

    def write(full, local, place):
        """The full logs, longer by the steps of `local`; rows that are gone get the fill."""
        written = {}
        for name, (_, fill) in logs.items():
            gone = ops.full_like(local[name][:1], fill)
            entries = backend.gather(ops.concatenate([gone, local[name]], axis=0), place)
            written[name] = ops.concatenate([full[name], entries], axis=1)
        return written

    def cond(step, place, *_):
        return ops.any(place > 0)

    def body(step, place, *values):
        groups = _unpack(values, sentences, hypotheses, fixed, empty)
        step, active, *changed, local = run_steps(step, *groups)
        full = write(groups[3], local, place)
        kept = backend.indices_of(active)  # (b,)
        kept_hypotheses = ops.reshape(ops.expand_dims(kept, 1) * beam_size + ranks, (-1,))
        number = ops.cast(active, "int32") * ops.cumsum(ops.cast(active, "int32"))
        place = backend.gather(ops.concatenate([ops.zeros((1,), "int32"), number]), place)
        left = (
            _take(changed[0], kept),
            _take(changed[1], kept_hypotheses),
            _take(groups[2], kept),
            full,
        )
        return step, place, *_pack(*left)

    # The row of each sentence in the batch that is left, counted from 1; 0 when it is gone.
    place = everyone + 1
    first = (ops.convert_to_tensor(0, "int32"), place, *_pack(sentences, hypotheses, fixed, empty))
    _, _, *values = backend.while_loop(cond, body, first, rows_change=True)
    return _unpack(values, sentences, hypotheses, fixed, empty)[3]


def _take(group, indices):
    return {name: backend.gather(value, indices) for name, value in group.items()}


def _pack(*groups, like=None):
    """The tensors of several dicts in one list, in the order of the dicts `like`."""
    pairs = zip(groups, like or groups, strict=True)
    return [group[name] for group, order in pairs for name in order]


def _unpack(values, *like):
    """The dicts that `_pack` made a list of."""
    values = iter(values)
    return [{name: next(values) for name in order} for order in like]
