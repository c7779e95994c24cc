"""The parts of a training run that need no training."""

import dataclasses
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import zoo
from training.building import (
    build_loss,
    build_model,
    build_optimizer,
    check_model,
    take_weights,
)
from training.checkpoints import replace_checkpoint, save_step
from training.losses import RDropCrossEntropy
from training.recipe import ConfigError, load_recipe
from training.run_directory import RunDirectory, TrainingText
from training.schedules import InverseSquareRoot, Noam
from training.token_store import TokenStore
from training.train import _Training, periods
from training.vocabulary import train_tokenizers


@pytest.mark.parametrize(
    ("step", "last", "expected"),
    [
        (0, 10, [(0, 4), (4, 8), (8, 10)]),
        (6, 10, [(6, 8), (8, 10)]),  # the rest of the interrupted period comes first
        (8, 10, [(8, 10)]),
        (10, 10, []),
        (0, 3, [(0, 3)]),
    ],
)
def test_periods_end_on_the_same_steps_after_a_resume(step, last, expected):
    assert periods(step, last, 4) == expected


@dataclasses.dataclass
class Config:
    width: int = 64


def test_optimizer_follows_the_recipe():
    changes = ["train.beta_2=0.9", "train.clip_norm=0", "train.epsilon=1e-6", "train.seed=3"]
    optimizer = build_optimizer(load_recipe("luong_tiny", changes), None)
    assert (optimizer.beta_2, optimizer.epsilon, optimizer.global_clipnorm) == (0.9, 1e-6, None)
    schedule = optimizer._learning_rate
    assert isinstance(schedule, InverseSquareRoot)
    assert schedule.get_config() == {"peak": 0.001, "warmup_steps": 500}


@pytest.mark.parametrize(
    ("preset", "changes"),
    [
        ("transformer_tiny", {"positions": "learned"}),
        ("luong_tiny", {"score": "location", "window": "local_p"}),
        ("bahdanau_tiny", {}),
    ],
)
def test_muon_updates_matrices_and_leaves_tables_to_adam(preset, changes):
    class Tokenizer:
        vocabulary_size = 17  # no other size is 17

    settings = ["train.optimizer=muon", f"model.preset={preset}", "train.clip_norm=0.5"]
    settings += [f"model.overrides.{name}={value}" for name, value in changes.items()]
    model = build_model(load_recipe("luong_tiny", settings), (Tokenizer, Tokenizer))
    optimizer, variables = model.optimizer, model.trainable_variables
    assert isinstance(optimizer, keras.optimizers.Muon)
    assert (optimizer.global_clipnorm, optimizer.weight_decay) == (0.5, None)
    by_muon = {
        variable.path
        for variable, velocity in zip(variables, optimizer.adam_velocities, strict=True)
        if velocity is None
    }
    by_adam = {v.path for v in variables if len(v.shape) == 2} - by_muon
    # "luong/output/kernel" makes logits; "…/self_attention/output/kernel" maps features
    tables = ("embeddings", "positions", "locations", "bias", "/center_output/kernel")
    assert all(path.endswith((*tables, f"{model.name}/output/kernel")) for path in by_adam)
    shapes = {v.path: v.shape for v in variables if v.path in by_muon}
    assert len(shapes) >= 8
    assert all(path.endswith("kernel") for path in shapes)
    assert not any({1, Tokenizer.vocabulary_size} & set(shape) for shape in shapes.values())


