"""translate_text.onnx says what serving.Translator says."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.external_data_helper import uses_external_data

from export import artefacts, parity
from export.bundle import export_bundle
from export.custom_ops import custom_ops_library
from export.rewrites.scopes import graphs
from serving.manifest import Manifest
from serving.tokenizer import load_tokenizers
from serving.translator import Translator

HARD = [
    "",
    "   ",
    "\u0085",  # white space for Python, not for SentencePiece
    "\u3000\n\t",
    "a",
    "가",
    "🙂",
    "👩‍👩‍👧‍👦 ☃ 𝄞 ꙮ",
    "나는 the 학교에 мир!",
    "  a   dog\truns ",
    "the cat " * 60,  # longer than the model takes
    "나는학교에간다" * 30,
    "a dog",
    "a dog",
    "ﬁ ① Ａ",  # changed by SentencePiece's normalization
    "</s> <s> <pad> <unk> ▁",
]


@pytest.fixture(scope="module")
def opened(exported):
    """A function from a variant's name to (text session, translator), opened once."""
    made = {}

    def open_both(name):
        if name not in made:
            bundle = exported(name).bundle
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 3
            options.register_custom_ops_library(custom_ops_library())
            path = bundle / "translate_text.onnx"
            session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            made[name] = session, Translator.load(bundle)
        return made[name]

    return open_both


def run(session, texts, **options):
    """Feeds only what is given; returns every output by its name."""
    feeds = {name: np.array(value) for name, value in options.items()}
    names = [output.name for output in session.get_outputs()]
    values = session.run(names, {"text": np.array(texts, object), **feeds})
    return dict(zip(names, values, strict=True))


def readable(text):
    return text.replace("\0", "\ufffd")


def golden_texts(bundle):
    """Without those that hold a U+0000, which ends a string of the operations."""
    golden = json.loads((bundle / "golden.json").read_text(encoding="utf-8"))
    return [
        entry["source"]
        for entry in golden
        if entry["beam_size"] == 1 and "\0" not in entry["source"]
    ]


@pytest.mark.parametrize("beam_size", [1, 4])
def test_text_onnx_matches_translator(exported, opened, variant, beam_size):
    session, translator = opened(variant)
    texts = golden_texts(exported(variant).bundle) + HARD
    received = run(session, texts, beam_size=np.int32(beam_size))
    attends = translator.manifest.attention
    expected = translator.translate(texts, beam_size=beam_size, return_attention=attends)
    assert received["translation"].tolist() == [readable(result.text) for result in expected]
    assert len({result.text for result in expected}) > 10
    scores = [result.score for result in expected]
    np.testing.assert_allclose(received["score"], scores, rtol=0, atol=1e-4)
    assert set(received) == ({"translation", "score"} if not attends else set(received))
    if attends:
        for row, result in enumerate(expected):
            check_attention({name: value[row] for name, value in received.items()}, result)


def check_attention(row, result):
    """Weights where the Translator has some, zero elsewhere; ids as many as tokens."""
    height, width = len(result.tokens), len(result.source_tokens)
    kept = np.isin(row["target_ids"], (0, 1), invert=True)
    assert kept.sum() == height
    assert np.count_nonzero(row["source_ids"]) == width
    np.testing.assert_allclose(row["attention"][kept, :width], result.attention, rtol=0, atol=1e-5)
    assert not row["attention"][:, width:].any()


def test_ids_name_the_tokens(exported, opened, lines):
    session, translator = opened("bahdanau_gru")
    source, target = load_tokenizers(exported("bahdanau_gru").bundle)
    received = run(session, lines)
    for row, result in enumerate(translator.translate(lines)):
        ids = received["source_ids"][row][: len(result.source_tokens)].tolist()
        assert tuple(source.pieces(ids)) == result.source_tokens[:-1]
        assert ids[-1] == 2
        assert readable(target.decode(received["target_ids"][row])) == readable(result.text)


def test_batch_matches_singles(opened):
    session, _ = opened("transformer_pre")
    batch = run(session, HARD)
    for row, text in enumerate(HARD):
        single = run(session, [text])
        assert batch["translation"][row] == single["translation"][0]
        np.testing.assert_allclose(batch["score"][row], single["score"][0], rtol=0, atol=1e-4)


@pytest.mark.parametrize("texts", [[], [""], ["", "  ", "\n"]], ids=["none", "one", "three"])
def test_batches_without_any_piece_give_nothing(opened, variant, texts):
    received = run(opened(variant)[0], texts)
    assert received["translation"].tolist() == [""] * len(texts)
    assert received["score"].tolist() == [0.0] * len(texts)
    for name in received.keys() & {"attention", "source_ids", "target_ids"}:
        assert received[name].shape[0] == len(texts)
        assert not received[name].any()


OPTIONS = {
    "beam_size": {"beam_size": 4},
    "length_penalty": {"beam_size": 4, "length_penalty": 2.0},
    "min_length": {"beam_size": 4, "min_length": 22},
    "max_length": {"beam_size": 4, "max_length": 3},
}
TYPES = {"length_penalty": np.float32}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_reach_the_search(opened, lines, name):
    session, translator = opened("seq2seq_lstm")
    typed = {key: TYPES.get(key, np.int32)(value) for key, value in OPTIONS[name].items()}
    received = run(session, lines, **typed)
    expected = translator.translate(lines, **OPTIONS[name])
    assert received["translation"].tolist() == [readable(result.text) for result in expected]
    scores = [result.score for result in expected]
    np.testing.assert_allclose(received["score"], scores, rtol=0, atol=1e-4)
    del typed[name]
    assert not np.allclose(received["score"], run(session, lines, **typed)["score"], atol=1e-3)


