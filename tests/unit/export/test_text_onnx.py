"""Tokenizing and decoding inside ONNX, around a search that only echoes its source."""

import io
import random

import numpy as np
import onnx
import onnxruntime
import pytest
import sentencepiece
from onnx import numpy_helper, parser

from export.custom_ops import custom_ops_library
from export.text_onnx import add_text
from serving.tokenizer import Tokenizer

LINES = ["나는 학교에 간다.", "the cat sleeps on the mat.", "a dog runs to the river 🙂"]
LIMIT = 9
# ids = source_ids + add, num_hypotheses times; scores their sums; attention the products of two.
ECHO = """
<ir_version: 10, opset_import: ["" : 18], producer_name: "echo",
 metadata_props: ["family": "echo"]>
echo (int32[batch, source] source_ids, int32 add, int32 num_hypotheses)
    => (int32[batch, n, target] ids, float[batch, n] scores,
        float[batch, n, target, source] attention)
    <int32 add = {0}, int32 num_hypotheses = {2}, int64[1] one = {1}, int64[1] two = {2},
     int64[1] three = {3}>
{
    moved = Add (source_ids, add)
    single = Unsqueeze (moved, one)
    count = Cast <to = 7> (num_hypotheses)
    counts = Reshape (count, one)
    repeats = Concat <axis = 0> (one, counts, one)
    ids = Tile (single, repeats)
    total = ReduceSum <keepdims = 0> (ids, two)
    scores = Cast <to = 1> (total)
    rows = Unsqueeze (ids, three)
    columns = Unsqueeze (ids, two)
    products = Mul (rows, columns)
    attention = Cast <to = 1> (products)
}
"""


def train(**options):
    writer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES * 5),
        model_writer=writer,
        hard_vocab_limit=False,
        minloglevel=2,
        num_threads=1,
        **{"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3, "vocab_size": 330} | options,
    )
    return Tokenizer(writer.getvalue())


@pytest.fixture(scope="module", params=["bytes", "plain", "bpe"])
def tokenizer(request):
    options = {
        "bytes": {"byte_fallback": True},
        "plain": {"vocab_size": 60},
        "bpe": {"model_type": "bpe", "vocab_size": 60},
    }
    return train(**options[request.param])


def echo_session(tokenizer, attention=True):
    ids = parser.parse_model(ECHO)
    if not attention:
        del ids.graph.output[2]
    model = add_text(ids, tokenizer.model_proto, tokenizer.model_proto, LIMIT)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.register_custom_ops_library(custom_ops_library())
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def translate(session, texts, **options):
    names = [output.name for output in session.get_outputs()]
    feeds = {name: np.array(value, "int32") for name, value in options.items()}
    values = session.run(names, {"text": np.array(texts, object), **feeds})
    return dict(zip(names, values, strict=True))


def random_texts(count):
    """Characters of many scripts, spaces of every kind, combining marks; no U+0000."""
    rng = random.Random(4)
    spaces = [code for code in range(0x3001) if chr(code).isspace()]
    pools = [range(1, 0x250), range(0xAC00, 0xAD00), range(0x1F600, 0x1F640), range(0x300, 0x340)]
    pools += [range(0x2000, 0x2070), range(0xFE00, 0xFFFF), spaces, [0x20, 0x61, 0xB098, 0x2581]]
    lengths = [rng.choice((0, 1, 2, 5, 14)) for _ in range(count)]
    texts = ["".join(chr(rng.choice(rng.choice(pools))) for _ in range(n)) for n in lengths]
    return texts + [chr(code) for code in spaces]


def test_tokens_and_text_are_those_of_the_tokenizer(tokenizer):
    texts = [*LINES, *random_texts(1500)]
    received = translate(echo_session(tokenizer), texts)
    cut = 0
    for row, text in enumerate(texts):
        pieces = tokenizer.encode(text) if text.strip() else []
        cut += len(pieces) > LIMIT - 1
        ids = [*pieces[: LIMIT - 1], 2] if pieces else []
        found = received["source_ids"][row].tolist()
        assert found == ids + [0] * (len(found) - len(ids)), repr(text)
        assert received["translation"][row] == tokenizer.decode(ids), repr(text)
        assert received["score"][row] == sum(ids)
    assert received["source_ids"].shape[1] == LIMIT
    assert cut > 50


