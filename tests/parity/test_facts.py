"""What an exported bundle says about the model, read by onnxruntime from each of its files."""

import json
import shutil

import onnxruntime
import pytest

from export.bundle import export_bundle
from serving.manifest import Manifest
from serving.tokenizer import load_tokenizers

NAMES = ["translate.onnx", "translate_text.onnx", "translate.int8.onnx", "translate_text.int8.onnx"]
LINES = ["나는 학교에 간다.", "the cat sleeps on the mat.", "a dog runs to the river.", "🙂", "a"]
METADATA = {
    "preset": "seq2seq_tiny",
    "source_language": "ko",
    "target_language": "en",
    "licence": "CC BY 4.0",
    "training_data": [{"name": "lines", "licence": "CC BY 4.0", "origin": "이 시험"}],
    "scores": {"valid_bleu": 12.5},
}


@pytest.fixture(scope="module")
def bundle(exported, tmp_path_factory):
    """An export with metadata and int8 graphs, converted anew."""
    home = tmp_path_factory.mktemp("facts")
    checkpoint = shutil.copytree(exported("seq2seq_gru").checkpoint, home / "checkpoint")
    path = checkpoint / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "metadata": METADATA}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("export.bleu_gate.MOST_LOST", 1000.0)  # random weights translate nothing
        patch.setattr("export.bleu_gate.LEAST_BLEU", 0.0)
        patch.setattr("export.bleu_gate.LEAST_SENTENCES", 1)
        export_bundle(
            checkpoint,
            home / "bundle",
            valid=(LINES, LINES),
            valid_name="lines.ko",
            report=lambda line: None,
        )
    return home / "bundle"


@pytest.fixture(scope="module")
def said(bundle):
    """The metadata of a file of the bundle, as onnxruntime gives it."""
    import onnxruntime_extensions

    def read(name):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # silent about inputs with defaults
        options.register_custom_ops_library(onnxruntime_extensions.get_library_path())
        providers = ["CPUExecutionProvider"]
        session = onnxruntime.InferenceSession(bundle / name, options, providers=providers)
        return session.get_modelmeta().custom_metadata_map

    return read


@pytest.mark.parametrize("name", NAMES)
def test_onnx_file_tells_what_it_is(bundle, said, name):
    facts = said(name)
    size = load_tokenizers(bundle)[0].vocabulary_size
    vocabulary = f"{size} pieces, SentencePiece unigram, shared by both languages"
    precision = "int8" if "int8" in name else "float32"
    scores = facts.pop(f"scores_{precision}")
    assert scores.startswith("BLEU ")
    assert " on lines.ko, 5 sentences, sacreBLEU nrefs:1|case:mixed" in scores
    assert int(facts.pop("parameters")) > 10_000
    assert facts == {
        "preset": "seq2seq_tiny",
        "family": "seq2seq",
        "source_language": "ko",
        "target_language": "en",
        "source_vocabulary": vocabulary,
        "target_vocabulary": vocabulary,
        "licence": "CC BY 4.0",
        "training_data": "lines (CC BY 4.0, 이 시험)",
        "scores": "valid: BLEU 12.50",
    }


def test_manifest_says_what_the_files_say(bundle, said):
    about = Manifest.read(bundle).about
    assert about == said("translate.onnx") | said("translate_text.int8.onnx")
    bleu = json.loads((bundle / "parity.json").read_text(encoding="utf-8"))["int8"]["bleu"]
    for precision in ("float32", "int8"):
        assert f"{bleu['beam 4'][precision]:.2f} (beam 4)" in about[f"scores_{precision}"]
