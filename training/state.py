"""The resumable state of a run: one file, replaced atomically, that holds everything.

Data order is a function of the seed and the step, so the state needs no position in the data
beyond the step. What it needs is every variable: weights, the states of the random number
generators behind dropout, and the optimizer's moments and iteration count.
"""

import dataclasses
import json
import math
import os
from pathlib import Path

import numpy as np

FORMAT_VERSION = 1


@dataclasses.dataclass
class Progress:
    """What a run knows about itself beside its variables.

    Attributes:
        step: number of updates done.
        best_score: best value of the monitored score so far, higher is better; None before the
            first evaluation.
        best_loss: the loss at that time, which decides between equal scores.
        best_step: the step it was reached at.
        evaluations_since_best: evaluations without a better score, for early stopping.
        train_seconds: time for the updates behind this state, waiting for data included,
            evaluations not. What was lost to an interruption is not in it.
    """

    step: int = 0
    best_score: float | None = None
    best_loss: float = math.inf
    best_step: int = 0
    evaluations_since_best: int = 0
    train_seconds: float = 0.0


def _variables(model) -> dict:
    """Returns position → variable for the model and its optimizer.

    Positions, not paths: Keras numbers unnamed layers by process, so the paths of one model built
    twice differ.
    """
    groups = {"model": model.variables, "optimizer": model.optimizer.variables}
    return {
        f"{group}/{index:04d}": variable
        for group, variables in groups.items()
        for index, variable in enumerate(variables)
    }


def write_atomically(path: Path, write) -> None:
    """Calls `write(file)` on a binary temporary file and moves it over `path`.

    A reader, or a process that starts after a crash, sees the old file or the new one, whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a whole file, as `write_atomically`."""
    write_atomically(path, lambda file: file.write(content))


def save_state(path: Path, model, progress: Progress) -> None:
    """Writes all variables and the progress into one `.npz` file, atomically.

    Args:
        path: the file; an existing one is replaced.
        model: a built and compiled model, whose optimizer is built.
        progress: saved with it.
    """
    path = Path(path)
    for left in path.parent.glob(f".{path.name}.*.tmp"):  # of a process that was killed
        left.unlink(missing_ok=True)
    arrays = {name: np.asarray(v.numpy()) for name, v in _variables(model).items()}
    header = {"format_version": FORMAT_VERSION, "progress": dataclasses.asdict(progress)}
    arrays["header"] = np.array(json.dumps(header))
    write_atomically(path, lambda file: np.savez(file, **arrays))


def load_state(path: Path, model) -> Progress:
    """Restores what `save_state` wrote into a model of the same recipe.

    Args:
        path: the file.
        model: a built and compiled model; its optimizer is built here when it is not.

    Returns:
        The progress at the time of saving.

    Raises:
        ValueError: when the file's variables are not the model's, listing the differences.
    """
    if not model.optimizer.built:  # a loss-scaling optimizer would add its variables again
        model.optimizer.build(model.trainable_variables)
    variables = _variables(model)
    progress = read_progress(path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if name != "header"}
    _check_same(path, variables, arrays)
    for name, variable in variables.items():
        variable.assign(arrays[name])
    return progress


def read_progress(path: Path) -> Progress:
    """Returns the progress that `save_state` wrote, without the variables.

    Raises:
        ValueError: the file is of another version.
    """
    with np.load(path) as file:
        header = json.loads(str(file["header"]))
    if header["format_version"] != FORMAT_VERSION:
        raise ValueError(
            f"{path}: format_version differs; expected {FORMAT_VERSION}. Received "
            f"{header['format_version']}. Start the run again."
        )
    return Progress(**header["progress"])


def _check_same(path, variables, arrays) -> None:
    problems = [f"{name} is only in the file" for name in arrays.keys() - variables.keys()]
    problems += [f"{name} is only in the model" for name in variables.keys() - arrays.keys()]
    problems += [
        f"{name} has shape {arrays[name].shape} in the file, {tuple(variable.shape)} in the model "
        f"({variable.path})"
        for name, variable in variables.items()
        if name in arrays and arrays[name].shape != tuple(variable.shape)
    ]
    if problems:
        shown = "\n  - ".join(sorted(problems)[:10])
        raise ValueError(
            f"{path}: state does not belong to this model; expected the same variables. Received "
            f"{len(problems)} differences:\n  - {shown}\nResume with the recipe of the run."
        )
