"""The search against a plain specification of it, over a fake step function and no model.

`Letters` stands in for a decoder: random log-probabilities for every sentence and every history.
The module runs on the backend that Keras has; test_backends runs it again on the others.
"""

import functools
import itertools

import keras
import numpy as np
import pytest
from keras import ops

from zoo import search

PAD, START, END = 0, 1, 2
STATES = 997  # histories are told apart by a rolling code below this


class Letters:
    """A decoder whose next token depends on the sentence and on all tokens so far.

    The state holds the history three times: as a rolling code, as tokens that grow, and in a cache
    that a beam shares; where they differ, the code is wrong. The attention of a step is (code, the
    last token in the grown history, sentence), so that it tells who looked.
    """

    def __init__(self, batch, vocabulary=5, seed=0, spread=1.5, ending=0.0):
        random = np.random.default_rng(seed)
        logits = random.normal(scale=spread, size=(batch, STATES, vocabulary)).astype("float32")
        logits[..., END] += ending
        self.table = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        self.batch, self.vocabulary = batch, vocabulary
        self.steps = 0
        self.rows = []  # sentences that each step saw
        self.source_mask = np.ones((batch, 3), "bool")

    def code(self, tokens):
        value = 0
        for token in (START, *tokens):
            value = (value * self.vocabulary + int(token) + 1) % STATES
        return value

    def log_probs(self, sentence, tokens):
        return self.table[sentence, self.code(tokens)]

    def state(self):
        return {
            "memory_sentence": ops.arange(self.batch, dtype="int32"),
            "code": ops.zeros((self.batch,), "int32"),
            "grown": ops.zeros((self.batch, 0), "int32"),
            "cache_tokens": ops.zeros((self.batch, 1, 0), "int32"),
        }

    def _history(self, cache, ancestry, left):
        """What a cache `(b, 1, P + K)` says of each hypothesis: tokens `(N, t + 1)`."""
        if ancestry is None:
            return cache[:, 0]
        _, beams, length = ops.shape(ancestry)
        own = cache * ops.cast(ancestry, "int32")  # (b, K, P + K)
        own = ops.reshape(own, (left * beams, length // beams, beams))
        return ops.sum(own, axis=2)

    def __call__(self, tokens, state):
        self.steps += 1
        tokens = ops.reshape(tokens, (-1,))
        sentence = ops.reshape(state["memory_sentence"], (-1, 1))  # still one row a sentence
        left = ops.shape(sentence)[0]
        self.rows.append(left)
        code = (state["code"] * self.vocabulary + tokens + 1) % STATES
        grown = ops.concatenate([state["grown"], tokens[:, None]], axis=1)
        appended = ops.reshape(tokens, (left, 1, -1))
        cache = ops.concatenate([state["cache_tokens"], appended], axis=2)
        remembered = self._history(cache, state.get("ancestry"), left)
        code = (code + ops.sum(ops.abs(remembered - grown), axis=1)) % STATES
        index = ops.reshape(sentence * STATES + ops.reshape(code, (left, -1)), (-1,))
        logits = ops.take(self.table.reshape(-1, self.vocabulary), index, axis=0)
        who = ops.reshape(sentence + ops.zeros_like(ops.reshape(code, (left, -1))), (-1,))
        attention = ops.cast(ops.stack([code, grown[:, -1], who], axis=1), "float32")
        # What comes back as memory must not reach the next step.
        state = {"grown": grown, "memory_sentence": state["memory_sentence"] + 7, "code": code}
        state["cache_tokens"] = cache
        return logits, state, attention


class Looking(Letters):
    """Letters that look at a source, as long as `lengths` says, with weights that sum to 1."""

    def __init__(self, lengths, **options):
        super().__init__(len(lengths), **options)
        width = max(lengths)
        self.source_mask = np.arange(width) < np.array(lengths)[:, None]
        weights = np.random.default_rng(7).exponential(size=(self.batch, STATES, width)) ** 3
        weights *= self.source_mask[:, None]
        self.weights = (weights / weights.sum(axis=-1, keepdims=True)).astype("float32")

    def coverage(self, sentence, tokens):
        looks = [self.weights[sentence, self.code(tokens[:t])] for t in range(len(tokens))]
        seen = np.clip(np.sum(looks, axis=0), 1e-6, 1.0)[self.source_mask[sentence]]
        return float(np.log(seen).sum())

    def __call__(self, tokens, state):
        logits, state, attention = super().__call__(tokens, state)
        code, _, sentence = ops.unstack(ops.cast(attention, "int32"), 3, axis=1)
        table = self.weights.reshape(self.batch * STATES, -1)
        return logits, state, ops.take(table, sentence * STATES + code, axis=0)


def norm(length, penalty):
    return ((5 + length) / 6) ** penalty


def repeats(tokens, n):
    """Whether the last n tokens occur before."""
    grams = [tokens[i : i + n] for i in range(len(tokens) - n + 1)]
    return n > 0 and len(grams) > 0 and grams[-1] in grams[:-1]


def choices(letters, tokens, min_length=0, prefix=(), suppressed=(), ngram=0):
    """Tokens that may follow, by the rules that a caller gives."""
    step = len(tokens)
    if step < len(prefix) and prefix[step] != PAD:
        return [prefix[step]]
    free = [t for t in range(letters.vocabulary) if t not in suppressed]
    free = [t for t in free if t != END or step + 1 >= min_length]
    return [t for t in free if not repeats((*tokens, t), ngram)]


def reference_greedy(letters, sentence, limit, **rules):
    total, tokens = 0.0, ()
    while len(tokens) < limit and END not in tokens:
        log_probs = letters.log_probs(sentence, tokens).astype(float)
        token = max(choices(letters, tokens, **rules), key=log_probs.item)
        total, tokens = total + log_probs[token], (*tokens, token)
    return total, tokens


def reference_beam(letters, sentence, beam_size, limit, penalty, **rules):
    """Every finished hypothesis as (score, tokens), best first. No bound stops this one early."""
    live, finished = [(0.0, ())], []
    for length in range(1, limit + 1):
        candidates = []
        for total, tokens in live:
            log_probs = letters.log_probs(sentence, tokens)
            allowed = choices(letters, tokens, **rules)
            candidates += [(total + float(log_probs[t]), (*tokens, t)) for t in allowed]
        candidates.sort(key=lambda candidate: -candidate[0])
        live = []
        for total, tokens in candidates[: beam_size - len(finished)]:  # the slots that are left
            if tokens[-1] == END or length == limit:
                finished.append((total / norm(length, penalty), tokens))
            else:
                live.append((total, tokens))
    return sorted(finished, key=lambda hypothesis: -hypothesis[0])


def every_translation(letters, sentence, limit, penalty):
    """All (score, tokens) there are, best first."""
    found = []
    for length in range(1, limit + 1):
        for tokens in itertools.product(range(letters.vocabulary), repeat=length):
            if END in tokens[:-1] or (tokens[-1] != END and length < limit):
                continue
            gains = [letters.log_probs(sentence, tokens[:i])[t] for i, t in enumerate(tokens)]
            found.append((float(np.sum(gains)) / norm(length, penalty), tokens))
    return sorted(found, key=lambda hypothesis: -hypothesis[0])


def run(
    function, letters, limits, attention=True, prefix=None, suppressed=None, ngram=0, **options
):
    def integers(values):
        return None if values is None else ops.convert_to_tensor(np.array(values, "int32"))

    result = function(
        letters,
        letters.state(),
        limits=integers(limits),
        start_id=START,
        end_id=END,
        pad_id=PAD,
        prefix_ids=integers(prefix),
        suppressed_ids=integers(suppressed),
        no_repeat_ngram=ngram,
        source_mask=ops.convert_to_tensor(letters.source_mask) if attention else None,
        **options,
    )
    return {name: ops.convert_to_numpy(value) for name, value in result.items()}


def assert_hypotheses(result, sentence, expected):
    """The rows of one sentence are `expected`, (score, tokens) each, and padding after them."""
    for n, (score, tokens) in enumerate(expected):
        length = len(tokens)
        assert result["ids"][sentence, n, :length].tolist() == list(tokens)
        assert not result["ids"][sentence, n, length:].any()
        assert result["lengths"][sentence, n] == length
        np.testing.assert_allclose(result["scores"][sentence, n], score, rtol=1e-5, atol=1e-5)


def assert_attention(result, letters):
    """Each token's attention is the one that its own hypothesis saw before it."""
    for sentence, row in enumerate(result["ids"]):
        for n, ids in enumerate(row):
            length = result["lengths"][sentence, n]
            expected = np.zeros((len(ids), 3))
            for t in range(length):
                last = START if t == 0 else ids[t - 1]
                expected[t] = letters.code(ids[:t]), last, sentence
            np.testing.assert_array_equal(result["attention"][sentence, n], expected)


# --- greedy ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("min_length", [0, 3, 20])
def test_greedy_equals_its_specification(seed, min_length):
    letters, limits = Letters(4, seed=seed), [1, 4, 6, 7]
    result = run(search.greedy, letters, limits, min_length=min_length, length_penalty=0.6)
    for sentence, limit in enumerate(limits):
        total, tokens = reference_greedy(letters, sentence, limit, min_length=min_length)
        assert_hypotheses(result, sentence, [(total / norm(len(tokens), 0.6), tokens)])
    assert_attention(result, letters)
    assert result["ids"].shape[2] == result["lengths"].max()  # the loop ends with its longest row


def test_greedy_without_attention_gives_none():
    result = run(search.greedy, Letters(2), [3, 3], attention=False)
    assert sorted(result) == ["ids", "lengths", "scores"]


def test_greedy_takes_forced_tokens_and_counts_them():
    letters = Letters(3, vocabulary=6, seed=4)
    prefixes = [(5, 3, 5), (4,), ()]
    padded = [[5, 3, 5], [4, 0, 0], [0, 0, 0]]
    result = run(search.greedy, letters, [6, 6, 6], prefix=padded)
    for sentence, prefix in enumerate(prefixes):
        expected = reference_greedy(letters, sentence, 6, prefix=prefix)
        assert_hypotheses(result, sentence, [expected])


# --- beam: the optimum ----------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0, 2.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_wide_beam_finds_the_best_of_all_translations(penalty, seed):
    letters = Letters(2, vocabulary=4, seed=seed)
    expected = [every_translation(letters, sentence, 4, penalty) for sentence in range(2)]
    assert len(expected[0]) == 121
    result = run(
        search.beam, letters, [4, 4], beam_size=121, num_hypotheses=12, length_penalty=penalty
    )
    for sentence in range(2):
        assert_hypotheses(result, sentence, expected[sentence][:12])
    assert_attention(result, letters)


def test_hypotheses_that_do_not_exist_are_empty():
    letters = Letters(1, vocabulary=4)
    result = run(search.beam, letters, [2], beam_size=20, num_hypotheses=16, length_penalty=0.6)
    expected = every_translation(letters, 0, 2, 0.6)
    assert len(expected) == 13
    assert_hypotheses(result, 0, expected)
    assert not result["lengths"][0, 13:].any()
    assert not result["ids"][0, 13:].any()
    assert not result["attention"][0, 13:].any()
    assert (result["scores"][0, 13:] <= search.IMPOSSIBLE).all()


# --- beam: the specification ----------------------------------------------------------------------


@pytest.mark.parametrize("penalty", [-0.5, 0.0, 0.6, 1.0, 2.5])
@pytest.mark.parametrize(("beam_size", "best"), [(1, 1), (2, 1), (3, 2), (5, 5)])
def test_stopping_early_never_changes_the_result(beam_size, best, penalty):
    letters, limits = Letters(6, seed=beam_size, spread=1.0), [1, 3, 5, 7, 9, 9]
    options = {"beam_size": beam_size, "num_hypotheses": best, "length_penalty": penalty}
    result = run(search.beam, letters, limits, **options)
    for sentence, limit in enumerate(limits):
        expected = reference_beam(letters, sentence, beam_size, limit, penalty)[:best]
        assert_hypotheses(result, sentence, expected)
    assert_attention(result, letters)


@pytest.mark.parametrize(
    ("best", "coverage", "steps"),
    [(1, 0.0, 1), (2, 0.0, 30), (1, 0.1, 30)],  # who looked at more may overtake in the end
)
def test_search_stops_once_nothing_better_can_come(best, coverage, steps):
    letters = Letters(1, vocabulary=4)
    letters.table[:] = np.log([0.4, 0.3, 0.001, 0.299])  # whoever goes on hardly ever ends
    letters.table[0, letters.code(())] = np.log([0.05, 0.05, 0.85, 0.05])
    options = {"length_penalty": 0.6, "coverage_penalty": coverage}
    run(search.beam, letters, [30], beam_size=3, num_hypotheses=best, **options)
    # ending scores log 0.85 = −0.16; a live sum of log 0.05 comes to −3 / 2.9 at the very most
    assert letters.steps == steps


@pytest.mark.parametrize(
    ("penalty", "first", "later", "best"),
    [
        # ending at once scores −0.51; 20 tokens come to −1.07 / 4.2 = −0.26
        (1.0, [0.02, 0.02, 0.60, 0.36], [0.0005, 0.0001, 0.0004, 0.999], [3] * 20),
        # ending at once scores −0.92; one token more −0.55 / 0.86 = −0.64, ever less from there on
        (-1.0, [0.01, 0.01, 0.40, 0.58], [0.0005, 0.0001, 0.999, 0.0004], [3, END]),
    ],
)
def test_bound_waits_for_the_length_that_scores_best(penalty, first, later, best):
    letters = Letters(1, vocabulary=4)
    letters.table[:] = np.log(later)
    letters.table[0, letters.code(())] = np.log(first)
    result = run(search.beam, letters, [20], beam_size=2, length_penalty=penalty)
    assert result["ids"][0, 0, : result["lengths"][0, 0]].tolist() == best


def test_finished_hypotheses_leave_the_beam_and_use_up_their_slot():
    letters = Letters(1, vocabulary=4)
    letters.table[:] = np.log([0.1, 0.1, 0.5, 0.3])
    result = run(search.beam, letters, [9], beam_size=3, num_hypotheses=3)
    # one slot a step goes to the end token; a finished one is never extended
    assert result["ids"][0].tolist() == [[2, 0, 0], [3, 2, 0], [3, 3, 2]]


@pytest.mark.parametrize("min_length", [2, 4, 30])
def test_beam_honours_min_length(min_length):
    letters, limits = Letters(3, seed=8), [3, 6, 8]
    result = run(search.beam, letters, limits, beam_size=4, num_hypotheses=2, min_length=min_length)
    for sentence, limit in enumerate(limits):
        expected = reference_beam(letters, sentence, 4, limit, 0.0, min_length=min_length)[:2]
        assert_hypotheses(result, sentence, expected)
        assert (result["lengths"][sentence] >= min(min_length, limit)).all()


@pytest.mark.parametrize("shared", [False, True])
def test_beam_honours_each_rows_prefix(shared):
    letters = Letters(4, vocabulary=6, seed=9)
    prefixes = [(5, 3, 4)] * 4 if shared else [(5, 3, 4), (3,), (), (4, END)]
    padded = [[5, 3, 4]] if shared else [[5, 3, 4], [3, 0, 0], [0, 0, 0], [4, END, 0]]
    options = {"beam_size": 3, "num_hypotheses": 2, "min_length": 4, "length_penalty": 1.0}
    result = run(search.beam, letters, [6] * 4, prefix=padded, **options)
    for sentence, prefix in enumerate(prefixes):
        rules = {"min_length": 4, "prefix": prefix}
        expected = reference_beam(letters, sentence, 3, 6, 1.0, **rules)[:2]
        assert_hypotheses(result, sentence, expected)
        for ids, length in zip(result["ids"][sentence], result["lengths"][sentence], strict=True):
            assert length == 0 or tuple(ids[: len(prefix)]) == prefix
    assert_attention(result, letters)


def test_prefix_longer_than_the_limit_is_cut():
    letters = Letters(1, vocabulary=6)
    for function, options in ((search.greedy, {}), (search.beam, {"beam_size": 3})):
        result = run(function, letters, [2], prefix=[[5, 4, 3, 5]], **options)
        assert result["ids"].tolist() == [[[5, 4]]]


def test_sentences_of_a_batch_do_not_touch_each_other():
    together, limits = Letters(4, seed=11), [8, 2, 5, 8]
    options = {"beam_size": 3, "num_hypotheses": 3, "length_penalty": 0.6}
    batch = run(search.beam, together, limits, **options)
    for sentence, limit in enumerate(limits):
        alone = Letters(1)
        alone.table = together.table[sentence : sentence + 1]
        single = run(search.beam, alone, [limit], **options)
        length = single["ids"].shape[2]
        np.testing.assert_array_equal(batch["ids"][sentence, :, :length], single["ids"][0])
        np.testing.assert_array_equal(batch["lengths"][sentence], single["lengths"][0])
        np.testing.assert_allclose(batch["scores"][sentence], single["scores"][0], rtol=1e-6)


def test_beam_of_one_equals_greedy():
    letters, limits = Letters(5, seed=12), [1, 3, 5, 7, 9]
    for options in ({}, {"min_length": 4}, {"prefix": [[3, 4]]}):
        greedy = run(search.greedy, letters, limits, length_penalty=0.6, **options)
        beam = run(search.beam, letters, limits, beam_size=1, length_penalty=0.6, **options)
        np.testing.assert_array_equal(greedy["ids"], beam["ids"])
        np.testing.assert_allclose(greedy["scores"], beam["scores"], rtol=1e-5)


# --- constraints ----------------------------------------------------------------------------------

LIMITS = [14, 3, 14, 6, 14, 9, 2, 14]  # sentences leave the batch at different steps


def long_letters(**options):
    """Letters that rarely end before the limit, so that there is something to repeat."""
    return Letters(len(LIMITS), ending=-1.5, **options)


def assert_both_searches_keep(letters, prefixes=None, **rules):
    """Greedy and beam search equal their specification under these rules of `choices`."""
    given = {**rules, "prefix": prefixes}
    greedy = run(search.greedy, letters, LIMITS, **given)
    beam = run(search.beam, letters, LIMITS, beam_size=3, num_hypotheses=2, **given)
    for sentence, limit in enumerate(LIMITS):
        own = {**rules, "prefix": prefixes[sentence] if prefixes else ()}
        assert_hypotheses(greedy, sentence, [reference_greedy(letters, sentence, limit, **own)])
        expected = reference_beam(letters, sentence, 3, limit, 0.0, **own)[:2]
        assert_hypotheses(beam, sentence, expected)
    for result in (greedy, beam):
        assert_attention(result, letters)
    assert min(letters.rows) < letters.batch  # the batch shrank on the way


@pytest.mark.parametrize(
    ("suppressed", "min_length"), [((4,), 0), ((1, 3, 0), 4), ((4,), 2), ((END,), 0)]
)
def test_suppressed_tokens_are_never_chosen(suppressed, min_length):
    letters = Letters(len(LIMITS), seed=1)
    assert_both_searches_keep(letters, suppressed=suppressed, min_length=min_length)


@pytest.mark.parametrize("seed", [2, 3])
@pytest.mark.parametrize("ngram", [1, 2, 3])
def test_no_ngram_occurs_twice(ngram, seed):
    assert_both_searches_keep(long_letters(vocabulary=4, seed=seed), ngram=ngram)


@pytest.mark.parametrize("ngram", [1, 2, 3])
def test_forced_tokens_count_among_the_ngrams(ngram):
    prefixes = [
        [3, 4, 3],
        [4, 4, 0],
        [0, 0, 0],
        [0, 3, 0],
        [4, 0, 4],
        [3, 3, 3],
        [3, 4, 3],
        [0] * 3,
    ]
    assert_both_searches_keep(long_letters(seed=4), prefixes, ngram=ngram)


def test_forced_tokens_win_over_every_other_constraint():
    letters = long_letters(vocabulary=14, seed=5)  # enough that none but 4 must repeat
    prefixes = [[4, 4, 4, END], [0, 4, 0, 4], *[[0] * 4] * 6]
    rules = {"suppressed": (4,), "min_length": 9, "ngram": 1}
    for function, options in ((search.greedy, {}), (search.beam, {"beam_size": 3})):
        result = run(function, letters, LIMITS, prefix=prefixes, **rules, **options)
        assert result["ids"][0, 0, :5].tolist() == [4, 4, 4, END, PAD]
        assert result["scores"][0, 0] > -100.0  # log-probabilities, not those of the impossible
    assert_both_searches_keep(letters, prefixes, **rules)


def test_constraints_may_be_tensors_of_a_graph():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow traces graphs whose shapes are free")
    import tensorflow as tf

    letters = Looking([4, 2, 3, 4], seed=6, ending=-1.0)
    limits = [7, 2, 7, 5]
    shapes = {"prefix_ids": (None, None), "suppressed_ids": (None,)}
    names = (*shapes, "min_length", "no_repeat_ngram", "coverage_penalty")
    types = dict.fromkeys(names, tf.int32) | {"coverage_penalty": tf.float32}
    signature = [tf.TensorSpec(shapes.get(name, ()), types[name]) for name in names]

    def translate(function, **options):
        def search_(*tensors):
            constraints = dict(zip(names, tensors, strict=True))
            return function(
                letters,
                letters.state(),
                limits=tf.constant(limits),
                start_id=START,
                end_id=END,
                pad_id=PAD,
                source_mask=tf.constant(letters.source_mask),
                **constraints,
                **options,
            )

        return tf.function(search_, input_signature=signature, autograph=False)

    settings = [
        ([[PAD]], [], 0, 0, 0.0),
        ([[3, 4], [4, 0], [0, 4], [0, 0]], [], 0, 0, 0.5),
        ([[PAD]], [3, 1], 4, 0, 0.0),
        ([[4]], [0], 3, 2, -0.5),
        ([[PAD]], [], 0, 3, 0.0),
    ]
    for function, options in (
        (search.greedy, {}),
        (search.beam, {"beam_size": 3, "num_hypotheses": 2}),
    ):
        graph = translate(function, **options)
        for prefix, suppressed, min_length, ngram, coverage in settings:
            result = graph(prefix, suppressed, min_length, ngram, coverage)
            expected = run(
                function,
                letters,
                limits,
                prefix=prefix,
                suppressed=suppressed,
                min_length=min_length,
                ngram=ngram,
                coverage_penalty=coverage,
                **options,
            )
            for name, value in expected.items():
                np.testing.assert_allclose(result[name], value, rtol=1e-5, atol=1e-6)


# --- coverage -------------------------------------------------------------------------------------


def test_coverage_is_that_of_wu():
    attention = np.zeros((1, 2, 3, 4), "float32")
    attention[0, 0, :, :3] = [[0.5, 0.5, 0.0], [0.7, 0.05, 0.25], [0.75, 0.0, 0.25]]
    mask = np.array([[True, True, True, False]])
    found = search.coverage(attention, mask)  # sums 1.95, which counts as 1, 0.55, 0.5; then none
    np.testing.assert_allclose(found, [[np.log(0.55 * 0.5), 3 * np.log(1e-6)]], rtol=1e-5)


@pytest.mark.parametrize("weight", [0.3, 2.0, -1.0])
def test_greedy_score_includes_the_coverage(weight):
    letters, limits = Looking([4, 1, 3], seed=7), [6, 4, 9]
    options = {"length_penalty": 0.6, "coverage_penalty": weight}
    result = run(search.greedy, letters, limits, **options)
    for sentence, limit in enumerate(limits):
        total, tokens = reference_greedy(letters, sentence, limit)
        score = total / norm(len(tokens), 0.6) + weight * letters.coverage(sentence, tokens)
        assert_hypotheses(result, sentence, [(score, tokens)])


@pytest.mark.parametrize("weight", [0.3, 2.0])
@pytest.mark.parametrize("best", [1, 4])
def test_coverage_ranks_all_that_finished(best, weight):
    letters, limits = Looking([4, 1, 3, 4, 2], seed=8, ending=0.5), [6, 4, 9, 1, 9]
    options = {"length_penalty": 0.6, "coverage_penalty": weight}
    result = run(search.beam, letters, limits, beam_size=4, num_hypotheses=best, **options)
    overtaken = 0
    for sentence, limit in enumerate(limits):
        finished = reference_beam(letters, sentence, 4, limit, 0.6)
        expected = [(s + weight * letters.coverage(sentence, ids), ids) for s, ids in finished]
        expected.sort(key=lambda hypothesis: -hypothesis[0])
        overtaken += expected[0][1] != finished[0][1]
        assert_hypotheses(result, sentence, expected[:best])
        for n, (_, ids) in enumerate(expected[:best]):
            looks = [letters.weights[sentence, letters.code(ids[:t])] for t in range(len(ids))]
            found = result["attention"][sentence, n]
            np.testing.assert_allclose(found[: len(ids)], looks, rtol=1e-6)
            assert not found[len(ids) :].any()
    assert overtaken  # the coverage decided


# --- finished sentences ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "rows"),
    [
        ([1, 9, 1, 5, 9, 9, 5, 9], [8] + [6] * 4 + [4] * 4),  # a quarter of 8, a third of 6
        ([9, 9, 9, 1, 9, 9, 9, 9], [8] * 9),  # an eighth is not worth the trouble
    ],
)
@pytest.mark.parametrize(
    ("function", "options"), [(search.greedy, {}), (search.beam, {"beam_size": 3})]
)
def test_finished_sentences_leave_the_batch(function, options, limits, rows):
    letters = Letters(8, ending=-99.0)
    result = run(function, letters, limits, **options)
    assert letters.rows == rows
    assert result["lengths"][:, 0].tolist() == limits


# --- details --------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [search.greedy, search.beam])
def test_another_padding_id_fills_short_rows(function):
    letters = Letters(2, vocabulary=5)
    letters.table[0] = np.log([0.1, 0.1, 0.1, 0.6, 0.1])
    letters.table[1] = np.log([0.1, 0.1, 0.7, 0.05, 0.05])
    result = function(
        letters,
        letters.state(),
        limits=ops.convert_to_tensor(np.array([3, 3], "int32")),
        start_id=START,
        end_id=END,
        pad_id=4,
        **({"beam_size": 2} if function is search.beam else {}),
    )
    assert ops.convert_to_numpy(result["ids"]).tolist() == [[[3, 3, 3]], [[END, 4, 4]]]


def test_beam_size_may_be_a_tensor_of_a_graph():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow traces graphs whose shapes are free")
    import tensorflow as tf

    letters, limits = Letters(3, seed=13), [4, 6, 8]

    @tf.function(input_signature=[tf.TensorSpec((), tf.int32)] * 2, autograph=False)
    def translate(beam_size, best):
        return search.beam(
            letters,
            letters.state(),
            beam_size=beam_size,
            num_hypotheses=best,
            limits=tf.constant(limits),
            start_id=START,
            end_id=END,
            pad_id=PAD,
            source_mask=ops.ones((3, 3), "bool"),
        )

    for beam_size, best in ((1, 1), (3, 2), (4, 4), (7, 1)):
        result = {name: value.numpy() for name, value in translate(beam_size, best).items()}
        assert result["ids"].shape[:2] == (3, best)
        for sentence, limit in enumerate(limits):
            expected = reference_beam(letters, sentence, beam_size, limit, 0.0)[:best]
            assert_hypotheses(result, sentence, expected)
        assert_attention(result, letters)


def test_length_norm_is_that_of_wu():
    lengths = np.array([1, 7, 13])
    np.testing.assert_allclose(search.length_norm(lengths, 1.0), [1.0, 2.0, 3.0], rtol=1e-6)
    np.testing.assert_allclose(search.length_norm(lengths, 0.0), [1.0, 1.0, 1.0])
    np.testing.assert_allclose(search.length_norm(lengths, 2.0), [1.0, 4.0, 9.0], rtol=1e-6)


def test_length_limits_follow_the_rule_of_each_row():
    source = np.array([[4, 5, 2], [2, 0, 0], [0, 0, 0]], "int32")
    for max_length, expected in ((0, [16, 12, 10]), (3, [3, 3, 3]), (50, [18, 18, 18])):
        limits = search.length_limits(source, max_length, 18)
        assert ops.convert_to_numpy(limits).tolist() == expected


@pytest.mark.parametrize("beam_size", [None, 2])
def test_state_with_a_name_of_the_searchs_own_is_refused(beam_size):
    options = {"limits": ops.ones((2,), "int32"), "start_id": START, "end_id": END, "pad_id": 0}
    state = Letters(2).state() | {"token": ops.zeros((2,), "int32")}
    run = functools.partial(search.beam, beam_size=beam_size) if beam_size else search.greedy
    with pytest.raises(ValueError, match=r"entries of the search's own names.* Received token\."):
        run(None, state, **options)
