"""What a checkpoint says about itself: languages, data, licence, scores and how each was taken."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from training.recipe import CorpusRecipe, Recipe
from training.scoring import TextScores


def checkpoint_metadata(
    recipe: Recipe, step: int, weights: str, scores: dict, measured: dict, examples: list[str]
) -> dict:
    """Returns the metadata of a checkpoint, JSON values.

    Args:
        recipe: what was trained; of `[about]` only what it says is copied.
        step: number of updates behind the weights.
        weights: which weights these are, such as "best".
        scores: names to numbers.
        measured: what `measured_on` returned, for "valid" and perhaps "test".
        examples: sources for the exporter's golden examples.
    """
    about = {name: value for name, value in asdict(recipe.about).items() if value}
    return {
        "source_language": recipe.data.source_language,
        "target_language": recipe.data.target_language,
        "preset": recipe.model.preset,
        "recipe": recipe.name,
        "tokenize": recipe.train.tokenize,
        **about,
        "step": step,
        "weights": weights,
        "scores": scores,
        "measured_on": measured,
        "examples": examples,
    }


def measured_on(
    corpora: Sequence[CorpusRecipe], sentences: int, beam_size: int, scores: TextScores
) -> dict:
    """Returns what makes a score comparable: the set, the search and sacreBLEU's signatures.

    A set is called by its source files as the recipe names them, without the directories of an
    absolute path: the name travels inside exported files.

    Args:
        corpora: the set.
        sentences: how many were translated, as many of each corpus, spread evenly over it.
        beam_size: of the search; 1 is greedy.
        scores: what was measured.
    """
    paths = [Path(corpus.source) for corpus in corpora]
    return {
        "set": ", ".join(path.name if path.is_absolute() else path.as_posix() for path in paths),
        "sentences": sentences,
        "beam_size": beam_size,
        "bleu_signature": scores.bleu_signature,
        "chrf_signature": scores.chrf_signature,
    }
