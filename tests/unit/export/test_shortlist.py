"""Learning a shortlist: IBM Model 1 against a plain one, and what a table holds."""

from collections import Counter, defaultdict

import numpy as np
import pytest

import export.shortlist
from export.shortlist import ITERATIONS, learn_shortlist, same_pieces

END, UNKNOWN = 2, 3
# The target of source token n is n + 100; 150 follows every sentence, 151 begins it.
ORDER, FILLER, OPENER = 100, 150, 151


def toy_corpus(sentences=200, seed=0):
    """Sentences of 2 to 6 of the source tokens 10 to 29, their targets in another order."""
    random = np.random.default_rng(seed)
    source, target = [], []
    for _ in range(sentences):
        words = random.choice(np.arange(10, 30), random.integers(2, 7), replace=False)
        source.append(words.tolist())
        target.append([OPENER, *(random.permutation(words) + ORDER).tolist(), FILLER])
    return source, target


def learn(source, target, **options):
    return learn_shortlist(source, target, 40, 160, **options)


def plain_model_1(source, target):
    """p(target | source) by Brown et al. (1993), sentence by sentence; None is the empty word."""
    uniform = defaultdict(lambda: 1.0)
    for _ in range(ITERATIONS):
        counts, totals = Counter(), Counter()
        for words, others in zip(source, target, strict=True):
            for other in others:
                norm = sum(uniform[word, other] for word in (None, *words))
                for word in (None, *words):
                    share = uniform[word, other] / norm
                    counts[word, other] += share
                    totals[word] += share
        uniform = {pair: count / totals[pair[0]] for pair, count in counts.items()}
    return uniform


def test_obvious_pairs_come_first():
    found = learn(*toy_corpus(), per_token=3, frequent=2)
    for word in range(10, 30):
        assert found.table[word, 0] == word + ORDER
    assert found.table.dtype == found.frequent.dtype == np.int32
    assert found.table.shape == (40, 3)


def test_table_is_that_of_a_plain_model_1():
    source, target = toy_corpus(12)
    source.append([11, 11, 12])  # a word that occurs twice
    target.append([111, 112, 111])
    source.append([])  # and sentences without tokens, which do not count
    target.append([111])
    expected = plain_model_1(source[:-1], target[:-1])
    found = learn(source, target, per_token=40, frequent=1)
    always = set(found.frequent.tolist())
    for word in range(10, 30):
        options = [(-p, t) for (s, t), p in expected.items() if s == word and t not in always]
        likely = [t for _, t in sorted((round(p, 9), t) for p, t in options)]
        row = [t for t in found.table[word].tolist() if t != END]
        assert sorted(row) == sorted(likely)
        clear = [t for p, t in sorted(options)]
        probability = {t: p for p, t in options}
        gained = [probability[t] for t in row]
        np.testing.assert_allclose(gained, [probability[t] for t in clear], rtol=1e-6)


def test_frequent_tokens_take_no_place_in_the_table():
    found = learn(*toy_corpus(), per_token=5, frequent=2)
    assert found.frequent[0] == END
    assert set(found.frequent[1:].tolist()) == {FILLER, OPENER}
    assert not np.isin(found.table, [FILLER, OPENER]).any()


def test_unseen_tokens_propose_the_end_only():
    found = learn(*toy_corpus(), per_token=5, frequent=2)
    assert (found.table[:10] == END).all()  # padding and the empty word among them
    assert (found.table[30:] == END).all()


def test_frequent_are_at_most_those_that_occur():
    found = learn([[10], [11]], [[110, 110], [111]], frequent=50)
    assert found.frequent.tolist() == [END, 110, 111]


def test_same_tokens_are_proposed_too():
    same = np.full(40, END, "int32")
    same[35] = 77
    found = learn(*toy_corpus(), per_token=3, frequent=2, same=same)
    assert found.table.shape == (40, 4)
    assert found.table[35].tolist() == [END, END, END, 77]
    assert found.table[12, 0] == 112


def test_an_even_part_of_many_sentences_is_read(monkeypatch):
    source, target = [[10]] * 50 + [[11]] * 50, [[110]] * 50 + [[111]] * 50
    monkeypatch.setattr(export.shortlist, "MOST_LINKS", 40)  # of 200
    lines = []
    found = learn(source, target, frequent=1, per_token=1, report=lines.append)
    assert lines == ["learning a shortlist from 20 sentences, 40 links"]
    assert found.table[11, 0] == 111
    assert found.table[10, 0] == END  # 110 is the frequent one, counted over all


def test_same_pieces_are_found_by_their_spelling():
    class Pieces:
        def __init__(self, *pieces):
            self._pieces = ["<pad>", "<s>", "</s>", "<unk>", *pieces]
            self.vocabulary_size = len(self._pieces)

        def pieces(self, ids):
            return [self._pieces[i] for i in ids]

    found = same_pieces(Pieces("a", "▁7", "c"), Pieces("▁7", "b", "c", "d"))
    assert found.tolist() == [END] * 4 + [END, 4, 6]


@pytest.mark.parametrize(
    ("source", "target", "options", "message"),
    [
        ([[10]], [[110], [111]], {}, r"do not belong together; .*Received 1 and 2\."),
        ([[]], [[110]], {}, "do not belong together"),
        ([[10]], [[110]], {"per_token": 0}, r"per_token is too small; .*Received 0\."),
        ([[10]], [[110]], {"frequent": 0}, r"frequent is too small"),
    ],
)
def test_wrong_arguments_are_named(source, target, options, message):
    with pytest.raises(ValueError, match=f"learn_shortlist: .*{message}"):
        learn(source, target, **options)
