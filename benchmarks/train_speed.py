"""`python benchmarks/train_speed.py --data DIR --joeynmt PYTHON`: `model.fit` beside JoeyNMT.

Target tokens per second of training on the CPU, data loading included, for each family: the same
architecture, vocabulary, pairs, tokens in a batch, and threads. Each engine runs in processes of
its own, in turn; the fastest of some rounds counts.

JoeyNMT needs an environment of its own, named by its interpreter:

    python -m venv joey
    joey/bin/pip install joeynmt importlib_metadata torch --extra-index-url …/whl/cpu
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import joeynmt_training, machine
from benchmarks.report import markdown_table
from benchmarks.study import ROOT

FAMILIES = ("transformer", "bahdanau", "luong", "seq2seq")  # JoeyNMT has attention always
HEADER = ("family", "parameters", "ours tokens/s", "JoeyNMT tokens/s", "ours / JoeyNMT")


def family_recipe(family, batch_tokens):
    """The family's Multi30k recipe, joint vocabulary of 10,000, as JoeyNMT can have it too."""
    from training.recipe import load_recipe

    recipe = load_recipe(f"multi30k_{family}_tiny")
    shared = {}
    if family == "transformer":  # JoeyNMT drops attention weights and hidden units, too
        shared = {"share_embeddings": True, "inner_dropout": 0.3}
    return dataclasses.replace(
        recipe,
        model=dataclasses.replace(recipe.model, overrides=shared),
        train=dataclasses.replace(
            recipe.train, batch_tokens=batch_tokens, optimizer="adam", weight_decay=0.0
        ),
    )


def prepare(family, options, directory):
    """Tokenizer and encoded pairs of a family's recipe: `(recipe, store, tokenizers)`."""
    import zoo
    from training.run_directory import RunDirectory, TrainingText

    recipe = family_recipe(family, options.batch_tokens)
    run = RunDirectory(directory)
    run.path.mkdir(parents=True, exist_ok=True)
    text = TrainingText(recipe, options.data, lambda *_: None)
    tokenizers = text.tokenizers(run)
    sizes = (tokenizer.vocabulary_size for tokenizer in tokenizers)
    config = zoo.PRESETS[recipe.model.preset].config_class(
        **dict(zip(("source_vocabulary_size", "target_vocabulary_size"), sizes, strict=True))
    )
    return recipe, text.encode(run, tokenizers, config), tokenizers


def measure_ours(family, options, directory):
    """Runs in a process of its own: `fit`, as `python -m training train` calls it."""
    import time

    import keras

    from training.batching import TrainingStream
    from training.building import build_batches, build_model
    from training.train import quicken_tensorflow

    quicken_tensorflow()
    recipe, store, tokenizers = prepare(family, options, directory)
    model = build_model(recipe, tokenizers)
    batches = build_batches(recipe, store, tokenizers)

    class Clock(keras.callbacks.Callback):
        started, seconds = 0.0, 0.0

        def on_train_batch_end(self, batch, logs=None):
            float(logs["loss"])  # the update is done
            now = time.perf_counter()
            if batch + 1 == options.warmup:
                self.started = now
            elif batch + 1 > options.warmup:
                self.seconds = now - self.started

    stream, clock = TrainingStream(batches), Clock()
    model.fit(stream, steps_per_epoch=options.updates, callbacks=[clock], shuffle=False, verbose=0)
    timed = range(options.warmup, options.updates)
    tokens = sum(int((stream.batch(step)[1] != 0).sum()) for step in timed)
    return {"rate": tokens / clock.seconds, "parameters": model.count_params()}


def run_ours(family, options, directory):
    """`measure_ours` in a new process."""
    command = [sys.executable, __file__, "--ours", family, "--directory", directory]
    command += ["--data", options.data, "--updates", options.updates, "--warmup", options.warmup]
    command += ["--batch-tokens", options.batch_tokens]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{family}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(family, options, directory, console):
    """One row: the best of some rounds of both engines, in turn."""
    ours, theirs, parameters = 0.0, 0.0, 0
    _, store, tokenizers = prepare(family, options, directory / family)
    joey = directory / f"joeynmt-{family}"
    joey.mkdir(exist_ok=True)
    joeynmt_training.write_pieces(store, tokenizers, joey)
    for number in range(options.rounds):
        console.print(f"{family}, round {number + 1}: ours")
        found = run_ours(family, options, directory / family)
        ours, parameters = max(ours, found["rate"]), found["parameters"]
        if options.joeynmt and family != "seq2seq":
            console.print(f"{family}, round {number + 1}: JoeyNMT")
            theirs = max(theirs, joeynmt_training.tokens_per_second(
                options.joeynmt, family, joey, options.batch_tokens, options.updates, options.warmup
            ))  # fmt: skip
    ratio = f"{ours / theirs:.2f}" if theirs else "–"
    shown = f"{theirs:,.0f}" if theirs else "–"
    return family, f"{parameters:,}", f"{ours:,.0f}", shown, ratio


def main(arguments=None):
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="directory that holds multi30k/")
    parser.add_argument("--joeynmt", help="interpreter of an environment with JoeyNMT")
    parser.add_argument("--families", nargs="+", default=FAMILIES, choices=FAMILIES)
    parser.add_argument("--updates", type=int, default=120)
    parser.add_argument("--warmup", type=int, default=40, help="updates that are not timed")
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "train_speed.md")
    parser.add_argument("--ours", choices=FAMILIES, help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.ours:
        print(json.dumps(measure_ours(options.ours, options, options.directory)))
        return

    from rich.console import Console

    console = Console()
    with tempfile.TemporaryDirectory() as directory:
        rows = [compare(f, options, Path(directory), console) for f in options.families]
    command = "python benchmarks/train_speed.py --data DATA"
    command += " --joeynmt PYTHON" * bool(options.joeynmt)
    command += f" --updates {options.updates} --warmup {options.warmup} --rounds {options.rounds}"
    other = joeynmt_training.versions(options.joeynmt) if options.joeynmt else "without JoeyNMT"
    report = f"""# Training speed

{machine.describe(command)}

Target tokens per second, data loading included, end tokens counted and padding not, of updates
{options.warmup + 1} to {options.updates}; the best of {options.rounds} rounds, in turn.
Multi30k, English to German; batches of at most {options.batch_tokens:,} padded tokens on each side.
Ours puts sentences of similar lengths together, so its batches hold more real tokens. Beside it:
{other}, with the threads that it takes by itself.

{markdown_table(HEADER, rows)}
"""
    options.output.write_text(report, encoding="utf-8")
    console.print(report)


if __name__ == "__main__":
    main()
