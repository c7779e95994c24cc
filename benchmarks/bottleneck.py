"""`python -m benchmarks.bottleneck --data DIR`: a fixed vector loses long sentences, measured.

Seq2Seq, Bahdanau, Luong (global and local) and the Transformer, in their tiny presets, are trained
with equal data, updates and seed. Drawn: BLEU against source length, with bootstrap confidence;
where each family looks in one long sentence; and how widely.

Training and test texts are one to five Multi30k captions joined, so that there are references at
every length and no length is new to a model. With `--text pydocs` they are sentences as they come,
of the Python documentation, English to Korean; what is written then has `_pydocs` in its name.
"""

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.report import markdown_table
from benchmarks.study import (
    LEARNING_RATE,
    ROOT,
    arguments_of,
    check,
    exported,
    slug,
    trained,
    wanted,
    with_budget,
    write,
)

FAMILIES = {
    "Seq2Seq": ("seq2seq_tiny", {}),
    "Bahdanau": ("bahdanau_tiny", {}),
    "Luong, global": ("luong_tiny", {}),
    "Luong, local": ("luong_tiny", {"window": "local_p"}),
    "Transformer": ("transformer_tiny", {}),
}


@dataclasses.dataclass(frozen=True)
class Text:
    """What all families are trained and tested on.

    Attributes:
        languages: of source and target.
        files: of one side, with `{part}` and `{language}` for "train", "valid" or "test" and a
            language.
        suffix: of the names of what is written.
        about: a sentence for the report.
        title: of the picture.
    """

    languages: tuple[str, str]
    files: str
    suffix: str
    about: str
    title: str

    def corpus(self, part):
        """The two files of a part."""
        return [self.files.format(part=part, language=language) for language in self.languages]


TEXTS = {
    "captions": Text(
        ("en", "de"),
        "{part}.{language}",
        "",
        "One to five captions of Multi30k (English to German) joined, for training and test alike.",
        "A fixed vector loses long sentences",
    ),
    "pydocs": Text(
        ("en", "ko"),
        "enko/pydocs.{part}.{language}.gz",
        "_pydocs",
        "Sentences of the Python documentation (English to Korean) as they come, long ones rarely.",
        "Sentences of the Python documentation",
    ),
}
MOST_JOINED = 5
VOCABULARY = 8000
EDGES = (5, 10, 15, 20, 25, 30, 40, 50, 60)  # words of the source: bins from each to the next
BOOTSTRAP_SAMPLES = 1000
SCORES = "scores.json"
_LONG_WORDS = 45  # of the sentence whose attention is drawn