def test_width_is_that_of_the_longest_row(tokenizer):
    ids = [[*tokenizer.encode(text), 2] for text in ("a", "a d")]
    received = translate(echo_session(tokenizer), ["a", "", "a d"])
    width = max(map(len, ids))
    assert received["source_ids"].shape == (3, width)
    rows = [np.pad(row, (0, width - len(row))) for row in (ids[0], [], ids[1])]
    np.testing.assert_array_equal(received["source_ids"], rows)
    expected = [np.outer(row, row) for row in rows]
    np.testing.assert_array_equal(received["attention"], expected)


def test_every_id_is_decoded_as_the_tokenizer_does(tokenizer):
    """Also the unknown id; beyond the vocabulary an id counts as unknown, below 0 it is hidden."""
    session, size = echo_session(tokenizer), tokenizer.vocabulary_size
    pieces = tokenizer.encode("a d")
    for add in range(-4, size + 4):
        moved = [token + add for token in [*pieces, 2]]
        known = [3 if token >= size else token for token in moved if token > 2]
        expected = tokenizer.decode(known).replace("\0", "\ufffd")
        assert translate(session, ["a d"], add=add)["translation"][0] == expected, add


def test_text_is_read_up_to_a_nul(tokenizer):
    received = translate(echo_session(tokenizer), ["a dog\0 runs", "\0a"])["translation"].tolist()
    assert received == [tokenizer.decode(tokenizer.encode("a dog")), ""]


def test_nul_in_a_translation_becomes_a_replacement_character():
    tokenizer = train(byte_fallback=True)
    nul = 4
    assert tokenizer.decode([nul]) == "\0"
    [first, *_] = ids = tokenizer.encode("a d")
    received = translate(echo_session(tokenizer), ["a d"], add=nul - first)
    moved = [token + nul - first for token in [*ids, 2]]
    expected = tokenizer.decode([token for token in moved if token > 2])
    assert "\0" in expected
    assert received["translation"][0] == expected.replace("\0", "\ufffd")


def test_empty_texts_stay_empty_whatever_the_search_finds(tokenizer):
    received = translate(echo_session(tokenizer), ["", "a", " "], add=10)
    [first, second, third] = received["translation"].tolist()
    assert (first, third) == ("", "")
    assert second
    assert received["score"].tolist()[::2] == [0.0, 0.0]
    assert received["target_ids"].any(axis=1).tolist() == [False, True, False]


def test_other_inputs_stay_and_num_hypotheses_is_one(tokenizer):
    proto = tokenizer.model_proto
    model = add_text(parser.parse_model(ECHO), proto, proto, LIMIT)
    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    assert constants["num_hypotheses"] == 1
    session = echo_session(tokenizer)
    assert [value.name for value in session.get_inputs()] == ["text"]
    assert [value.name for value in session.get_overridable_initializers()] == ["add"]
    assert translate(session, ["a"], add=0)["score"] == translate(session, ["a"])["score"]
    assert translate(session, ["a"], add=7)["score"] > translate(session, ["a"])["score"]


def test_without_attention_there_are_no_ids_to_label(tokenizer):
    session = echo_session(tokenizer, attention=False)
    assert [output.name for output in session.get_outputs()] == ["translation", "score"]


def test_id_graph_is_not_changed_and_its_properties_are_kept(tokenizer):
    ids = parser.parse_model(ECHO)
    before = ids.SerializeToString()
    model = add_text(ids, tokenizer.model_proto, tokenizer.model_proto, LIMIT)
    assert ids.SerializeToString() == before
    assert (model.producer_name, model.ir_version) == ("echo", 10)
    assert {entry.key: entry.value for entry in model.metadata_props} == {"family": "echo"}
    onnx.checker.check_model(model, full_check=True)


def test_two_vocabularies_are_told_apart():
    source, target = train(vocab_size=60), train(byte_fallback=True)
    model = add_text(parser.parse_model(ECHO), source.model_proto, target.model_proto, LIMIT)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.register_custom_ops_library(custom_ops_library())
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    received = translate(session, ["a dog"])
    ids = [*source.encode("a dog"), 2]
    assert received["source_ids"][0].tolist() == ids
    assert received["translation"][0] == target.decode(ids).replace("\0", "\ufffd") != "a dog"


def test_what_is_wrong_is_named():
    proto = train(byte_fallback=True).model_proto
    ids = parser.parse_model(ECHO)
    with pytest.raises(ValueError, match="max_source_length is too small; expected at least 2"):
        add_text(ids, proto, proto, 1)
    with pytest.raises(ValueError, match="target_proto: content is not a SentencePiece model"):
        add_text(ids, proto, b"x", LIMIT)


def test_library_is_the_one_of_the_package():
    import onnxruntime_extensions

    assert custom_ops_library() == onnxruntime_extensions.get_library_path()
