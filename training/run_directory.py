"""The directory of one run: what lies where, and the data prepared in it."""

import contextlib
import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock, Timeout

from serving.tokenizer import load_tokenizers, tokenizer_files
from training.corpus import Report, clean_pairs, corpus_fingerprint, raw_pairs
from training.recipe import ConfigError, Recipe, load_recipe
from training.state import write_bytes
from training.token_store import TokenStore
from training.vocabulary import train_tokenizers, write_tokenizers


class RunDirectory:
    """Paths of a run, and the recipe and data that it was started with.

        recipe.toml          the recipe with every value filled in
        run.json             the data directory
        tokenizer/           SentencePiece models and the digest of what they were trained on
        data/                encoded training pairs
        log.csv              step, loss, learning_rate: one row an update
        evaluations.csv      step, loss, perplexity, bleu, chrf, seconds, train_seconds
        tensorboard/         the same curves for `tensorboard --logdir`
        state/state.npz      the resumable state
        checkpoints/         step-N.weights.h5, the last few evaluated weights
        best/  final/        checkpoint directories
        lock                 held by the process that trains

    Args:
        path: the directory; made by `start`.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.recipe_file = self.path / "recipe.toml"
        self.about = self.path / "run.json"
        self.tokenizer = self.path / "tokenizer"
        self.store = self.path / "data"
        self.log = self.path / "log.csv"
        self.evaluations = self.path / "evaluations.csv"
        self.tensorboard = self.path / "tensorboard"
        self.state = self.path / "state" / "state.npz"
        self.checkpoints = self.path / "checkpoints"
        self.best = self.path / "best"
        self.final = self.path / "final"
        self.lock = self.path / "lock"

    def start(self, recipe: Recipe, data: Path) -> None:
        """Makes the directory for a new run.

        A run that failed in or before its first update, such as over a missing file, may be started
        again.

        Raises:
            ConfigError: when a run has trained there before or trains there now, or something else
                lies there.
        """
        if self._has_trained():
            raise ConfigError(
                f"{self.path}: run directory is in use; expected a new or empty directory. "
                "Received one with updates in its log.csv. Resume it with `python -m training "
                f"resume {self.path}`, or name another with --run."
            )
        ours = {self.lock.name}  # of a start that failed, as on a full disk
        others = {path.name for path in self.path.glob("*")} - ours
        if others and not self.about.exists():
            raise ConfigError(
                f"{self.path}: directory holds other files; expected a new or empty directory. "
                f"Received one with {min(others)}. Name another with --run."
            )
        self.path.mkdir(parents=True, exist_ok=True)
        self.change(recipe, data)

    def _has_trained(self) -> bool:
        if not self.log.is_file():
            return False
        with self.log.open(encoding="utf-8") as file:
            return len(list(itertools.islice(file, 2))) == 2  # the header, and an update

    def change(self, recipe: Recipe, data: Path) -> None:
        """Writes what a run goes on with.

        Raises:
            ConfigError: when a process trains here.
        """
        about = json.dumps({"data": str(data.resolve())}) + "\n"
        with self.held():
            write_bytes(self.about, about.encode())
            write_bytes(self.recipe_file, recipe.to_toml().encode())

    @contextlib.contextmanager
    def held(self):
        """Keeps other processes from training here; a process that dies lets go.

        Raises:
            ConfigError: when another one trains here.
        """
        lock = FileLock(self.lock)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise ConfigError(
                f"{self.path}: another process trains this run; expected one at a time. Wait for "
                "it, or stop it and resume."
            ) from None
        try:
            yield
        finally:
            lock.release()

    def load(self) -> tuple[Recipe, Path]:
        """Returns the recipe and the data directory of a run that was started.

        Raises:
            ConfigError: when there is no run.
        """
        if not self.recipe_file.is_file() or not self.about.is_file():
            raise ConfigError(
                f"{self.path}: not a run; expected a directory with recipe.toml and run.json. "
                "Received something else. Name a directory that `python -m training train` made."
            )
        data = json.loads(self.about.read_text(encoding="utf-8"))["data"]
        return load_recipe(self.recipe_file), Path(data)


class TrainingText:
    """The training corpora of a recipe: clean pairs, as often as they are asked for.

    Args:
        recipe: the recipe.
        data: the data directory; a generated corpus is written there when it is missing.
        say: called with lines, or rich objects, to print.

    Attributes:
        fingerprint: digest of files and options.
    """

    def __init__(self, recipe: Recipe, data: Path, say):
        if recipe.data.generate == "phrasebook" and missing_files(recipe, data):
            from training import phrasebook

            phrasebook.write(data)
            say(f"Wrote the generated phrasebook to {data}")
        self._corpora = [corpus.corpus(data) for corpus in recipe.data.train]
        self._filters, self._seed = recipe.data.filters.filters(), recipe.train.seed
        self._recipe, self._say = recipe, say
        self._report = Report()
        self.fingerprint = corpus_fingerprint(self._corpora, self._filters, seed=self._seed)

    def pairs(self):
        """Returns a new iterator over the clean pairs."""
        return clean_pairs(self._corpora, self._filters, seed=self._seed, report=self._report)

    def tokenizers(self, run: RunDirectory) -> tuple:
        """Returns the run's (source, target) tokenizers; trains them when there are none yet.

        Before the first state is saved, tokenizers that were trained on another text or with other
        options are trained again. A recipe that starts from a checkpoint takes that one's.

        Raises:
            ConfigError: the text is no longer the one that the run's weights have seen.
        """
        options, start = asdict(self._recipe.vocabulary), self._recipe.model.start_from
        digest = hashlib.sha256(
            json.dumps([self.fingerprint, options, *filter(None, [start])]).encode()
        ).hexdigest()
        mark = run.tokenizer / "trained_on.json"
        same = mark.is_file() and json.loads(mark.read_text())["digest"] == digest
        if same and (run.state.exists() or not start):  # what lies in `start` may have changed
            tokenizers = load_tokenizers(run.tokenizer)
        elif run.state.exists():
            raise ConfigError(
                f"{run.path}: training corpora have changed since the run began; expected the same "
                "files, filters, vocabulary and seed, for its weights know the ids of their "
                "vocabulary. Received others. Put them back, or start a new run."
            )
        else:
            if start:
                tokenizers = _copy_tokenizers(Path(start), run.tokenizer)
            else:
                self._say("Training the vocabulary ...")
                options["vocabulary_size"] = options.pop("size")
                tokenizers = train_tokenizers(self.pairs, run.tokenizer, **options)
            write_bytes(mark, (json.dumps({"digest": digest}) + "\n").encode())
        sizes = [tokenizer.vocabulary_size for tokenizer in dict.fromkeys(tokenizers)]
        files = ", ".join(str(path) for path in tokenizer_files(run.tokenizer))
        self._say(f"Vocabulary of {' + '.join(map(str, sizes))} pieces: {files}")
        return tokenizers

    def encode(
        self, run: RunDirectory, tokenizers: tuple, config, held_out: Sequence[tuple] = ()
    ) -> TokenStore:
        """Returns the encoded pairs, reused when they are there already.

        Args:
            run: the pairs lie in its `data` directory.
            tokenizers: (source, target).
            config: the model's; gives the longest source and target.
            held_out: pairs of (source, target) to score; a warning tells how many are among those
                to learn from.
        """
        self._report.corpora.clear()
        held_out = {tuple(map(self._filters.normalize, pair)) for pair in held_out}
        known = set()

        def pairs():
            for pair in self.pairs():
                if pair[:2] in held_out:
                    known.add(pair[:2])
                yield pair

        store = TokenStore.build(
            run.store,
            pairs,
            *tokenizers,
            max_source_length=config.max_source_length,
            max_target_length=config.max_target_length,
            keep_text=self._recipe.train.sampling_alpha > 0,
            fingerprint=self.fingerprint,
        )
        if self._report.corpora:
            self._say(self._report)
        if known:
            self._say(
                f"[bold]Warning:[/] {len(known):,} of {len(held_out):,} different validation and "
                "test pairs are training pairs too; their scores will be too good"
            )
        dropped = ", ".join(f"{n} {why}" for why, n in store.description["dropped"].items())
        self._say(
            f"{len(store):,} training pairs in {run.store}"
            + (f" (dropped after tokenizing: {dropped})" if dropped else "")
        )
        return store


def _copy_tokenizers(source: Path, directory: Path) -> tuple:
    """Copies the tokenizers of a checkpoint, and returns them."""
    write_tokenizers(directory, {path.name: path.read_bytes() for path in tokenizer_files(source)})
    return load_tokenizers(directory)


def read_pairs(corpora, data: Path) -> tuple[list[str], list[str]]:
    """Returns (sources, targets) of a validation or test set as they stand, unfiltered.

    Raises:
        ValueError: it has no pair, such as a catalogue of which nothing is translated.
    """
    pairs = [
        (pair.source, pair.target)
        for corpus in corpora
        for pair in raw_pairs(corpus.corpus(data))
        if pair.problem is None
    ]
    if not pairs:
        names = ", ".join(corpus.source for corpus in corpora)
        raise ValueError(
            f"{names}: no pair to score; expected at least one. Received none that is translated "
            "and asked for. Choose another file, or correct where and the columns."
        )
    return [source for source, _ in pairs], [target for _, target in pairs]


def missing_files(recipe: Recipe, data: Path) -> list[Path]:
    """Returns the files of a recipe's training, validation and test sets that are not there."""
    corpora = [*recipe.data.train, *recipe.data.valid, *recipe.data.test]
    paths = [path for corpus in corpora for path in corpus.corpus(data).paths]
    return [path for path in paths if not path.exists()]


