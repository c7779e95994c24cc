"""How much BLEU a cheaper graph may lose, at the limits that exports have."""

import sys
from types import SimpleNamespace

import pytest

from export import bleu_gate

REFERENCES = [" ".join(f"w{row}x{place}" for place in range(10)) for row in range(200)]


def _with_wrong_words(count):
    """The references, with one word replaced in each of so many sentences."""
    changed = [text.replace("x5", "wrong") for text in REFERENCES[:count]]
    return changed + REFERENCES[count:]


def _measure(monkeypatch, expected, judged, references=REFERENCES, tokenize="13a"):
    texts = {"float32": expected, "int8": judged}
    monkeypatch.setattr(
        bleu_gate, "OnnxArtefact", lambda directory, graph, name: SimpleNamespace(name=name)
    )
    monkeypatch.setattr(bleu_gate, "_translate", lambda graph, *_: texts[graph.name])
    graphs = {"float32": "a.onnx", "int8": "b.onnx"}
    valid = bleu_gate.Valid.of((references, references), tokenize)
    return bleu_gate.measure_bleu(".", graphs, None, 9, valid, (1, 4))


@pytest.mark.parametrize(("wrong", "written"), [(0, True), (1, True), (3, False)])
def test_a_little_may_be_lost(monkeypatch, wrong, written):
    found = _measure(monkeypatch, REFERENCES, _with_wrong_words(wrong))
    assert found.written == written
    scores = found.bleu["beam 4"]
    lost = scores["float32"] - scores["int8"]
    assert 0.14 * wrong <= lost <= 0.18 * wrong
    assert f"{lost:.2f} BLEU" in found.reason
    assert found.sentences == 200


def test_gain_is_no_loss(monkeypatch):
    assert _measure(monkeypatch, _with_wrong_words(9), REFERENCES).written


def test_equal_scores_of_a_model_that_cannot_translate_prove_nothing(monkeypatch):
    found = _measure(monkeypatch, ["no"] * 200, ["no"] * 200)
    assert not found.written
    assert "which proves nothing" in found.reason


def test_few_sentences_prove_nothing(monkeypatch):
    few = REFERENCES[:99]
    assert "99 sentences prove nothing" in _measure(monkeypatch, few, few, few).reason
    few = REFERENCES[:100]
    assert _measure(monkeypatch, few, few, few).written


def test_words_are_counted_as_the_model_was_scored(monkeypatch):
    spaceless = [text.replace(" ", "") for text in REFERENCES]
    judged = [text.replace("x5", "wrong") for text in spaceless]
    assert _measure(monkeypatch, spaceless, judged, spaceless).bleu["beam 1"]["int8"] < 1
    found = _measure(monkeypatch, spaceless, judged, spaceless, tokenize="char")
    assert found.bleu["beam 1"]["int8"] > 50
    assert "tok:char" in found.signature


@pytest.mark.parametrize("tokenize", ["nonsense", "ko-mecab"])
def test_tokenizer_that_is_not_there_is_named(monkeypatch, tokenize):
    monkeypatch.setitem(sys.modules, "mecab_ko", None)  # as where it is not installed
    with pytest.raises(ValueError, match=f"sacreBLEU has no tokenizer {tokenize}.* --valid"):
        bleu_gate.Valid.of(([], []), tokenize)
