"""A recipe says how a model is trained: data, vocabulary, model, optimization. One TOML file."""

import dataclasses
import functools
import tomllib
from collections.abc import Sequence
from pathlib import Path

from serving.problems import summarize
from training.cleaning import Filters
from training.corpus import Corpus
from training.settings import key, read_table, suggestion, write_table
from training.vocabulary import train_tokenizers

SHIPPED = Path(__file__).parent / "recipes"
BLEU_TOKENIZERS = ("13a", "none", "intl", "char", "zh", "ja-mecab", "ko-mecab")  # sacreBLEU's
_VOCABULARY_DEFAULTS = train_tokenizers.__kwdefaults__


class ConfigError(ValueError):
    """A recipe cannot be used; the message lists every problem that was found."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CorpusRecipe:
    """One parallel text, see `training.corpus.Corpus`. Paths are relative to the data directory."""

    source: str = key("file of source sentences; without target a TSV or gettext file")
    target: str = key("file of target sentences, line by line parallel", "")
    weight: float = key("how often an epoch holds each pair", Corpus.weight, above=0.0)
    source_column: str | int = key("TSV or gettext: name, or number from 1", "")
    target_column: str | int = key("TSV or gettext: name, or number from 1", "")
    header: str = key(
        "TSV: whether line 1 names the columns; auto: if a column is given by name",
        "auto",
        choices=("auto", "yes", "no"),
    )
    where: dict[str, list[str]] = key(  # noqa: RUF009
        "TSV: column, a name or a number, to the values that are kept", {}
    )

    def corpus(self, directory: Path) -> Corpus:
        """Returns the corpus with its paths under `directory`.

        Raises:
            ValueError: the columns, the weight or the condition do not suit the kind of file.
        """
        header = {"auto": None, "yes": True, "no": False}[self.header]
        where = {int(name) if name.isdecimal() else name: v for name, v in self.where.items()}
        return Corpus(
            directory / self.source,
            directory / self.target if self.target else None,
            self.weight,
            None if self.source_column == "" else self.source_column,
            None if self.target_column == "" else self.target_column,
            header,
            where or None,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class FilterRecipe:
    """Which training pairs are dropped, see `training.cleaning.Filters`.

    Validation and test pairs are never dropped.
    """

    unicode_form: str = key(
        "Unicode normal form", Filters.unicode_form, choices=("NFC", "NFKC", "none")
    )
    unit: str = key("what lengths count", Filters.unit, choices=("characters", "words"))
    min_length: int = key("fewest units of a side", Filters.min_length, low=1)
    max_length: int = key("most units of a side", Filters.max_length, low=1)
    max_length_ratio: float = key(
        "most units of the longer side for one of the shorter; 0 for no limit",
        Filters.max_length_ratio,
        low=0.0,
    )
    ratio_from: int = key(
        "units of the longer side from which the ratio counts", Filters.ratio_from, low=0
    )
    drop_identical: bool = key("drop pairs of equal sides", Filters.drop_identical)
    drop_duplicates: bool = key("drop pairs seen before", Filters.drop_duplicates)

    def filters(self) -> Filters:
        """Returns the filters.

        Raises:
            ValueError: values that do not go together.
        """
        return Filters(**{**vars(self), "max_length_ratio": self.max_length_ratio or None})


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataRecipe:
    """The corpora and their languages."""

    source_language: str = key("language code of the source, such as en or ko")
    target_language: str = key("language code of the target")
    train: tuple[CorpusRecipe, ...] = key("training corpora, read one after the other")
    valid: tuple[CorpusRecipe, ...] = key("validation corpora, which choose the best checkpoint")
    test: tuple[CorpusRecipe, ...] = key("test corpora, scored once at the end", ())
    generate: str = key(
        "corpus that is written into the data directory when it is not there",
        "",
        choices=("", "phrasebook"),
    )
    filters: FilterRecipe = FilterRecipe()


@dataclasses.dataclass(frozen=True, kw_only=True)
class VocabularyRecipe:
    """The SentencePiece model or models, see `training.vocabulary.train_tokenizers`."""

    size: int = key("number of ids of each vocabulary, special ids included", 8000, low=16)
    kind: str = key(
        "SentencePiece algorithm", _VOCABULARY_DEFAULTS["kind"], choices=("unigram", "bpe")
    )
    joint: bool = key("one vocabulary for both languages", _VOCABULARY_DEFAULTS["joint"])
    byte_fallback: bool = key(
        "spell unknown characters as bytes (takes 256 ids)", _VOCABULARY_DEFAULTS["byte_fallback"]
    )
    character_coverage: float = key(
        "share of the characters that become pieces",
        _VOCABULARY_DEFAULTS["character_coverage"],
        low=0.9,
        high=1.0,
    )
    normalization: str = key(
        "SentencePiece rule; those with _cf lower the case",
        _VOCABULARY_DEFAULTS["normalization"],
        choices=("nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "identity"),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelRecipe:
    """Which model; see `zoo.list_presets()`."""

    preset: str = key("name of a preset of zoo")
    overrides: dict[str, int | float | bool | str] = key(  # noqa: RUF009
        "fields of the preset's config to change, such as dropout", {}
    )
    start_from: str = key(
        "checkpoint to take weights and tokenizer from; a path from where the command runs",
        "",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainRecipe:
    """Optimization, evaluation and what is kept."""

    steps: int = key("number of updates", 20000, low=1)
    batch_tokens: int = key("padded tokens in a batch, on each side", 4096, low=16)
    batch_sentences: int = key("most sentences in a batch", 256, low=1)
    seed: int = key("seed of weights, dropout and data order", 1, low=0, below=2**31)
    precision: str = key(
        "dtype of the computations",
        "float32",
        choices=("float32", "mixed_float16", "mixed_bfloat16"),
    )
    optimizer: str = key(
        "rule of the updates; muon is for the matrices between layers, and Adam for the rest",
        "adam",
        choices=("adam", "muon"),
    )
    learning_rate: float = key(
        "highest learning rate; with noam the factor on the curve", 0.001, above=0.0
    )
    schedule: str = key(
        "course of the learning rate; cosine falls towards 0 at the last update",
        "inverse_square_root",
        choices=("constant", "inverse_square_root", "noam", "cosine"),
    )
    warmup_steps: int = key("updates until the highest learning rate", 1000, low=1)
    beta_1: float = key("Adam: decay of the first moment", 0.9, low=0.0, below=1.0)
    beta_2: float = key("Adam: decay of the second moment", 0.98, low=0.0, below=1.0)
    epsilon: float = key("Adam: added to the denominator", 1e-9, above=0.0)
    clip_norm: float = key("largest global norm of the gradient; 0 turns it off", 1.0, low=0.0)
    weight_decay: float = key(
        "share of each matrix (with muon, of its own) taken off at an update, times the learning "
        "rate; 0 turns it off",
        0.0,
        low=0.0,
    )
    label_smoothing: float = key("share of the target spread evenly", 0.1, low=0.0, below=1.0)
    r_drop: float = key(
        "R-Drop: weight of the divergence of two passes, which a pair then takes; 0 turns it off",
        0.0,
        low=0.0,
    )
    sampling_alpha: float = key(
        "subword regularization; bpe: share of merges left out; unigram: smaller is more varied; "
        "0 turns it off",
        0.0,
        low=0.0,
    )
    save_every: int = key("updates between two resumable states", 500, low=1)
    evaluate_every: int = key("updates between two evaluations", 1000, low=1)
    valid_sentences: int = key("validation sentences translated for BLEU; 0 for all", 500, low=0)
    tokenize: str = key(
        "sacreBLEU's tokenizer in every BLEU; none for text that is tokenized already",
        "13a",
        choices=BLEU_TOKENIZERS,
    )
    monitor: str = key("what the best checkpoint is best in", "bleu", choices=("bleu", "loss"))
    patience: int = key("evaluations without a better score until it stops; 0 never", 0, low=0)
    average_last: int = key("evaluated checkpoints averaged at the end; 1 turns it off", 5, low=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceRecipe:
    """Where training data come from."""

    name: str = key("what the data are called")
    licence: str = key("their licence")
    origin: str = key("where they can be had, and by whom they are", "")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AboutRecipe:
    """What only a person can say. Checkpoints, and all that is exported from them, carry it."""

    licence: str = key("terms of the trained weights", "")
    training_data: tuple[SourceRecipe, ...] = key(
        "what the model was trained on: name, licence, origin", ()
    )
    author: str = key("who trained the model", "")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides how a model is trained, and what is said about it."""

    name: str = key("name of the recipe")
    about: AboutRecipe = AboutRecipe()
    data: DataRecipe = dataclasses.field()
    vocabulary: VocabularyRecipe = VocabularyRecipe()
    model: ModelRecipe = dataclasses.field()
    train: TrainRecipe = TrainRecipe()

    def to_toml(self, only: frozenset[str] | None = None) -> str:
        """Returns the recipe as commented TOML; `only` limits it to some dotted keys."""
        return write_table(self, only=only)