def test_prefix_reaches_the_search(exported, opened, lines):
    session, translator = opened("transformer_pre")
    _, target = load_tokenizers(exported("transformer_pre").bundle)
    prefix = np.array([target.encode("we read")], np.int32)
    received = run(session, lines, prefix_ids=prefix)["translation"].tolist()
    expected = translator.translate(lines, prefix="we read")
    assert received == [readable(result.text) for result in expected]
    assert all(text.startswith("we read") for text in received)


def test_manifest_describes_the_text_graph(exported, opened, variant):
    session, translator = opened(variant)
    spec = Manifest.read(exported(variant).bundle).graphs["translate_text.onnx"]
    inputs = [*session.get_inputs(), *session.get_overridable_initializers()]
    kinds = {"float32": "float"}
    for specs, found in ((spec.inputs, inputs), (spec.outputs, session.get_outputs())):
        described = [(s.name, f"tensor({kinds.get(s.dtype, s.dtype)})", s.axes) for s in specs]
        assert described == [(value.name, value.type, tuple(value.shape)) for value in found]
    names = ["translation", "score", "attention", "source_ids", "target_ids"]
    assert [s.name for s in spec.outputs] == (names if translator.manifest.attention else names[:2])
    assert {s.name: s.default for s in spec.inputs}["length_penalty"] == 0.6
    assert "num_hypotheses" not in [s.name for s in spec.inputs]


def test_text_graph_keeps_what_the_id_graph_says_of_itself(exported):
    bundle = exported("luong_lstm").bundle
    ids, text = (onnx.load(bundle / name) for name in ("translate.onnx", "translate_text.onnx"))
    assert {p.key: p.value for p in text.metadata_props} == {
        p.key: p.value for p in ids.metadata_props
    }
    assert text.ir_version == ids.ir_version
    opsets = {entry.domain: entry.version for entry in text.opset_import}
    assert opsets[""] == 18
    assert opsets["ai.onnx.contrib"] == 1


def test_no_weight_is_stored_twice(exported, variant):
    bundle = exported(variant).bundle
    ids = onnx.load(bundle / "translate.onnx", load_external_data=False)
    text = onnx.load(bundle / "translate_text.onnx", load_external_data=False)
    initializers = [tensor for graph in graphs(ids.graph) for tensor in graph.initializer]
    large = [
        tensor
        for tensor in initializers
        if np.prod(tensor.dims) >= 256 and tensor.data_type == onnx.TensorProto.FLOAT
    ]
    assert len(large) >= 6
    assert all(uses_external_data(tensor) for tensor in large)
    assert not any(uses_external_data(tensor) for tensor in text.graph.initializer)
    weights = sum(4 * int(np.prod(weight.shape)) for weight in exported(variant).model.weights)
    assert (bundle / "translate_text.onnx").stat().st_size > weights


def test_bundle_of_links_translates(exported, opened, tmp_path, lines):
    """As the cache of a model hub holds it: every file is a link to a blob."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "bundle").mkdir()
    bundle = exported("transformer_pre").bundle
    for index, path in enumerate(path for path in bundle.rglob("*") if path.is_file()):
        blob = tmp_path / "blobs" / str(index)
        shutil.copy(path, blob)
        link = tmp_path / "bundle" / path.relative_to(bundle)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    _, translator = opened("transformer_pre")
    expected = [result.text for result in translator.translate(lines)]
    linked = Translator.load(tmp_path / "bundle").translate(lines)
    assert [result.text for result in linked] == expected


CHANGES = {
    "text": ("translation", lambda texts: texts + "x", "gives '.*x'; expect"),
    "score": ("score", lambda scores: scores + 0.01, "gives the score"),
    "nan": ("score", lambda scores: scores * np.nan, "the score nan"),
}


@pytest.mark.parametrize(("output", "change", "message"), CHANGES.values(), ids=CHANGES.keys())
def test_gate_refuses_another_text_or_score(quick, tmp_path, monkeypatch, output, change, message):
    original = artefacts.TextOnnxArtefact.run

    def changed(*given):
        result = original(*given)
        return {**result, output: change(result[output])}

    monkeypatch.setattr(artefacts.TextOnnxArtefact, "run", changed)
    with pytest.raises(parity.ParityError, match=f"text ONNX, beam_size 1: .*{message}"):
        export_bundle(quick.checkpoint, tmp_path / "bundle", report=lambda line: None)
    assert list(tmp_path.iterdir()) == []


def test_library_stands_beside_tensorflow_that_came_first(exported):
    program = (
        "import sys, tensorflow, tensorflow_text\n"
        "from export.artefacts import TextOnnxArtefact\n"
        "print(TextOnnxArtefact(sys.argv[1]).translate(['a dog'], 1)[0])\n"
    )
    bundle = exported("seq2seq_gru").bundle
    command = [sys.executable, "-c", program, str(bundle)]
    root = Path(__file__).resolve().parents[2]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr[-2000:]
    expected = Translator.load(bundle).translate("a dog").text
    assert result.stdout.splitlines()[-1] == str([readable(expected)])
