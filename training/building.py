"""Makes what a recipe describes: the optimizer, the compiled model, the batches."""

from pathlib import Path

import keras
from keras import ops

import zoo
from training.batching import Batches
from training.losses import LabelSmoothedCrossEntropy, RDropCrossEntropy
from training.recipe import ConfigError, Recipe
from training.schedules import InverseSquareRoot, Noam

# Paths of matrices that are no maps from features to features, but logits, tables, or vectors: Muon
# leaves them, as it leaves embeddings, to Adam. A model of your own that calls its last layer
# `output` gets the same.
_ADAM_ONLY = (
    *(r"^[^/]+/output/kernel$", r"/positions$", r"/locations$"),
    *(r"/center_output/kernel$", r"/bias$"),
)


class _Muon(keras.optimizers.Muon):
    """Muon whose Newton–Schulz iteration may run in bfloat16, as its authors' own does."""

    def __init__(self, *arguments, iteration_dtype=None, **options):
        super().__init__(*arguments, name="muon", **options)
        self._iteration_dtype = iteration_dtype  # None: the variable's

    def zeropower_via_newtonschulz5(self, x, steps):
        iterated = ops.cast(x, self._iteration_dtype or x.dtype)
        return ops.cast(super().zeropower_via_newtonschulz5(iterated, steps), x.dtype)


def build_optimizer(recipe: Recipe, config) -> keras.optimizers.Optimizer:
    """Returns the recipe's optimizer with its schedule and clipping.

    Args:
        recipe: the recipe.
        config: the model's configuration; `noam` needs its `width`.

    Raises:
        ConfigError: `noam` with a model that has no width.
    """
    settings = recipe.train
    rate = settings.learning_rate
    if settings.schedule == "inverse_square_root":
        rate = InverseSquareRoot(rate, settings.warmup_steps)
    elif settings.schedule == "noam":
        if not hasattr(config, "width"):
            raise ConfigError(
                f"{recipe.name}: train.schedule does not suit {recipe.model.preset}; expected a "
                'Transformer, whose width sets the height of "noam". Received "noam". Use '
                '"inverse_square_root".'
            )
        rate = Noam(config.width, settings.warmup_steps, scale=rate)
    elif settings.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=rate / (settings.warmup_steps + 1),  # not 0: each update counts
            decay_steps=settings.steps - settings.warmup_steps,
            warmup_target=rate,
            warmup_steps=settings.warmup_steps,
        )
    common = {
        "epsilon": settings.epsilon,
        "global_clipnorm": settings.clip_norm or None,
        "weight_decay": settings.weight_decay or None,
    }
    if settings.optimizer == "muon":
        # Jordan et al. 2024, with the scale of Liu et al. 2025, under which Adam's rates fit
        return _Muon(
            rate,
            iteration_dtype="bfloat16" if settings.precision == "mixed_bfloat16" else None,
            adam_beta_1=settings.beta_1,
            adam_beta_2=settings.beta_2,
            adam_weight_decay=None,
            exclude_layers=list(_ADAM_ONLY),
            **common,
        )
    adam = keras.optimizers.Adam(rate, beta_1=settings.beta_1, beta_2=settings.beta_2, **common)
    # all but matrices, which TensorFlow calls "kernel:0"
    adam.exclude_from_weight_decay(var_names=[r"^(?!.*kernel(:\d+)?$)"])
    return adam


def build_loss(recipe: Recipe) -> keras.losses.Loss:
    """Returns the recipe's loss."""
    settings = recipe.train
    if settings.r_drop:
        return RDropCrossEntropy(settings.r_drop, settings.label_smoothing)
    return LabelSmoothedCrossEntropy(settings.label_smoothing)


def _make_model(recipe: Recipe, source_size: int, target_size: int):
    try:
        return zoo.build(
            recipe.model.preset,
            vocabulary_size=source_size,
            target_vocabulary_size=target_size,
            **recipe.model.overrides,
        )
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{recipe.name}: [model] cannot be built: {error}") from error


def check_model(recipe: Recipe) -> None:
    """Refuses a recipe whose model cannot be built, or whose optimizer does not suit it.

    Raises:
        ConfigError: the preset or an override is not one of zoo's, or the checkpoint to start from
            is none.
    """
    start = recipe.model.start_from
    if start and not (Path(start) / zoo.checkpoint.WEIGHTS).is_file():
        raise ConfigError(
            f"{recipe.name}: model.start_from is no checkpoint; expected a directory such as a "
            f"run's final. Received {start!r}. Correct the path."
        )
    size = 16  # of a vocabulary: no vocabulary is wrong here, so the smallest will do
    build_optimizer(recipe, _make_model(recipe, size, size).config)


def build_model(recipe: Recipe, tokenizers: tuple):
    """Returns the recipe's model, compiled, with the optimizer's variables made.

    Raises:
        ConfigError: the preset or an override is not one of zoo's.
    """
    model = _make_model(recipe, *(tokenizer.vocabulary_size for tokenizer in tokenizers))
    model.compile(
        optimizer=build_optimizer(recipe, model.config),
        loss=build_loss(recipe),
        jit_compile=keras.backend.backend() == "jax",
    )
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return model


# Of a config: what does not change what the weights compute.
_FREE = {"dropout", "inner_dropout", "max_source_length", "max_target_length"}


def take_weights(model, recipe: Recipe) -> None:
    """Gives a model the weights of the checkpoint that its recipe starts from.

    Raises:
        ConfigError: that checkpoint is of another model, be it of one with the same weights: the
            number of heads, say, is in no shape.
    """
    start, _ = zoo.load_checkpoint(recipe.model.start_from)
    ours, theirs = (
        {"family": type(each).__name__} | each.config.to_dict() for each in (model, start)
    )
    shared = ours.keys() & theirs.keys() - _FREE
    different = sorted(name for name in shared if ours[name] != theirs[name])
    if different:
        expected, received = (
            ", ".join(f"{name} {each[name]}" for name in different) for each in (theirs, ours)
        )
        raise ConfigError(
            f"{recipe.name}: model.start_from is of another model; expected {expected}. Received "
            f"{received}. Give the preset and model.overrides of {recipe.model.start_from}."
        )
    # Learned positions are as many as the longest text has tokens.
    for weight, other in zip(model.weights, start.weights, strict=True):
        if weight.shape != other.shape:
            raise ConfigError(
                f"{recipe.name}: model.start_from is of another shape; expected {weight.path} to "
                f"be {tuple(weight.shape)}. Received {tuple(other.shape)}. Give the lengths of "
                f"{recipe.model.start_from} in model.overrides."
            )
    model.set_weights(start.get_weights())


def build_batches(recipe: Recipe, store, tokenizers: tuple) -> Batches:
    """Returns the training batches; their order depends on the recipe's seed alone."""
    settings = recipe.train
    try:
        return Batches(
            store,
            tokens_per_batch=settings.batch_tokens,
            max_sentences=settings.batch_sentences,
            seed=settings.seed,
            sampling_alpha=settings.sampling_alpha or None,
            tokenizers=tokenizers,
        )
    except ValueError as error:
        problem = str(error).replace("tokens_per_batch", "train.batch_tokens")
        problem = problem.replace("max_target_length.", "max_target_length in model.overrides.")
        raise ConfigError(f"{recipe.name}: {problem}") from error
