"""Reading recipes: what is refused, by the text of the message, and what comes back."""

import dataclasses
import re

import pytest

from training.recipe import (
    ConfigError,
    Recipe,
    find_recipe,
    load_recipe,
    shipped_recipes,
)

MINIMAL = """
name = "small"
[data]
source_language = "ko"
target_language = "en"
train = [{ source = "train.ko", target = "train.en" }]
valid = [{ source = "v.tsv.gz", source_column = "ko", target_column = 2, weight = 1 }]
[model]
preset = "luong_tiny"
[train]
steps = 10
"""


@pytest.fixture
def recipe_file(tmp_path):
    def write(text=MINIMAL, **replacements):
        for old, new in replacements.items():
            text = text.replace(old, new)
        path = tmp_path / "small.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def _message(path, overrides=()):
    with pytest.raises(ConfigError) as error:
        load_recipe(path, overrides)
    return str(error.value)


def test_minimal_recipe_takes_the_defaults(recipe_file):
    recipe = load_recipe(recipe_file())
    assert recipe.train == dataclasses.replace(
        Recipe.__dataclass_fields__["train"].default, steps=10
    )
    assert recipe.data.valid[0].target_column == 2
    assert recipe.model.overrides == {}


def test_unknown_key_gets_a_suggestion(recipe_file):
    path = recipe_file(steps="learning_rat")
    expected = f"{path}: unknown key train.learning_rat. Did you mean train.learning_rate?"
    assert _message(path) == expected


def test_all_problems_are_reported_at_once(recipe_file):
    path = recipe_file(MINIMAL + "seed = true\nmonitor = 'blue'\nclip_norm = -1\n[nonsense]\n")
    message = _message(path, ["vocabulary.size=2.5", "train.optimizer={name = 'muon'}"])
    assert ": 6 problems:" in message
    assert "train.optimizer has the wrong type" in message
    assert "Received {'name': 'muon'}. Change train.optimizer." in message
    assert "unknown key nonsense" in message
    assert "train.seed has the wrong type; expected an integer >= 0 and < 2147483648" in message
    assert 'train.monitor is not a known value; expected one of "bleu", "loss"' in message
    assert "Did you mean bleu?" in message
    assert "train.clip_norm is out of range; expected a number >= 0.0. Received -1.0." in message
    assert "vocabulary.size has the wrong type; expected an integer >= 16. Received 2.5" in message


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('preset = "luong_tiny"', "", "model.preset is missing; expected a string"),
        ('name = "small"', 'name = "small"\nvocabulary = 3', "vocabulary is not a table; expected"),
        ("[train]", "[data.filters]\nmin_length = 2000\n[train]", "max_length is out of range"),
        ('[{ source = "train.ko", target = "train.en" }]', "7", "data.train is not a list"),
        ('source = "train.ko", ', "", "data.train[0].source is missing; expected a string"),
        ('"train.en"', '"train.en", source_column = 1', "columns do not suit two files"),
        ("column = 2", "column = 2.5", "data.valid[0].target_column has the wrong type; expected"),
        ("weight = 1", "weight = 0", "data.valid[0].weight is out of range; expected a number >"),
        ('source_language = "ko"', "source_language = [", "not a TOML file"),
        ("weight = 1", "where = 3", "data.valid[0].where has the wrong type; expected a table"),
        ("weight = 1", "where = { 1 = 'a' }", "where[1] is not a list of values"),
        ("weight = 1", "where = { 1 = 5 }", "where[1] is not a list of values"),
        ("weight = 1", 'header = "maybe"', "data.valid[0].header is not a known value"),
        ("steps = 10", "learning_rate = nan", "train.learning_rate is out of range"),
    ],
)
def test_mistake_is_named(recipe_file, old, new, expected):
    assert MINIMAL.count(old) == 1
    assert expected in _message(recipe_file(MINIMAL.replace(old, new)))


