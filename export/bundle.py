"""Assembles a bundle: both formats, tokenizer, golden examples, parity report, manifest."""

import dataclasses
import hashlib
import importlib.metadata
import json
import math
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

import zoo
from export.bleu_gate import BleuReport, Valid
from export.facts import add_exported_scores, model_facts
from export.gate import check_bundle
from export.gate.findings import to_json, to_markdown
from export.gate.translations import beam_sizes
from export.golden import stress_texts
from export.graph_files import FLOAT32_GRAPHS, GraphFiles
from export.graphs import TranslationModule
from export.onnx import convert, describe
from export.quantize import quantize
from export.saved_model import write_saved_model
from export.shortlist import learn_shortlist, same_pieces
from export.warmup import write_warmup
from serving.bundle_files import MANIFEST_NAME, list_files
from serving.manifest import (
    SHORTLIST_GRAPH,
    DecodingDefaults,
    Languages,
    Limits,
    Manifest,
    ModelInfo,
    TokenizerFiles,
    hash_files,
)
from serving.options import MOST_HYPOTHESES
from serving.tokenizer import END_ID, load_tokenizers, tokenizer_files
from serving.verify import GOLDEN_NAME, SHORTLIST_GOLDEN_NAME
from zoo.checkpoint import WEIGHTS

_MOST_EXAMPLES = 200


@dataclass(frozen=True)
class Export:
    """What an export found.

    Attributes:
        manifest: the bundle's `Manifest`.
        findings: a list of `Finding`, the lines of `parity.md`.
        comparisons: a list of `Comparison`, with every tie.
        int8: a `BleuReport`.
        shortlist, int8_shortlist: `BleuReport`s, or None where no shortlist was asked for.
    """

    manifest: Manifest
    findings: list
    comparisons: list
    int8: BleuReport
    shortlist: BleuReport | None = None
    int8_shortlist: BleuReport | None = None

    @property
    def measured(self):
        """Every `BleuReport` that there is, by the name of what was measured."""
        found = {
            "int8": self.int8,
            "shortlist": self.shortlist,
            "int8 shortlist": self.int8_shortlist,
        }
        return {name: report for name, report in found.items() if report is not None}


@dataclass(frozen=True)
class _Given:
    """What the caller of `export_bundle` gives beside the checkpoint."""

    examples: list
    valid: tuple | None
    valid_name: str
    shortlist: tuple | None
    int8_only: bool
    decoding: DecodingDefaults


def export_bundle(
    checkpoint,
    directory,
    examples=(),
    valid=None,
    overwrite=False,
    report=print,
    valid_name="",
    shortlist=None,
    int8_only=False,
    beam_size=DecodingDefaults.beam_size,
    length_penalty=DecodingDefaults.length_penalty,
):
    """Exports a checkpoint, and leaves nothing behind unless parity holds.

    Args:
        checkpoint: a checkpoint directory with its tokenizer.
        directory: the bundle to write.
        examples: source texts for the golden examples, beside those of the parity gate.
        valid: `(sources, references)`, two lists of texts on which int8 weights must translate as
            well as float32 ones; without it no int8 graph is written.
        overwrite: whether an existing bundle may be replaced; nothing else ever is.
        report: called with one line of text for each step.
        valid_name: what the texts of `valid` are called, told with their BLEU.
        shortlist: `(sources, targets)`, two lists of texts, best those of training: adds graphs
            that choose among the target tokens that these texts make likely, if they translate
            `valid` as well as the others.
        int8_only: whether to keep nothing but the int8 graphs, once they are proven: a bundle of
            about a quarter of the size.
        beam_size, length_penalty: of the search for callers who do not say; 1 is greedy.

    Returns:
        An `Export`.

    Raises:
        ValueError: the checkpoint is not one, the directory exists already, there is a shortlist
            without `valid` or for a model that cannot use one, int8 is asked for alone and is not
            good enough, there are more than 200 examples, or `beam_size` or `length_penalty` is
            out of range.
        RuntimeError: the model holds an operation that ONNX lacks.
        ParityError: an artefact differs from Keras; the message names tensor, difference and
            tolerance.
    """
    checkpoint, directory = Path(checkpoint), Path(directory)
    decoding = _decoding(beam_size, length_penalty)
    if (shortlist or int8_only) and not valid:
        what = "shortlist" if shortlist else "int8"
        raise ValueError(
            f"export: {what} has nothing to be measured on; expected texts with references. "
            "Received none. Pass --valid."
        )
    directory = directory.resolve()  # a link keeps pointing to what takes the place
    _check_directory(directory, checkpoint, overwrite)
    if len(examples) > _MOST_EXAMPLES:  # all of them go through each search in one batch
        raise ValueError(
            f"export: examples are too many; expected at most {_MOST_EXAMPLES}. "
            f"Received {len(examples)}. Choose those that a bundle must never get wrong."
        )
    given = _Given(list(examples), valid, valid_name, shortlist, int8_only, decoding)
    home = directory.parent  # so that the finished bundle is only renamed
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=home) as scratch:
        partial = Path(scratch) / "bundle"
        partial.mkdir()
        with tf.device("CPU"):  # RNN layers traced on a GPU become kernels that do not convert
            result = _write(checkpoint, partial, given, report)
        _check_directory(directory, checkpoint, overwrite)  # minutes have gone by
        _put(partial, directory, Path(scratch) / "replaced")
    return result