def shipped_recipes() -> list[str]:
    """Returns the names of the recipes that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def find_recipe(name_or_path: str | Path) -> Path:
    """Returns the file of a recipe: an existing path, or the name of a shipped recipe.

    Raises:
        ConfigError: when it is neither.
    """
    path = Path(name_or_path)
    shipped = SHIPPED / f"{path.name.removesuffix('.toml')}.toml"
    if path.is_file():
        return path
    if str(path) == path.name and shipped.is_file():
        return shipped
    raise ConfigError(
        f"{name_or_path}: recipe is not there; expected a file or a shipped recipe. Received "
        f"{str(name_or_path)!r}. {suggestion(path.name, shipped_recipes())}"
    )


def load_recipe(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Reads a recipe and checks all of it.

    Args:
        name_or_path: a TOML file, or the name of a shipped recipe.
        overrides: "train.steps=100": a dotted key and a TOML value, applied over the file.

    Raises:
        ConfigError: listing every unknown key, wrong type and value out of range.
    """
    path = find_recipe(name_or_path)
    where = f"recipes/{path.name}" if path.parent == SHIPPED else str(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where}: not a TOML file ({error}). Correct that line.") from error
    problems = [problem for text in overrides if (problem := _override(table, text))]
    recipe, found = read_table(Recipe, table)
    problems += found
    if recipe:
        problems += _contradictions(recipe)
    if problems:
        raise ConfigError(summarize(where, problems))
    return recipe


