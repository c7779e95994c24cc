"""`python -m benchmarks.variants --data DIR`: every attention variant, at one size and one budget.

Each row is a recipe of `training`: a tiny preset with the changes that its name says. A row is
trained, exported (so its parity with Keras is proven) and measured, one after the other; what is
finished is not done again, and what was interrupted goes on. Finished rows are kept as JSON in a
directory beside the table, which is written anew after each.
"""

import dataclasses
import json
import statistics
import string
import time
from dataclasses import dataclass, field

from benchmarks import machine
from benchmarks.report import markdown_table
from benchmarks.study import (
    LEARNING_RATE,
    arguments_of,
    check,
    cores,
    exported,
    slug,
    trained,
    training_time,
    wanted,
    with_budget,
    write,
)


@dataclass(frozen=True)
class Variant:
    """One row: a preset with changes of its configuration."""

    name: str
    preset: str
    changes: dict = field(default_factory=dict)

    @property
    def slug(self):
        """The name as a directory."""
        return slug(self.name)


SCORES = {
    "dot, forward encoder": {"score": "dot", "bidirectional": False},  # for equal widths
    "general": {"score": "general"},
    "concat": {"score": "concat"},
    "location": {"score": "location"},
}
WINDOWS = ("global", "local_m", "local_p")
VARIANTS = (
    Variant("Seq2Seq", "seq2seq_tiny"),
    Variant("Bahdanau", "bahdanau_tiny"),
    Variant("Bahdanau, normalised", "bahdanau_tiny", {"normalize": True}),
    *(
        Variant(f"Luong, {score}, {window}", "luong_tiny", {**changes, "window": window})
        for score, changes in SCORES.items()
        for window in WINDOWS
    ),
    Variant("Luong, general, no input feeding", "luong_tiny", {"input_feeding": False}),
    Variant("Transformer, pre-norm", "transformer_tiny"),
    Variant("Transformer, post-norm", "transformer_tiny", {"norm": "post"}),
    Variant("Transformer, learned positions", "transformer_tiny", {"positions": "learned"}),
    Variant("Transformer, rotary positions", "transformer_tiny", {"positions": "rotary"}),
    Variant("Transformer, 6+1 layers", "transformer_tiny_shallow"),
    Variant("Transformer, SSRU decoder, 6+2", "transformer_tiny_ssru"),
)
HEADER = (
    "variant",
    "BLEU",
    "chrF",
    "parameters",
    "training tokens/s",
    "training minutes",
    "decoding tokens/s",
    "machine, cores",
)
_BATCH_SIZE, _BEAM_SIZE, _ROUNDS = 32, 4, 3


def recipe_of(variant, options):
    """The family's Multi30k recipe, with this variant's model and the budget of all rows."""
    from training.recipe import load_recipe

    family = variant.preset.split("_")[0]
    recipe = load_recipe(f"multi30k_{family}_tiny")
    return dataclasses.replace(
        with_budget(recipe, options, options.vocabulary),
        name=f"variants_{variant.slug}",
        model=dataclasses.replace(recipe.model, preset=variant.preset, overrides=variant.changes),
    )


def measure(run, bundle, data, recipe):
    """The figures of one finished row."""
    from serving.translator import Translator
    from training.building import build_batches
    from training.run_directory import read_pairs
    from training.scoring import score_texts
    from training.token_store import TokenStore

    sources, references = read_pairs(recipe.data.valid, data)
    translator = Translator.load(bundle, threads=1)
    found = translator.translate(sources, beam_size=_BEAM_SIZE, batch_size=_BATCH_SIZE)
    scores = score_texts([translation.text for translation in found], references)
    steps, seconds = training_time(run)
    store = TokenStore(run / "data")
    tokenizers = translator.source_tokenizer, translator.target_tokenizer
    batches = build_batches(recipe, store, tokenizers).batches_per_epoch
    return {
        "steps": steps,
        "bleu": scores.bleu,
        "chrf": scores.chrf,
        "bleu_signature": scores.bleu_signature,
        "chrf_signature": scores.chrf_signature,
        "parameters": int(translator.manifest.about["parameters"]),
        "train_seconds": seconds,
        "cores": cores(),
        "machine": machine.summary(),
        "train_tokens": int(store.target_lengths.sum()) * steps / batches,
        "decode_rate": _decoding_rate(translator, sources),
    }


