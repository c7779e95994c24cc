"""Whole translations: the same ids, scores and attention, however rows share a batch."""

import numpy as np

from export import artefacts, parity
from export.gate.findings import FAILED, INFORMATION, OK, Finding
from export.golden import golden_entries
from serving.tokenizer import END_ID, PAD_ID

_BEAM = 4  # compared where greedy search is the default
FULL_BATCH = 32
_MOST_ALONE = 64  # rows that are also translated alone, the last: stress texts are there


def beam_sizes(decoding):
    """The searches to compare: greedy, and a beam; the bundle's default is one of them."""
    return 1, decoding.beam_size if decoding.beam_size > 1 else _BEAM


def search_name(beam_size):
    """What people call a search."""
    return "greedy" if beam_size == 1 else f"beam {beam_size}"


def compare_translations(model, found, texts, kept, rows, target, decoding, shortlist=None):
    """Keras against other artefacts, in batches of all sizes and with options.

    Args:
        model: the Keras model.
        found: artefacts that have `translate_ids`.
        texts, kept, rows: as `export.golden.golden_entries` takes them.
        target: the target `serving.Tokenizer`.
        decoding: the `DecodingDefaults` of these artefacts.
        shortlist: the `zoo.shortlist.Shortlist` of these artefacts, which Keras then has too.

    Returns:
        `(comparisons, golden, references)`: a list of `parity.Comparison`; golden entries; and
        Keras's arrays for each beam size.
    """
    comparisons, golden, references = [], [], {}
    known = {"shortlist": shortlist, "length_penalty": decoding.length_penalty}
    for beam_size in beam_sizes(decoding):
        expected = artefacts.keras_translate(model, rows, beam_size, **known)
        references[beam_size] = expected
        options = some_options(model, expected)
        constrained = artefacts.keras_translate(model, rows, beam_size, **{**known, **options})
        tied = set()
        for artefact in found:
            gate = _Gate(model, artefact, beam_size, known)
            gate.one_batch(rows, expected)
            gate.each_alone(rows, expected)
            gate.full_batch(rows, expected)
            gate.constrained(rows, constrained, options)
            comparisons += gate.comparisons
            tied |= gate.tied
        entries = golden_entries(texts, kept, rows, expected, beam_size, target)
        no_proof = {kept[row] for row in tied}  # either answer is right, on some machine
        golden += [entry for index, entry in enumerate(entries) if index not in no_proof]
    return comparisons, golden, references


def some_options(model, expected):
    """A value for every option of a model's search, such that each changes something.

    Args:
        model: the Keras model.
        expected: its arrays without options.
    """
    ids = expected["ids"][:, 0]
    tokens, counts = np.unique(ids[(ids != PAD_ID) & (ids != END_ID)], return_counts=True)
    frequent = tokens[np.argsort(-counts, kind="stable")].tolist()
    ordinary = [*frequent, *range(END_ID + 2, END_ID + 6)]
    longest = min(12, model.config.max_target_length)
    options = {
        "prefix_ids": _a_prefix_each(ordinary, len(ids)),
        "suppressed_ids": ordinary[:2],
        "min_length": min(5, longest),
        "max_length": longest,
        "no_repeat_ngram": 2,
        "length_penalty": 1.7,
        "coverage_penalty": 0.2,
        "attention_layer": 0,
        "attention_head": 0,
    }
    return {name: value for name, value in options.items() if name in model.search_options}


def _a_prefix_each(tokens, rows):
    """int32 `(rows, 2)`: two tokens, one, or none."""
    prefixes = [tokens[2:4], [tokens[3], PAD_ID], [PAD_ID, PAD_ID]]
    return np.array([prefixes[row % len(prefixes)] for row in range(rows)], "int32")


