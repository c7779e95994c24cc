"""Weights of evaluated steps: keep the last few, average them, replace a directory in one go."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import zoo
from serving.tokenizer import TOKENIZER_FILES, tokenizer_files
from zoo.checkpoint import load_weights, save_weights

_STEP = re.compile(r"step-(\d+)\.weights\.h5")


def step_of(path: Path) -> int:
    """Returns the step in a file name such as `step-1000.weights.h5`.

    Raises:
        ValueError: when the name is not one of those.
    """
    match = _STEP.fullmatch(Path(path).name)
    if not match:
        raise ValueError(
            f"{path}: not a step's weights; expected a name like step-1000.weights.h5. Received "
            f"{Path(path).name}. Pass files of a run's checkpoints folder."
        )
    return int(match[1])


def saved_steps(directory: Path) -> list[Path]:
    """Returns the step files of a directory, oldest first."""
    files = (path for path in Path(directory).glob("step-*.h5") if _STEP.fullmatch(path.name))
    return sorted(files, key=step_of)


def save_step(model, directory: Path, step: int, keep: int) -> Path:
    """Writes `step-N.weights.h5` and deletes all but the newest `keep` files.

    Files of later steps, left over from before a resume, are deleted too.

    Args:
        model: the model.
        directory: made when it is missing.
        step: number of updates behind the weights.
        keep: how many files remain, ≥ 1.

    Returns:
        The file.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"step-{step}.weights.h5"
    temporary = directory / "writing.weights.h5"
    save_weights(model, temporary)
    temporary.replace(path)
    files = saved_steps(directory)
    current = files.index(path)
    for old in files[: max(0, current + 1 - keep)] + files[current + 1 :]:
        old.unlink()
    return path


def average_weights(model, files: Sequence[Path]) -> None:
    """Sets the model's weights to the mean of those in the files, summed in float64.

    Source: Vaswani et al. 2017, section 6.1, who average the last 5 to 20 checkpoints.

    Args:
        model: a built model of the files' shape.
        files: Keras weight files, at least one.

    Raises:
        ValueError: when `files` is empty.
    """
    if not files:
        raise ValueError(
            "average_weights: files is empty; expected at least one weights file. Received []. "
            "Point to a checkpoints folder that has some."
        )
    totals = None
    for path in files:
        load_weights(model, path)
        weights = [weight.astype("float64") for weight in model.get_weights()]
        totals = (
            weights if totals is None else [a + b for a, b in zip(totals, weights, strict=True)]
        )
    dtypes = [weight.dtype for weight in model.get_weights()]
    model.set_weights(
        [(total / len(files)).astype(d) for total, d in zip(totals, dtypes, strict=True)]
    )


def replace_checkpoint(model, directory: Path, metadata: dict, tokenizers: Sequence[Path]) -> None:
    """Writes a checkpoint directory beside `directory` and then swaps it in.

    Whoever reads `directory` finds a whole checkpoint, but for the moment between two renames; a
    process killed in it leaves the old one as `.NAME.old`, and the next call puts that back first.

    Args:
        model: the model.
        directory: where `zoo.load_checkpoint` will find it.
        metadata: passed to `zoo.save_checkpoint`.
        tokenizers: tokenizer files to copy in.
    """
    directory = Path(directory)
    new = directory.with_name(f".{directory.name}.new")
    old = directory.with_name(f".{directory.name}.old")
    if old.exists() and not directory.exists():
        old.rename(directory)
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    zoo.save_checkpoint(model, new, metadata, tokenizers)
    if directory.exists():
        directory.rename(old)
    new.rename(directory)
    shutil.rmtree(old, ignore_errors=True)


def average_run(
    run: Path, last: int | None = None, output: Path | None = None
) -> tuple[Path, list[int]]:
    """Averages a run's last evaluated weights into a checkpoint directory.

    Args:
        run: the run's directory.
        last: how many; None for all that are kept.
        output: where to write; None for `run/average`. An earlier checkpoint there is replaced.

    Returns:
        The directory and the averaged steps.

    Raises:
        ValueError: the run has no checkpoints, `last` is below 1, or what lies at `output` is no
            checkpoint, holds other files too, or is the run's `best` or `final`.
    """
    run = Path(run)
    directory = Path(output or run / "average")
    present = {path.name for path in directory.iterdir()} if directory.exists() else set()
    foreign = present - {"config.json", zoo.checkpoint.WEIGHTS, *TOKENIZER_FILES}
    if foreign or (present and zoo.checkpoint.WEIGHTS not in present):
        raise ValueError(
            f"{directory}: is no checkpoint; expected a new directory, or a checkpoint to replace. "
            f"Received one with {min(foreign or present)}. Name another with --output."
        )
    if directory.resolve() in [(run / name).resolve() for name in ("best", "final")]:
        raise ValueError(
            f"{directory}: holds weights that training chose; expected a directory for the "
            "average. Name another with --output."
        )
    if last is not None and last < 1:
        raise ValueError(
            f"average_run: last is out of range; expected 1 or more. Received {last}. Raise it."
        )
    files = saved_steps(run / "checkpoints")[-(last or 0) :]
    if not files:
        raise ValueError(
            f"{run}: no checkpoints to average; expected a run with checkpoints/step-N.weights.h5. "
            "Received none. Train until the first evaluation."
        )
    model, metadata = zoo.load_checkpoint(run / "best")
    average_weights(model, files)
    steps = [step_of(path) for path in files]
    metadata.pop("measured_on", None)  # as the scores, it is of other weights
    metadata |= {"step": steps[-1], "weights": f"average of {len(steps)}", "scores": {}}
    replace_checkpoint(model, directory, metadata, tokenizer_files(run / "tokenizer"))
    return directory, steps