def _put(new, directory, aside):
    """Moves a bundle to its place; what is there goes aside, and comes back if that fails."""
    if directory.exists():
        directory.rename(aside)
    try:
        new.rename(directory)
    except OSError:
        if aside.exists():
            aside.rename(directory)
        raise


def _check_directory(directory, checkpoint, overwrite):
    """Refuses to write where something would be lost that no export has made."""
    if not directory.exists():
        return
    inside = checkpoint.resolve().is_relative_to(directory.resolve())
    manifest = _read_json(directory / MANIFEST_NAME)  # damaged, or of another version, it is one
    is_bundle = {"format_version", "graphs"} <= manifest.keys()
    is_empty = directory.is_dir() and not any(directory.iterdir())
    if inside or not (is_bundle or is_empty):
        what = "holds the checkpoint" if inside else "is there already, and no bundle"
        raise ValueError(
            f"{directory}: {what}; expected a new directory, or a bundle to replace. "
            "Name another directory."
        )
    if is_bundle and not overwrite:
        raise ValueError(
            f"{directory}: exists already; expected a new directory. "
            "Name another, or pass --overwrite."
        )
    listed = manifest.get("files")
    listed = set(listed) if isinstance(listed, dict) else set()
    if foreign := sorted(set(list_files(directory)) - listed):
        raise ValueError(
            f"{directory}: holds files that no export has made; expected a bundle to replace. "
            f"Received {', '.join(foreign[:3])}. Move them, or name another directory."
        )


