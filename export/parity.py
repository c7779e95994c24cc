"""What counts as equal to Keras: token ids exactly, numbers within tolerances, texts exactly.

Two best translations may differ in one case only: a tie, where Keras itself gives the other
translation once its logits are changed by less than `NOISE`. Ties are counted and listed with their
difference in score.
"""

from dataclasses import asdict, dataclass, field

import numpy as np
from keras import ops

from serving.manifest import DecodingDefaults

# The largest absolute difference allowed in float32, by family:
#   state      entries of the state after `encode`
#   logits     of each step, fed the tokens of a known translation
#   attention  of such steps, and of whole translations
#   scores     of whole translations
# These are about ten times the largest of what models trained on Multi30k showed; for a tensor
# whose standard deviation is above 1 they are multiplied by it.
TOLERANCES = {
    "seq2seq": {"state": 7e-5, "logits": 8e-5, "scores": 1e-4},
    "bahdanau": {"state": 2e-5, "logits": 1.2e-4, "attention": 2e-5, "scores": 1.5e-4},
    "luong": {"state": 2e-5, "logits": 1.2e-4, "attention": 2.5e-5, "scores": 3e-4},
    "transformer": {"state": 4e-5, "logits": 1e-4, "attention": 6e-6, "scores": 1.5e-4},
}
# int8: what the mean difference may be, in standard deviations of Keras's tensor (seen: 0.001 to
# 0.03; single entries were off by up to 1.3). It catches a tensor whose scales or axes are wrong,
# and leaves it to BLEU whether int8 is good enough.
INT8_TOLERANCE = 0.1
# int8: how far a weight may be from the one it stands for, in shares of the largest weight of its
# row or column. That is 63 steps at least, where two neighbours share the 127; 126 halves of one.
INT8_ROUNDING = 1 / 125
NOISE = 3e-5  # about ten times what float32 kernels differ by
ROUNDING = 3e-7  # of a number in the state: two or three units in float32's last place
_TRIALS = 48
_IMPOSSIBLE = -1e7  # any score below belongs to a hypothesis that does not exist


class ParityError(ValueError):
    """An export that does not compute what Keras computes."""


def tolerances(family):
    """The largest float32 differences; a family of somebody's own gets the loosest of each kind."""
    if family in TOLERANCES:
        return TOLERANCES[family]
    kinds = {kind for row in TOLERANCES.values() for kind in row}
    return {kind: max(row.get(kind, 0.0) for row in TOLERANCES.values()) for kind in kinds}


@dataclass(frozen=True)
class Difference:
    """How far two arrays are apart: the largest and the mean absolute difference."""

    largest: float = 0.0
    mean: float = 0.0
    count: int = 0

    @classmethod
    def between(cls, a, b):
        """Of two arrays; where one is wider, the other counts as zero there."""
        shape = np.maximum(a.shape, b.shape)
        difference = np.abs(_widened(a, shape).astype("float64") - _widened(b, shape))
        if np.isnan(difference).any():
            return cls(float("inf"), float("inf"), difference.size)
        count = difference.size
        return cls(float(np.max(difference, initial=0.0)), difference.sum() / max(count, 1), count)

    @classmethod
    def total(cls, parts):
        """Of all parts together; None stands for nothing."""
        parts = [part for part in parts if part is not None]
        count = sum(part.count for part in parts)
        mean = sum(part.mean * (part.count / max(count, 1)) for part in parts if part.count)
        return cls(max((part.largest for part in parts), default=0.0), float(mean), count)


def _widened(array, shape):
    return np.pad(array, [(0, size - have) for size, have in zip(shape, array.shape, strict=True)])


