"""The directory of a run: what it takes, keeps and refuses, and the pairs picked for it."""

from pathlib import Path

import pytest

from training.recipe import ConfigError, CorpusRecipe, load_recipe
from training.run_directory import (
    RunDirectory,
    TrainingText,
    missing_files,
    pick_examples,
    read_pairs,
    some_of_each,
)
from training.train import train


def test_run_directory_gives_back_what_it_was_started_with(tmp_path):
    run, recipe = RunDirectory(tmp_path / "run"), load_recipe("luong_tiny", ["train.steps=5"])
    run.path.mkdir()
    run.lock.touch()  # all that a full disk had room for
    run.start(recipe, tmp_path)
    assert run.load() == (recipe, Path(tmp_path))
    run.log.write_text("step\n")
    run.start(recipe, tmp_path)  # nothing was trained yet
    run.log.write_text("step\n1\n")
    with pytest.raises(ConfigError, match="run directory is in use"):
        run.start(recipe, tmp_path)


def test_two_processes_do_not_train_one_run(tmp_path):
    run, recipe = RunDirectory(tmp_path / "run"), load_recipe("phrasebook")
    run.start(recipe, tmp_path)
    written = run.recipe_file.read_bytes()
    longer = load_recipe("phrasebook", ["train.steps=9"])
    with run.held():
        for wish in (
            lambda: train(recipe, tmp_path, run.path, resume=True),
            lambda: run.start(longer, tmp_path),
            lambda: run.change(longer, tmp_path),
        ):
            with pytest.raises(ConfigError, match="another process trains this run"):
                wish()
    assert run.recipe_file.read_bytes() == written
    run.change(longer, tmp_path)  # it was let go
    assert run.load()[0] == longer


def test_directory_of_other_files_does_not_become_a_run(tmp_path):
    (tmp_path / "recipe.toml").write_text("# mine")
    with pytest.raises(ConfigError, match=r"holds other files.*one with recipe\.toml"):
        RunDirectory(tmp_path).start(load_recipe("luong_tiny"), tmp_path)
    assert (tmp_path / "recipe.toml").read_text() == "# mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_changed_corpus_keeps_a_run_from_going_on(tmp_path):
    """Its weights know the ids of the old vocabulary; a new one gives them to other pieces."""
    changes = ["vocabulary.size=300", "vocabulary.byte_fallback=false"]
    recipe, run = load_recipe("luong_tiny", changes), RunDirectory(tmp_path / "run")
    run.start(recipe, tmp_path)
    lines = [f"line {n} of {n * n} words" for n in range(400)]
    for side, mark in (("source", "a"), ("target", "b")):
        (tmp_path / f"train.{side}").write_text("\n".join(mark + line for line in lines))

    def vocabulary(recipe=recipe):
        TrainingText(recipe, tmp_path, lambda _: None).tokenizers(run)
        return (run.tokenizer / "tokenizer.model").read_bytes()

    first = vocabulary()
    assert vocabulary() == first
    assert vocabulary(load_recipe("luong_tiny", [*changes, "vocabulary.size=280"])) != first
    assert vocabulary() == first
    run.state.parent.mkdir()
    run.state.write_bytes(b"")
    assert vocabulary() == first
    with (tmp_path / "train.source").open("a") as file:
        file.write(" and an end")
    with pytest.raises(ConfigError, match="training corpora have changed since the run began"):
        vocabulary()
    assert (run.tokenizer / "tokenizer.model").read_bytes() == first


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (None, ["a1", "a2", "b1", "b2", "b3", "b4", "b5", "c1"]),
        (3, ["a1", "b1", "c1"]),
        (6, ["a1", "a2", "b1", "b2", "b4", "c1"]),  # spread evenly over a set
        (99, ["a1", "a2", "b1", "b2", "b3", "b4", "b5", "c1"]),
    ],
)
def test_as_many_pairs_are_taken_of_each_set(count, expected):
    texts = [["a1", "a2"], ["b1", "b2", "b3", "b4", "b5"], ["c1"]]
    sets = [(side, [text.upper() for text in side]) for side in texts]
    sources, targets = some_of_each(sets, count)
    assert sources == expected
    assert targets == [text.upper() for text in expected]


def test_set_without_a_pair_is_refused(tmp_path):
    (tmp_path / "app.po").write_text('msgid "yes"\nmsgstr ""\n')
    with pytest.raises(ValueError, match=r"app\.po: no pair to score; expected at least one"):
        read_pairs([CorpusRecipe(source="app.po")], tmp_path)


def test_phrasebook_written_half_is_written_again(tmp_path):
    recipe = load_recipe("phrasebook")
    TrainingText(recipe, tmp_path, lambda _: None)
    assert missing_files(recipe, tmp_path) == []
    (tmp_path / "valid.ko").unlink()
    assert missing_files(recipe, tmp_path) == [tmp_path / "valid.ko"]
    TrainingText(recipe, tmp_path, lambda _: None)
    assert missing_files(recipe, tmp_path) == []


def test_directory_without_a_run_cannot_be_resumed(tmp_path):
    with pytest.raises(ConfigError, match="not a run; expected a directory with recipe"):
        RunDirectory(tmp_path).load()


def test_examples_are_few_and_of_all_lengths():
    sentences = [" ".join(["word"] * count) for count in range(40, 0, -1)]
    found = pick_examples([*sentences, "", "  ", "word", " word  word "])
    assert [len(sentence.split()) for sentence in found] == [1, 6, 12, 18, 24, 30]
    assert pick_examples(["b b", "a", "a"]) == ["a", "b b"]
    assert pick_examples(["字" * 240, "字" * 241]) == ["字" * 240]
    assert pick_examples(["long " * 31]) == []
