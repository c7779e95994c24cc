"""What a checkpoint says about itself: only what the recipe says, and how scores were taken."""

import json
from types import SimpleNamespace

import pytest

import training.train
from training.metadata import checkpoint_metadata, measured_on
from training.recipe import CorpusRecipe, find_recipe, load_recipe, shipped_recipes
from training.run_directory import RunDirectory
from training.scoring import score_texts
from training.train import _Training

TEXTS = ["a b c d e", "f g h i j"]
SCORES = score_texts(TEXTS, TEXTS)


def test_metadata_holds_what_the_recipe_says():
    recipe = load_recipe("tatoeba_enko", ["about.author=me"])
    found = checkpoint_metadata(recipe, 7, "best", {"bleu": 3.0}, {"valid": {}}, ["a"])
    assert json.loads(json.dumps(found)) == {
        "source_language": "en",
        "target_language": "ko",
        "preset": recipe.model.preset,
        "recipe": "tatoeba_enko",
        "licence": "CC BY 2.0 FR",
        "training_data": [
            {
                "name": "Tatoeba, 2023",
                "licence": "CC BY 2.0 FR",
                "origin": "Tatoeba contributors, tatoeba.org",
            }
        ],
        "author": "me",
        "tokenize": "13a",
        "step": 7,
        "weights": "best",
        "scores": {"bleu": 3.0},
        "measured_on": {"valid": {}},
        "examples": ["a"],
    }


def test_nothing_is_said_that_the_recipe_does_not_say():
    found = checkpoint_metadata(load_recipe("luong_tiny"), 1, "best", {}, {}, [])
    assert not {"licence", "training_data", "author"} & found.keys()


def test_set_is_named_without_the_directories_of_this_machine():
    corpora = [CorpusRecipe(source="enko/valid.en.gz"), CorpusRecipe(source="/home/me/extra.tsv")]
    assert measured_on(corpora, 2, 4, SCORES) == {
        "set": "enko/valid.en.gz, extra.tsv",
        "sentences": 2,
        "beam_size": 4,
        "bleu_signature": SCORES.bleu_signature,
        "chrf_signature": SCORES.chrf_signature,
    }


def test_evaluation_keeps_how_it_measured(tmp_path, monkeypatch):
    recipe = load_recipe("luong_tiny", ["train.valid_sentences=1"])
    run = _Training(recipe, tmp_path, RunDirectory(tmp_path), 0)
    run.perplexity = SimpleNamespace(score=lambda: 2.0)
    run.translated, run.tokenizers = (TEXTS[:1], TEXTS[:1]), None
    run.valid = TEXTS, TEXTS
    monkeypatch.setattr(training.train, "translate", lambda model, tokenizers, texts: texts)
    assert run._evaluate(None)["bleu"] == pytest.approx(100)
    valid = run._metadata(3, {}, "best")["measured_on"]["valid"]
    assert (valid["set"], valid["sentences"], valid["beam_size"]) == ("valid.source", 1, 1)
    assert valid["bleu_signature"].startswith("nrefs:1|case:mixed")


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipe_tells_its_licence_or_is_for_own_text(name):
    recipe = load_recipe(name)
    own_text = "on your own text" in find_recipe(name).read_text(encoding="utf-8")
    assert own_text != bool(recipe.about.licence and recipe.about.training_data)
