"""Decoding options: which values are taken, and what suppressed tokens stand for."""

import dataclasses
import io

import pytest
import sentencepiece

from serving import Translator
from serving.manifest import DecodingDefaults, ModelInfo
from serving.options import DecodingOptions, SearchOptions, suppressed_ids
from serving.tokenizer import Tokenizer


@pytest.fixture
def tokenizer(translator):
    return translator.target_tokenizer


def ids_of(tokenizer, *pieces):
    return tuple(sorted(tokenizer.piece_id(piece) for piece in pieces))


@pytest.mark.parametrize(
    ("token", "piece"),
    [
        ("a", "▁a"),  # a word, although "a" is a piece too
        ("▁a", "▁a"),
        ("at", "at"),  # no word of one piece
        ("는", "는"),
        ("▁", "▁"),
        (".", "."),
        ("<unk>", "<unk>"),
        ("</s>", "</s>"),
    ],
)
def test_suppressed_token_is_a_word_of_one_piece_or_a_piece(tokenizer, token, piece):
    problems = []
    assert suppressed_ids([token], tokenizer, problems) == ids_of(tokenizer, piece)
    assert problems == []


def test_suppressed_tokens_come_sorted_and_once(tokenizer):
    problems = []
    found = suppressed_ids((token for token in ("o", "a", ".", "▁a")), tokenizer, problems)
    assert found == ids_of(tokenizer, "▁a", ".", "o")
    assert problems == []


@pytest.mark.parametrize(
    ("token", "pieces"),
    [
        ("the", "▁t, h, e"),
        ("a dog", "▁a, ▁, d, o, g"),
        ("☃", "▁, <unk>"),
        ("", "none"),
        ("  ", "none"),
    ],
)
def test_text_that_is_not_one_piece_is_an_error_that_names_the_pieces(tokenizer, token, pieces):
    problems = []
    assert suppressed_ids(["a", token], tokenizer, problems) == ids_of(tokenizer, "▁a")
    assert problems == [
        f"suppressed_tokens has {token!r}; expected one piece of the target vocabulary. "
        f"Received the pieces {pieces}. Suppress one of them, spelled so."
    ]


def test_word_that_is_unknown_as_a_whole_is_an_error():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a dog", "the cat"]),
        model_writer=model,
        vocab_size=30,
        hard_vocab_limit=False,
        add_dummy_prefix=False,
        minloglevel=2,
        **{"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3},
    )
    tokenizer = Tokenizer(model.getvalue())
    assert tokenizer.encode("☃") == [3]
    problems = []
    assert suppressed_ids(["☃"], tokenizer, problems) == ()
    assert "Received the pieces <unk>" in problems[0]


@pytest.mark.parametrize("tokens", ["a", b"a", 5, ["a", 5], [None]])
def test_suppressed_tokens_of_another_type_are_an_error(translator, tokens):
    with pytest.raises(ValueError, match="suppressed_tokens must be a list of str"):
        translator.translate("a dog", suppressed_tokens=tokens)


def with_heads(toolbox, **config):
    model = ModelInfo("transformer", "transformer_tiny", revision="0" * 64, config=config)
    return Translator.load(toolbox.bundle(model=model))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention_layer": 3}, "attention_layer .* integer from -3 to 2. Received 3"),
        ({"attention_layer": -4}, "attention_layer .* integer from -3 to 2. Received -4"),
        ({"attention_head": 2}, "attention_head .* integer from -1 to 1. Received 2"),
        ({"attention_head": -2}, "attention_head .* integer from -1 to 1. Received -2"),
    ],
)
def test_attention_is_chosen_among_what_the_model_has(toolbox, options, message):
    with pytest.raises(ValueError, match=message):
        with_heads(toolbox, decoder_layers=3, num_heads=2).translate("a dog", **options)


def test_every_layer_and_head_can_be_chosen(toolbox):
    translator = with_heads(toolbox, decoder_layers=3, num_heads=2)
    for layer in range(-3, 3):
        for head in range(-1, 2):
            # The graph's scores tell what it was fed.
            result = translator.translate("a", attention_layer=layer, attention_head=head)
            assert result.score == pytest.approx(-(0.6 + 10 + layer + head + 2))


def test_layers_of_an_unknown_model_are_counted_from_zero(toolbox):
    translator = with_heads(toolbox)
    assert translator.translate("a", attention_layer=90, attention_head=90)
    with pytest.raises(ValueError, match=r"attention_layer .* integer of at least -1"):
        translator.translate("a", attention_layer=-2)


OPTIONAL = {
    "suppressed_ids": {"suppressed_tokens": ["a"]},
    "coverage_penalty": {"coverage_penalty": 0.5},
    "no_repeat_ngram": {"no_repeat_ngram": 3},
    "attention_layer": {"attention_layer": 0},
    "attention_head": {"attention_head": 0},
}


@pytest.mark.parametrize("name", OPTIONAL)
def test_graph_of_an_older_export_refuses_what_it_lacks(toolbox, name):
    bundle = toolbox.bundle(
        graphs={"translate.onnx": toolbox.graph_spec([name])}, graph=toolbox.copying_graph([name])
    )
    translator = Translator.load(bundle)
    assert translator.translate("a dog").text == "a dog"
    for others, values in OPTIONAL.items():
        if others != name:
            assert translator.translate("a dog", **values).text == "a dog"
    [(option, value)] = OPTIONAL[name].items()
    with pytest.raises(ValueError, match=f"translate: {option} cannot be (changed|used): this"):
        translator.translate("a dog", **{option: value})


def test_manifest_defaults_apply(toolbox):
    defaults = DecodingDefaults(coverage_penalty=0.5, no_repeat_ngram=3)
    translator = Translator.load(toolbox.bundle(decoding=defaults))
    assert translator.translate("a").score == pytest.approx(-(0.6 + 10 + 0.5 + 3))
    assert translator.translate("a", no_repeat_ngram=0).score == pytest.approx(-(0.6 + 10 + 0.5))


def test_option_that_does_not_exist_is_named_with_a_suggestion(translator):
    for method in (translator.translate, translator.translate_iter, translator.stream):
        with pytest.raises(TypeError, match=r"no option beamsize\. Did you mean beam_size\?"):
            method("a dog", beamsize=2)
    with pytest.raises(TypeError, match=r"no option xyz\. Known are beam_size, num_hypotheses"):
        translator.translate("a dog", xyz=2)


def test_every_decoding_default_is_an_option():
    defaults = {field.name for field in dataclasses.fields(DecodingDefaults)}
    options = {field.name for field in dataclasses.fields(DecodingOptions)}
    assert options - defaults == {"suppressed_ids", "return_attention"}
    assert set(SearchOptions.__annotations__) == defaults | {
        "suppressed_tokens",
        "return_attention",
    }
