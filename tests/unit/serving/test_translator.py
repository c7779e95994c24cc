"""The translator, on a graph that copies its source (see conftest.py)."""

import dataclasses
import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from serving import Translator
from serving.manifest import DecodingDefaults, Limits

TEXTS = [
    "the cat sleeps.",
    "나는 학교에 간다.",
    "a dog",
    "we read a book at home.",
    "책을 읽는다.",
]


class Recorder:
    """A session that remembers what it was fed."""

    def __init__(self, session):
        self.session = session
        self.feeds = []

    def __getattr__(self, name):
        return getattr(self.session, name)

    def run(self, names, feeds, run_options=None):
        self.feeds.append(feeds)
        return self.session.run(names, feeds, run_options)


@pytest.fixture
def recorded(translator):
    """A translator and the list of what its session is fed."""
    recorder = Recorder(translator.graph.session)
    tokenizers = translator.source_tokenizer, translator.target_tokenizer
    again = Translator(translator.manifest, *tokenizers, recorder)
    return again, recorder.feeds


def test_translations_come_in_the_order_of_the_texts(translator):
    results = translator.translate(TEXTS, batch_size=2)
    assert [result.text for result in results] == TEXTS
    assert [result.source for result in results] == TEXTS


def test_one_str_gives_one_translation(translator):
    assert translator.translate(TEXTS[0]) == translator.translate([TEXTS[0]])[0]


def test_no_texts_give_no_translations(translator):
    assert translator.translate([]) == []


def test_any_iterable_of_texts_is_taken(translator):
    assert [result.text for result in translator.translate(iter(TEXTS))] == TEXTS


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5, np.int64(5), 32])
def test_batches_match_singles(translator, batch_size):
    batched = translator.translate(TEXTS, batch_size=batch_size, return_attention=True)
    for text, result in zip(TEXTS, batched, strict=True):
        single = translator.translate(text, return_attention=True)
        assert result == single
        np.testing.assert_array_equal(result.attention, single.attention)


def test_batches_hold_texts_of_similar_length(recorded):
    translator, feeds = recorded
    translator.translate([TEXTS[2], TEXTS[3], TEXTS[2], TEXTS[3]], batch_size=2)
    widths = [feed["source_ids"].shape for feed in feeds]
    assert widths[0][0] == widths[1][0] == 2
    assert widths[0][1] > widths[1][1]
    assert all((feed["source_ids"] != 0).all() for feed in feeds)


def test_tokens_end_with_the_end_token_and_name_the_attention(translator):
    long, short = translator.translate([TEXTS[3], TEXTS[2]], return_attention=True)
    for result in (long, short):
        assert result.source_tokens[-1] == result.tokens[-1] == "</s>"
        assert "".join(result.tokens[:-1]).replace("▁", " ").strip() == result.source
        np.testing.assert_array_equal(result.attention, np.eye(len(result.tokens)))
    assert len(short.tokens) < len(long.tokens)


def test_attention_is_none_unless_asked_for(translator):
    assert translator.translate(TEXTS[0]).attention is None


def test_prefix_shifts_attention_rows(translator):
    result = translator.translate("a dog", prefix="the", return_attention=True)
    assert result.text == "the a dog"
    width = len(result.source_tokens)
    height = len(result.tokens)
    np.testing.assert_array_equal(result.attention, np.eye(height, width, k=width - height))


@pytest.mark.parametrize("text", ["", " ", "\t \n", "\u3000"])
def test_empty_text_gives_an_empty_translation_without_the_model(recorded, text):
    translator, feeds = recorded
    result = translator.translate(text, beam_size=3, num_hypotheses=3, return_attention=True)
    assert feeds == []
    assert (result.text, result.score, result.tokens, result.source_tokens) == ("", 0.0, (), ())
    assert result.attention.shape == (0, 0)
    assert len(result.hypotheses) == 1


def test_empty_texts_keep_their_place(recorded):
    translator, feeds = recorded
    results = translator.translate(["", TEXTS[0], " ", TEXTS[1]])
    assert [result.text for result in results] == ["", TEXTS[0], "", TEXTS[1]]
    assert [len(feed["source_ids"]) for feed in feeds] == [2]


def test_long_text_is_cut_and_marked(recorded):
    translator, feeds = recorded
    limit = translator.manifest.limits.max_source_length
    long, short = translator.translate(["cat " * 50, TEXTS[0]])
    assert long.truncated
    assert not short.truncated
    assert feeds[0]["source_ids"].shape[1] == limit == len(long.source_tokens)
    assert feeds[0]["source_ids"][0, -1] == 2


def test_text_of_exactly_the_limit_is_not_truncated(toolbox, translator):
    pieces = len(translator.source_tokenizer.encode(TEXTS[0]))
    for limit, truncated in ((pieces + 1, False), (pieces, True)):
        bundle = toolbox.bundle(limits=Limits(limit, 40))
        result = Translator.load(bundle).translate(TEXTS[0])
        assert result.truncated is truncated
        assert len(result.source_tokens) == limit


