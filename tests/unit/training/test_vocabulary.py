"""Vocabularies: files, determinism, byte fallback, and messages that say what to change."""

import subprocess
import sys
from pathlib import Path

import pytest

from serving.tokenizer import load_tokenizers, tokenizer_files
from training.vocabulary import _sample, train_tokenizers

REPOSITORY = Path(__file__).resolve().parents[3]
PAIRS = [
    ("The little dog runs across the wide green field.", "작은 개가 넓은 들판을 달립니다."),
    ("A little cat sleeps under the old wooden table.", "작은 고양이가 나무 탁자 밑에서 잡니다."),
    ("The cat and the dog play in the field.", "고양이와 개가 들판에서 놉니다."),
] * 3


def pairs():
    return iter(PAIRS)


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize("joint", [True, False])
def test_files_hold_what_is_returned(tmp_path, kind, joint):
    source, target = train_tokenizers(pairs, tmp_path, vocabulary_size=320, kind=kind, joint=joint)
    assert (source is target) == joint
    assert len(tokenizer_files(tmp_path)) == (1 if joint else 2)
    loaded = load_tokenizers(tmp_path)
    assert [t.model_proto for t in loaded] == [source.model_proto, target.model_proto]
    assert source.decode(source.encode(PAIRS[0][0])) == PAIRS[0][0]
    assert target.decode(target.encode("새 글자 漢")) == "새 글자 漢"
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".model"] * (2 - joint)


def test_separate_vocabularies_see_one_language_each(tmp_path):
    source, target = train_tokenizers(pairs, tmp_path, vocabulary_size=320, joint=False)
    assert len(target.encode("little dog")) > len(source.encode("little dog"))


def test_training_again_replaces_the_other_kind_of_files(tmp_path):
    train_tokenizers(pairs, tmp_path, vocabulary_size=320, joint=False)
    train_tokenizers(pairs, tmp_path, vocabulary_size=320, joint=True)
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.model"]


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_another_process_trains_the_same_bytes(tmp_path, kind):
    here, _ = train_tokenizers(pairs, tmp_path / "a", vocabulary_size=320, kind=kind)
    program = (
        "import sys; from training.vocabulary import train_tokenizers\n"
        f"train_tokenizers(lambda: {PAIRS!r}, sys.argv[1], vocabulary_size=320, kind={kind!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "b")],
        capture_output=True,
        check=True,
        cwd=REPOSITORY,
        text=True,
    )
    assert (tmp_path / "b" / "tokenizer.model").read_bytes() == here.model_proto
    assert done.stdout + done.stderr == ""


def test_unigram_takes_what_the_text_gives(tmp_path):
    tokenizer, _ = train_tokenizers(pairs, tmp_path, vocabulary_size=5000)
    assert 260 < tokenizer.vocabulary_size < 5000


def test_bpe_names_the_largest_size_and_accepts_it(tmp_path):
    with pytest.raises(
        ValueError, match=r"too large .*Received 5000\. Set vocabulary_size=\d+"
    ) as e:
        train_tokenizers(pairs, tmp_path, vocabulary_size=5000, kind="bpe")
    assert not list(tmp_path.iterdir())
    largest = int(str(e.value).split("Set vocabulary_size=")[1].split(",")[0])
    tokenizer, _ = train_tokenizers(pairs, tmp_path, vocabulary_size=largest, kind="bpe")
    assert tokenizer.vocabulary_size == largest


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocabulary_size": 100}, r"too small for the characters.*at least \d+\. Received 100"),
        ({"kind": "word", "vocabulary_size": 2}, r"kind .*'word'\. vocabulary_size .*Received 2\."),
        ({"character_coverage": 1.5}, "character_coverage is out of range"),
        ({"normalization": "nfq"}, r"normalization is unknown.*Received 'nfq'"),
    ],
)
def test_bad_options_are_explained(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        train_tokenizers(pairs, tmp_path, **{"vocabulary_size": 320} | options)


def test_no_text_is_explained(tmp_path):
    with pytest.raises(ValueError, match="pairs holds no text"):
        train_tokenizers(lambda: [], tmp_path, vocabulary_size=320)


def test_errors_of_the_corpus_pass_through(tmp_path):
    def broken():
        yield PAIRS[0]
        raise ValueError("a.en: line 2 is not UTF-8")

    with pytest.raises(ValueError, match=r"a\.en: line 2 is not UTF-8"):
        train_tokenizers(broken, tmp_path, vocabulary_size=320)


def test_sample_is_uniform_and_bounded():
    numbers = [str(number) for number in range(1000)]
    assert _sample(iter(numbers), 1000, seed=1) == numbers
    drawn = _sample(iter(numbers), 100, seed=1)
    assert len(set(drawn)) == 100
    assert drawn == _sample(iter(numbers), 100, seed=1) != _sample(iter(numbers), 100, seed=2)
    assert 400 < sum(map(int, drawn)) / 100 < 600