def join_captions(pairs, seed):
    """Every pair as it is, then joined by two, by three, … in an order drawn for each.

    Args:
        pairs: list of `(source, target)`.
        seed: of the orders.

    Returns:
        A list of `(source, target)`, about 2.3 times as many.
    """
    joined = []
    for count in range(1, MOST_JOINED + 1):
        order = np.random.default_rng([seed, count]).permutation(len(pairs))
        groups = order[: len(order) // count * count].reshape(-1, count)
        joined += [
            tuple(" ".join(pairs[place][side] for place in group) for side in (0, 1))
            for group in groups.tolist()
        ]
    return joined


def write_corpora(data, directory):
    """Writes the joined training, validation and test texts, once."""
    from training.readers import read_lines

    parts = {"train": "train", "valid": "val", "test": "test_2016_flickr"}
    directory.mkdir(parents=True, exist_ok=True)
    for seed, (part, name) in enumerate(parts.items()):
        files = [directory / f"{part}.{language}" for language in ("en", "de")]
        if all(file.exists() for file in files):
            continue
        sides = (read_lines(data / "multi30k" / f"{name}.{file.suffix[1:]}.gz") for file in files)
        joined = join_captions(list(zip(*sides, strict=True)), seed)
        for side, file in enumerate(files):
            write(file, "".join(pair[side] + "\n" for pair in joined))


def recipe_of(name, text, options):
    """The recipe of a family: what all have in common, and its model."""
    from training.recipe import AboutRecipe, CorpusRecipe, load_recipe

    preset, changes = FAMILIES[name]
    recipe = load_recipe(f"multi30k_{preset}")

    def corpus(part):
        source, target = text.corpus(part)
        return (CorpusRecipe(source=source, target=target),)

    source_language, target_language = text.languages
    return dataclasses.replace(
        with_budget(recipe, options, VOCABULARY),
        name=f"bottleneck{text.suffix}_{slug(name)}",
        about=recipe.about if text is TEXTS["captions"] else AboutRecipe(),
        data=dataclasses.replace(
            recipe.data,
            source_language=source_language,
            target_language=target_language,
            train=corpus("train"),
            valid=corpus("valid"),
            test=(),
        ),
        model=dataclasses.replace(recipe.model, preset=preset, overrides=changes),
    )


def scores_by_length(sources, translations, references):
    """BLEU of each bin of source lengths, with its 95 % bootstrap interval.

    Returns:
        A list of dicts: `low`, `high` (words; None for no bound), `words` (mean), `sentences`,
        `bleu`, `interval` (half of its width). Bins without sentences are left out.
    """
    from sacrebleu.metrics import BLEU

    lengths = np.array([len(source.split()) for source in sources])
    bounds = [*itertools.pairwise(EDGES), (EDGES[-1], None)]
    found = []
    for low, high in bounds:
        inside = np.flatnonzero((lengths >= low) & (lengths < (high or np.inf)))
        if not len(inside):
            continue
        hypotheses = [translations[place] for place in inside]
        expected = [[references[place] for place in inside]]
        metric = BLEU()
        score = metric.corpus_score(hypotheses, expected, n_bootstrap=BOOTSTRAP_SAMPLES)
        found.append(
            {
                "low": low,
                "high": high,
                "words": float(lengths[inside].mean()),
                "sentences": len(inside),
                "bleu": metric.corpus_score(hypotheses, expected).score,
                "interval": score._ci,
            }
        )
    return found


def entropy(translation):
    """How widely each target token looks: 0 for one source token, 1 for all alike.

    Returns:
        float `(T,)`: −Σ_s a_s log a_s / log S.
    """
    weights = np.maximum(translation.attention, 1e-12)
    return -np.sum(weights * np.log(weights), axis=1) / np.log(weights.shape[1])


def measure(bundle, text, directory):
    """What one trained family does with the test texts.

    The search is greedy: a beam prefers short translations, and a model that does not know how to
    go on would be judged by the length penalty.
    """
    from serving.translator import Translator
    from training.readers import read_lines

    sources, references = (list(read_lines(directory / name)) for name in text.corpus("test"))
    translator = Translator.load(bundle)
    found = [
        translation.text
        for translation in translator.translate(sources, beam_size=1, batch_size=32)
    ]
    return scores_by_length(sources, found, references)


def draw_scores(results, title, path):
    """A line for each family, BLEU over source length, with its confidence band."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for name, bins in results.items():
        words = [each["words"] for each in bins]
        bleu = np.array([each["bleu"] for each in bins])
        interval = np.array([each["interval"] for each in bins])
        [line] = axes.plot(words, bleu, marker="o", label=name)
        axes.fill_between(
            words, bleu - interval, bleu + interval, color=line.get_color(), alpha=0.2
        )
    axes.set(xlabel="words of the source", ylabel="BLEU", ylim=(0, None), title=title)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=len(results))
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def draw_attention(translations, path):
    """Heat maps of one long sentence, a panel for each family, and the entropy of their rows."""
    from matplotlib import pyplot

    figure, grid = pyplot.subplots(
        2, len(translations), figsize=(4 * len(translations), 7), layout="constrained",
        height_ratios=(3, 1), squeeze=False,
    )  # fmt: skip
    for column, (name, translation) in enumerate(translations.items()):
        above, below = grid[:, column]
        shares = above.imshow(translation.attention, aspect="auto", vmin=0, vmax=1)
        above.set(title=name, xlabel="source token")
        below.plot(entropy(translation))
        below.set(ylim=(0, 1), xlabel="target token")
        below.grid(alpha=0.3)
    figure.colorbar(shares, ax=grid[0, -1], label="attention")
    grid[0, 0].set_ylabel("target token")
    grid[1, 0].set_ylabel("entropy of its attention")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def long_sentence(path):
    """The first text of about so many words."""
    from training.readers import read_lines

    lines = read_lines(path)
    return min(lines, key=lambda line: abs(len(line.split()) - _LONG_WORDS))


def render(results, parameters, sentence, written, text, options):
    """The report in Markdown."""
    some = max(results.values(), key=len)
    header = ("words of the source", "sentences", *results)
    rows = [
        (
            f"{each['low']}–{each['high'] - 1}" if each["high"] else f"{each['low']} and more",
            str(each["sentences"]),
            *(
                f"{bins[place]['bleu']:.1f} ± {bins[place]['interval']:.1f}"
                for bins in results.values()
            ),
        )
        for place, each in enumerate(some)
    ]
    lines = "\n".join(f"- {name}: {found.text}" for name, found in written.items())
    sizes = ", ".join(f"{name} {int(number):,}" for name, number in parameters.items())
    command = f"python -m benchmarks.bottleneck --data DIR --text {options.text}"
    command += f" --steps {options.steps}"
    return f"""# The bottleneck of a fixed vector

{machine.describe(command)}

{text.about}
Every family has {options.steps:,} updates of at most {options.batch_tokens:,} padded target tokens,
a joint vocabulary of {VOCABULARY:,}, the widths of its tiny preset, seed {options.seed}, and Muon
with a learning rate of {LEARNING_RATE} that falls to 0 (cosine). The widths of the presets are
alike, the numbers of their weights are not: {sizes}.
BLEU: sacreBLEU 13a, greedy search, with the 95 % interval of {BOOTSTRAP_SAMPLES:,} bootstrap
samples.

![BLEU against source length](../docs/images/bottleneck{text.suffix}.png)

{markdown_table(header, rows)}

Where each family looks in one text of {_LONG_WORDS} words, and how widely (0: at one token,
1: at all alike); a Transformer's weights are the mean over the heads of its last layer.

![attention of a long sentence](../docs/images/bottleneck{text.suffix}_attention.png)

The text, and what each family wrote:

- {sentence}
{lines}
"""


def main(arguments=None):
    """Runs the command."""
    parser = arguments_of("bottleneck", __doc__, steps=3000)
    parser.add_argument("--text", choices=TEXTS, default="captions", help="default: captions")
    parser.add_argument("--images", type=Path, default=ROOT / "docs" / "images")
    options = parser.parse_args(arguments)

    text, runs, directory = TEXTS[options.text], options.runs, options.data
    if options.text == "captions":
        directory = runs / "corpora"
        write_corpora(options.data, directory)
    names = wanted(list(FAMILIES), options)
    for name in FAMILIES:
        run, recipe = runs / f"{slug(name)}{text.suffix}", recipe_of(name, text, options)
        check(recipe, run)
        if name in names and not (run / SCORES).exists():
            print(f"=== {name}", flush=True)
            bundle = exported(trained(recipe, directory, run), run / "bundle")
            write(run / SCORES, json.dumps(measure(bundle, text, directory), indent=1))
    report(text, directory, options)


def report(text, directory, options):
    """Draws and writes all that is there, whichever process made it."""
    runs = {name: options.runs / f"{slug(name)}{text.suffix}" for name in FAMILIES}
    runs = {name: run for name, run in runs.items() if (run / SCORES).exists()}
    results = {name: json.loads((run / SCORES).read_text()) for name, run in runs.items()}
    draw_scores(results, text.title, options.images / f"bottleneck{text.suffix}.png")
    sentence = long_sentence(directory / text.corpus("test")[0])
    written = {name: look(run / "bundle", sentence) for name, run in runs.items()}
    looked = {name: found for name, found in written.items() if found.attention is not None}
    if looked:
        draw_attention(looked, options.images / f"bottleneck{text.suffix}_attention.png")
    parameters = {name: parameters_of(run / "bundle") for name, run in runs.items()}
    output = options.output.with_stem(options.output.stem + text.suffix)
    write(output, render(results, parameters, sentence, written, text, options))
    print(f"{len(results)} of {len(FAMILIES)} families in {output}, pictures in {options.images}")


def parameters_of(bundle):
    """How many weights the model of a bundle has, as text."""
    from serving.manifest import Manifest

    return Manifest.read(bundle, verify=False).about["parameters"]


def look(bundle, sentence):
    """The translation of a sentence, with attention where the family has any."""
    from serving.translator import Translator

    translator = Translator.load(bundle)
    attention = translator.manifest.attention
    return translator.translate(sentence, beam_size=1, return_attention=bool(attention))


if __name__ == "__main__":
    main()
