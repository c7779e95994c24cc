"""Command line: train, resume, evaluate, average, back-translate, recipes."""

import argparse
import dataclasses
import os
import sys
from pathlib import Path

from serving import standard_streams
from serving.extras import missing_package

EXIT_USER_ERROR = 2


def main(arguments: list[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The exit status: 0, 2 after a mistake in what was asked for, 130 when interrupted, 141 when
        the reader of the output went away.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    options = _parser().parse_args(arguments)
    try:
        standard_streams.prepare()
        options.command(options)
        sys.stdout.flush()
    except BrokenPipeError:
        return standard_streams.reader_left()
    except ModuleNotFoundError as error:
        print(missing_package("error", error, "training", "train"), file=sys.stderr)
        return EXIT_USER_ERROR
    except (ValueError, FloatingPointError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USER_ERROR
    except KeyboardInterrupt:
        print(f"interrupted{_remedy(options)}", file=sys.stderr)
        return 130
    return 0


def _remedy(options) -> str:
    """What becomes of the work of an interrupted command."""
    if options.command in (_train, _resume):
        return "; `python -m training resume RUN` goes on"
    if options.command is _back_translate:
        from training.back_translation import partial_file

        partial = partial_file(options.output)
        return f"; the pairs made so far are in {partial}" if partial.exists() else ""
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    train = commands.add_parser("train", help="train a model by a recipe")
    train.add_argument("recipe", help="a TOML file, or the name of a shipped recipe")
    train.add_argument("--data", type=Path, help="where the recipe's paths start (default: .)")
    train.add_argument("--run", type=Path, help="where results go (default: runs/NAME)")
    train.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="such as train.steps=100",
    )
    train.set_defaults(command=_train)

    resume = commands.add_parser("resume", help="go on with an interrupted run")
    resume.add_argument("run", type=Path)
    resume.add_argument("--data", type=Path, help="where the corpora are, if they have moved")
    resume.add_argument(
        "--steps", type=int, help="train on to so many updates; not with the schedule cosine"
    )
    resume.set_defaults(command=_resume)

    evaluate = commands.add_parser("evaluate", help="score a checkpoint or a bundle")
    evaluate.add_argument("path", type=Path, help="a checkpoint directory or an exported bundle")
    evaluate.add_argument("--source", type=Path, required=True, help="sentences, .gz allowed")
    evaluate.add_argument("--reference", type=Path, required=True, help="their translations")
    evaluate.add_argument(
        "--beam-size", type=int, help="default: what the bundle does; 4 for a checkpoint"
    )
    evaluate.add_argument("--length-penalty", type=float, help="the same; 0.6 for a checkpoint")
    evaluate.add_argument("--batch-size", type=int, default=64)
    evaluate.add_argument("--tokenize", default="13a", help="sacreBLEU's tokenizer (default: 13a)")
    evaluate.add_argument("--output", type=Path, help="write the translations here")
    evaluate.set_defaults(command=_evaluate)

    average = commands.add_parser("average", help="average the last checkpoints of a run")
    average.add_argument("run", type=Path)
    average.add_argument("--last", type=int, help="how many (default: all that are kept)")
    average.add_argument("--output", type=Path, help="default: RUN/average")
    average.set_defaults(command=_average)

    back = commands.add_parser(
        "back-translate", help="make training pairs from text in the target language alone"
    )
    back.add_argument("text", type=Path, help="its sentences, one a line, .gz allowed")
    back.add_argument("bundle", help="translates them; a directory, or a model of the package")
    back.add_argument("output", type=Path, help="TSV to write: translation, sentence")
    back.add_argument(
        "--check", metavar="BUNDLE", help="translates back: drop pairs of which too little returns"
    )
    back.add_argument(
        "--least-chrf", type=float, help="with --check, how much must return (default: 40 of 100)"
    )
    back.add_argument(
        "--without", type=Path, nargs="+", default=[], help="files of sentences not to learn"
    )
    back.set_defaults(command=_back_translate)

    recipes = commands.add_parser("recipes", help="list the shipped recipes, or print one")
    recipes.add_argument("name", nargs="?", help="print this one, with a comment for every key")
    recipes.set_defaults(command=_recipes)
    return parser


def _train(options) -> None:
    from training.recipe import load_recipe

    recipe = load_recipe(options.recipe, options.set)
    run = options.run or Path("runs") / recipe.name
    # A generated corpus belongs to the run unless it was told where to lie.
    data = options.data or (run / "corpus" if recipe.data.generate else Path())
    if not options.data and not recipe.data.generate:
        _check_files(recipe, data, "the current directory", "Say where they are with --data DIR.")
    from training.train import train

    train(recipe, data, run)


def _resume(options) -> None:
    from training.run_directory import RunDirectory
    from training.state import read_progress

    run = RunDirectory(options.run)
    recipe, data = run.load()
    if options.steps is not None:
        done = read_progress(run.state).step if run.state.exists() else 1
        recipe = _lengthened(recipe, options.steps, done)
    data = options.data or data
    if options.data:
        _check_files(recipe, data, "--data", "Correct the directory.")
    if options.data or options.steps is not None:
        run.change(recipe, data)
    from training.train import train

    train(recipe, data, options.run, resume=True)


def _check_files(recipe, data, where, remedy):
    from training.run_directory import missing_files

    if missing := missing_files(recipe, data):
        raise ValueError(
            f"{missing[0]}: file is missing; expected the recipe's files below {where}. {remedy}"
        )


def _lengthened(recipe, steps, done):
    """A run's recipe with another number of updates, no fewer than are done."""
    train = recipe.train
    if train.schedule == "cosine":
        raise ValueError(
            "resume: --steps does not suit cosine, whose learning rate has fallen to 0 at the end; "
            "expected another schedule. Start a run with [model] start_from set to this one's "
            "final."
        )
    if steps < done:
        raise ValueError(
            f"resume: --steps is out of range; expected {done} or more, which are done. Received "
            f"{steps}. Raise it."
        )
    return dataclasses.replace(recipe, train=dataclasses.replace(train, steps=steps))


def _evaluate(options) -> None:
    from training.evaluate import evaluate
    from training.readers import read_lines

    if options.output and options.output.resolve() in (
        options.source.resolve(),
        options.reference.resolve(),
    ):
        raise ValueError(
            f"{options.output}: would be overwritten; expected a file of its own for the "
            "translations. Name another with --output."
        )
    result = evaluate(
        options.path,
        list(read_lines(options.source)),
        list(read_lines(options.reference)),
        beam_size=options.beam_size,
        length_penalty=options.length_penalty,
        batch_size=options.batch_size,
        tokenize=options.tokenize,
        output=options.output,
    )
    print("\n".join(result.lines()))


def _average(options) -> None:
    from training.checkpoints import average_run

    directory, steps = average_run(options.run, options.last, options.output)
    print(f"Wrote {directory}: average of the weights of steps {', '.join(map(str, steps))}")


def _back_translate(options) -> None:
    from serving.translator import Translator
    from training.back_translation import LEAST_CHRF, back_translate, write_pairs
    from training.readers import read_lines

    if options.least_chrf is not None and not options.check:
        raise ValueError(
            "back-translate: --least-chrf has nothing to measure; expected a bundle that "
            "translates back. Pass --check."
        )
    least = LEAST_CHRF if options.least_chrf is None else options.least_chrf

    def opened(bundle):
        translator = Translator.load(bundle)

        def translate(texts):  # one that was cut is not the translation of its text
            found = translator.translate(texts)
            return ["" if each.truncated else each.text for each in found]

        return translate

    blocks = back_translate(
        read_lines(options.text),
        opened(options.bundle),
        again=opened(options.check) if options.check else None,
        least_chrf=least,
        held_out=[line for path in options.without for line in read_lines(path)],
    )
    pairs, dropped = write_pairs(options.output, blocks)
    counts = ", ".join(f"{count:,} {reason}" for reason, count in sorted(dropped.items()))
    print(f"{pairs:,} pairs in {options.output}" + (f" (dropped: {counts})" if counts else ""))


def _recipes(options) -> None:
    from training.recipe import find_recipe, load_recipe, shipped_recipes

    if options.name:
        recipe = load_recipe(options.name)
        first, *_ = find_recipe(options.name).read_text(encoding="utf-8").split("\n\n")
        if all(line.startswith("#") for line in first.splitlines()):
            print(first, end="\n\n")
        print(recipe.to_toml(), end="")
        return
    names = shipped_recipes()
    width = max(map(len, names))
    for name in names:
        recipe = load_recipe(name)
        languages = f"{recipe.data.source_language} → {recipe.data.target_language}"
        print(f"{name:<{width}}  {recipe.model.preset:<23}  {languages}")
    print("in full, with a comment for every key: python -m training recipes NAME", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
