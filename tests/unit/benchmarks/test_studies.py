"""What the studies of training compute themselves: texts, bins, entropy, rows, tables."""

import argparse
import itertools
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import bottleneck, joeynmt_training, pretrained, quality, study, variants
from training.recipe import load_recipe

PAIRS = [(f"s{i}", f"t{i}") for i in range(12)]


def test_joined_captions_hold_each_pair_once_for_every_count():
    joined = bottleneck.join_captions(PAIRS, seed=3)
    assert len(joined) == 12 + 6 + 4 + 3 + 2
    for count, groups in ((1, joined[:12]), (3, joined[18:22])):
        words = [source.split() for source, _ in groups]
        assert all(len(group) == count for group in words)
        assert sorted(itertools.chain(*words)) == sorted(source for source, _ in PAIRS)
    assert all(source.replace("s", "t") == target for source, target in joined)
    assert bottleneck.join_captions(PAIRS, seed=3) == joined
    assert bottleneck.join_captions(PAIRS, seed=4) != joined


def test_scores_are_of_the_sentences_of_each_length():
    sources = ["a " * 6] * 20 + ["a " * 12] * 20 + ["a " * 70] * 20
    references = [f"the cat number {i} sat on the mat" for i in range(60)]
    translations = references[:20] + ["nothing at all"] * 20 + references[40:]
    found = bottleneck.scores_by_length(sources, translations, references)
    assert [(each["low"], each["high"], each["sentences"]) for each in found] == [
        (5, 10, 20),
        (10, 15, 20),
        (60, None, 20),
    ]
    assert found[0]["bleu"] == found[2]["bleu"] == pytest.approx(100.0)
    assert found[1]["bleu"] < 1
    assert found[0]["words"] == 6


def test_interval_is_wider_where_sentences_differ_more():
    sources = ["a " * 6] * 40
    references = [f"sentence {i} has some words of its own {i}" for i in range(40)]
    half = [text if i % 2 else "wrong" for i, text in enumerate(references)]
    [mixed] = bottleneck.scores_by_length(sources, half, references)
    [even] = bottleneck.scores_by_length(sources, references, references)
    assert mixed["interval"] > even["interval"] == pytest.approx(0.0, abs=1e-6)


def test_entropy_lies_between_one_token_and_all():
    attention = np.array([[1.0, 0, 0, 0], [0.25] * 4, [0.5, 0.5, 0, 0]])
    found = bottleneck.entropy(SimpleNamespace(attention=attention))
    np.testing.assert_allclose(found, [0.0, 1.0, 0.5], atol=1e-6)


OPTIONS = argparse.Namespace(steps=40, batch_tokens=512, vocabulary=600, seed=5)


@pytest.mark.parametrize("variant", variants.VARIANTS, ids=lambda variant: variant.slug)
def test_variants_are_models_that_can_be_built(variant):
    import zoo

    recipe = variants.recipe_of(variant, OPTIONS)
    assert (recipe.train.steps, recipe.train.seed, recipe.vocabulary.size) == (40, 5, 600)
    model = zoo.build(recipe.model.preset, vocabulary_size=60, **recipe.model.overrides)
    for name, value in variant.changes.items():
        assert getattr(model.config, name) == value


def test_variants_have_names_of_their_own():
    slugs = [variant.slug for variant in variants.VARIANTS]
    assert len(set(slugs)) == len(slugs) == 22


