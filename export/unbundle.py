"""Takes a bundle apart again: the checkpoint that it was exported from.

Where a weight went is asked of the exporter itself: a model of the same configuration, whose every
weight is a different number, is converted as the bundle was. What its graph holds tells which
weight each constant of the bundle is, however often the passes turned, merged or packed it.
"""

import json
from pathlib import Path

import numpy as np
import onnx
import tensorflow as tf
from onnx import numpy_helper

import zoo
from export.artefacts import keras_translate
from export.graphs import TranslationModule
from export.onnx import convert
from export.quantize import stored_names
from export.rewrites.scopes import graphs
from export.text_onnx import INT8_TEXT_GRAPH, TEXT_GRAPH
from serving.manifest import Manifest
from serving.pretrained import find_bundle
from serving.tokenizer import load_tokenizers, tokenizer_files
from serving.verify import GOLDEN_NAME, MOST_DRIFT, SCORE_TOLERANCE, golden_drift

_FIRST = 0x5F800000  # bits of 2**64, the first number: no constant of a graph is as large
# Of what a bundle says about its model.
_KEPT = ("preset", "tokenize", "licence", "training_data", "author")


def recover_checkpoint(bundle, directory, report=print):
    """Writes the checkpoint that a bundle was exported from.

    Args:
        bundle: a bundle directory, or the name of a model of the package.
        directory: where to write; it must not exist, or be empty.
        report: called with one line of text for each step.

    Returns:
        The mean change in the log-probability of a token of the bundle's golden translations: 0 but
        for rounding from a float32 graph, about 0.01 from an int8 one.

    Raises:
        ValueError: the bundle is none or damaged (a `serving.manifest.BundleError`), its model is
            unknown here or not recoverable, or the directory is not empty.
    """
    bundle, directory = find_bundle(bundle), Path(directory)
    manifest = Manifest.read(bundle)
    if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
        raise ValueError(
            f"{directory}: is there already; expected a new directory. Name another one."
        )
    model = _model(manifest)
    precision = manifest.precisions[0]
    report(f"{manifest.model.family} of {model.count_params():,} parameters, {precision}")
    report("converting a model of the same shape, to see where its weights go")
    numbers = _numbered_constants(model, load_tokenizers(bundle), manifest.decoding)
    graph = TEXT_GRAPH if precision == "float32" else INT8_TEXT_GRAPH  # the one with the weights
    _set_weights(model, numbers, _stored_constants(bundle / graph), bundle)
    report("comparing with the bundle's golden translations")
    golden = json.loads((bundle / GOLDEN_NAME).read_text(encoding="utf-8"))
    drift = _drift(model, golden, manifest.decoding.length_penalty)
    most = SCORE_TOLERANCE if precision == "float32" else MOST_DRIFT
    if not drift <= most:
        raise ValueError(
            f"{bundle}: its weights do not give its golden translations; expected a change of at "
            f"most {most} in the log-probability of a token. Received {drift:.3f}. Recover it with "
            "the release of this package that exported it."
        )
    about = {key: manifest.about[key] for key in _KEPT if key in manifest.about}
    languages = {
        "source_language": manifest.languages.source,
        "target_language": manifest.languages.target,
    }
    zoo.save_checkpoint(model, directory, about | languages, tokenizer_files(bundle))
    return drift


def _model(manifest):
    """A model of the bundle's family and configuration, with any weights."""
    info = manifest.model
    try:
        family = zoo.FAMILIES[info.family]
        return family(family.config_class(**info.config))
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{info.family} {info.preset}: no model of this package is like that ({error}). Import "
            "the module that adds it to zoo.FAMILIES first, or use the release that exported it."
        ) from error


def _numbered_constants(model, tokenizers, decoding):
    """Gives the model weights of different numbers, and converts it.

    Returns:
        A dict from the name of a constant to int64 of its shape: the position of each element among
        all weights of the model, −1 where it is none of them.
    """
    end = 0
    for weight in model.weights:
        size = int(np.prod(weight.shape))
        bits = np.arange(_FIRST + end, _FIRST + end + size, dtype="uint32")
        weight.assign(bits.view("float32").reshape(weight.shape))
        end += size
    with tf.device("CPU"):
        graph = convert(TranslationModule(model, *tokenizers, decoding), decoding)
    found = {}
    for name, value in _constants(graph).items():
        if value.dtype == np.float32:
            positions = value.view("uint32").astype("int64") - _FIRST
            positions = np.where((positions >= 0) & (positions < end), positions, -1)
            if (positions >= 0).any():
                found[name] = positions
    return found


def _constants(graph):
    """Arrays by name, of a graph and all graphs in it."""
    return {
        tensor.name: numpy_helper.to_array(tensor)
        for each in graphs(graph.graph)
        for tensor in each.initializer
    }


def _stored_constants(path):
    """float32 arrays by the name they had before quantisation."""
    constants = _constants(onnx.load(path))
    found = dict(constants)
    for name in constants:
        for axis in (0, 1):
            stem = name.removesuffix(stored_names("", axis)[0])
            if stem != name:
                scale = constants[stored_names(stem, axis)[1]]
                found[stem] = constants[name] * np.expand_dims(scale, 1 - axis)
    return {name: value for name, value in found.items() if value.dtype == np.float32}


def _set_weights(model, numbers, stored, bundle):
    """Puts what the bundle stores where the numbers say it belongs."""
    flat = np.full(model.count_params(), np.nan, "float32")
    # Another release may have named a constant otherwise; then its shape may tell which it is.
    renamed = [stored[name] for name in stored.keys() - numbers.keys()]
    for name, positions in numbers.items():
        alike = [array for array in renamed if array.shape == positions.shape]
        value = stored.get(name, alike[0] if len(alike) == 1 else None)
        if value is not None and value.shape == positions.shape:
            flat[positions[positions >= 0]] = value[positions >= 0]
    end = 0
    for weight in model.weights:
        start, end = end, end + int(np.prod(weight.shape))
        part = flat[start:end].reshape(weight.shape)
        if np.isnan(part).any():
            raise ValueError(
                f"{bundle}: {weight.path} is not in the graph as it was trained; expected every "
                "weight there. Recover it with the release of this package that exported it, or "
                "start from the checkpoint."
            )
        weight.assign(part)


def _drift(model, golden, length_penalty):
    """What `golden_drift` finds in the recovered model."""

    def score(source_ids, ids):
        options = {"prefix_ids": np.array([ids], "int32"), "max_length": len(ids)}
        rows = np.array([source_ids], "int32")
        found = keras_translate(model, rows, 1, length_penalty=length_penalty, **options)
        return found["scores"][0, 0]

    return golden_drift(golden, score, length_penalty)