@dataclass
class Comparison:
    """How the translations of one artefact compare with Keras's in one setting.

    Attributes:
        artefact: such as "SavedModel" or "ONNX".
        beam_size: 1 is greedy search.
        setting: how the rows were grouped, or what else was asked for.
        family: of the model, for its tolerances.
        rows: sentences compared.
        different: `{"row", "hypothesis", "score_difference"}` of sentences whose ids differ, and
            are no tie; of the best hypothesis of which that is true.
        ties: the same for sentences whose ids differ by a tie.
        differences: for scores and attention a `Difference` where ids agree.
    """

    artefact: str
    beam_size: int
    setting: str = "one batch"
    family: str = ""
    rows: int = 0
    different: list[dict] = field(default_factory=list)
    ties: list[dict] = field(default_factory=list)
    differences: dict[str, Difference] = field(default_factory=dict)

    def problems(self):
        """Everything out of tolerance, as sentences."""
        where = f"{self.artefact}, beam_size {self.beam_size}, {self.setting}"
        found = [
            f"{where}: ids of row {item['row']}, hypothesis {item['hypothesis']}, differ, and "
            f"scores by {item['score_difference']:.2g}; expected equal ids, or a tie within noise "
            f"of {NOISE}."
            for item in self.different
        ]
        for name, difference in self.differences.items():
            allowed = tolerances(self.family)[name]
            if not difference.largest <= allowed:
                found.append(
                    f"{where}: {name} differ by {difference.largest:.2g}; "
                    f"expected at most {allowed:.2g}."
                )
        return found

    def add(self, name, a, b):
        """Takes the difference of two arrays into account."""
        parts = (self.differences.get(name), Difference.between(a, b))
        self.differences[name] = Difference.total(parts)

    def to_dict(self):
        """Plain values, for JSON."""
        return asdict(self)


def compare(comparison, model, source_ids, expected, received, options=None):
    """Adds one batch to a comparison.

    Args:
        comparison: a `Comparison`, changed in place.
        model: the Keras model, to tell ties where ids differ.
        source_ids: int32 `(B, S)`.
        expected: Keras's arrays, as `TranslationModel.translate_ids` gives them.
        received: the other artefact's arrays; axes of target and source may be padded otherwise.
        options: what the search was told beside the beam, for ties.

    Returns:
        The positions of rows whose best hypotheses are tied.
    """
    tied, options = [], dict(options or {})
    prefixes = options.get("prefix_ids", ())
    for row in range(len(source_ids)):
        if len(prefixes) > 1:
            options["prefix_ids"] = prefixes[row : row + 1]
        same = True
        for n in range(expected["ids"].shape[1]):
            first, second = _sequence(expected, row, n), _sequence(received, row, n)
            if first == second:
                _measure(comparison, expected, received, row, n)
                continue
            if not same:  # those below may have moved up or down
                continue
            same = False
            difference = float(received["scores"][row, n] - expected["scores"][row, n])
            entry = {
                "row": comparison.rows + row,
                "hypothesis": n + 1,
                "score_difference": difference,
            }
            near = translations_within_noise(
                model, source_ids[row], comparison.beam_size, options, n
            )
            (comparison.ties if second in near else comparison.different).append(entry)
            if n == 0 and second in near:
                tied.append(row)
    comparison.rows += len(source_ids)
    return tied


def _sequence(result, row, n):
    return result["ids"][row, n, : result["lengths"][row, n]].tolist()


def _measure(comparison, expected, received, row, n):
    length = expected["lengths"][row, n]
    scores = expected["scores"][row, n], received["scores"][row, n]
    if max(scores) > _IMPOSSIBLE or np.isnan(scores).any():
        comparison.add("scores", *map(np.atleast_1d, scores))
    if "attention" in expected:
        arrays = (result["attention"][row, n, :length] for result in (expected, received))
        comparison.add("attention", *arrays)


def translations_within_noise(model, source_ids, beam_size, options=None, hypothesis=0):
    """The translations that Keras gives when noise is added to the logits.

    Args:
        model: the Keras model.
        source_ids: int32 `(S,)`, one sentence.
        beam_size: 1 is greedy search.
        options: further arguments of `TranslationModel.search`.
        hypothesis: which of each search, 0 for the best.

    Returns:
        A list of lists of ids; a translation outside it is wrong, not a tie.
    """
    rng = np.random.default_rng(0)
    rows = ops.convert_to_tensor(np.tile(source_ids[None], (_TRIALS, 1)))

    def noisy_step(token_ids, state):
        logits, state, attention = model.decode_step(token_ids, state)
        noise = rng.uniform(-NOISE, NOISE, ops.shape(logits)).astype("float32")
        return logits + noise, state, attention

    options = {"length_penalty": DecodingDefaults().length_penalty, **(options or {})}
    for name in ("prefix_ids", "suppressed_ids"):
        if name in options:
            options[name] = ops.convert_to_tensor(options[name], "int32")
    found = model.search(
        rows, beam_size, decode_step=noisy_step, num_hypotheses=hypothesis + 1, **options
    )
    found = {name: ops.convert_to_numpy(value) for name, value in found.items()}
    return [_sequence(found, trial, hypothesis) for trial in range(_TRIALS)]