class _Gate:
    """Comparisons of one artefact and one search.

    `known` are the options of Keras's search that are built into the artefact; `tied` are the
    positions of rows for which either of two answers is right.
    """

    def __init__(self, model, artefact, beam_size, known):
        self._model, self._artefact, self._beam_size = model, artefact, beam_size
        self._known = known
        self.comparisons, self.tied = [], set()

    def _start(self, setting):
        family = type(self._model).__name__.lower()
        self.comparisons.append(
            parity.Comparison(self._artefact.name, self._beam_size, setting, family)
        )

    def _add(self, rows, expected, options=None):
        """Returns the positions of rows with a tie."""
        received = self._artefact.translate_ids(rows, self._beam_size, **(options or {}))
        known = {**self._known, **(options or {})}
        return parity.compare(self.comparisons[-1], self._model, rows, expected, received, known)

    def one_batch(self, rows, expected):
        self._start("one batch")
        self.tied.update(self._add(rows, expected))

    def each_alone(self, rows, expected):
        """Without any padding."""
        self._start("each row alone")
        for index in range(len(rows))[-_MOST_ALONE:]:
            row = rows[index]
            one = {name: array[index : index + 1] for name, array in expected.items()}
            if self._add(row[None, row != PAD_ID], one):
                self.tied.add(index)

    def full_batch(self, rows, expected):
        """Rows again and again, padded to the longest source that the model takes."""
        self._start(f"{FULL_BATCH} rows, most padding")
        index = np.resize(np.arange(len(rows))[-FULL_BATCH:], FULL_BATCH)
        missing = self._model.config.max_source_length - rows.shape[1]
        rows = np.pad(rows[index], [(0, 0), (0, missing)], constant_values=PAD_ID)
        found = self._add(rows, {name: array[index] for name, array in expected.items()})
        self.tied |= set(index[found].tolist())

    def constrained(self, rows, expected, options):
        self._start("all options")
        self._add(rows, expected, options)


def translation_findings(comparisons):
    """Findings of float32 artefacts: ids of each setting, then numbers over all settings."""
    findings = []
    for item in comparisons:
        equal = item.rows - len(item.different) - len(item.ties)
        ties = f", {len(item.ties)} ties" if item.ties else ""
        findings.append(
            Finding(
                item.artefact,
                "float32",
                f"ids, {search_name(item.beam_size)}, {item.setting}",
                FAILED if item.different or not item.rows else OK,
                detail=f"{equal} of {item.rows} equal{ties}",
            )
        )
    groups = {}
    for item in comparisons:
        groups.setdefault((item.artefact, item.beam_size, item.family), []).append(item)
    for (artefact, beam_size, family), items in groups.items():
        allowed = parity.tolerances(family)
        for name in sorted({name for item in items for name in item.differences}):
            total = parity.Difference.total(item.differences.get(name) for item in items)
            findings.append(
                Finding(
                    artefact,
                    "float32",
                    f"{name}, {search_name(beam_size)}",
                    OK if total.largest <= allowed[name] else FAILED,
                    total.largest,
                    total.mean,
                    allowed[name],
                )
            )
    return findings


def int8_findings(artefact, rows, references, name="ONNX"):
    """How many translations of the int8 graph are those of float32; nothing is demanded.

    Args:
        artefact: an `OnnxArtefact` of the int8 graph.
        rows: source rows.
        references: Keras's arrays for each beam size.
        name: of the artefact, for the report.
    """
    findings = []
    for beam_size, expected in references.items():
        received = artefact.translate_ids(rows, beam_size)
        equal = sum(
            first == second for first, second in zip(_best(expected), _best(received), strict=True)
        )
        findings.append(
            Finding(
                name,
                "int8",
                f"ids as in float32, {search_name(beam_size)}, one batch",
                INFORMATION,
                detail=f"{equal} of {len(rows)} equal",
            )
        )
    return findings


def _best(result):
    """Ids of the best translation of each row, as lists."""
    return [
        ids[:length].tolist()
        for ids, length in zip(result["ids"][:, 0], result["lengths"][:, 0], strict=True)
    ]
