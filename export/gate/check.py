"""Runs every comparison of the gate on a written bundle."""

from dataclasses import dataclass, field
from pathlib import Path

from export import artefacts, parity
from export.gate.files import compare_saved_signature, compare_signature, compare_weights, weights
from export.gate.findings import Finding
from export.gate.settled import settled_texts
from export.gate.tensors import compare_rounding, compare_tensors, probe_batches
from export.gate.texts import compare_int8_texts, compare_shortlist_texts, compare_texts
from export.gate.translations import compare_translations, int8_findings, translation_findings
from export.golden import source_rows
from export.probe import convert_probe
from export.quantize import quantize
from export.text_onnx import INT8_TEXT_GRAPH, TEXT_GRAPH
from serving.manifest import (
    INT8_GRAPH,
    INT8_SHORTLIST_GRAPH,
    SHORTLIST_GRAPH,
    TRANSLATE_GRAPH,
    Manifest,
)


@dataclass
class Checked:
    """What the gate found in a bundle.

    Attributes:
        findings: list of `Finding`, in the order of the report.
        comparisons: list of `parity.Comparison`, with every tie.
        golden: what the bundle must answer, for `golden.json`.
        shortlist_golden: what it must answer with its shortlist; empty if it has none.
    """

    findings: list[Finding] = field(default_factory=list)
    comparisons: list[parity.Comparison] = field(default_factory=list)
    golden: list[dict] = field(default_factory=list)
    shortlist_golden: list[dict] = field(default_factory=list)

    def problems(self):
        """A sentence for everything that is wrong."""
        found = [problem for item in self.comparisons for problem in item.problems()]
        return found + [finding.problem for finding in self.findings if finding.problem]


def check_bundle(model, tokenizers, directory, texts, shortlist=None):
    """Compares a bundle with Keras: whole translations, tensors, texts, weights, signatures.

    Args:
        model: the Keras model.
        tokenizers: of source and target.
        directory: the bundle, with a manifest that lists its graphs.
        texts: source texts; those of `export.golden.stress_texts` among them.
        shortlist: the `zoo.shortlist.Shortlist` of the bundle's shortlist graphs.

    Returns:
        A `Checked`.

    Raises:
        ParityError: naming everything that is out of tolerance.
    """
    opened = _open(Path(directory), Manifest.read(directory))
    signatures = _compare_signatures(opened)
    _raise_problems([finding.problem for finding in signatures])  # or nothing below would run
    source, target = tokenizers
    checked = Checked()
    longest = model.config.max_source_length
    kept, rows = source_rows(source, texts, longest)
    texts, settled = settled_texts(model, texts, kept, rows, opened.manifest.decoding)
    _raise_problems([settled.problem])  # or the rest would be compared with chance
    checked.findings.append(settled)
    kept, rows = source_rows(source, texts, longest)
    found = [opened.saved, opened.graphs[TRANSLATE_GRAPH]]
    checked.comparisons, checked.golden, references = compare_translations(
        model, found, texts, kept, rows, target, opened.manifest.decoding
    )
    if SHORTLIST_GRAPH in opened.graphs:
        item = opened.graphs[SHORTLIST_GRAPH]
        found, checked.shortlist_golden, short_references = compare_translations(
            model, [item], texts, kept, rows, target, opened.manifest.decoding, shortlist
        )
        checked.comparisons += found
    checked.findings += translation_findings(checked.comparisons)
    if INT8_GRAPH in opened.graphs:
        checked.findings += int8_findings(opened.graphs[INT8_GRAPH], rows, references)
    if INT8_SHORTLIST_GRAPH in opened.graphs:
        item = opened.graphs[INT8_SHORTLIST_GRAPH]
        checked.findings += int8_findings(item, rows, short_references, "ONNX, shortlist")
    checked.findings += _compare_probes(model, opened, probe_batches(rows, references[1]))
    found, checked.golden = _compare_all_texts(model, target, opened, checked.golden)
    checked.findings += found
    if checked.shortlist_golden:
        found, checked.shortlist_golden = compare_shortlist_texts(
            model, target, opened.directory, checked.shortlist_golden, shortlist
        )
        checked.findings += found
    checked.findings += signatures
    _raise_problems(checked.problems())
    return checked


def _raise_problems(problems):
    problems = [problem for problem in problems if problem]
    if problems:
        raise parity.ParityError("\n".join(problems))


@dataclass
class _Opened:
    """A bundle whose graphs are loaded."""

    directory: Path
    manifest: Manifest
    saved: artefacts.SavedModelArtefact
    graphs: dict


def _open(directory, manifest):
    kinds = {
        TRANSLATE_GRAPH: (artefacts.OnnxArtefact, "ONNX"),
        INT8_GRAPH: (artefacts.OnnxArtefact, "int8 ONNX"),
        SHORTLIST_GRAPH: (artefacts.OnnxArtefact, "ONNX, shortlist"),
        INT8_SHORTLIST_GRAPH: (artefacts.OnnxArtefact, "int8 ONNX, shortlist"),
        TEXT_GRAPH: (artefacts.TextOnnxArtefact, "text ONNX"),
        INT8_TEXT_GRAPH: (artefacts.TextOnnxArtefact, "int8 text ONNX"),
    }
    graphs = {}
    for name in manifest.graphs:
        kind, title = kinds[name]
        graphs[name] = kind(directory, name, title)
    return _Opened(directory, manifest, artefacts.SavedModelArtefact(directory), graphs)


def _precision(name):
    return "int8" if ".int8." in name else "float32"


def _compare_probes(model, opened, batches):
    """Tensors of each precision, and that the files hold the weights of these probes."""
    probes = {"float32": convert_probe(model)}
    if INT8_GRAPH in opened.graphs:
        probes["int8"] = quantize(probes["float32"])
    findings = compare_tensors(model, probes, batches)
    if "int8" in probes:
        findings.append(compare_rounding(**probes))
    expected = {precision: weights(graph) for precision, graph in probes.items()}
    for name in opened.graphs:
        precision = _precision(name)
        findings.append(compare_weights(opened.directory / name, precision, expected[precision]))
    return findings


def _compare_all_texts(model, target, opened, golden):
    graphs = opened.graphs
    findings, untied = compare_texts(
        model, target, opened.directory, golden, opened.saved, graphs[TEXT_GRAPH]
    )
    if INT8_TEXT_GRAPH in graphs:
        findings += compare_int8_texts(target, golden, graphs[INT8_GRAPH], graphs[INT8_TEXT_GRAPH])
    return findings, untied


def _compare_signatures(opened):
    specs = opened.manifest.graphs
    findings = [
        compare_signature(opened.directory / name, _precision(name), graph.session, specs[name])
        for name, graph in opened.graphs.items()
    ]
    signature = opened.saved.signatures["translate_ids"]
    return [*findings, compare_saved_signature(signature, specs[TRANSLATE_GRAPH])]
