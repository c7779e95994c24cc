"""The parity gate: Keras, SavedModel and ONNX must give the same translations.

Compared are the token ids of each best translation (exactly), the scores and attention of all
hypotheses (within a tolerance), and texts (exactly). Two best translations may differ in one case
only: a tie, where Keras itself gives the other translation once its logits are changed by less
than `NOISE`. Ties are counted and listed with their difference in score.
"""

from dataclasses import asdict, dataclass, field

import numpy as np
from keras import ops

from serving.manifest import DecodingDefaults
from serving.rows import end_row, pad
from serving.tokenizer import END_ID

TOLERANCES = {"scores": 1e-3, "attention": 1e-3}
NOISE = 3e-5  # about ten times what float32 kernels differ by
_TRIALS = 48


class ParityError(ValueError):
    """An export that does not compute what Keras computes."""


@dataclass
class Comparison:
    """How one artefact compares with Keras on one search setting.

    Attributes:
        artefact: "SavedModel" or "ONNX".
        beam_size: 1 is greedy search.
        rows: sentences compared.
        different: `{"row", "score_difference"}` of sentences whose ids differ and are no tie.
        ties: the same for sentences whose ids differ by a tie.
        largest: for scores and attention the largest absolute difference where ids agree.
    """

    artefact: str
    beam_size: int
    rows: int = 0
    different: list[dict] = field(default_factory=list)
    ties: list[dict] = field(default_factory=list)
    largest: dict[str, float] = field(default_factory=dict)

    def problems(self):
        """Everything out of tolerance, as sentences."""
        where = f"{self.artefact}, beam_size {self.beam_size}"
        found = [
            f"{where}: ids of row {item['row']} differ, and scores by "
            f"{item['score_difference']:.2g}; expected equal ids, or a tie within noise of {NOISE}."
            for item in self.different
        ]
        for name, value in self.largest.items():
            if not value <= TOLERANCES[name]:
                found.append(
                    f"{where}: {name} differ by {value:.2g}; expected at most "
                    f"{TOLERANCES[name]:.2g}."
                )
        return found

    def to_dict(self):
        """Plain values, for JSON."""
        return {**asdict(self), "tolerances": TOLERANCES, "noise": NOISE}


def compare(comparison, model, source_ids, expected, received):
    """Adds one batch to a comparison.

    Args:
        comparison: a `Comparison`, changed in place.
        model: the Keras model, to tell ties where ids differ.
        source_ids: int32 `(B, S)`.
        expected: Keras's arrays, as `TranslationModel.translate_ids` gives them.
        received: the other artefact's arrays.
    """
    for row in range(len(source_ids)):
        first, second = _sequence(expected, row, 0), _sequence(received, row, 0)
        if first != second:
            difference = float(received["scores"][row, 0] - expected["scores"][row, 0])
            entry = {"row": comparison.rows + row, "score_difference": difference}
            tie = second in translations_within_noise(model, source_ids[row], comparison.beam_size)
            (comparison.ties if tie else comparison.different).append(entry)
        for n in range(expected["ids"].shape[1]):
            if _sequence(expected, row, n) == _sequence(received, row, n):
                _measure(comparison, expected, received, row, n)
    comparison.rows += len(source_ids)


def _sequence(result, row, n):
    return result["ids"][row, n, : result["lengths"][row, n]].tolist()


def _measure(comparison, expected, received, row, n):
    length = expected["lengths"][row, n]
    for name in expected.keys() & TOLERANCES.keys():
        a, b = expected[name][row, n], received[name][row, n]
        if name == "attention":
            a, b = a[:length], b[:length]
        difference = float(np.max(np.abs(a - b), initial=0.0))
        if np.isnan(difference):
            difference = float("inf")
        comparison.largest[name] = max(comparison.largest.get(name, 0.0), difference)


def translations_within_noise(model, source_ids, beam_size):
    """The best translations that Keras gives when noise is added to the logits.

    Args:
        model: the Keras model.
        source_ids: int32 `(S,)`, one sentence.
        beam_size: 1 is greedy search.

    Returns:
        A list of lists of ids; a translation outside it is wrong, not a tie.
    """
    rng = np.random.default_rng(0)
    rows = ops.convert_to_tensor(np.tile(source_ids[None], (_TRIALS, 1)))

    def noisy_step(token_ids, state):
        logits, state, attention = model.decode_step(token_ids, state)
        noise = rng.uniform(-NOISE, NOISE, ops.shape(logits)).astype("float32")
        return logits + noise, state, attention

    penalty = DecodingDefaults().length_penalty
    found = model.search(rows, beam_size, length_penalty=penalty, decode_step=noisy_step)
    found = {name: ops.convert_to_numpy(value) for name, value in found.items()}
    return [_sequence(found, trial, 0) for trial in range(_TRIALS)]


def stress_texts(tokenizer, max_source_length, seed=0):
    """Texts that a translation graph is likely to get wrong, whatever language it was trained on.

    Args:
        tokenizer: the source `serving.Tokenizer`.
        max_source_length: the model's limit, end token included.
        seed: of the random ones.

    Returns:
        A list of texts: empty, one token, the longest allowed, unknown characters, emoji, mixed
        scripts, duplicates, and random pieces of many lengths.
    """
    rng = np.random.default_rng(seed)
    first = END_ID + 2  # ids below are special

    def random_text(count):
        ids = rng.integers(first, tokenizer.vocabulary_size, count).tolist()
        return tokenizer.decode(ids)

    special = ["", "☃ 𝄞 ꙮ", "🙂 👩‍👩‍👧‍👦", "Hello 세계, мир!", "a a a a a a a a"]
    texts = [random_text(count) for count in (1, 2, 3, 5, 8, 13, 21, 34)]
    longest = random_text(8)
    while len(tokenizer.encode(longest)) < max_source_length - 1:
        longest += " " + random_text(8)
    return [*special, *texts, *texts[:2], longest]


def source_rows(tokenizer, texts, max_source_length):
    """Ids of texts with the end id, padded; texts without any piece are left out.

    Returns:
        `(kept, ids)`: the positions of the texts that have pieces, and int32 `(B, S)`.
    """
    encoded = [tokenizer.encode(text) for text in texts]
    kept = [index for index, pieces in enumerate(encoded) if pieces]
    rows = [end_row(encoded[index], max_source_length) for index in kept]
    return kept, pad(rows) if rows else np.zeros((0, 1), "int32")