def test_muon_iterates_in_the_precision_of_the_recipe():
    def update(precision):
        changes = ["train.optimizer=muon", f"train.precision={precision}"]
        optimizer = build_optimizer(load_recipe("luong_tiny", changes), None)
        gradient = np.random.default_rng(0).normal(size=(24, 16)).astype("float32")
        found = optimizer.zeropower_via_newtonschulz5(keras.ops.array(gradient), 5)
        assert found.dtype == "float32"
        return keras.ops.convert_to_numpy(found)

    exact, rough = update("float32"), update("mixed_bfloat16")
    np.testing.assert_array_equal(update("mixed_float16"), exact)  # its range would not do
    assert 0 < np.abs(rough - exact).mean() < 0.02
    for found in (exact, rough):  # nearly orthogonal
        values = np.linalg.svd(found, compute_uv=False)
        assert 0.6 < values.min() <= values.max() < 1.3


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_weight_decay_takes_from_matrices_alone(optimizer):
    class Tokenizer:
        vocabulary_size = 9

    def weights_after_an_update(decay):
        keras.utils.set_random_seed(1)
        changes = [f"train.optimizer={optimizer}", f"train.weight_decay={decay}"]
        changes += ["train.schedule=constant", "train.learning_rate=0.5"]
        model = build_model(load_recipe("transformer_tiny", changes), (Tokenizer, Tokenizer))
        gradients = [keras.ops.zeros(v.shape) for v in model.trainable_variables]
        before = {v.path: v.numpy() for v in model.trainable_variables}
        model.optimizer.apply(gradients, model.trainable_variables)
        after = {v.path: v.numpy() for v in model.trainable_variables}
        return {path: (before[path], after[path]) for path in before}

    for path, (before, after) in weights_after_an_update(0.2).items():
        taken = path.endswith("kernel") and not (
            optimizer == "muon" and path.endswith(f"{path.split('/')[0]}/output/kernel")
        )
        np.testing.assert_allclose(after, before * (0.9 if taken else 1.0), atol=1e-6)
    for before, after in weights_after_an_update(0.0).values():
        np.testing.assert_allclose(after, before, atol=1e-6)


def test_r_drop_is_a_loss_of_its_own():
    plain, dropped = (load_recipe("luong_tiny", [f"train.r_drop={x}"]) for x in (0, 2.5))
    assert not isinstance(build_loss(plain), RDropCrossEntropy)
    loss = build_loss(dropped)
    assert (loss.alpha, loss.label_smoothing) == (2.5, dropped.train.label_smoothing)


def test_schedules_are_the_named_ones():
    noam = ["train.schedule=noam", "train.warmup_steps=7"]
    schedule = build_optimizer(load_recipe("luong_tiny", noam), Config())._learning_rate
    assert isinstance(schedule, Noam)
    assert schedule.get_config() == {"width": 64, "warmup_steps": 7, "scale": 0.001}
    constant = build_optimizer(load_recipe("luong_tiny", ["train.schedule=constant"]), Config())
    assert float(constant.learning_rate) == pytest.approx(0.001)
    with pytest.raises(ConfigError, match=r"train\.schedule does not suit luong_tiny"):
        build_optimizer(load_recipe("luong_tiny", noam), object())


def test_cosine_rises_to_the_highest_rate_and_ends_at_zero():
    changes = ["train.schedule=cosine", "train.warmup_steps=4", "train.steps=12"]
    schedule = build_optimizer(load_recipe("luong_tiny", changes), None)._learning_rate
    rates = [float(schedule(step)) for step in range(13)]
    assert rates[:5] == pytest.approx([0.0002, 0.0004, 0.0006, 0.0008, 0.001])
    assert rates[8] == pytest.approx(0.0005)
    assert 0 < rates[11] < 0.00005  # the last update
    with pytest.raises(ConfigError, match=r"train\.warmup_steps leaves no update.* Lower it"):
        load_recipe("luong_tiny", [*changes, "train.steps=4"])


@pytest.mark.parametrize("change", ["model.preset=luong_tinny", "model.overrides.drop=0.1"])
def test_model_that_cannot_be_built_is_a_mistake_in_the_recipe(change):
    class Tokenizer:
        vocabulary_size = 9

    with pytest.raises(ConfigError, match=r"luong_tiny: \[model\] cannot be built"):
        build_model(load_recipe("luong_tiny", [change]), (Tokenizer, Tokenizer))