def _read_json(path):
    """A JSON object; an empty one for what is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _decoding(beam_size, length_penalty):
    """What applies where a caller of the bundle says nothing."""
    if type(beam_size) is not int or not 1 <= beam_size <= MOST_HYPOTHESES:
        raise ValueError(
            f"export: beam_size is out of range; expected 1 to {MOST_HYPOTHESES}. "
            f"Received {beam_size!r}. Use 1 for greedy search, or 4."
        )
    if not 0 <= length_penalty < math.inf:
        raise ValueError(
            "export: length_penalty is out of range; expected a number >= 0. "
            f"Received {length_penalty!r}. Use 0.6, or 0 for none."
        )
    return DecodingDefaults(beam_size=beam_size, length_penalty=float(length_penalty))


def _write(checkpoint, directory, given, report):
    model, metadata = zoo.load_checkpoint(checkpoint)
    valid = given.valid and Valid.of(given.valid, metadata.get("tokenize", "13a"))
    names = [path.name for path in tokenizer_files(checkpoint)]
    tokenizers = load_tokenizers(checkpoint)
    for name in names:
        shutil.copyfile(checkpoint / name, directory / name)
    family = type(model).__name__.lower()
    report(f"{family} of {model.count_params():,} parameters from {checkpoint}")

    if given.shortlist:
        model.output_of(tf.constant([END_ID]))  # refuses here what cannot use one
    module = TranslationModule(model, *tokenizers, given.decoding)
    report("writing saved_model/1")
    saved_model = write_saved_model(module, directory / "saved_model")
    texts = [*given.examples, *metadata.get("examples", [])]
    texts += stress_texts(tokenizers[0], model.config.max_source_length)
    write_warmup(saved_model, texts)
    facts = model_facts(model, tokenizers, metadata)
    graphs, reports, learned = _write_graphs(
        module, model, tokenizers, directory, facts, valid, given, report
    )
    if given.int8_only and not reports["int8"].written:
        raise ValueError(
            "export: int8 cannot stand alone; expected it to translate as well as float32. "
            f"Received: {reports['int8'].reason}. Leave out --int8-only."
        )
    facts |= add_exported_scores(directory, reports["int8"], given.valid_name)

    manifest = _manifest(checkpoint, directory, model, metadata, names, graphs, facts)
    manifest = dataclasses.replace(manifest, decoding=given.decoding)
    manifest.write(directory)  # the gate opens the bundle as production does
    report(f"comparing with Keras on {len(texts)} texts")
    checked = check_bundle(model, tokenizers, directory, texts, learned)
    _write_json(directory / GOLDEN_NAME, checked.golden)
    if checked.shortlist_golden:
        _write_json(directory / SHORTLIST_GOLDEN_NAME, checked.shortlist_golden)
    result = Export(manifest, checked.findings, checked.comparisons, **reports)
    _write_reports(directory, result)
    if given.int8_only:  # what it was compared with has done its work
        graphs = _keep_int8(directory, graphs)
    manifest = dataclasses.replace(manifest, graphs=graphs, files=hash_files(directory))
    manifest.write(directory)
    return dataclasses.replace(result, manifest=manifest)


def _keep_int8(directory, graphs):
    """Removes what is not int8 from a directory; returns the graphs that are left."""
    shutil.rmtree(directory / "saved_model")
    for name in graphs.keys() & set(FLOAT32_GRAPHS):
        (directory / name).unlink()
    return {name: spec for name, spec in graphs.items() if name not in FLOAT32_GRAPHS}


def _write_graphs(module, model, tokenizers, directory, facts, valid, given, report):
    """Writes id graphs and text graphs.

    Returns:
        `(specs, reports, learned)`: signatures by file name; `BleuReport`s by attribute of
        `Export`; and the `Shortlist` of these graphs, or None.
    """
    report("converting translate.onnx, and translate_text.onnx around it")
    models, learned = [convert(module, module.defaults, facts)], None
    ids = describe(models[0], module.inputs, module.defaults)
    if given.shortlist:
        learned = _learn(given.shortlist, tokenizers, model, report)
        report(f"converting {SHORTLIST_GRAPH}")
        module = TranslationModule(model, *tokenizers, module.defaults, learned)
        models.append(convert(module, module.defaults, facts))
    quantized = [quantize(item) for item in models] if valid else []
    sizes = beam_sizes(given.decoding)
    files = GraphFiles(directory, ids, tokenizers, model.config.max_source_length, sizes)
    files.write(models)
    if quantized:
        files.write(quantized, int8=True)
    return files.specs, files.judge(valid, report), learned


def _learn(texts, tokenizers, model, report):
    """The `Shortlist` of parallel texts."""
    sides = [
        [tokenizer.encode(text) for text in side]
        for tokenizer, side in zip(tokenizers, texts, strict=True)
    ]
    sizes = model.config.source_vocabulary_size, model.config.target_vocabulary_size
    return learn_shortlist(*sides, *sizes, same=same_pieces(*tokenizers), report=report)


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
        about=facts,
        producer=_producers(),
        files=hash_files(directory),
    )


def _write_reports(directory, result):
    """`parity.json` for programs and `parity.md` for people."""
    found = to_json(result.findings, result.comparisons, result.measured)
    _write_json(directory / "parity.json", found)
    title = f"Parity of {result.manifest.model.preset} with Keras"
    text = to_markdown(title, result.findings, result.measured)
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