def test_n_best_hypotheses_are_returned_best_first(translator):
    result = translator.translate(TEXTS[0], beam_size=4, num_hypotheses=3)
    scores = [hypothesis.score for hypothesis in result.hypotheses]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 3
    assert (result.text, result.score) == (result.hypotheses[0].text, scores[0])


def test_options_reach_the_graph_with_their_types(recorded):
    translator, feeds = recorded
    [piece] = translator.target_tokenizer.encode("a")
    result = translator.translate(
        TEXTS[0],
        beam_size=3,
        num_hypotheses=2,
        length_penalty=0.25,
        coverage_penalty=2,
        min_length=3,
        max_length=30,
        no_repeat_ngram=5,
        suppressed_tokens=["a"],
        attention_layer=6,
        attention_head=7,
    )
    cost = 0.25 + 30 + 2 + 300 + 30000 + 5 + 6 + 7 + 2 + piece
    assert result.score == pytest.approx(-cost, rel=1e-7)
    assert feeds[0].pop("source_ids").dtype == np.int32
    types = {name: (array.dtype.name, array.shape) for name, array in feeds[0].items()}
    assert types == {
        "suppressed_ids": ("int32", (1,)),
        "beam_size": ("int32", ()),
        "num_hypotheses": ("int32", ()),
        "length_penalty": ("float32", ()),
        "coverage_penalty": ("float32", ()),
        "min_length": ("int32", ()),
        "max_length": ("int32", ()),
        "no_repeat_ngram": ("int32", ()),
        "attention_layer": ("int32", ()),
        "attention_head": ("int32", ()),
    }


def test_only_what_differs_from_the_graph_is_fed(recorded):
    translator, feeds = recorded
    translator.translate(TEXTS[0], beam_size=1, no_repeat_ngram=0, suppressed_tokens=[])
    translator.translate(TEXTS[0], beam_size=2, prefix="")
    assert [feed.keys() - {"source_ids"} for feed in feeds] == [
        set(),
        {"beam_size"},
    ]


def test_input_of_unknown_default_is_always_fed(toolbox):
    spec = toolbox.graph_spec()
    inputs = [dataclasses.replace(tensor, default=None) for tensor in spec.inputs]
    graphs = {"translate.onnx": dataclasses.replace(spec, inputs=inputs)}
    translator = Translator.load(toolbox.bundle(graphs=graphs))
    recorder = Recorder(translator.graph.session)
    translator.graph.session = recorder
    assert translator.translate(TEXTS[0]).text == TEXTS[0]
    assert recorder.feeds[0].keys() == {tensor.name for tensor in inputs} - {"prefix_ids"}


def test_options_left_out_take_the_manifest_defaults(toolbox):
    defaults = DecodingDefaults(3, 2, length_penalty=0.5, min_length=1, max_length=20)
    translator = Translator.load(toolbox.bundle(decoding=defaults))
    result = translator.translate(TEXTS[0])
    assert result.score == pytest.approx(-(0.5 + 30 + 100 + 20000))
    assert len(result.hypotheses) == 2
    assert len(translator.translate(TEXTS[0], beam_size=1).hypotheses) == 1


def test_prefix_is_one_for_all_or_one_for_each(translator):
    results = translator.translate(["a dog", "책을"], prefix="the cat")
    assert [result.text for result in results] == ["the cat a dog", "the cat 책을"]
    results = translator.translate(["a dog", "책을", "a cat"], prefix=["", "we", "the river"])
    assert [result.text for result in results] == ["a dog", "we 책을", "the river a cat"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beam_size": 0}, "beam_size is out of range; expected an integer from 1 to 256"),
        ({"beam_size": 2.5}, "beam_size is out of range"),
        ({"beam_size": True}, "beam_size is out of range"),
        ({"num_hypotheses": 3}, "num_hypotheses is above beam_size .1.. Received 3"),
        ({"length_penalty": float("nan")}, "length_penalty is out of range"),
        ({"length_penalty": -1}, "length_penalty is out of range"),
        ({"length_penalty": 1e39}, "length_penalty is out .* from 0 to 20"),
        ({"prefix": "bad \ud800"}, r"prefix: text is not valid Unicode.* U\+D800 at character 4"),
        ({"length_penalty": "high"}, "length_penalty is out of range"),
        ({"min_length": -1}, "min_length is out of range"),
        ({"max_length": 41}, "max_length is above the model's limit; expected at most 40"),
        ({"min_length": 9, "max_length": 8}, "min_length is above the longest output .8 tokens"),
        ({"min_length": 41}, "min_length is above the longest output .40 tokens"),
        ({"batch_size": 0}, "batch_size is out of range"),
        ({"coverage_penalty": -0.5}, "coverage_penalty is out of range"),
        ({"coverage_penalty": float("inf")}, "coverage_penalty is out of range"),
        ({"no_repeat_ngram": -1}, "no_repeat_ngram is out of range"),
        ({"no_repeat_ngram": 2**31}, "no_repeat_ngram is out of range"),
        ({"attention_layer": 0.5}, "attention_layer is out of range"),
        ({"attention_head": -2}, "attention_head is out of range; expected .* of at least -1"),
        ({"prefix": 3}, "prefix must be a str or a list of str"),
        ({"prefix": ["a", "b"]}, "prefix has the wrong length; expected one per text .1."),
        ({"prefix": "the cat", "max_length": 3}, "prefix 'the cat' is too long; .* than 3 pieces"),
        ({"prefix": "the cat " * 30}, "is too long; expected fewer than 40 pieces"),
    ],
)
def test_wrong_argument_is_an_error(translator, arguments, message):
    with pytest.raises(ValueError, match=message):
        translator.translate(["a dog"], **arguments)


