"""Tensors inside a search: the encoder's state, and logits and attention of every step."""

import numpy as np

from export.gate.findings import FAILED, OK, Finding, counted
from export.parity import INT8_ROUNDING, INT8_TOLERANCE, Difference, tolerances
from export.probe import ATTENTION, LOGITS, STATE, KerasProbe, Probe, teacher_rows
from export.quantize import rounding_errors
from serving.tokenizer import PAD_ID

PROBE = "ONNX probe"
MOST_ROWS, MOST_STEPS = 16, 64  # of the padded batch, whose logits are all kept


def probe_batches(rows, expected):
    """What to feed the probe.

    Args:
        rows: int32 `(B, S)`, the golden sources.
        expected: Keras's greedy translations of them.

    Returns:
        A list of `(source_ids, target_ids, mask)`: the beginnings of the last rows, where the
        stress texts are; and whole and alone, without padding, the rows of the longest source, of
        the longest translation, and of middling length.
    """
    ids, lengths = expected["ids"][:, 0], expected["lengths"][:, 0]
    target_ids, mask = teacher_rows(ids, lengths)
    some = slice(-MOST_ROWS, None)
    batches = [(rows[some], target_ids[some, :MOST_STEPS], mask[some, :MOST_STEPS])]
    sizes = np.count_nonzero(rows != PAD_ID, axis=1)
    middling = np.argsort(sizes, kind="stable")[len(rows) // 2]
    for index in sorted({int(np.argmax(sizes)), int(np.argmax(lengths)), int(middling)}):
        row, steps = rows[index], slice(lengths[index])
        alone = target_ids[index : index + 1, steps], mask[index : index + 1, steps]
        batches.append((row[None, row != PAD_ID], *alone))
    return batches


def compare_tensors(model, graphs, batches):
    """Compares probes with Keras.

    What the state holds of a padded source position is left out: it is masked, so nobody reads it,
    and it need not be exact.

    Args:
        model: the Keras model.
        graphs: for each precision the probe as an `onnx.ModelProto`.
        batches: as `probe_batches` gives them.

    Returns:
        A list of `Finding`, one for each tensor and precision.
    """
    family = type(model).__name__.lower()
    keras_probe = KerasProbe(model)
    probes = {precision: Probe(graph) for precision, graph in graphs.items()}
    gathered = {precision: {} for precision in graphs}
    for source_ids, target_ids, mask in batches:
        expected = keras_probe(source_ids, target_ids)
        for precision, probe in probes.items():
            received = probe(source_ids, target_ids)
            for name in sorted(expected.keys() | received.keys()):
                pair = expected.get(name), received.get(name)
                gathered[precision].setdefault(name, []).append(_real(name, pair, mask))
    real = [source_ids != PAD_ID for source_ids, _, _ in batches]
    return [
        finding
        for precision, tensors in gathered.items()
        for finding in _findings(tensors, family, precision, real)
    ]


def compare_rounding(float32, int8):
    """Whether every int8 weight of a probe is the float32 weight, rounded.

    What one wrong row or column does is lost in the mean of a tensor. Bundles hold these very
    weights (`export.gate.files.compare_weights`).

    Args:
        float32, int8: the probes as `onnx.ModelProto`.

    Returns:
        A `Finding`; differences are in shares of the largest weight of the row or column.
    """
    errors = rounding_errors(float32, int8)
    total = Difference.total(
        Difference(float(e.max()), float(e.mean()), e.size) for e in errors.values()
    )
    numbers = total.largest, total.mean, INT8_ROUNDING
    what = "weights, rounded"
    wrong = [name for name, error in errors.items() if not error.max() <= INT8_ROUNDING]
    if errors and not wrong:
        return Finding(PROBE, "int8", what, OK, *numbers)
    problem = (
        f"{PROBE}, int8: {', '.join(wrong) or 'no matrix'} differs from the float32 weights by "
        f"{total.largest:.2g} of the largest of a row or column; expected int8 matrices within "
        f"{INT8_ROUNDING:.2g}. Leave out --valid for a bundle without int8."
    )
    return Finding(PROBE, "int8", what, FAILED, *numbers, problem=problem)


def _real(name, pair, mask):
    """A pair of arrays without the steps that belong to no translation."""
    steps = name in (LOGITS, ATTENTION) and all(
        array is not None and array.shape[:2] == mask.shape for array in pair
    )
    return tuple(array[mask] for array in pair) if steps else pair


def _real_positions(pairs, real):
    """Pairs of a state's entry of all batches, without what they hold of padded positions.

    An axis that is as long as the sources in every batch counts their positions. An entry that has
    none, or more than one, stays whole.

    Args:
        pairs: list of `(expected, received)`, arrays of equal shapes.
        real: for each a mask `(B, S)`, True where there is a token.
    """
    shapes = [expected.shape for expected, _ in pairs]
    axes = [
        axis
        for axis in range(1, min(map(len, shapes)))
        if all(shape[axis] == mask.shape[1] for shape, mask in zip(shapes, real, strict=True))
    ]
    if len(axes) != 1:
        return pairs
    return [
        tuple(np.moveaxis(array, axes[0], 1)[mask] for array in pair)
        for pair, mask in zip(pairs, real, strict=True)
    ]


def _findings(tensors, family, precision, real):
    findings, empty = [], []
    limits = tolerances(family)
    for name, pairs in tensors.items():
        what = f"state {name.removeprefix(STATE)}" if name.startswith(STATE) else f"step {name}"
        mismatch = next(filter(None, (_mismatch(*pair) for pair in pairs)), "")
        if mismatch:
            problem = f"{PROBE}, {precision}: {what} {mismatch}"
            findings.append(Finding(PROBE, precision, what, FAILED, detail="-", problem=problem))
        elif not any(expected.size for expected, _ in pairs):
            empty.append(name.removeprefix(STATE))
        else:
            kind = "state" if name.startswith(STATE) else name
            tolerance = INT8_TOLERANCE if precision == "int8" else limits.get(kind, 0.0)
            if kind == "state":
                pairs = _real_positions(pairs, real)
            findings.append(measure(what, precision, pairs, tolerance))
    if empty:
        what = f"state {', '.join(empty)}"
        findings.append(counted(PROBE, precision, what, len(empty), [], "empty, as in Keras"))
    return findings


def _mismatch(expected, received):
    """What is wrong with a tensor before any number is looked at; "" if nothing is."""
    if expected is None or received is None:
        return f"is only in {'Keras' if received is None else 'ONNX'}; expected both to have it."
    if (expected.shape, expected.dtype) != (received.shape, received.dtype):
        return (
            f"has shape {received.shape} and dtype {received.dtype}; "
            f"expected {expected.shape} and {expected.dtype}."
        )
    return ""


def measure(what, precision, pairs, tolerance, artefact=PROBE):
    """The finding of one tensor.

    Args:
        what: its name.
        precision: "float32": the tolerance is for the largest difference, and is multiplied by the
            standard deviation where that is above 1; "int8": it is for the mean difference, in
            standard deviations.
        pairs: list of `(expected, received)`; where one is wider, the other counts as zero.
        tolerance: see `precision`. Integers and booleans must be equal.
        artefact: where it comes from.
    """
    spread = float(np.std(np.concatenate([np.ravel(expected) for expected, _ in pairs])))
    total = Difference.total(Difference.between(*pair) for pair in pairs)
    judged, limit = "largest", tolerance * max(spread, 1.0)
    if pairs[0][0].dtype.kind in "biu":
        limit = 0.0
    elif precision == "int8":
        judged, limit = "mean", tolerance * spread
    numbers = total.largest, total.mean, limit
    if getattr(total, judged) <= limit:
        return Finding(artefact, precision, what, OK, *numbers)
    problem = (
        f"{artefact}, {precision}: {what} differs by {total.largest:.2g} (mean {total.mean:.2g}); "
        f"expected at most {limit:.2g}{' in the mean' if judged == 'mean' else ''}."
    )
    if precision == "int8":
        problem += " Leave out --valid for a bundle without int8."
    return Finding(artefact, precision, what, FAILED, *numbers, problem=problem)