def some_of_each(sets, count: int | None = None) -> tuple[list[str], list[str]]:
    """Returns (sources, targets) of `count` pairs, as many from each set, spread evenly over it.

    A set may be sorted by length: its beginning would tell of short sentences alone.

    Args:
        sets: a list of (sources, targets).
        count: how many pairs; what a small set lacks, larger ones give. None for all.
    """
    sizes = [len(sources) for sources, _ in sets]
    left, shares = sum(sizes) if count is None else count, list(sizes)
    for done, index in enumerate(sorted(range(len(sets)), key=sizes.__getitem__)):
        shares[index] = min(sizes[index], left // (len(sets) - done))
        left -= shares[index]
    pairs = [
        (sources[place * size // share], targets[place * size // share])
        for (sources, targets), size, share in zip(sets, sizes, shares, strict=True)
        for place in range(share)
    ]
    return [source for source, _ in pairs], [target for _, target in pairs]


def pick_examples(sentences: Sequence[str], count: int = 6, most_words: int = 30) -> list[str]:
    """Returns a few sentences of all lengths, shortest first; the same ones at each call.

    Args:
        sentences: to choose from; empty and repeated ones count for nothing.
        count: most sentences to return, ≥ 2.
        most_words: longer sentences are left out. A language without spaces has one word for every
            few characters, so a sentence may also have 8 times as many characters.
    """
    short = {
        " ".join(words)
        for words in map(str.split, sentences)
        if 0 < len(words) <= most_words and sum(map(len, words)) <= 8 * most_words
    }
    ordered = sorted(short, key=lambda sentence: (len(sentence), sentence))
    if len(ordered) <= count:
        return ordered
    last = len(ordered) - 1
    return [ordered[place * last // (count - 1)] for place in range(count)]
