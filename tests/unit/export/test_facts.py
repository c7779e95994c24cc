"""What exported files say about the model, from checkpoints that say much, little or nonsense."""

from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import parser

from export.bleu_gate import BleuReport
from export.facts import add_exported_scores, append_facts, model_facts

SIGNATURE = "nrefs:1|case:mixed"


class Model:
    def count_params(self):
        return 1234


def tokenizer(size, kind="unigram"):
    return SimpleNamespace(vocabulary_size=size, kind=kind)


def facts_of(metadata, *sizes):
    tokenizers = [tokenizer(size) for size in sizes or (80,)]
    return model_facts(Model(), (tokenizers[0], tokenizers[-1]), metadata)


def test_bare_checkpoint_is_described_by_its_model_and_tokenizers():
    vocabulary = "80 pieces, SentencePiece unigram, shared by both languages"
    assert facts_of({}) == {
        "family": "model",
        "source_vocabulary": vocabulary,
        "target_vocabulary": vocabulary,
        "parameters": "1234",
    }
    two = model_facts(Model(), (tokenizer(80), tokenizer(90, "bpe")), {})
    assert two["source_vocabulary"] == "80 pieces, SentencePiece unigram"
    assert two["target_vocabulary"] == "90 pieces, SentencePiece bpe"


def test_what_training_wrote_becomes_readable():
    measured = {"bleu_signature": SIGNATURE, "chrf_signature": "c", "sentences": 500}
    metadata = {
        "preset": "luong_tiny",
        "source_language": "en",
        "licence": "CC BY 2.0 FR",
        "training_data": [
            {"name": "Tatoeba", "licence": "CC BY 2.0 FR", "origin": "tatoeba.org"},
            {"name": "mine", "licence": "MIT", "origin": ""},
        ],
        "step": 20,
        "scores": {
            "valid_loss": 1.0,
            "valid_perplexity": 2.7183,
            "valid_bleu": 31.416,
            "valid_chrf": 55,
            "test_bleu": 30.0,
        },
        "measured_on": {
            "valid": {**measured, "set": "valid.en", "beam_size": 1},
            "test": {**measured, "set": "test.en", "beam_size": 4},
        },
        "examples": ["a sentence"],
    }
    facts = facts_of(metadata)
    assert facts["scores"] == (
        "valid: BLEU 31.42 (nrefs:1|case:mixed), chrF 55.00 (c) on valid.en, 500 sentences, greedy "
        "search, perplexity 2.718 on the whole set; "
        "test: BLEU 30.00 (nrefs:1|case:mixed) on test.en, 500 sentences, beam 4"
    )
    assert facts["training_data"] == "Tatoeba (CC BY 2.0 FR, tatoeba.org); mine (MIT)"
    expected = {"preset": "luong_tiny", "source_language": "en", "licence": "CC BY 2.0 FR"}
    assert expected.items() <= facts.items()
    assert facts["step"] == "20"
    assert not {"examples", "measured_on", "target_language"} & facts.keys()


def test_scores_of_an_older_checkpoint_have_no_set():
    facts = facts_of({"scores": {"loss": 2.0, "bleu": 12.0, "chrf": 34.0}})
    assert facts["scores"] == "valid: BLEU 12.00, chrF 34.00"


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"training_data": "a text"}, {"training_data": "a text"}),
        ({"training_data": ["a", "b"]}, {"training_data": "a; b"}),
        ({"training_data": 3, "licence": ""}, {}),
        ({"scores": 3}, {}),
        (
            {"scores": {"bleu": 1.0}, "measured_on": 4},
            {"scores": "valid: BLEU 1.00", "measured_on": "4"},
        ),
        ({"scores": {"bleu": "high"}, "measured_on": {"valid": None}}, {}),
        ({"scores": {}}, {}),
        ({"preset": None, "target_language": ["en"]}, {}),
        ({"parameters": 3, "comment": "own"}, {"parameters": "1234", "comment": "own"}),
    ],
)
def test_metadata_made_by_hand_does_no_harm(metadata, expected):
    facts = facts_of(metadata)
    assert {key: facts[key] for key in metadata if key in facts} == expected


@pytest.fixture
def files(tmp_path):
    """Four ONNX files that double their input."""
    model = parser.parse_model(
        '<ir_version: 10, opset_import: ["": 18], metadata_props: ["family": "luong"]>'
        "double (float[n] x) => (float[n] y) { y = Add (x, x) }"
    )
    names = [
        f"{base}{end}.onnx" for base in ("translate", "translate_text") for end in ("", ".int8")
    ]
    for name in names:
        onnx.save(model, tmp_path / name)
    return tmp_path


def said_by(path):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": np.ones(2, "float32")})[0].tolist() == [2, 2]
    return session.get_modelmeta().custom_metadata_map


def test_facts_are_appended_behind_what_the_file_holds(files):
    path = files / "translate.onnx"
    before = path.read_bytes()
    append_facts(path, {"licence": "CC0", "author": "나"})
    assert path.read_bytes().startswith(before)
    assert said_by(path) == {"family": "luong", "licence": "CC0", "author": "나"}


@pytest.mark.parametrize("written", [True, False])
def test_each_graph_tells_its_own_bleu(files, written):
    bleu = {"beam 1": {"float32": 30.0, "int8": 29.9}, "beam 4": {"float32": 31.25, "int8": 31.0}}
    report = BleuReport(written, "", 12, bleu, SIGNATURE)
    found = add_exported_scores(files, report, "valid.en")
    line = "BLEU {} (beam 1), {} (beam 4) on valid.en, 12 sentences, sacreBLEU nrefs:1|case:mixed"
    expected = {"scores_float32": line.format("30.00", "31.25")}
    if written:
        expected["scores_int8"] = line.format("29.90", "31.00")
    assert found == expected
    for base in ("translate", "translate_text"):
        for precision, end in (("float32", ""), ("int8", ".int8")):
            own = {key: value for key, value in expected.items() if key == f"scores_{precision}"}
            assert said_by(files / f"{base}{end}.onnx") == {"family": "luong", **own}


def test_nothing_measured_is_nothing_said(files):
    assert add_exported_scores(files, BleuReport(False, "no texts")) == {}
    assert said_by(files / "translate.onnx") == {"family": "luong"}
