"""A bundle may say how to search for callers who do not: every way through it then does."""

import numpy as np
import pytest

from export.artefacts import SavedModelArtefact, TextOnnxArtefact
from export.bundle import export_bundle
from serving.manifest import Manifest
from serving.translator import Translator
from serving.verify import verify

BEAM_SIZE, LENGTH_PENALTY = 3, 1.5


@pytest.fixture(scope="module")
def bundle(exported, tmp_path_factory):
    made = exported("seq2seq_gru")
    directory = tmp_path_factory.mktemp("defaults") / "bundle"
    export_bundle(
        made.checkpoint,
        directory,
        report=lambda line: None,
        beam_size=BEAM_SIZE,
        length_penalty=LENGTH_PENALTY,
    )
    return directory


@pytest.fixture(scope="module")
def expected(exported, lines):
    """Texts and scores of the model's other bundle, told to search so."""
    translator = Translator.load(exported("seq2seq_gru").bundle)
    asked = translator.translate(lines, beam_size=BEAM_SIZE, length_penalty=LENGTH_PENALTY)
    plain = translator.translate(lines)
    assert [a.text for a in asked] != [b.text for b in plain]  # or this would prove nothing
    return [a.text for a in asked], [a.score for a in asked]


def test_manifest_says_so(bundle):
    decoding = Manifest.read(bundle).decoding
    assert (decoding.beam_size, decoding.length_penalty) == (BEAM_SIZE, LENGTH_PENALTY)


def test_translator_searches_so(bundle, lines, expected):
    found = Translator.load(bundle).translate(lines)
    assert [item.text for item in found] == expected[0]
    np.testing.assert_allclose([item.score for item in found], expected[1], atol=1e-4)


def test_callers_still_choose(exported, bundle, lines):
    options = {"beam_size": 1, "length_penalty": 0.6}
    ours, other = (
        Translator.load(directory).translate(lines, **options)
        for directory in (bundle, exported("seq2seq_gru").bundle)
    )
    assert [item.text for item in ours] == [item.text for item in other]


def test_stream_stays_greedy(bundle, lines):
    translator = Translator.load(bundle)
    *_, last = translator.stream(lines[0])
    assert last.text == translator.translate(lines[0], beam_size=1).text


def test_saved_model_and_text_graph_search_so(bundle, lines, expected):
    texts, scores = SavedModelArtefact(bundle).translate_text(lines)
    assert texts == expected[0]
    np.testing.assert_allclose(scores, expected[1], atol=1e-4)
    text_graph = TextOnnxArtefact(bundle).session
    texts, scores = text_graph.run(["translation", "score"], {"text": np.array(lines, object)})
    assert texts.tolist() == expected[0]
    np.testing.assert_allclose(scores, expected[1], atol=1e-4)


def test_golden_examples_are_of_this_search(bundle):
    assert verify(bundle).examples > 0
    report = (bundle / "parity.md").read_text(encoding="utf-8")
    assert f"| SavedModel, text | float32 | texts and scores, beam {BEAM_SIZE} |" in report
    assert "beam 4" not in report


@pytest.mark.parametrize(
    "wrong",
    [{"beam_size": 0}, {"beam_size": True}, {"length_penalty": -1.0}, {"length_penalty": np.nan}],
)
def test_impossible_defaults_are_refused(exported, tmp_path, wrong):
    [name] = wrong
    with pytest.raises(ValueError, match=f"export: {name} is out of range; expected"):
        export_bundle(exported("seq2seq_gru").checkpoint, tmp_path / "bundle", **wrong)
    assert not list(tmp_path.iterdir())
