"""The text signatures of a SavedModel answer as `serving.Translator` does, row by row."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf

from export.graphs import NO_CONSTRAINT, TranslationModule
from export.saved_model import write_saved_model
from serving.manifest import DecodingDefaults, Manifest
from serving.rows import empty_translation, make_rows, read_translation
from serving.tokenizer import Tokenizer
from serving.translator import Translator

VARIANTS = ("luong_lstm", "transformer_pre")
TOLERANCE = 1e-4
BLANK = ["", "  ", " \u3000\x1c\u2028\n"]
HARD = ["a", "🙂 👩‍👩‍👧‍👦", "a  b\tc\x00d", "</s> <s> <pad>", "서" * 100]


@pytest.fixture(params=VARIANTS)
def bundle(request, exported):
    """The directory of a bundle."""
    return exported(request.param).bundle


@pytest.fixture(scope="module")
def loaded():
    """A function from a bundle to its SavedModel, loaded once."""
    made = {}

    def load(bundle):
        if bundle not in made:
            made[bundle] = tf.saved_model.load(str(bundle / "saved_model" / "1"))
        return lambda name, texts: call(made[bundle].signatures[name], texts)

    return load


def call(function, texts):
    """Arrays by name; strings become str."""
    arrays = {
        name: value.numpy() for name, value in function(text=tf.constant(texts, tf.string)).items()
    }
    decode = np.vectorize(bytes.decode, otypes=[object])
    return {name: decode(a) if a.dtype == object else a for name, a in arrays.items()}


def check_rows(received, expected):
    """Compares each row without its padding, and the padding with what it must be."""
    assert {len(array) for array in received.values()} == {len(expected)}
    for index, result in enumerate(expected):
        row = {name: array[index] for name, array in received.items()}
        num_target, num_source = len(result.tokens), len(result.source_tokens)
        assert row["text"] == result.text
        assert row["score"] == pytest.approx(result.score, abs=TOLERANCE)
        assert [*result.tokens] == row["target_tokens"][:num_target].tolist()
        assert [*result.source_tokens] == row["source_tokens"][:num_source].tolist()
        assert not any(row["target_tokens"][num_target:])
        assert not any(row["source_tokens"][num_source:])
        weights = np.zeros_like(row["attention"])
        weights[:num_target, :num_source] = result.attention
        np.testing.assert_allclose(row["attention"], weights, rtol=0, atol=1e-5)
        assert not np.any(row["attention"][num_target:])
        assert not np.any(row["attention"][:, num_source:])
    assert received["attention"].dtype == np.float32
    num_target = max(len(result.tokens) for result in expected)
    num_source = max(1, *(len(result.source_tokens) for result in expected))
    assert received["attention"].shape == (len(expected), num_target, num_source)
    assert received["target_tokens"].shape == (len(expected), num_target)
    assert received["source_tokens"].shape == (len(expected), num_source)


def test_attention_signature_matches_translator(bundle, loaded, lines):
    texts = [*BLANK, *lines, *HARD]
    expected = Translator.load(bundle).translate(texts, return_attention=True)
    assert any(result.truncated for result in expected)
    received = loaded(bundle)("translate_with_attention", texts)
    assert received.keys() == {"text", "score", "attention", "source_tokens", "target_tokens"}
    check_rows(received, expected)


def test_text_signature_matches_attention_signature(bundle, loaded, lines):
    texts = [*lines, *BLANK, *HARD]
    received = loaded(bundle)("serving_default", texts)
    expected = loaded(bundle)("translate_with_attention", texts)
    assert received.keys() == {"text", "score"}
    assert received["text"].tolist() == expected["text"].tolist()
    np.testing.assert_array_equal(received["score"], expected["score"])
    for signature in ("serving_default", "translate_with_attention"):
        blank = loaded(bundle)(signature, BLANK)
        assert blank["text"].tolist() == [""] * len(BLANK)
        assert blank["score"].tolist() == [0.0] * len(BLANK)


def test_session_gives_the_same(bundle, loaded, lines):
    """TensorFlow Serving runs a session, not functions."""
    texts = [*lines, *BLANK]
    expected = loaded(bundle)("translate_with_attention", texts)
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        path = str(bundle / "saved_model" / "1")
        signatures = tf.compat.v1.saved_model.load(session, ["serve"], path).signature_def
        signature = signatures["translate_with_attention"]
        outputs = {name: tensor.name for name, tensor in signature.outputs.items()}
        received = session.run(outputs, {signature.inputs["text"].name: texts})
    for name, array in expected.items():
        assert received[name].shape == array.shape
        if array.dtype == object:
            assert [text.decode() for text in received[name].flat] == [*array.flat]
        else:
            np.testing.assert_allclose(received[name], array, rtol=0, atol=1e-5)


def test_any_row_may_be_padding(bundle, loaded, lines):
    texts = [lines[0], "", lines[3]]
    expected = Translator.load(bundle).translate(texts, return_attention=True)
    for filler in (*texts, HARD[-1]):
        received = loaded(bundle)("translate_with_attention", [*texts, *[filler] * 5])
        for index, result in enumerate(expected):
            shape = (len(result.tokens), len(result.source_tokens))
            assert received["text"][index] == result.text
            assert received["score"][index] == pytest.approx(result.score, abs=TOLERANCE)
            assert [name for name in received["target_tokens"][index] if name] == [*result.tokens]
            attention = received["attention"][index, : shape[0], : shape[1]]
            np.testing.assert_allclose(attention, result.attention, rtol=0, atol=1e-5)


def test_tokenize_gives_the_rows_that_translator_reads(bundle, loaded, lines):
    texts = [*lines, *BLANK, *HARD]
    translator = Translator.load(bundle)
    limit = translator.manifest.limits.max_source_length
    rows = make_rows(texts, [[]] * len(texts), translator.source_tokenizer, limit)
    names = [result.source_tokens for result in translator.translate(texts)]
    received = loaded(bundle)("tokenize", texts)
    assert received["ids"].dtype == received["lengths"].dtype == np.int32
    assert received["ids"].shape == received["tokens"].shape == (len(texts), limit)
    for index, row in enumerate(rows):
        ids = [] if row is None else [*row.source_ids]
        padding = limit - len(ids)
        assert received["lengths"][index] == len(ids)
        assert received["ids"][index].tolist() == ids + [0] * padding
        assert received["tokens"][index].tolist() == [*names[index]] + [""] * padding


def test_ids_from_tokenize_translate_to_the_same(bundle, loaded, lines):
    signatures = tf.saved_model.load(str(bundle / "saved_model" / "1")).signatures
    rows = signatures["tokenize"](text=tf.constant(lines))
    specs = signatures["translate_ids"].structured_input_signature[1]
    defaults = {**NO_CONSTRAINT, **vars(DecodingDefaults())}
    options = {
        name: tf.constant(defaults[name], spec.dtype)
        for name, spec in specs.items()
        if name != "source_ids"
    }
    received = signatures["translate_ids"](source_ids=rows["ids"], **options)
    expected = loaded(bundle)("serving_default", lines)
    np.testing.assert_allclose(received["scores"][:, 0], expected["score"], atol=TOLERANCE)


def test_weights_are_stored_once(bundle, exported):
    path = bundle / "saved_model" / "1"
    stored = tf.train.load_checkpoint(str(path / "variables" / "variables"))
    sizes = [
        int(np.prod(shape)) * 4
        for name, shape in stored.get_variable_to_shape_map().items()
        if name.endswith("VARIABLE_VALUE")
    ]
    manifest = Manifest.read(bundle)
    model = next(made.model for made in map(exported, VARIANTS) if made.bundle == bundle)
    assert sum(sizes) == model.count_params() * 4
    data = manifest.files["saved_model/1/variables/variables.data-00000-of-00001"].bytes
    assert data < sum(sizes) + 10_000
    proto = (bundle / manifest.tokenizer.source).read_bytes()
    assert (path / "saved_model.pb").read_bytes().count(proto) == 2  # source and target


def test_bundle_holds_requests_to_warm_up_with(bundle, lines):
    name = "saved_model/1/assets.extra/tf_serving_warmup_requests"
    assert name in Manifest.read(bundle).files
    content = (bundle / name).read_bytes()
    assert all(line.encode() in content for line in lines)


def make_tokenizer(words, **options):
    writer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([words] * 5),
        model_writer=writer,
        vocab_size=300,
        byte_fallback=True,
        hard_vocab_limit=False,
        minloglevel=2,
        num_threads=1,
        **{"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3, **options},
    )
    return Tokenizer(writer.getvalue())


class StoredModel:
    """Gives stored results in place of a search."""

    weights = ()
    search_options = ("beam_size", "length_penalty", "attention_layer", "prefix_ids")
    config = SimpleNamespace(max_source_length=8)

    def __init__(self, ids, lengths, has_attention=True):
        rng = np.random.default_rng(0)
        self.has_attention = has_attention
        # The best hypothesis, and one that no signature may show.
        self.results = {
            "ids": np.stack([ids, np.roll(ids, 1, axis=0)], axis=1).astype("int32"),
            "lengths": np.stack([lengths, np.roll(lengths, 1)], axis=1).astype("int32"),
            "scores": rng.normal(size=(len(ids), 2)).astype("float32"),
        }
        if has_attention:
            shape = (len(ids), 2, len(ids[0]), 8)
            self.results["attention"] = rng.random(shape, "float32")
        self.calls = []

    def search(self, source_ids, **options):
        self.calls.append((source_ids, options))
        results = {name: tf.constant(value) for name, value in self.results.items()}
        if self.has_attention:
            results["attention"] = results["attention"][..., : tf.shape(source_ids)[1]]
        return results


TEXTS = ["ab", "abba", "", "b", "a", "ba"]
IDS = [
    [262, 0, 1, 263, 2, 0],  # pad and start in the middle
    [1, 0, 2, 264, 264, 264],  # nothing but the end is visible; what comes later does not count
    [262, 263, 2, 0, 0, 0],  # of a blank text
    [260, 261, 262, 263, 264, 265],  # ended by the limit
    [3, 2, 0, 0, 0, 0],  # unknown
    [244, 163, 157, 134, 262, 2],  # bytes of an emoji
]
LENGTHS = [5, 3, 3, 6, 2, 6]


@pytest.fixture(scope="module")
def tokenizers():
    """Two sides with vocabularies of their own, and an end piece that is not END_TOKEN."""
    source = make_tokenizer("ab ba abba", eos_piece="[end]")
    return source, make_tokenizer("the cat sat on a mat and a hat", eos_piece="[stop]")


def test_hidden_ids_leave_as_in_translator(tokenizers):
    model = StoredModel(IDS, LENGTHS)
    module = TranslationModule(model, *tokenizers)
    received = call(module.translate_with_attention, TEXTS)
    rows = make_rows(TEXTS, [[]] * len(TEXTS), tokenizers[0], model.config.max_source_length)
    expected = [
        empty_translation(text, True)
        if row is None
        else read_translation(
            text, row, {name: array[i] for name, array in model.results.items()}, *tokenizers
        )
        for i, (text, row) in enumerate(zip(TEXTS, rows, strict=True))
    ]
    # A real model gives no attention to padding; the stored numbers do.
    for row, result in zip(received["attention"], expected, strict=True):
        row[:, len(result.source_tokens) :] = 0
    check_rows(received, expected)
    assert expected[0].tokens[-1] == "</s>"
    assert expected[3].tokens[-1] != "</s>"
    assert expected[1].tokens == ("</s>",)
    assert "🙂" in expected[5].text
    assert tokenizers[0].pieces(IDS[3]) != tokenizers[1].pieces(IDS[3])


def test_model_sees_a_token_in_each_row_and_the_defaults(tokenizers):
    model = StoredModel(IDS, LENGTHS)
    defaults = DecodingDefaults(length_penalty=0.0, attention_layer=0)
    module = TranslationModule(model, *tokenizers, defaults)
    given = {}

    def search(source_ids, **options):
        given.update(options, source_ids=source_ids)
        return StoredModel.search(model, source_ids, **options)

    model.search = search
    tf.config.run_functions_eagerly(True)
    try:
        module.translate_text(tf.constant(TEXTS))
    finally:
        tf.config.run_functions_eagerly(False)
    source_ids = given.pop("source_ids").numpy()
    defaults = {"beam_size": 1, "length_penalty": 0.0, "attention_layer": 0}
    assert given == {**defaults, "shortlist": None}
    assert source_ids[2].tolist() == [2] + [0] * (source_ids.shape[1] - 1)
    for text, row in zip(TEXTS, source_ids, strict=True):
        assert row[row != 0].tolist() == [*tokenizers[0].encode(text), 2]


def test_text_signatures_trace_one_search(tokenizers, tmp_path):
    model = StoredModel(IDS, LENGTHS)
    path = write_saved_model(TranslationModule(model, *tokenizers), tmp_path)
    assert len(model.calls) == 2  # of ids and of texts
    signatures = tf.saved_model.load(str(path)).signatures
    assert {*signatures} == {
        "serving_default",
        "translate_with_attention",
        "tokenize",
        "translate_ids",
    }


def test_two_vocabularies_stay_apart_when_loaded(tokenizers, tmp_path):
    path = write_saved_model(TranslationModule(StoredModel(IDS, LENGTHS), *tokenizers), tmp_path)
    signature = tf.saved_model.load(str(path)).signatures["translate_with_attention"]
    received = call(signature, TEXTS)
    for index in (3, 5):
        ids = IDS[index]
        assert received["text"][index] == tokenizers[1].decode(ids)
        shown = [token for token in received["target_tokens"][index] if token not in ("", "</s>")]
        assert shown == tokenizers[1].pieces(ids)
        source = tokenizers[0].pieces(tokenizers[0].encode(TEXTS[index]))
        assert received["source_tokens"][index, : len(source)].tolist() == source


def test_model_without_attention_has_no_attention_signature(tokenizers, tmp_path):
    model = StoredModel(IDS, LENGTHS, has_attention=False)
    path = write_saved_model(TranslationModule(model, *tokenizers), tmp_path)
    signatures = tf.saved_model.load(str(path)).signatures
    assert {*signatures} == {"serving_default", "tokenize", "translate_ids"}
    received = call(signatures["serving_default"], TEXTS)
    assert received["text"].tolist()[3] == tokenizers[1].decode(IDS[3])


@pytest.mark.parametrize("rule", ["nmt_nfkc", "identity"])
def test_blank_texts_are_those_that_translator_finds_blank(rule):
    """White space by Python's rules, even where a tokenizer has pieces for it."""
    tokenizer = make_tokenizer(
        "ab ba", normalization_rule_name=rule, remove_extra_whitespaces=rule != "identity"
    )
    module = TranslationModule(StoredModel(IDS, LENGTHS), tokenizer, tokenizer)
    texts = [chr(code) * 2 for code in range(0x3100)] + ["\ufeff", " \x85\n", " a "]
    rows = make_rows(texts, [[]] * len(texts), tokenizer, 8)
    expected = [0 if row is None else len(row.source_ids) for row in rows]
    assert expected.count(0) >= 25
    assert call(module.tokenize, texts)["lengths"].tolist() == expected
