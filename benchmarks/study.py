"""What studies of several models share: a run for each, started, resumed, or left as it is."""

import argparse
import csv
import dataclasses
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEARNING_RATE = 0.01


def trained(recipe, data, run):
    """Trains a recipe with the command line, in a process of its own, and goes on where it was.

    Args:
        recipe: a `training.recipe.Recipe`.
        data: where its paths start.
        run: the run's directory. When it is finished nothing happens.

    Returns:
        The directory of the final checkpoint.

    Raises:
        ValueError: the directory belongs to another recipe.
        subprocess.CalledProcessError: the training failed; it has said why.
    """
    check(recipe, run)
    if (run / "final").exists():
        return run / "final"
    if (run / "log.csv").exists():
        command("training", "resume", run)
    else:
        run.parent.mkdir(parents=True, exist_ok=True)
        file = run.parent / f"{run.name}.toml"
        file.write_text(recipe.to_toml(), encoding="utf-8")
        command("training", "train", file, "--data", data, "--run", run)
    return run / "final"


def check(recipe, run):
    """Raises a ValueError when a run was started with another recipe; there may be none yet."""
    from training.recipe import load_recipe

    started = run / "recipe.toml"
    if not started.exists() or load_recipe(started) == recipe:
        return
    expected = recipe.to_toml().splitlines()
    found = load_recipe(started).to_toml().splitlines()
    differences = ", ".join(line for line in found if line not in expected and line[:1] != "#")
    raise ValueError(
        f"{run}: belongs to another recipe; expected the one of this study. Received a run with "
        f"{differences}. Remove it, or name another directory with --runs."
    )


def exported(checkpoint, bundle, *options):
    """Exports a checkpoint, parity gate included, unless the bundle is there; returns its path."""
    if not bundle.exists():
        command("export", checkpoint, bundle, *options)
    return bundle


def command(package, *arguments):
    """Runs `python -m PACKAGE …` from the repository's root; its output goes to the terminal."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run(
        [sys.executable, "-m", package, *map(str, arguments)], check=True, env=environment
    )


def training_time(run):
    """(updates, seconds) of a run, evaluations not counted."""
    with (run / "evaluations.csv").open(encoding="utf-8", newline="") as file:
        *_, last = csv.DictReader(file)
    return int(last["step"]), float(last["train_seconds"])


def slug(name):
    """A name as a directory."""
    return name.lower().replace(",", "").replace(" ", "-")


def with_budget(recipe, options, vocabulary):
    """A family's recipe with what all rows of a study have in common.

    Muon brings every family farther in the same updates than Adam: Seq2Seq on joined captions has
    after 375 of them the perplexity that Adam has after 3,000.

    Args:
        recipe: the family's.
        options: `steps`, `batch_tokens` and `seed`.
        vocabulary: ids of the joint vocabulary.
    """
    steps, settings = options.steps, recipe.train
    return dataclasses.replace(
        recipe,
        vocabulary=dataclasses.replace(recipe.vocabulary, size=vocabulary),
        train=dataclasses.replace(
            settings,
            steps=steps,
            batch_tokens=options.batch_tokens,
            seed=options.seed,
            optimizer="muon",
            learning_rate=LEARNING_RATE,
            schedule="cosine",
            warmup_steps=max(1, steps // 10),
            weight_decay=0.0,
            valid_sentences=500,
            evaluate_every=max(steps // 8, 1),
            save_every=max(steps // 16, 1),
            patience=0,
            average_last=3,
        ),
    )


def arguments_of(name, description, steps):
    """A parser with what every study is told: data, runs, budget, and where the table goes."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=description)
    parser.add_argument("--data", type=Path, required=True, help="directory that holds multi30k/")
    parser.add_argument("--runs", type=Path, default=Path("runs") / name)
    parser.add_argument("--steps", type=int, default=steps, help="updates of each row")
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        help="rows whose names contain one; two processes may share the work if none is in both",
    )
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / f"{name}.md")
    return parser


def wanted(names, options):
    """The names that `--only` asks for, all of them without it.

    Raises:
        SystemExit: a part of `--only` is in no name.
    """
    for part in options.only or ():
        if not any(part in name for name in names):
            raise SystemExit(f"--only {part}: no row is called so; there are {', '.join(names)}")
    return [name for name in names if not options.only or any(p in name for p in options.only)]


def cores():
    """CPU cores that this process may use: fewer than all under `taskset`."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def write(path, text):
    """Writes a file that another process sees whole or not at all."""
    from training.state import write_atomically

    write_atomically(path, lambda file: file.write(text.encode()))
