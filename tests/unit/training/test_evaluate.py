"""Translating and scoring with a fake model, and with a checkpoint on disk."""

import math
import types
from types import SimpleNamespace

import pytest

import training.evaluate as evaluate_module
import zoo
from serving.manifest import DecodingDefaults
from serving.tokenizer import END_ID, JOINT_FILE
from training.evaluate import evaluate, translate
from training.vocabulary import train_tokenizers

TEXTS = ["abc", "", "a", "abcdefgh", "  ", "bb"]


class Letters:
    """a → 4, b → 5, ..."""

    def encode(self, text):
        return [ord(letter) - 93 for letter in text.strip()]

    def decode(self, ids):
        return "".join(chr(i + 93) for i in list(ids)[: list(ids).index(END_ID)])


class Copy:
    """Returns each source as its translation and records how it was called."""

    config = types.SimpleNamespace(max_source_length=6)

    def __init__(self):
        self.calls = []

    def translate_ids(self, source_ids, **options):
        self.calls.append((source_ids.shape, options))
        return {"ids": source_ids[:, None, :]}


def test_translations_come_back_in_the_texts_order():
    model, done = Copy(), []
    results = translate(
        model, (Letters(), Letters()), TEXTS, batch_size=2, beam_size=3, on_progress=done.append
    )
    assert results == ["abc", "", "a", "abcde", "", "bb"]  # cut to 6 tokens, end included
    assert [shape for shape, _ in model.calls] == [(2, 6), (2, 3)]  # similar lengths together
    assert model.calls[0][1] == {"beam_size": 3, "length_penalty": 0.6}
    assert done == [2, 2]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    directory = tmp_path_factory.mktemp("checkpoint")
    text = [("ein hund", "a dog"), ("eine katze", "a cat"), ("zwei hunde", "two dogs")]
    options = {"vocabulary_size": 40, "byte_fallback": False}
    tokenizers = train_tokenizers(lambda: text, directory / "tokenizer", **options)
    size = tokenizers[0].vocabulary_size
    model = zoo.build("luong_tiny", vocabulary_size=size, embedding_width=4, units=4)
    files = [directory / "tokenizer" / JOINT_FILE]
    return zoo.save_checkpoint(model, directory / "final", {}, files)


def test_checkpoint_is_scored_with_everything(checkpoint, tmp_path):
    sources, references = ["ein hund", "eine katze"], ["a dog", "a cat"]
    output = tmp_path / "translations.txt"
    result = evaluate(checkpoint, sources, references, output=output, progress=False)
    lines = output.read_text(encoding="utf-8").split("\n")
    assert lines == [*result.translations, ""]
    assert result.perplexity > 1.0
    assert result.sentences_per_second == pytest.approx(2 / result.seconds)
    shown = "\n".join(result.lines())
    for part in ("BLEU", "tok:13a", "chrF", "perplexity", "sentences/s"):
        assert part in shown


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """A directory that passes for a bundle."""
    (tmp_path / "manifest.json").write_text("{}")
    manifest = SimpleNamespace(decoding=DecodingDefaults(beam_size=3, length_penalty=1.5))
    monkeypatch.setattr(evaluate_module.Manifest, "read", lambda *_, **__: manifest)
    return tmp_path


def test_bundle_goes_through_the_translator(bundle, monkeypatch):
    seen = {}

    def with_bundle(path, sources, options, progress):
        seen.update(options, path=path)
        return [text.upper() for text in sources], 0, 0.5

    monkeypatch.setattr(evaluate_module, "_with_bundle", with_bundle)
    result = evaluate(bundle, ["a b c d"], ["A B C D"], beam_size=2, progress=False)
    assert seen == {"beam_size": 2, "length_penalty": 1.5, "batch_size": 64, "path": bundle}
    assert "search beam 2, length penalty 1.5" in result.lines()
    evaluate(bundle, ["a b c d"], ["A B C D"], progress=False)
    assert seen["beam_size"] == 3  # what the bundle does for its callers
    assert result.bleu == pytest.approx(100.0)
    assert result.perplexity is None
    assert not any("perplexity" in line for line in result.lines())


@pytest.mark.parametrize("kind", ["checkpoint", "bundle"])
def test_sources_that_were_cut_are_counted(kind, checkpoint):
    path = checkpoint if kind == "checkpoint" else "de-en"
    long = "ein hund " * 150  # the limit is 256 tokens
    result = evaluate(path, [long, "ein hund", long], ["a dog"] * 3, beam_size=1, progress=False)
    assert result.truncated == 2
    assert "cut 2 of 3 sources: too long" in result.lines()
    result = evaluate(path, ["ein hund"], ["a dog"], beam_size=1, progress=False)
    assert not any("cut" in line for line in result.lines())


def test_other_directories_are_refused(tmp_path):
    with pytest.raises(ValueError, match="neither a checkpoint nor a bundle"):
        evaluate(tmp_path, ["a"], ["a"])


def test_unequal_files_are_refused(checkpoint):
    with pytest.raises(ValueError, match=r"evaluate: numbers of lines differ.*Received 1 and 2"):
        evaluate(checkpoint, ["a"], ["a", "b"])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"beam_size": 0}, "beam_size is out of range; expected an integer >= 1. Received 0"),
        ({"batch_size": 0}, "batch_size is out of range"),
        ({"output": "/nowhere/at/all"}, "/nowhere/at/all: is a directory, or lies in none"),
        ({"output": "/"}, "/: is a directory, or lies in none"),
        ({"length_penalty": -1.0}, "length_penalty is out of range"),
        ({"length_penalty": math.nan}, "length_penalty is out of range"),
        ({"tokenize": "none of them"}, "tokenize is unknown"),
    ],
    ids=lambda item: str(item)[:12],
)
def test_mistakes_show_before_anything_is_translated(bundle, monkeypatch, options, problem):
    monkeypatch.setattr(evaluate_module, "_with_bundle", lambda *_: pytest.fail("translated"))
    with pytest.raises(ValueError, match=problem):
        evaluate(bundle, ["a"], ["a"], **options)


def test_translations_stay_one_a_line(bundle, tmp_path, monkeypatch):
    found = (["one\ntwo", "three"], 0, 0.5)
    monkeypatch.setattr(evaluate_module, "_with_bundle", lambda *_: found)
    evaluate(tmp_path, ["a", "b"], ["a", "b"], output=tmp_path / "out", progress=False)
    assert (tmp_path / "out").read_text() == "one two\nthree\n"
