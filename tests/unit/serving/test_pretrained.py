"""The models of the package: whole, small, described, and able to translate."""

import re

import pytest

from serving import Translator
from serving.pretrained import pretrained_models
from serving.verify import verify

MODELS = pretrained_models()
SENTENCES = {
    "ko-en": ("나는 물을 마신다.", "water"),
    "en-ko": ("I drink water.", "물"),
    "en-de": ("I drink water.", "Wasser"),
    "de-en": ("Ich trinke Wasser.", "water"),
}


def test_korean_comes_first():
    assert {"ko-en", "en-ko"} <= MODELS.keys() <= SENTENCES.keys()


def test_models_stay_small():
    sizes = {
        name: sum(file.stat().st_size for file in directory.iterdir())
        for name, directory in MODELS.items()
    }
    assert max(sizes.values()) <= 8e6  # so four models have 32 MB at most


@pytest.mark.parametrize("name", MODELS)
def test_model_is_whole(name):
    verify(MODELS[name], threads=1)


@pytest.mark.parametrize("name", MODELS)
def test_model_translates_and_attends(name):
    source, word = SENTENCES[name]
    translator = Translator.load(name, threads=1)
    found = translator.translate(source, beam_size=4, return_attention=True)
    assert word in found.text
    assert found.attention.shape == (len(found.tokens), len(found.source_tokens))


@pytest.mark.parametrize("name", MODELS)
def test_card_states_scores_licence_limits_and_outputs(name):
    card = (MODELS[name] / "README.md").read_text(encoding="utf-8")
    manifest = Translator.load(name, threads=1).manifest
    assert card.startswith(f"# {name}: ")
    assert manifest.about["licence"] in card
    assert manifest.about["training_data"] in card
    assert f"recipes/pretrained_{name.replace('-', '_')}.toml" in card
    assert "## Limits" in card
    scores = re.findall(r"^\| [^|]+ \| [\d,]+ \| [\d.]+, [\d.]+ \| [\d.]+, [\d.]+ \|", card, re.M)
    assert len(scores) >= 2
    assert card.count("nrefs:1") == 2
    assert {"95", "75", "50", "25", "5"} <= set(re.findall(r"\| (\d+) \|", card))