def test_bottleneck_reports_what_is_there(tmp_path, monkeypatch):
    bins = [
        {"low": 5, "high": 10, "words": 7.0, "sentences": 9, "bleu": 12.3, "interval": 1.5},
        {"low": 60, "high": None, "words": 66.0, "sentences": 8, "bleu": 3.2, "interval": 0.5},
    ]
    attended = SimpleNamespace(attention=np.full((3, 4), 0.25), text="ein Text")
    unattended = SimpleNamespace(attention=None, text="kein Text")
    stubs = {
        "write_corpora": lambda *_: None,
        "long_sentence": lambda _: "a text",
        "trained": lambda _recipe, _data, run: run.mkdir(parents=True),
        "exported": lambda _checkpoint, bundle: bundle,
        "measure": lambda *_: bins,
        "look": lambda bundle, _: unattended if "seq2seq" in str(bundle) else attended,
        "parameters_of": lambda _: "3456789",
    }
    for name, stub in stubs.items():
        monkeypatch.setattr(bottleneck, name, stub)
    output = tmp_path / "report.md"
    options = ["--data", ".", "--runs", tmp_path / "runs", "--images", tmp_path, "--output", output]
    bottleneck.main([*map(str, options), "--only", "Seq2Seq"])
    assert "| 5–9 | 9 | 12.3 ± 1.5 |" in output.read_text()
    assert "not: Seq2Seq 3,456,789." in output.read_text()
    assert (tmp_path / "bottleneck.png").exists()
    assert not (tmp_path / "bottleneck_attention.png").exists()
    bottleneck.main([*map(str, options), "--only", "local"])
    assert "| 60 and more | 8 | 3.2 ± 0.5 | 3.2 ± 0.5 |" in output.read_text()
    assert (tmp_path / "bottleneck_attention.png").exists()
    assert output.read_text().endswith("- a text\n- Seq2Seq: kein Text\n- Luong, local: ein Text\n")


