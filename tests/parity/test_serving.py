"""The translator on exported graphs: streams, threads and decoding options."""

import itertools
import json

import pytest

from serving import Translator
from serving.tokenizer import END_ID
from training.evaluate import evaluate

FAMILIES = ["transformer_pre", "bahdanau_gru"]
OPTIONS = [
    {},
    {"no_repeat_ngram": 1},
    {"suppressed_tokens": ["e", ".", "</s>"]},
    {"coverage_penalty": 0.4, "length_penalty": 1.0},
    {"min_length": 9, "max_length": 11},
    {"prefix": "we read"},
]


@pytest.fixture(scope="module", params=FAMILIES)
def bundle(request, exported):
    return exported(request.param).bundle


@pytest.fixture(scope="module")
def translator(bundle):
    return Translator.load(bundle, threads=1)


@pytest.fixture(scope="module")
def golden(bundle):
    """The texts of the golden examples, the empty one too."""
    entries = json.loads((bundle / "golden.json").read_text(encoding="utf-8"))
    return list(dict.fromkeys(entry["source"] for entry in entries))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_streams_end_with_the_greedy_translation(translator, golden, options):
    grown = 0
    for text in golden:
        whole = translator.translate(text, beam_size=1, return_attention=True, **options)
        parts = list(translator.stream(text, return_attention=True, **options))
        # Not about equal: the same bits in every score and weight.
        assert parts[-1] == whole
        assert (parts[-1].attention == whole.attention).all()
        for before, after in itertools.pairwise(parts):
            assert not before.finished
            assert after.text.startswith(before.text)
            assert after.tokens[: len(before.tokens)] == before.tokens
        grown += len(parts) > 1
    assert grown > len(golden) / 2


@pytest.mark.parametrize("beam_size", [1, 4])
def test_threads_change_no_translation(bundle, translator, golden, beam_size):
    expected = translator.translate(golden, beam_size=beam_size)
    for threads in (2, 3):
        results = Translator.load(bundle, threads=threads).translate(golden, beam_size=beam_size)
        for result, other in zip(results, expected, strict=True):
            assert result.tokens == other.tokens
            assert result.score == pytest.approx(other.score, abs=1e-4)


@pytest.mark.parametrize("beam_size", [1, 4])
def test_constraints_hold(translator, golden, beam_size):
    plain = translator.translate(golden, beam_size=beam_size)
    taken = {token for result in plain for token in result.tokens} - {"</s>"}
    banned = sorted(taken)[::2]
    results = translator.translate(golden, beam_size=beam_size, suppressed_tokens=banned)
    ids = {token for name in banned for token in _suppressed(translator, name)}
    names = set(translator.target_tokenizer.pieces(sorted(ids - {END_ID})))
    assert names & taken
    assert not any(names & set(result.tokens) for result in results)

    results = translator.translate(golden, beam_size=beam_size, no_repeat_ngram=2)
    assert any(_repeats(result.tokens) for result in plain)
    assert not any(_repeats(result.tokens) for result in results)


def _suppressed(translator, token):
    word = translator.target_tokenizer.encode(token)
    return word if len(word) == 1 else [translator.target_tokenizer.piece_id(token)]


def _repeats(tokens):
    pairs = list(itertools.pairwise(tokens))
    return len(pairs) > len(set(pairs))


def test_attention_head_and_layer_are_chosen(exported):
    translator = Translator.load(exported("transformer_pre").bundle)
    options = {"beam_size": 1, "return_attention": True}

    def attention(**choice):
        return translator.translate("a dog runs", **options, **choice).attention

    heads = [attention(attention_head=head) for head in range(2)]
    assert abs(heads[0] - heads[1]).max() > 1e-3
    assert attention() == pytest.approx((heads[0] + heads[1]) / 2, abs=1e-5)
    assert abs(attention(attention_layer=0) - attention()).max() > 1e-3
    assert (attention(attention_layer=1) == attention()).all()  # it has two
    with pytest.raises(ValueError, match=r"attention_layer .* from -2 to 1"):
        attention(attention_layer=2)
    with pytest.raises(ValueError, match=r"attention_head .* from -1 to 1"):
        attention(attention_head=2)


def test_recurrent_model_has_no_heads_to_choose(exported):
    translator = Translator.load(exported("bahdanau_gru").bundle)
    with pytest.raises(ValueError, match="attention_head cannot be changed"):
        translator.translate("a dog", attention_head=0)


def test_evaluation_of_a_bundle_is_that_of_its_translations(bundle, translator, lines):
    references = [text[::-1] for text in lines]
    found = evaluate(bundle, lines, references, progress=False)
    expected = [result.text for result in translator.translate(lines)]
    assert (list(found.translations), found.beam_size, found.sentences) == (expected, 1, len(lines))
    found = evaluate(bundle, lines, references, beam_size=3, length_penalty=1.5, progress=False)
    expected = translator.translate(lines, beam_size=3, length_penalty=1.5)
    assert list(found.translations) == [result.text for result in expected]