def _override(table: dict, text: str) -> str | None:
    """Applies one "dotted.key=value"; returns the problem, if any."""
    dotted, equals, value = text.partition("=")
    names = dotted.strip().split(".")
    if not equals or not all(names):
        return (
            f"--set {text!r} is not an assignment; expected key=value, such as train.steps=100. "
            f"Received {text!r}. Write the dotted key, an equals sign and the value."
        )
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        parsed = value.strip()  # a bare word is a string
    for name in names[:-1]:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            return f"--set {dotted.strip()}: {name} is not a table. Choose a key of the recipe."
    table[names[-1]] = parsed
    return None


def _contradictions(recipe: Recipe) -> list[str]:
    """Returns problems that no key has alone."""
    problems = []
    makers = {"data.filters": recipe.data.filters.filters}
    for part in ("train", "valid", "test"):
        for index, corpus in enumerate(getattr(recipe.data, part)):
            makers[f"data.{part}[{index}]"] = functools.partial(corpus.corpus, Path())
    for path, make in makers.items():
        try:
            make()
        except ValueError as error:
            problems.append(f"{path}: {error}")
    problems += [
        f"data.{part} is empty; expected at least one corpus. Received []. "
        "Name a source and a target file."
        for part in ("train", "valid")
        if not getattr(recipe.data, part)
    ]
    if recipe.model.overrides.get("share_embeddings") and not recipe.vocabulary.joint:
        problems.append(
            "model.overrides.share_embeddings needs one vocabulary for both languages. Received "
            "vocabulary.joint = false. Change one of the two."
        )
    train = recipe.train
    if train.sampling_alpha > 1 and recipe.vocabulary.kind == "bpe":
        problems.append(
            "train.sampling_alpha is out of range; expected at most 1, the share of merges left "
            f"out, with bpe. Received {train.sampling_alpha}. Lower it; 0.1 is usual."
        )
    if train.schedule == "cosine" and train.warmup_steps >= train.steps:
        problems.append(
            "train.warmup_steps leaves no update to fall; expected less than train.steps, which is "
            f"{train.steps}, with cosine. Received {train.warmup_steps}. Lower it, or train longer."
        )
    return problems
