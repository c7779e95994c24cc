"""Assembles a bundle: both formats, tokenizer, golden examples, parity report, manifest."""

import dataclasses
import hashlib
import importlib.metadata
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

import zoo
from export.facts import add_exported_scores, model_facts
from export.gate import check_bundle
from export.gate.findings import to_json, to_markdown
from export.gate.translations import BEAM_SIZES
from export.golden import stress_texts
from export.graphs import TranslationModule
from export.int8_gate import Int8Report, measure_int8
from export.onnx import convert, describe
from export.quantize import quantize
from export.rewrites.push_constants import push_constants
from export.saved_model import write_saved_model
from export.shared_weights import save_sharing
from export.text_onnx import INT8_TEXT_GRAPH, TEXT_GRAPH, add_text, describe_text
from export.warmup import write_warmup
from serving.manifest import (
    INT8_GRAPH,
    TRANSLATE_GRAPH,
    DecodingDefaults,
    Languages,
    Limits,
    Manifest,
    ModelInfo,
    TokenizerFiles,
    hash_files,
)
from serving.tokenizer import load_tokenizers, tokenizer_files
from zoo.checkpoint import WEIGHTS


@dataclass(frozen=True)
class Export:
    """What an export found.

    Attributes:
        manifest: the bundle's `Manifest`.
        findings: a list of `Finding`, the lines of `parity.md`.
        comparisons: a list of `Comparison`, with every tie.
        int8: an `Int8Report`.
    """

    manifest: Manifest
    findings: list
    comparisons: list
    int8: Int8Report


def export_bundle(
    checkpoint, directory, examples=(), valid=None, overwrite=False, report=print, valid_name=""
):
    """Exports a checkpoint, and leaves nothing behind unless parity holds.

    Args:
        checkpoint: a checkpoint directory with its tokenizer.
        directory: the bundle to write.
        examples: source texts for the golden examples, beside those of the parity gate.
        valid: `(sources, references)`, two lists of texts on which int8 weights must translate as
            well as float32 ones; without it no int8 graph is written.
        overwrite: whether an existing bundle may be replaced.
        report: called with one line of text for each step.
        valid_name: what the texts of `valid` are called, told with their BLEU.

    Returns:
        An `Export`.

    Raises:
        ValueError: the checkpoint is not one, or the directory exists already.
        RuntimeError: the model holds an operation that ONNX lacks.
        ParityError: an artefact differs from Keras; the message names tensor, difference and
            tolerance.
    """
    checkpoint, directory = Path(checkpoint), Path(directory)
    if directory.exists() and not overwrite:
        raise ValueError(
            f"{directory}: exists already; expected a new directory. "
            "Name another, or pass --overwrite."
        )
    names = [path.name for path in tokenizer_files(checkpoint)]
    partial = directory.with_name(directory.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        with tf.device("CPU"):  # RNN layers traced on a GPU become kernels that do not convert
            result = _write(checkpoint, partial, names, examples, valid, valid_name, report)
        if directory.exists():
            shutil.rmtree(directory)
        partial.rename(directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return result


def _write(checkpoint, directory, names, examples, valid, valid_name, report):
    model, metadata = zoo.load_checkpoint(checkpoint)
    tokenizers = load_tokenizers(checkpoint)
    for name in names:
        shutil.copyfile(checkpoint / name, directory / name)
    family = type(model).__name__.lower()
    report(f"{family} of {model.count_params():,} parameters from {checkpoint}")

    module = TranslationModule(model, *tokenizers, DecodingDefaults())
    report("writing saved_model/1")
    saved_model = write_saved_model(module, directory / "saved_model")
    texts = [*examples, *metadata.get("examples", [])]
    texts += stress_texts(tokenizers[0], model.config.max_source_length)
    write_warmup(saved_model, texts)
    facts = model_facts(model, tokenizers, metadata)
    graphs, int8 = _write_graphs(module, model, tokenizers, directory, facts, valid, report)
    facts |= add_exported_scores(directory, int8, valid_name)

    manifest = _manifest(checkpoint, directory, model, metadata, names, graphs, facts)
    manifest.write(directory)  # the gate opens the bundle as production does
    report(f"comparing with Keras on {len(texts)} texts")
    checked = check_bundle(model, tokenizers, directory, texts)
    _write_json(directory / "golden.json", checked.golden)
    _write_reports(directory, manifest, checked, int8)
    manifest = dataclasses.replace(manifest, files=hash_files(directory))
    manifest.write(directory)
    return Export(manifest, checked.findings, checked.comparisons, int8)


def _write_graphs(module, model, tokenizers, directory, facts, valid, report):
    """Writes id graphs and text graphs; returns their signatures by name, and an `Int8Report`."""
    report("converting translate.onnx, and translate_text.onnx around it")
    graph = convert(module, module.defaults, facts)
    limit = model.config.max_source_length
    ids = describe(graph, module.inputs, module.defaults)

    def write(graph, name, text_name):
        text_graph = add_text(graph, *(item.model_proto for item in tokenizers), limit)
        push_constants(graph)
        # The weights lie in the text graph, which apps carry away alone.
        save_sharing(graph, directory / name, text_graph, text_name)
        return {name: ids, text_name: describe_text(text_graph, ids)}

    quantized = quantize(graph) if valid else None
    graphs = write(graph, TRANSLATE_GRAPH, TEXT_GRAPH)
    int8 = Int8Report(False, "no texts with references were given to measure int8 on")
    if valid:
        report(f"measuring int8 on {len(valid[0])} sentences")
        added = write(quantized, INT8_GRAPH, INT8_TEXT_GRAPH)
        int8 = measure_int8(directory, tokenizers, limit, valid, BEAM_SIZES)
        if int8.written:
            graphs |= added
        else:
            for name in added:
                (directory / name).unlink()
    report(f"int8: {int8.reason}")
    return graphs, int8


def _manifest(checkpoint, directory, model, metadata, names, graphs, facts):
    """The manifest of what lies in the directory so far."""
    family = type(model).__name__.lower()
    return Manifest(
        model=ModelInfo(
            family,
            metadata.get("preset") or family,
            hashlib.sha256((checkpoint / WEIGHTS).read_bytes()).hexdigest(),
            model.config.to_dict(),
        ),
        languages=Languages(
            metadata.get("source_language", "und"), metadata.get("target_language", "und")
        ),
        limits=Limits(model.config.max_source_length, model.config.max_target_length),
        graphs=graphs,
        attention=model.has_attention,
        tokenizer=TokenizerFiles(names[0], names[-1]),
        decoding=DecodingDefaults(),
        about=facts,
        producer=_producers(),
        files=hash_files(directory),
    )


def _write_reports(directory, manifest, checked, int8):
    """`parity.json` for programs and `parity.md` for people."""
    found = to_json(checked.findings, checked.comparisons, int8)
    _write_json(directory / "parity.json", found)
    title = f"Parity of {manifest.model.preset} with Keras"
    text = to_markdown(title, checked.findings, int8)
    (directory / "parity.md").write_text(text, encoding="utf-8")


def _producers():
    packages = ("attention-zoo", "keras", "tensorflow", "tensorflow-text", "tf2onnx", "onnx")
    versions = {}
    for name in packages:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "unknown"
    return versions


def _write_json(path, value):
    text = json.dumps(value, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
