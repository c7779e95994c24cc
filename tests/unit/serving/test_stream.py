"""Streaming, on a made-up greedy search that obeys prefix and length as an exported graph does."""

import io
import itertools

import numpy as np
import pytest
import sentencepiece

from serving import Translator
from serving.manifest import DecodingDefaults, Limits

TEXTS = ["a dog", "the cat sleeps on the mat.", "나는 학교에 간다."]


class GreedySession:
    """Gives the tokens of a script, one a step, but those of the prefix first.

    Each token costs its place in the score, so that the score tells which tokens were counted.
    """

    def __init__(self, session, script):
        self.session = session
        self.script = script
        self.lengths = []  # of the translations that the runs made

    def __getattr__(self, name):
        return getattr(self.session, name)

    def run(self, names, feeds, run_options=None):
        assert feeds.get("beam_size", 1) == 1
        source = feeds["source_ids"]
        prefix = feeds.get("prefix_ids", np.zeros((1, 0), np.int32))[0].tolist()
        limit = int(feeds.get("max_length", 0)) or min(2 * source.shape[1] + 10, 40)
        ids = []
        while len(ids) < limit and 2 not in ids:
            place = len(ids)
            forced = prefix[place] if place < len(prefix) else 0
            ids.append(forced or self.script[place % len(self.script)])
        self.lengths.append(len(ids))
        steps = np.arange(len(ids), dtype=np.float32)
        attention = np.tile(steps[:, None], (1, source.shape[1]))[None, None]
        outputs = {
            "ids": np.array([[ids]], np.int32),
            "lengths": np.array([[len(ids)]], np.int32),
            "scores": np.array([[-steps.sum()]], np.float32),
            "attention": attention,
        }
        return [outputs[name] for name in names]


