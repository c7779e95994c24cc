"""What the gate found, one line for each thing compared, and the reports made of it."""

from dataclasses import asdict, dataclass

from export.parity import INT8_ROUNDING, INT8_TOLERANCE, NOISE, ROUNDING, TOLERANCES

OK, FAILED, INFORMATION = "ok", "FAILED", "information"
COLUMNS = ("artefact", "precision", "compared", "largest", "mean", "tolerance", "verdict")

_LEGEND = f"""\
Largest and mean are absolute differences from Keras. The tolerance of float32 is for the largest:
a number, times the standard deviation of Keras's tensor where that is above 1; that of int8 is for
the mean: {INT8_TOLERANCE:g} standard deviations; its weights are compared in shares of the largest
of their row or column. Token ids must be equal but for ties, where noise of {NOISE} on Keras's
logits gives the other translation too. A text is left out if Keras, fed the same tokens, leaves
these tolerances by itself once the numbers in its state move by {ROUNDING} of themselves at each
step: there rounding decides what is said. The ONNX probe is a second conversion of the same model,
which shows the state of the encoder and every step while it is fed Keras's greedy translations; the
files must hold its weights bit for bit.
"""


@dataclass(frozen=True)
class Finding:
    """One comparison.

    Attributes:
        artefact: what was compared with Keras, a file or a format.
        precision: "float32" or "int8".
        compared: which tensors, translations or properties.
        verdict: `OK`, `FAILED`, or `INFORMATION` where nothing is demanded.
        largest, mean: absolute differences of numbers; None where things are only counted.
        tolerance: most that `largest` may be, in int8 `mean`; or None.
        detail: counts and remarks.
        problem: what is wrong, a sentence; "" if nothing is.
    """

    artefact: str
    precision: str
    compared: str
    verdict: str
    largest: float | None = None
    mean: float | None = None
    tolerance: float | None = None
    detail: str = ""
    problem: str = ""

    def to_dict(self):
        """Plain values, for JSON, without what is empty."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "")}

    def cells(self):
        """Short texts, one for each of `COLUMNS`."""
        largest, mean, tolerance = (
            "" if value is None else f"{value:.1e}"
            for value in (self.largest, self.mean, self.tolerance)
        )
        counted = self.detail if self.largest is None else largest
        return (
            self.artefact,
            self.precision,
            self.compared,
            counted,
            mean,
            tolerance,
            self.verdict,
        )


def counted(artefact, precision, compared, total, problems, detail=""):
    """A finding about things that are equal or not.

    Args:
        artefact, precision, compared: as in `Finding`.
        total: how many were looked at.
        problems: a sentence for each that is wrong.
        detail: what to say instead of the count.
    """
    if not total:
        problems = [f"{artefact}: {compared}: nothing was compared; expected one or more."]
    detail = detail or f"{total - len(problems)} of {total} equal"
    verdict = FAILED if problems else OK
    return Finding(
        artefact, precision, compared, verdict, detail=detail, problem="\n".join(problems)
    )


def to_markdown(title, findings, measured):
    """The report that people read.

    Args:
        title: what was compared, a line.
        findings: list of `Finding`.
        measured: a `BleuReport` by the name of what was measured, as "int8".
    """
    lines = [f"# {title}", "", _LEGEND]
    lines += [_row(COLUMNS), _row(["---"] * len(COLUMNS))]
    lines += [_row(finding.cells()) for finding in findings]
    for name, report in measured.items():
        lines += ["", *_measured(name, report)]
    return "\n".join(lines).rstrip() + "\n"


def _measured(name, report):
    """The lines about a `BleuReport`."""
    written = "written" if report.written else "not written"
    lines = [f"## {name}", "", f"{written}: {report.reason}."]
    if report.bleu:
        graphs = list(next(iter(report.bleu.values())))
        lines += ["", f"BLEU of {report.sentences:,} sentences ({report.signature}):", ""]
        lines += [_row(["search", *graphs]), _row(["---"] * (1 + len(graphs)))]
        lines += [
            _row([search, *(f"{scores[graph]:.2f}" for graph in graphs)])
            for search, scores in report.bleu.items()
        ]
    return lines


def to_json(findings, comparisons, measured):
    """The report that programs read, as a dict; arguments are those of `to_markdown`."""
    return {
        "findings": [finding.to_dict() for finding in findings],
        "comparisons": [item.to_dict() for item in comparisons],
        "tolerances": {
            "float32": TOLERANCES,
            "int8": INT8_TOLERANCE,
            "int8 weights": INT8_ROUNDING,
        },
        "noise": NOISE,
        "rounding": ROUNDING,
        **{name: report.to_dict() for name, report in measured.items()},
    }


def _row(cells):
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
