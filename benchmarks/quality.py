"""`python -m benchmarks.quality RUN … --data DIR`: scores finished runs, and writes the table.

Each run's final checkpoint translates the validation and test sets of its recipe with a beam of 5,
as the published scores of Multi30k were made. A row is kept as JSON beside the run's evaluations in
`benchmarks/quality/`, so that the table can be written anew without the weights, which may not be
redistributed for every corpus.
"""

import argparse
import datetime
import json
import shutil
import string
from pathlib import Path

from benchmarks import machine
from benchmarks.report import markdown_table
from benchmarks.study import ROOT, training_time

KEPT = ROOT / "benchmarks" / "quality"
BEAM_SIZE = 5
# The published search divides a sum of log-probabilities by its length T (fairseq's default). At
# the length of a caption, about 15 tokens, ((5 + T) / 6)^1.4 grows as fast as T does.
LENGTH_PENALTY = 1.4
HEADER = (
    "recipe, seed",
    "BLEU test",
    "chrF test",
    "BLEU valid",
    "updates",
    "minutes",
    "parameters",
    "weights",
    "beam, penalty",
    "BLEU's tokenizer",
    "machine",
)


def score(run, data):
    """The row of one finished run."""
    from training.evaluate import evaluate
    from training.recipe import load_recipe
    from training.run_directory import read_pairs

    recipe = load_recipe(run / "recipe.toml")
    steps, seconds = training_time(run)
    config = json.loads((run / "final" / "config.json").read_text(encoding="utf-8"))
    row = {
        "recipe": recipe.name,
        "seed": recipe.train.seed,
        "tokenize": recipe.train.tokenize,
        "steps": steps,
        "train_seconds": seconds,
        "weights": config["metadata"]["weights"],
        "beam_size": BEAM_SIZE,
        "length_penalty": LENGTH_PENALTY,
        "machine": machine.summary(),
        "date": datetime.date.today().isoformat(),
    }
    for part in ("valid", "test"):
        corpora = getattr(recipe.data, part)
        if not corpora:
            continue
        found = evaluate(
            run / "final",
            *read_pairs(corpora, data),
            beam_size=row["beam_size"],
            length_penalty=row["length_penalty"],
            tokenize=recipe.train.tokenize,
        )
        print(f"{recipe.name}, {part}:", *found.lines(), sep="\n  ", flush=True)
        row[part] = {
            "set": ", ".join(corpus.source for corpus in corpora),
            "bleu": found.bleu,
            "chrf": found.chrf,
            "bleu_signature": found.bleu_signature,
            "chrf_signature": found.chrf_signature,
        }
    return row


def parameters_of(run):
    """Number of weights of a run's final checkpoint."""
    import zoo

    return zoo.load_checkpoint(run / "final")[0].count_params()


def keep(run, data):
    """Scores a run, and keeps its row and its curve."""
    row = score(run, data) | {"parameters": parameters_of(run)}
    name = f"{row['recipe']}.{row['seed']}"
    KEPT.mkdir(exist_ok=True)
    text = json.dumps(row, indent=1, ensure_ascii=False)
    (KEPT / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    shutil.copyfile(run / "evaluations.csv", KEPT / f"{name}.csv")


def render(rows):
    """The report in Markdown."""
    machines = sorted({row["machine"] for row in rows})
    letters = dict(zip(machines, string.ascii_uppercase, strict=False))
    cells = [
        (
            f"`{row['recipe']}`, {row['seed']}",
            f"{row['test']['bleu']:.2f}" if "test" in row else "–",
            f"{row['test']['chrf']:.2f}" if "test" in row else "–",
            f"{row['valid']['bleu']:.2f}",
            f"{row['steps']:,}",
            f"{row['train_seconds'] / 60:.0f}",
            f"{row['parameters']:,}",
            row["weights"],
            f"{row['beam_size']}, {row['length_penalty']}",
            row["tokenize"],
            letters[row["machine"]],
        )
        for row in rows
    ]
    signatures = sorted({row[p][s] for row in rows for p in ("valid", "test") if p in row
                         for s in ("bleu_signature", "chrf_signature")})  # fmt: skip
    sets = "\n".join(
        f"- `{row['recipe']}`: " + "; ".join(row[p]["set"] for p in ("valid", "test") if p in row)
        for row in rows
    )
    known_machines = "; ".join(f"{letter}: {name}" for name, letter in letters.items())
    known = ", ".join(f"`{signature}`" for signature in signatures)
    return f"""# Quality

A length penalty of {LENGTH_PENALTY} ranks texts of a caption's length as the published search of
Multi30k does (fairseq's, which divides by the length). Nothing was chosen by a test set: weights
are the average of the last evaluated checkpoints, or the best of them by greedy BLEU on the
validation set where that is better. Minutes are those of the updates alone, most of them on one
core beside another training, and of the last run alone: a recipe with `model.start_from`, or one
that learns from other models' translations, needs theirs first. {known_machines}.

To train a row, and to score it again:

    python -m training train RECIPE --data DIR --run runs/RECIPE.SEED --set train.seed=SEED
    python -m benchmarks.quality runs/RECIPE.SEED --data DIR

A recipe with `model.start_from` goes on from the run of another row: name that run after `--set`,
too, as `model.start_from=runs/OTHER.SEED/best`. The int8 bundles of `pretrained_…` come with the
package, and `python -m benchmarks.pretrained --data DIR` scores them again; weights of the other
rows may not be given away. A penalty of 0.6 is from before {LENGTH_PENALTY} was the rule.
BLEU's tokenizer `none` takes tokens as the corpus has them.

{markdown_table(HEADER, cells)}

Validation and test sets; of each the source side:

{sets}

sacreBLEU's signatures: {known}. Each row's curve lies in [quality/](quality).
"""


def main(arguments=None):
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("runs", nargs="*", type=Path, help="directories of finished runs")
    parser.add_argument("--data", type=Path, help="where the recipes' paths start")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "quality.md")
    options = parser.parse_args(arguments)
    if options.runs and not options.data:
        parser.error("--data is missing: runs are scored on the sets of their recipes")
    for run in options.runs:
        keep(run, options.data)
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(KEPT.glob("*.json"))]
    options.output.write_text(render(rows), encoding="utf-8")
    print(f"{len(rows)} rows in {options.output}")


if __name__ == "__main__":
    main()