def test_set_changes_keys_with_their_types(recipe_file):
    overrides = ["train.steps=7", "train.monitor=loss", "model.overrides.dropout = 0.3",
                 "train.learning_rate=1", "data.test=[{source='a', target='b'}]"]  # fmt: skip
    recipe = load_recipe(recipe_file(), overrides)
    assert (recipe.train.steps, recipe.train.monitor) == (7, "loss")
    assert recipe.model.overrides == {"dropout": 0.3}
    assert isinstance(recipe.train.learning_rate, float)
    assert recipe.data.test[0].target == "b"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("train.stepz=7", "unknown key train.stepz. Did you mean train.steps?"),
        ("train.steps", "--set 'train.steps' is not an assignment"),
        ("train.steps=many", "train.steps has the wrong type; expected an integer >= 1"),
        ("name.steps=1", "--set name.steps: name is not a table"),
    ],
)
def test_set_is_checked_like_the_file(recipe_file, override, expected):
    assert expected in _message(recipe_file(), [override])


def test_written_recipe_reads_back_equal(recipe_file, tmp_path):
    recipe = load_recipe(recipe_file(), ["model.overrides={ cell = 'lstm', units = 32 }"])
    copy = tmp_path / "copy.toml"
    copy.write_text(recipe.to_toml(), encoding="utf-8")
    assert load_recipe(copy) == recipe


def test_training_data_are_named_one_by_one(recipe_file, tmp_path):
    about = """
[about]
licence = "CC0"
training_data = [{ name = "a", licence = "CC0" }, { name = "나", licence = "MIT", origin = "b" }]
"""
    recipe = load_recipe(recipe_file(MINIMAL + about))
    assert [data.origin for data in recipe.about.training_data] == ["", "b"]
    copy = tmp_path / "copy.toml"
    copy.write_text(recipe.to_toml(), encoding="utf-8")
    assert load_recipe(copy) == recipe
    lost = about.replace(', licence = "CC0" }', " }")
    message = _message(recipe_file(MINIMAL + lost))
    assert "about.training_data[0].licence is missing; expected a string" in message


def test_where_names_columns_by_number_or_name(recipe_file, tmp_path):
    where = """where = { 1 = ["news", "web"], "나라" = ["KR"] }"""
    recipe = load_recipe(recipe_file(MINIMAL.replace("weight = 1", where)))
    corpus = recipe.data.valid[0].corpus(tmp_path)
    assert corpus.where == {1: ["news", "web"], "나라": ["KR"]}
    assert recipe.data.train[0].corpus(tmp_path).where is None
    text = recipe.to_toml()
    assert text.count("where =") == 1
    copy = tmp_path / "copy.toml"
    copy.write_text(text, encoding="utf-8")
    assert load_recipe(copy) == recipe


@pytest.mark.parametrize(("word", "header"), [("auto", None), ("yes", True), ("no", False)])
def test_header_can_be_said(recipe_file, tmp_path, word, header):
    recipe = load_recipe(recipe_file(MINIMAL.replace("weight = 1", f'header = "{word}"')))
    assert recipe.data.valid[0].corpus(tmp_path).header is header


def test_column_zero_is_not_the_default(recipe_file, tmp_path):
    recipe = load_recipe(recipe_file(MINIMAL.replace("target_column = 2", "target_column = 0")))
    assert recipe.data.valid[0].corpus(tmp_path).columns == ("ko", 0)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            ["model.overrides.share_embeddings=true", "vocabulary.joint=false"],
            "share_embeddings needs one vocabulary for both languages",
        ),
        (
            ["train.sampling_alpha=2.0", "vocabulary.kind=bpe"],
            "sampling_alpha is out of range; expected at most 1",
        ),
    ],
)
def test_keys_that_contradict_each_other_are_named(changes, problem):
    with pytest.raises(ConfigError, match=problem):
        load_recipe("transformer_tiny", changes)
    load_recipe("transformer_tiny", changes[:1])


def test_unknown_recipe_lists_the_shipped_ones():
    with pytest.raises(ConfigError, match=r"nowhere: recipe is not there.*transformer_tiny"):
        find_recipe("nowhere")


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipe_is_valid_and_comments_every_key(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    text = find_recipe(name).read_text(encoding="utf-8")
    lines = text.splitlines()
    keys = [i for i, line in enumerate(lines) if re.match(r"\w+ = ", line)]
    assert len(keys) >= 8
    written = set(recipe.to_toml().splitlines())
    for index in keys:
        # The comment is the one that the dataclass field writes, so it cannot be outdated.
        assert lines[index - 1].startswith("# "), lines[index]
        assert lines[index - 1] in written, lines[index]