def test_missing_tensorboard_is_said_and_does_no_harm(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto", None)
    training = _Training(load_recipe("luong_tiny"), tmp_path, RunDirectory(tmp_path), 0)
    assert training._open_tensorboard() is None
    assert capsys.readouterr().out.count("No logs for TensorBoard: ") == 1
    assert not (tmp_path / "tensorboard").exists()


def _training(tmp_path, *changes):
    return _Training(load_recipe("luong_tiny", changes), tmp_path, RunDirectory(tmp_path), 0)


@pytest.mark.parametrize(("weight", "rows"), [(0.0, 2), (2.0, 4)])
def test_r_drop_sees_every_pair_twice(tmp_path, weight, rows):
    training = _training(tmp_path, f"train.r_drop={weight}", "train.steps=3")
    ids = np.array([[4, 5, 2], [6, 2, 0]], "int32")
    training.batches = SimpleNamespace(
        batches_per_epoch=9, batch=lambda epoch, index: ({"source_ids": ids}, ids + index)
    )
    seen = []

    def fit(stream, steps_per_epoch, **_):
        seen.extend(stream.batch(step) for step in range(steps_per_epoch))

    training.model, training.latest = SimpleNamespace(fit=fit), ""
    training._fit()
    assert len(seen) == 3
    for step, (inputs, labels) in enumerate(seen):
        assert labels.shape == inputs["source_ids"].shape == (rows, 3)
        for half in np.split(labels, rows // 2):
            np.testing.assert_array_equal(half, ids + step)


@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_sampling_keeps_the_text(tmp_path, monkeypatch, alpha):
    for side in ("source", "target"):
        (tmp_path / f"train.{side}").write_text(f"a {side}")
    text = TrainingText(
        load_recipe("luong_tiny", [f"train.sampling_alpha={alpha}"]), tmp_path, lambda _: None
    )
    given = {}

    def build(*_, **options):
        given.update(options)
        raise StopIteration

    monkeypatch.setattr(TokenStore, "build", build)
    limits = SimpleNamespace(max_source_length=9, max_target_length=9)
    with pytest.raises(StopIteration):
        text.encode(RunDirectory(tmp_path / "run"), (), limits)
    assert given["keep_text"] == (alpha > 0)


def test_scored_pairs_that_are_learnt_are_told(tmp_path):
    pairs = [(f"line {n} of {n * n}", f"{n} words") for n in range(400)]
    for side, lines in zip(("source", "target"), zip(*pairs, strict=True), strict=True):
        (tmp_path / f"train.{side}").write_text("\n".join(lines))
    changes = ["vocabulary.size=300", "vocabulary.byte_fallback=false"]
    said, run = [], RunDirectory(tmp_path / "run")
    text = TrainingText(load_recipe("luong_tiny", changes), tmp_path, said.append)
    tokenizers = text.tokenizers(run)
    limits = SimpleNamespace(max_source_length=99, max_target_length=99)
    spaced = (f" {pairs[5][0]}", pairs[5][1].replace(" ", "  "))  # as a corpus it is cleaned
    text.encode(run, tokenizers, limits, [pairs[3], spaced, pairs[3], ("line 3 of 9", "new")])
    [warning] = [line for line in map(str, said) if "Warning" in line]
    assert "2 of 3 different validation and test pairs are training pairs" in warning
    said.clear()
    text.encode(RunDirectory(tmp_path / "other"), tokenizers, limits, [("line 3 of 9", "new")])
    assert not any("Warning" in str(line) for line in said)


@pytest.mark.parametrize(
    ("best", "average", "kept"), [(20.0, 19.0, "best"), (20.0, 20.5, "average of 2")]
)
def test_final_is_the_better_of_best_and_average(tmp_path, monkeypatch, best, average, kept):
    training = _training(tmp_path)
    training.model = zoo.build("seq2seq_tiny", vocabulary_size=9, embedding_width=4, units=4)
    run, shapes = training.run_directory, [w.shape for w in training.model.get_weights()]
    run.tokenizer.mkdir()
    (run.tokenizer / "tokenizer.model").write_bytes(b"model")

    def fill(value):
        training.model.set_weights([np.full(shape, value, "float32") for shape in shapes])

    for step in (10, 20):
        fill(step)
        save_step(training.model, run.checkpoints, step, keep=2)
    fill(7.0)
    scores = {"loss": 1.0, "bleu": best}
    known = {"scores": scores, "step": 10, "measured_on": {"valid": {"set": "of best"}}}
    replace_checkpoint(training.model, run.best, known, [])
    texts = ["a b c d e f"]
    training.valid = training.test = (texts, texts)
    training.tokenizers, training.progress.step = None, 20
    shown = {"perplexity": 2.0, "chrf": 3.0}

    def evaluate(model):
        training.measured["valid"] = {"set": "of the average"}
        return {**shown, "loss": 1.0, "bleu": average}

    training._evaluate = evaluate
    known["scores"].update(shown)
    replace_checkpoint(training.model, run.best, known, [])
    monkeypatch.setattr("training.train.translate", lambda *_, **__: texts)
    training.recipe = dataclasses.replace(
        training.recipe,
        data=dataclasses.replace(training.recipe.data, test=training.recipe.data.valid),
    )
    found = training._finish()
    model, metadata = zoo.load_checkpoint(run.final)
    weight, step, of = (7.0, 10, "best") if kept == "best" else (15.0, 20, "the average")
    assert {float(w.flat[0]) for w in model.get_weights()} == {weight}
    assert (metadata["weights"], metadata["step"]) == (kept, step)
    assert metadata["measured_on"]["valid"]["set"] == f"of {of}"
    assert metadata["measured_on"]["test"]["beam_size"] == 4
    assert metadata["scores"] == found
    assert found["valid_bleu"] == max(best, average)
    assert found["test_bleu"] == pytest.approx(100.0)
    assert (run.final / "tokenizer.model").read_bytes() == b"model"


def test_a_table_of_positions_is_as_long_as_the_one_it_starts_from(tmp_path):
    sizes = {"positions": "learned", "width": 8, "num_heads": 2, "feedforward_width": 8}
    sizes |= {"encoder_layers": 1, "decoder_layers": 1, "max_source_length": 16}
    model = zoo.build("transformer_tiny", vocabulary_size=20, **sizes)
    zoo.save_checkpoint(model, tmp_path, {})
    recipe = load_recipe("transformer_tiny", [f"model.start_from={tmp_path}"])
    longer = zoo.build("transformer_tiny", vocabulary_size=20, **sizes | {"max_source_length": 17})
    with pytest.raises(ConfigError, match=r"another shape.* to be \(17, 8\).*Received \(16, 8\)"):
        take_weights(longer, recipe)
    take_weights(zoo.build("transformer_tiny", vocabulary_size=20, **sizes, dropout=0.5), recipe)


def _checkpoint(directory, **changes):
    """A checkpoint of the recipe below, with a tokenizer of its own; returns the model."""
    lines = [f"line {n} of {n * n} words" for n in range(400)]
    pairs = list(zip(lines, lines, strict=True))
    train_tokenizers(lambda: pairs, directory / "t", vocabulary_size=300, byte_fallback=False)
    sizes = {"vocabulary_size": 300, "embedding_width": 4, "units": 6}
    model = zoo.build("luong_tiny", **{**sizes, **changes})
    zoo.save_checkpoint(model, directory, {}, [directory / "t" / "tokenizer.model"])
    return model


def test_training_can_start_from_a_checkpoint(tmp_path):
    start, run = tmp_path / "start", RunDirectory(tmp_path / "run")
    theirs = _checkpoint(start)
    for side in ("source", "target"):
        (tmp_path / f"train.{side}").write_text("words of another kind")
    changes = [f"model.start_from={start}", "model.overrides.embedding_width=4"]
    recipe = load_recipe("luong_tiny", [*changes, "model.overrides.units=6", "train.seed=9"])
    run.start(recipe, tmp_path)
    run.tokenizer.mkdir()
    (run.tokenizer / "tokenizer.source.model").write_bytes(
        b"of an earlier try with two vocabularies"
    )
    tokenizers = TrainingText(recipe, tmp_path, lambda _: None).tokenizers(run)
    assert tokenizers[0].vocabulary_size == 300
    copied = (run.tokenizer / "tokenizer.model").read_bytes()
    assert copied == (start / "tokenizer.model").read_bytes()
    (run.tokenizer / "tokenizer.model").write_bytes(b"of what lay there before the first update")
    TrainingText(recipe, tmp_path, lambda _: None).tokenizers(run)
    assert (run.tokenizer / "tokenizer.model").read_bytes() == copied
    model = build_model(recipe, tokenizers)
    take_weights(model, recipe)
    for ours, other in zip(model.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, other)
    wide = load_recipe("luong_tiny", [*changes, "model.overrides.units=8"])
    with pytest.raises(ConfigError, match=r"of another model; expected units 6. Received units 8"):
        take_weights(build_model(wide, tokenizers), wide)
    window = ["model.overrides.units=6", "model.overrides.window=local_m"]
    alike = load_recipe("luong_tiny", [*changes, *window])
    with pytest.raises(ConfigError, match=r"expected window global. Received window local_m"):
        take_weights(build_model(alike, tokenizers), alike)
    wrong = load_recipe("luong_tiny", [f"model.start_from={tmp_path}"])
    with pytest.raises(ConfigError, match=r"start_from is no checkpoint"):
        check_model(wrong)
