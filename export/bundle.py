"""Assembles a bundle: both formats, tokenizer, golden examples, parity report, manifest."""

import hashlib
import importlib.metadata
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

import zoo
from export import artefacts, parity
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
from serving.translator import Translator
from zoo.checkpoint import WEIGHTS

BEAM_SIZES = (1, 4)


@dataclass(frozen=True)
class Export:
    """What an export found.

    Attributes:
        manifest: the bundle's `Manifest`.
        comparisons: a list of `Comparison`.
        int8: an `Int8Report`.
    """

    manifest: Manifest
    comparisons: list
    int8: Int8Report


def export_bundle(checkpoint, directory, examples=(), valid=None, overwrite=False, report=print):
    """Exports a checkpoint, and leaves nothing behind unless parity holds.

    Args:
        checkpoint: a checkpoint directory with its tokenizer.
        directory: the bundle to write.
        examples: source texts for the golden examples, beside those of the parity gate.
        valid: `(sources, references)`, two lists of texts on which int8 weights must translate as
            well as float32 ones; without it no int8 graph is written.
        overwrite: whether an existing bundle may be replaced.
        report: called with one line of text for each step.

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
            result = _write(checkpoint, partial, names, examples, valid, report)
        if directory.exists():
            shutil.rmtree(directory)
        partial.rename(directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return result


def _write(checkpoint, directory, names, examples, valid, report):
    model, metadata = zoo.load_checkpoint(checkpoint)
    tokenizers = load_tokenizers(checkpoint)
    for name in names:
        shutil.copyfile(checkpoint / name, directory / name)
    defaults = DecodingDefaults()
    family = type(model).__name__.lower()
    report(f"{family} of {model.count_params():,} parameters from {checkpoint}")

    module = TranslationModule(model, *tokenizers, defaults)
    report("writing saved_model/1")
    saved_model = write_saved_model(module, directory / "saved_model")
    report("converting translate.onnx, and translate_text.onnx around it")
    facts = {key: str(value) for key, value in metadata.items() if not isinstance(value, list)}
    graph = convert(module, defaults, {"family": family, **facts})
    limit = model.config.max_source_length
    ids = describe(graph, module.inputs, defaults)

    def write_graphs(graph, name, text_name):
        """Writes an id graph and its text graph; returns what the manifest says of each."""
        text_graph = add_text(graph, *(item.model_proto for item in tokenizers), limit)
        push_constants(graph)
        # The weights lie in the text graph, which apps carry away alone.
        save_sharing(graph, directory / name, text_graph, text_name)
        return {name: ids, text_name: describe_text(text_graph, ids)}

    quantized = quantize(graph) if valid else None
    graphs = write_graphs(graph, TRANSLATE_GRAPH, TEXT_GRAPH)
    int8 = Int8Report(False, "no texts with references were given to measure int8 on")
    if valid:
        report(f"measuring int8 on {len(valid[0])} sentences")
        added = write_graphs(quantized, INT8_GRAPH, INT8_TEXT_GRAPH)
        int8 = measure_int8(directory, tokenizers, limit, valid, BEAM_SIZES)
        if int8.written:
            graphs |= added
        else:
            for name in added:
                (directory / name).unlink()
    report(f"int8: {int8.reason}")

    texts = [*examples, *metadata.get("examples", [])]
    texts += parity.stress_texts(tokenizers[0], model.config.max_source_length)
    write_warmup(saved_model, texts)
    report(f"comparing Keras, SavedModel and ONNX on {len(texts)} texts")
    comparisons, golden = _compare(model, tokenizers, directory, texts)
    _write_json(directory / "golden.json", golden)
    found = {"comparisons": [item.to_dict() for item in comparisons], "int8": int8.to_dict()}
    _write_json(directory / "parity.json", found)

    manifest = Manifest(
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
        decoding=defaults,
        producer=_producers(),
        files=hash_files(directory),
    )
    manifest.write(directory)
    _compare_texts(model, tokenizers[1], directory, golden)
    return Export(manifest, comparisons, int8)


def _compare(model, tokenizers, directory, texts):
    """Ids, scores and attention of every artefact; raises what is out of tolerance."""
    source, target = tokenizers
    kept, rows = parity.source_rows(source, texts, model.config.max_source_length)
    found = [artefacts.SavedModelArtefact(directory), artefacts.OnnxArtefact(directory)]
    comparisons, golden = [], []
    for beam_size in BEAM_SIZES:
        expected = artefacts.keras_translate(model, rows, beam_size)
        for artefact in found:
            comparison = parity.Comparison(artefact.name, beam_size)
            received = artefact.translate_ids(rows, beam_size)
            parity.compare(comparison, model, rows, expected, received)
            comparisons.append(comparison)
        golden += _golden(texts, kept, rows, expected, beam_size, target)
    problems = [problem for comparison in comparisons for problem in comparison.problems()]
    if problems:
        raise parity.ParityError("\n".join(problems))
    return comparisons, golden


def _golden(texts, kept, rows, expected, beam_size, target):
    """What a bundle must answer, by Keras; a text without any piece has an empty answer."""
    positions = {index: row for row, index in enumerate(kept)}
    golden = []
    for index, text in enumerate(texts):
        entry = {"source": text, "beam_size": beam_size}
        if index in positions:
            row = positions[index]
            ids = expected["ids"][row, 0, : expected["lengths"][row, 0]].tolist()
            entry["source_ids"] = rows[row][rows[row] != 0].tolist()
            entry |= {"ids": ids, "text": target.decode(ids)}
            entry["score"] = round(float(expected["scores"][row, 0]), 5)
        else:
            entry |= {"source_ids": [], "ids": [], "text": "", "score": 0.0}
        golden.append(entry)
    return golden


def _compare_texts(model, target, directory, golden):
    """Every way from text to text in the finished bundle, against the golden examples."""
    translator = Translator.load(directory)
    saved = artefacts.SavedModelArtefact(directory)
    text_onnx = artefacts.TextOnnxArtefact(directory)
    problems = []

    def check(name, entries, texts, scores=None):
        for entry, text, score in zip(entries, texts, scores or [None] * len(texts), strict=True):
            problems.extend(_text_problems(model, target, name, entry, text, score))

    for beam_size in BEAM_SIZES:
        entries = [entry for entry in golden if entry["beam_size"] == beam_size]
        sources = [entry["source"] for entry in entries]
        results = translator.translate(
            sources, beam_size=beam_size, length_penalty=artefacts.PENALTY
        )
        check("Translator", entries, [result.text for result in results])
        # The strings of its operations cannot hold a U+0000 (see `add_text`).
        plain = [
            {**entry, "text": entry["text"].replace("\0", "\ufffd")}
            for entry in entries
            if "\0" not in entry["source"]
        ]
        sources_only = [entry["source"] for entry in plain]
        check(text_onnx.name, plain, *text_onnx.translate(sources_only, beam_size))
        if beam_size == translator.manifest.decoding.beam_size:
            check("SavedModel, text", entries, saved.translate_text(sources))
    if problems:
        raise parity.ParityError("\n".join(problems))


def _text_problems(model, target, name, entry, text, score):
    """What is wrong with one translation, as sentences; a score of None is not looked at."""
    where = f"{name}, beam_size {entry['beam_size']}: {entry['source'][:40]!r} gives"
    if text != entry["text"]:
        if _is_tie(model, target, entry, text):
            return []
        return [f"{where} {text[:60]!r}; expected {entry['text'][:60]!r}."]
    if score is not None and not abs(score - entry["score"]) <= parity.TOLERANCES["scores"]:
        return [f"{where} the score {score:.5f}; expected {entry['score']:.5f}."]
    return []


def _is_tie(model, target, entry, text):
    if not entry["source_ids"]:
        return False
    source_ids = np.array(entry["source_ids"], "int32")
    found = parity.translations_within_noise(model, source_ids, entry["beam_size"])
    return text in [target.decode(ids) for ids in found]


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