def test_prefix_must_leave_room_for_one_token(translator):
    pieces = len(translator.target_tokenizer.encode("the cat"))
    assert translator.translate("a", prefix="the cat", max_length=pieces + 1)
    with pytest.raises(ValueError, match=f"expected fewer than {pieces} pieces"):
        translator.translate("a", prefix="the cat", max_length=pieces)


@pytest.mark.parametrize("texts", [None, 3, b"bytes", ["a", None], ["a", b"b"]])
def test_texts_of_another_type_are_an_error(translator, texts):
    with pytest.raises(ValueError, match=r"Translator\.translate: texts.* str"):
        translator.translate(texts)


def test_all_wrong_arguments_are_listed(translator):
    with pytest.raises(ValueError, match="5 problems") as caught:
        translator.translate(["a", 1], beam_size=0, batch_size=0, min_length=-1, prefix=[2])
    for name in ("beam_size", "batch_size", "min_length", r"texts[1]", "prefix"):
        assert name in str(caught.value)


def test_attention_of_a_model_without_any_is_an_error(toolbox):
    translator = Translator.load(toolbox.bundle(attention=False))
    assert translator.translate("a dog").text == "a dog"
    with pytest.raises(ValueError, match="return_attention is not possible"):
        translator.translate("a dog", return_attention=True)


def test_graph_without_optional_inputs_is_used_with_what_it_has(toolbox):
    left_out = ("prefix_ids", "beam_size")
    bundle = toolbox.bundle(
        graphs={"translate.onnx": toolbox.graph_spec(left_out)},
        graph=toolbox.copying_graph(left_out),
    )
    translator = Translator.load(bundle)
    assert translator.translate("a dog").text == "a dog"
    with pytest.raises(ValueError, match="2 problems") as caught:
        translator.translate("a dog", beam_size=2, prefix="the")
    assert "beam_size cannot be changed" in str(caught.value)
    assert "prefix cannot be used" in str(caught.value)


def test_threads_share_a_translator(translator):
    expected = translator.translate(TEXTS, batch_size=2, beam_size=2, num_hypotheses=2)
    with ThreadPoolExecutor(8) as pool:
        calls = [
            pool.submit(translator.translate, TEXTS, batch_size=2, beam_size=2, num_hypotheses=2)
            for _ in range(40)
        ]
    assert all(call.result() == expected for call in calls)


def test_translate_iter_matches_translate(translator):
    texts = [*TEXTS, "", *TEXTS]
    results = list(translator.translate_iter(texts, window=3, beam_size=2))
    assert results == translator.translate(texts, beam_size=2)


def test_translate_iter_reads_no_further_than_its_window(translator):
    taken = []

    def endless():
        for number in itertools.count():
            taken.append(number)
            yield TEXTS[number % len(TEXTS)]

    results = translator.translate_iter(endless(), window=4, prefix="the")
    assert taken == []
    firsts = [next(results).text for _ in range(4)]
    assert len(taken) == 4
    assert firsts == [f"the {text}" for text in TEXTS[:4]]
    next(results)
    assert len(taken) == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"texts": "one text"}, "texts must be an iterable of str"),
        ({"texts": [], "window": 0}, "window is out of range"),
        ({"texts": [], "beam_size": 0}, "beam_size is out of range"),
        ({"texts": [], "prefix": ["a"]}, "prefix must be one str"),
    ],
)
def test_translate_iter_checks_arguments_at_once(translator, arguments, message):
    with pytest.raises(ValueError, match=f"translate_iter: {message}"):
        translator.translate_iter(**arguments)


def test_translate_iter_names_a_wrong_text(translator):
    results = translator.translate_iter(["a dog", 5], window=1)
    assert next(results).text == "a dog"
    with pytest.raises(ValueError, match=r"texts\[1\] is not a str. Received 5"):
        next(results)
    results = translator.translate_iter(["a dog", "the cat", "a \udcff"], window=2)
    assert [next(results).text, next(results).text] == ["a dog", "the cat"]
    with pytest.raises(ValueError, match=r"texts\[2\]: text is not valid Unicode.* U\+DCFF"):
        next(results)