def _decoding_rate(translator, sources):
    """Target tokens per second of greedy search, one thread, text to text: the median round."""
    rates = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        found = translator.translate(sources, beam_size=1, batch_size=_BATCH_SIZE, progress=False)
        seconds = time.perf_counter() - started
        rates.append(sum(len(translation.tokens) for translation in found) / seconds)
    return statistics.median(rates)


def render(rows, options):
    """The report in Markdown, from the rows that are there, in the order of `VARIANTS`."""
    machines = sorted({row["machine"] for row in rows.values()})
    letters = dict(zip(machines, string.ascii_uppercase, strict=False))
    cells = [
        (
            variant.name,
            f"{row['bleu']:.2f}",
            f"{row['chrf']:.2f}",
            f"{row['parameters']:,}",
            f"{row['train_tokens'] / row['train_seconds']:,.0f}",
            f"{row['train_seconds'] / 60:.0f}",
            f"{row['decode_rate']:,.0f}",
            f"{letters[row['machine']]}, {row['cores']}",
        )
        for variant in VARIANTS
        if (row := rows.get(variant.slug))
    ]
    some = next(iter(rows.values()))
    known = ". ".join(f"{letter} is {name}" for name, letter in letters.items())
    return f"""# Variants of attention

{machine.describe(f"python -m benchmarks.variants --data DIR --steps {options.steps}")}

Multi30k, English to German, raw text; {len(rows)} of {len(VARIANTS)} rows are done.
Every row has the same budget: {options.steps:,} updates of
at most {options.batch_tokens:,} padded target tokens, seed {options.seed}, a joint vocabulary of
{options.vocabulary:,}, and Muon with a learning rate of {LEARNING_RATE} that falls to 0 (cosine);
nothing was tuned for a row. What a name leaves open is as in the presets: Luong with input feeding,
Transformers of 4+4 layers, pre-norm, with sinusoidal positions. BLEU and chrF on `val` (1,014
sentences, which also chose the checkpoint), beam {_BEAM_SIZE}, {some["bleu_signature"]} and
{some["chrf_signature"]}.
Decoding: the exported bundle in float32, greedy, batch {_BATCH_SIZE}, one thread, text to text;
parity with Keras was proven for every row. Speeds compare on one machine only. {known}.

{markdown_table(HEADER, cells)}
"""


def main(arguments=None):
    """Runs the command."""
    parser = arguments_of("variants", __doc__, steps=600)
    parser.add_argument("--vocabulary", type=int, default=4000)
    options = parser.parse_args(arguments)

    names = wanted([variant.name for variant in VARIANTS], options)
    finished = kept_rows(options)
    for variant in VARIANTS:
        run, recipe = options.runs / variant.slug, recipe_of(variant, options)
        check(recipe, run)
        if variant.name in names and variant.slug not in finished:
            print(f"=== {variant.name}", flush=True)
            bundle = exported(trained(recipe, options.data, run), run / "bundle")
            row = measure(run, bundle, options.data, recipe) | {"budget": budget(options)}
            write(file_of(variant, options), json.dumps(row, indent=1) + "\n")
            report(options)
    report(options)


def file_of(variant, options):
    """Where a finished row is kept."""
    return options.output.with_suffix("") / f"{variant.slug}.json"


def budget(options):
    """What all rows of a table have in common."""
    return {
        name: getattr(options, name) for name in ("steps", "batch_tokens", "vocabulary", "seed")
    }


def kept_rows(options):
    """Finished rows by their slug, whichever process made them.

    Raises:
        ValueError: one of them had another budget.
    """
    files = {variant.slug: file_of(variant, options) for variant in VARIANTS}
    rows = {slug: json.loads(file.read_text()) for slug, file in files.items() if file.exists()}
    for name, row in rows.items():
        if row["budget"] != budget(options):
            raise ValueError(
                f"{files[name]}: had another budget; expected {budget(options)}. Received "
                f"{row['budget']}. Name another table with --output, or remove the file."
            )
    return rows


def report(options):
    """Writes the table of all rows that are there."""
    rows = kept_rows(options)
    write(options.output, render(rows, options))
    print(f"{len(rows)} of {len(VARIANTS)} rows in {options.output}", flush=True)


if __name__ == "__main__":
    main()