@pytest.fixture(scope="module")
def byte_vocabulary():
    """A vocabulary with a piece for each byte."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 3),
        model_writer=model,
        vocab_size=330,
        hard_vocab_limit=False,
        byte_fallback=True,
        pad_id=0,
        bos_id=1,
        eos_id=2,
        unk_id=3,
        minloglevel=2,
    )
    return model.getvalue()


@pytest.fixture
def streaming(toolbox, byte_vocabulary):
    """Makes a translator whose model answers with a script, and its session."""

    def make(script, **changes):
        bundle = toolbox.bundle(vocabulary=byte_vocabulary, **changes)
        translator = Translator.load(bundle, threads=1)
        if isinstance(script, str):
            script = [*translator.target_tokenizer.encode(script), 2]
        session = GreedySession(translator.graph.session, script)
        translator.graph.session = session
        return translator, session

    return make


def check_growth(parts, whole):
    """Each part begins with the one before, and the last is the whole."""
    assert parts[-1] == whole
    assert [part.finished for part in parts] == [False] * (len(parts) - 1) + [True]
    for before, after in itertools.pairwise(parts):
        assert after.text.startswith(before.text)
        assert after.tokens[: len(before.tokens)] == before.tokens
        assert (before.source, before.source_tokens) == (after.source, after.source_tokens)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 15, 16, 17, 39, 40, 50])
def test_last_part_is_the_translation(streaming, length):
    translator, session = streaming([*range(10, 9 + length), 2])
    text = "the cat sleeps on the mat. " * 2
    whole = translator.translate(text, return_attention=True)
    assert len(whole.tokens) == min(length, 40)
    session.lengths.clear()
    parts = list(translator.stream(text, return_attention=True))
    check_growth(parts, whole)
    np.testing.assert_array_equal(parts[-1].attention, whole.attention)
    # No run comes after the one that finds the end.
    assert session.lengths == [end for end in (4, 12, 28) if end < length] + [min(length, 40)]
    for part in parts:
        assert part.attention.shape == (len(part.tokens), len(part.source_tokens))


def test_runs_become_longer(streaming):
    translator, session = streaming([*range(10, 60)])
    parts = list(translator.stream("the cat sleeps on the mat. " * 2))
    assert session.lengths == [4, 12, 28, 40]
    assert [len(part.tokens) for part in parts] == [4, 12, 28, 40]


@pytest.mark.parametrize("lengths", [[3], [4], [4, 9], [4, 12], [4, 12, 13]])
def test_length_limits_hold(streaming, lengths):
    translator, session = streaming([*range(10, 60)])
    parts = list(translator.stream("a dog", max_length=lengths[-1]))
    assert session.lengths == lengths
    check_growth(parts, translator.translate("a dog", max_length=lengths[-1]))


def test_length_rule_of_the_model_holds(streaming):
    translator, session = streaming([*range(10, 60)])
    parts = list(translator.stream("a"))
    assert session.lengths == [4, 12, 2 * len(parts[0].source_tokens) + 10]
    check_growth(parts, translator.translate("a"))


def test_prefix_belongs_to_the_first_part(streaming):
    translator, session = streaming("the cat sleeps on the mat.")
    parts = list(translator.stream("the cat sleeps", prefix="a dog"))
    assert session.lengths[0] == len(translator.target_tokenizer.encode("a dog")) + 4
    assert all(part.text.startswith("a dog") for part in parts)
    check_growth(parts, translator.translate("the cat sleeps", prefix="a dog"))


def test_no_part_ends_inside_a_character(streaming):
    held_back = 0
    for shift in range(8):
        text = "x" * shift + "🙂 é 🦊🦊"
        translator, session = streaming(text)
        parts = list(translator.stream("the cat sleeps on"))
        lengths = session.lengths[:]
        whole = translator.translate("the cat sleeps on")
        assert whole.text == text
        check_growth(parts, whole)
        assert not any("\ufffd" in part.text for part in parts)
        held_back += sum(map(len, [part.tokens for part in parts])) < sum(lengths)
    assert held_back >= 4  # or the runs would end at characters by chance


def test_broken_character_at_the_end_comes_with_the_end(streaming):
    translator, session = streaming("a dog")
    encode = translator.target_tokenizer.encode
    session.script = [*encode("a"), *encode("🦊")[1:3], 2]
    parts = list(translator.stream("the cat sleeps on"))
    check_growth(parts, translator.translate("the cat sleeps on"))
    assert parts[-1].text.endswith("\ufffd")


@pytest.mark.parametrize("special", [0, 1, 3])
def test_special_tokens_in_the_middle_do_no_harm(streaming, special):
    translator, _ = streaming([10, special, 11, special, special, 12, 13, special, 14, 2])
    text = "the cat sleeps on"
    check_growth(
        list(translator.stream(text, return_attention=True)),
        translator.translate(text, return_attention=True),
    )


@pytest.mark.parametrize("text", ["", "  \t"])
def test_empty_text_has_one_empty_part(streaming, text):
    translator, session = streaming("a dog")
    assert list(translator.stream(text)) == [translator.translate(text)]
    assert session.lengths == []


def test_long_text_is_cut_as_in_translate(streaming):
    translator, _ = streaming("a dog", limits=Limits(8, 40))
    parts = list(translator.stream("cat " * 30))
    assert all(part.truncated for part in parts)
    check_growth(parts, translator.translate("cat " * 30))


def test_stream_is_greedy_whatever_the_bundle_prefers(streaming):
    translator, _ = streaming("a dog", decoding=DecodingDefaults(beam_size=4, num_hypotheses=2))
    check_growth(list(translator.stream("a")), translator.translate("a", beam_size=1))


def test_nothing_runs_before_it_is_needed(streaming):
    translator, session = streaming([*range(10, 60)])
    parts = translator.stream("the cat sleeps on the mat.")
    assert session.lengths == []
    next(parts)
    assert session.lengths == [4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beam_size": 2}, "beam_size must be 1: .* Received 2. Use translate"),
        ({"beam_size": True}, "beam_size is out of range"),
        ({"num_hypotheses": 2}, "num_hypotheses must be 1"),
        ({"text": 5}, "text must be a str. Received 5"),
        ({"text": ["a"]}, "text must be a str"),
        ({"prefix": ["a"]}, "prefix must be one str"),
        ({"prefix": "the cat", "max_length": 2}, "prefix 'the cat' is too long"),
    ],
)
def test_wrong_argument_is_an_error_at_once(streaming, arguments, message):
    translator, _ = streaming("a dog")
    with pytest.raises(ValueError, match=f"Translator.stream: {message}"):
        translator.stream(**{"text": "a"} | arguments)


def test_graph_without_max_length_cannot_stream(toolbox):
    lacks = ["max_length"]
    bundle = toolbox.bundle(
        graphs={"translate.onnx": toolbox.graph_spec(lacks)}, graph=toolbox.copying_graph(lacks)
    )
    with pytest.raises(ValueError, match="stream: a stream needs max_length, which this bundle's"):
        Translator.load(bundle).stream("a")


def test_graph_without_prefix_streams(toolbox, streaming):
    lacks = ["prefix_ids"]
    translator, session = streaming(
        [*range(10, 60)],
        graphs={"translate.onnx": toolbox.graph_spec(lacks)},
        graph=toolbox.copying_graph(lacks),
    )
    text = "the cat sleeps on the mat. " * 2
    check_growth(list(translator.stream(text)), translator.translate(text))
    assert len(session.lengths) == 5
