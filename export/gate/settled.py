"""Which texts prove something: those that Keras translates alike, whatever the rounding."""

import numpy as np

from export import parity
from export.artefacts import keras_translate
from export.gate.findings import FAILED, INFORMATION, OK, Finding
from export.gate.translations import beam_sizes
from export.probe import KerasProbe, teacher_rows

MOST_LEFT_OUT = 0.1  # of all texts; of a model that is worse, little would be compared


def settled_texts(model, texts, kept, rows, decoding):
    """Leaves out texts of which no comparison could say whether a graph is right.

    Far beyond the lengths that it was trained on, a recurrent state may double any difference at
    every step, until rounding decides what is said. Such a text tells nothing of a graph, and its
    translation is another one on the next machine.

    Args:
        model: the Keras model.
        texts, kept, rows: as `export.golden.golden_entries` takes them.
        decoding: the `DecodingDefaults` of the bundle.

    Returns:
        `(texts, finding)`: those left, and a `Finding` that names the others; it has a problem if
        they are more than `MOST_LEFT_OUT` of all.
    """
    moved = np.zeros(len(rows), bool)
    for beam_size in beam_sizes(decoding):
        expected = keras_translate(model, rows, beam_size, length_penalty=decoding.length_penalty)
        fed = teacher_rows(expected["ids"][:, 0], expected["lengths"][:, 0])
        moved |= moved_by_rounding(model, rows, *fed)
    out = {kept[row] for row in np.flatnonzero(moved)}
    names = ", ".join(repr(texts[index][:30]) for index in sorted(out))
    verdict = INFORMATION if out else OK
    detail = f"{len(out)} of {len(texts)} left out: {names}" if out else f"none of {len(texts)}"
    problem = ""
    if len(out) > MOST_LEFT_OUT * len(texts):
        verdict = FAILED
        problem = (
            f"Keras, float32: rounding changes {len(out)} of {len(texts)} texts ({names}); "
            f"expected at most {MOST_LEFT_OUT:.0%}. Train longer, or at a lower learning rate."
        )
    finding = Finding(
        "Keras", "float32", "texts that rounding changes", verdict, detail=detail, problem=problem
    )
    return [text for index, text in enumerate(texts) if index not in out], finding


def moved_by_rounding(model, source_ids, target_ids, mask):
    """Whether Keras's own numbers leave the gate's tolerance when its state is rounded otherwise.

    Args:
        model: the Keras model.
        source_ids: int32 `(B, S)`.
        target_ids, mask: `(B, T)`, as `export.probe.teacher_rows` gives them.

    Returns:
        bool `(B,)`: in some step logits or attention move by more than `parity.TOLERANCES` allow
        while every entry of the state moves by at most `parity.ROUNDING` of itself.
    """
    probe, moved = KerasProbe(model), np.zeros(len(source_ids), bool)
    limits = parity.tolerances(type(model).__name__.lower())
    runs = (probe.steps(source_ids, target_ids, size) for size in (0.0, parity.ROUNDING))
    for real, expected, received in zip(mask.T, *runs, strict=True):
        for name, array in expected.items():
            spread = np.maximum(np.std(array, axis=1), 1.0)
            difference = np.max(np.abs(received[name] - array), axis=1)
            # Written so that a NaN counts as settled: the comparisons find it.
            moved |= real & (difference > limits[name] * spread)
    return moved