def test_bottleneck_has_a_real_text_too(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(bottleneck, "write_corpora", lambda *_: pytest.fail("no captions here"))
    monkeypatch.setattr(bottleneck, "trained", lambda *given: asked.append(given))
    monkeypatch.setattr(bottleneck, "exported", lambda *_: None)
    monkeypatch.setattr(bottleneck, "measure", lambda *_: [])
    monkeypatch.setattr(bottleneck, "write", lambda *_: None)
    monkeypatch.setattr(bottleneck, "report", lambda *_: None)
    options = ["--data", tmp_path, "--runs", tmp_path / "runs", "--text", "pydocs"]
    bottleneck.main([*map(str, options), "--only", "Luong, global"])
    [(recipe, data, run)] = asked
    assert data == tmp_path
    assert run == tmp_path / "runs" / "luong-global_pydocs"
    assert recipe.data.train[0].target == "enko/pydocs.train.ko.gz"
    assert (recipe.data.source_language, recipe.data.target_language) == ("en", "ko")
    assert "Multi30k" not in recipe.to_toml()


def test_rows_are_rendered_in_the_order_of_the_variants():
    row = {
        "bleu": 31.234, "chrf": 55.0, "parameters": 2_000_000, "train_tokens": 6e5,
        "train_seconds": 120.0, "cores": 1, "decode_rate": 9876.5,
        "bleu_signature": "b", "chrf_signature": "c", "machine": "a slow one",
    }  # fmt: skip
    rows = {"transformer-pre-norm": row, "bahdanau": row | {"machine": "a fast one"}}
    text = variants.render(rows, OPTIONS)
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert lines[2] == "| Bahdanau | 31.23 | 55.00 | 2,000,000 | 5,000 | 2 | 9,876 | A, 1 |"
    assert lines[3].startswith("| Transformer, pre-norm |")
    assert lines[3].endswith("| B, 1 |")
    assert "A is a fast one. B is a slow one." in text
    assert "2 of 22 rows are done" in text


def test_finished_variants_are_not_trained_again(tmp_path, monkeypatch):
    row = {
        "bleu": 1.0, "chrf": 2.0, "parameters": 3, "train_tokens": 4.0, "train_seconds": 5.0,
        "cores": 1, "decode_rate": 6.0, "bleu_signature": "b", "chrf_signature": "c",
        "machine": "m",
    }  # fmt: skip
    trained = []
    monkeypatch.setattr(variants, "trained", lambda recipe, *_: trained.append(recipe.name))
    monkeypatch.setattr(variants, "exported", lambda *_: None)
    monkeypatch.setattr(variants, "measure", lambda *_: dict(row))
    options = ["--data", tmp_path, "--runs", tmp_path / "runs", "--output", tmp_path / "table.md"]
    options = [*map(str, options), "--only", "Bahdanau"]
    variants.main(options)
    variants.main(options)  # as on another machine, where there are no runs
    assert trained == ["variants_bahdanau", "variants_bahdanau-normalised"]
    assert (tmp_path / "table.md").read_text().count("| Bahdanau") == 2
    with pytest.raises(ValueError, match=r"had another budget.*'seed': 2.*Received.*'seed': 1"):
        variants.main([*options, "--seed", "2"])


def test_runs_are_started_resumed_or_left(tmp_path, monkeypatch):
    recipe, calls = load_recipe("luong_tiny"), []
    monkeypatch.setattr(study, "command", lambda *arguments: calls.append(arguments))
    run = tmp_path / "run"
    study.trained(recipe, tmp_path, run)
    assert calls[-1][:2] == ("training", "train")
    assert load_recipe(calls[-1][2]) == recipe
    run.mkdir()
    (run / "recipe.toml").write_text(recipe.to_toml())
    (run / "log.csv").touch()
    study.trained(recipe, tmp_path, run)
    assert calls[-1] == ("training", "resume", run)
    (run / "final").mkdir()
    assert study.trained(recipe, tmp_path, run) == run / "final"
    assert len(calls) == 2
    with pytest.raises(ValueError, match=r'another recipe.* preset = "luong_tiny"'):
        study.trained(load_recipe("luong_small"), tmp_path, run)


def test_rows_can_be_chosen_by_a_part_of_their_names():
    parser = study.arguments_of("some", "", steps=5)
    all_rows = parser.parse_args(["--data", "d"])
    some = parser.parse_args(["--data", "d", "--only", "Luong", "Seq"])
    names = ["Seq2Seq", "Bahdanau", "Luong, global"]
    assert study.wanted(names, all_rows) == names
    assert study.wanted(names, some) == ["Seq2Seq", "Luong, global"]
    with pytest.raises(SystemExit, match="--only Luonk: no row is called so; there are Seq2Seq"):
        study.wanted(names, parser.parse_args(["--data", "d", "--only", "Luonk"]))


def test_training_time_is_that_of_the_last_evaluation(tmp_path):
    (tmp_path / "evaluations.csv").write_text("step,bleu,train_seconds\n5,1.0,2.5\n10,2.0,6.25\n")
    assert study.training_time(tmp_path) == (10, 6.25)


def test_quality_table_has_a_row_for_each_kept_run(tmp_path, monkeypatch):
    scores = {
        "set": "a", "bleu": 41.0, "chrf": 60.0, "bleu_signature": "b", "chrf_signature": "c",
    }  # fmt: skip
    row = {
        "recipe": "r", "seed": 2, "tokenize": "none", "steps": 8000, "train_seconds": 600.0,
        "weights": "best", "machine": "m", "date": "d", "parameters": 7, "valid": scores,
        "beam_size": 5, "length_penalty": 1.4,
    }  # fmt: skip
    monkeypatch.setattr(quality, "KEPT", tmp_path)
    for name, more in (("r.2", {}), ("s.1", {"recipe": "s", "test": {**scores, "bleu": 39.5}})):
        (tmp_path / f"{name}.json").write_text(json.dumps({**row, **more}))
    output = tmp_path / "quality.md"
    quality.main(["--output", str(output)])
    text = output.read_text()
    assert "| `r`, 2 | – | – | 41.00 | 8,000 | 10 | 7 | best | 5, 1.4 | none | A |" in text
    assert "| `s`, 2 | 39.50 |" in text


@pytest.mark.parametrize("family", ["transformer", "bahdanau", "luong"])
def test_joeynmt_gets_the_shape_of_our_model(family, tmp_path):
    import zoo

    config = joeynmt_training.configuration(family, tmp_path, 4096, updates=10)
    ours = zoo.build(f"{family}_tiny", vocabulary_size=50).config
    encoder, decoder = (config["model"][side] for side in ("encoder", "decoder"))
    assert config["training"]["batch_size"] == 4096
    if family == "transformer":
        assert encoder["num_layers"] == ours.encoder_layers
        assert decoder["num_layers"] == ours.decoder_layers
        assert decoder["ff_size"] == ours.feedforward_width
        assert decoder["layer_norm"] == ours.norm
    else:
        assert decoder["hidden_size"] == encoder["hidden_size"] == ours.units
        assert decoder["rnn_type"] == ours.cell
    assert encoder["dropout"] == ours.dropout


def test_joeynmt_speed_is_read_from_its_log(tmp_path, monkeypatch):
    lines = [
        f"Epoch   1, Step: {step:8d}, Batch Loss: 7.1, Tokens per Sec: {rate:8d}, Lr: 0.0001"
        for step, rate in ((10, 5), (20, 1000), (30, 3000))
    ]
    done = subprocess.CompletedProcess([], 0, stdout="\n".join(lines), stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    rate = joeynmt_training.tokens_per_second(sys.executable, "luong", tmp_path, 4096, 30, 10)
    assert rate == pytest.approx(1500.0)  # 1 s for each thousand and a third of one
    done.returncode = 1
    with pytest.raises(RuntimeError, match="JoeyNMT"):
        joeynmt_training.tokens_per_second(sys.executable, "luong", tmp_path, 4096, 30, 10)


def test_studies_start_from_the_repository():
    assert (study.ROOT / "pyproject.toml").is_file()
    assert Path(variants.__file__).parent == study.ROOT / "benchmarks"


def test_examples_on_a_card_are_chosen_by_rank():
    references = [f"the {word} dog runs over the green hill" for word in "abcdefghijk"]
    translations = [reference[: 4 + 3 * place] for place, reference in enumerate(references)]
    found = pretrained.ranked(list("ABCDEFGHIJK"), translations, references)
    assert [each["rank"] for each in found] == [95, 75, 50, 25, 5]
    assert [each["source"] for each in found] == ["J", "H", "F", "C", "A"]
    assert found[0]["translation"] == translations[9]


def test_card_says_what_was_measured(tmp_path):
    directory = tmp_path / "ko-en"
    directory.mkdir()
    manifest = {
        "about": {"training_data": "Texts (CC0)", "licence": "CC0", "parameters": "5400896"},
        "files": {"a": {"bytes": 4_000_000}, "b": {"bytes": 500_000}},
        "decoding": {"beam_size": 3, "length_penalty": 1.25},
        "model": {
            "config": {
                "encoder_layers": 6,
                "decoder_layers": 2,
                "width": 192,
                "target_vocabulary_size": 8000,
            }
        },
    }
    (directory / "manifest.json").write_text(json.dumps(manifest))
    scores = {
        "set": "Texts, test",
        "use": "unseen",
        "sentences": 1500,
        "bleu": [11.0, 12.345],
        "chrf": [44.0, 45.678],
        "signatures": ["sigB", "sigC"],
    }
    example = {
        "set": "Texts, test",
        "rank": 50,
        "source": "가 | 나",
        "translation": "a",
        "reference": "b",
    }
    found = {"scores": [scores], "speed": [99.6, 50.2], "examples": [example]}
    card = pretrained.card(directory, {**found, "timed": "200 of Texts, test, 15 characters each"})
    for text in (
        "# ko-en: Korean to English",
        "4.5 MB",
        "beam of 3; length penalty 1.25",
        "Texts (CC0)",
        "recipes/pretrained_ko_en.toml`, which goes on from another run",
        "5,400,896 weights",
        "1,500 | 11.00, 12.35 | 44.00, 45.68 | unseen",
        "`sigB`, `sigC`",
        "100 sentences/s greedy, 50 with",
        r"가 \| 나 | a | b",
        "voice commands",
    ):
        assert text in card, text
