"""The exported artefacts behind one call, so that they can be compared."""

from pathlib import Path

import numpy as np
import onnxruntime
import tensorflow as tf
import tensorflow_text  # noqa: F401  registers the ops that the SavedModel holds

from export.custom_ops import custom_ops_library
from export.graphs import NO_CONSTRAINT
from export.text_onnx import TEXT_GRAPH
from serving.manifest import TRANSLATE_GRAPH, DecodingDefaults, Manifest

_FLOATS = ("length_penalty", "coverage_penalty")


def _request(beam_size, options):
    """What is asked of every id graph: all hypotheses of a beam, by name."""
    values = {"beam_size": beam_size, "num_hypotheses": beam_size, **options}
    return {
        name: np.asarray(value, "float32" if name in _FLOATS else "int32")
        for name, value in values.items()
    }


def _open(path, custom_ops=False):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if custom_ops:
        options.register_custom_ops_library(custom_ops_library())
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class OnnxArtefact:
    """An id graph in onnxruntime, `translate.onnx` unless another is named."""

    def __init__(self, bundle, graph=TRANSLATE_GRAPH, name="ONNX"):
        self.name = name
        self.session = _open(Path(bundle) / graph)
        self._outputs = [output.name for output in self.session.get_outputs()]

    def translate_ids(self, source_ids, beam_size, **options):
        """A dict of arrays, as `TranslationModel.translate_ids` returns."""
        feeds = {"source_ids": np.asarray(source_ids, "int32"), **_request(beam_size, options)}
        arrays = self.session.run(self._outputs, feeds)
        return dict(zip(self._outputs, arrays, strict=True))


class TextOnnxArtefact:
    """A text graph in onnxruntime, `translate_text.onnx` unless another is named."""

    def __init__(self, bundle, graph=TEXT_GRAPH, name="text ONNX"):
        self.name = name
        self.session = _open(Path(bundle) / graph, custom_ops=True)
        self._outputs = [output.name for output in self.session.get_outputs()]

    def run(self, texts, beam_size):
        """A dict of arrays, each output under its name."""
        feeds = {"text": np.array(texts, object), "beam_size": np.array(beam_size, "int32")}
        return dict(zip(self._outputs, self.session.run(self._outputs, feeds), strict=True))

    def translate(self, texts, beam_size):
        """Translations of texts and their scores, as two lists."""
        result = self.run(texts, beam_size)
        return result["translation"].tolist(), result["score"].tolist()


class SavedModelArtefact:
    """`saved_model/1` in TensorFlow."""

    name = "SavedModel"

    def __init__(self, bundle):
        # The loaded object owns the variables that its signatures use.
        self._loaded = tf.saved_model.load(str(Path(bundle) / "saved_model" / "1"))
        self.signatures = self._loaded.signatures
        self._defaults = {**NO_CONSTRAINT, **vars(Manifest.read(bundle, verify=False).decoding)}

    def translate_ids(self, source_ids, beam_size, **options):
        """A dict of arrays, as `TranslationModel.translate_ids` returns."""
        signature = self.signatures["translate_ids"]
        values = {**self._defaults, **_request(beam_size, options), "source_ids": source_ids}
        inputs = signature.structured_input_signature[1]
        tensors = {name: tf.constant(values[name], spec.dtype) for name, spec in inputs.items()}
        result = signature(**tensors)
        return {name: value.numpy() for name, value in result.items()}

    def translate_text(self, texts):
        """Translations of texts and their scores, by the signature that TF Serving calls."""
        result = self.run_texts("serving_default", texts)
        return [text.decode("utf-8") for text in result["text"]], result["score"].tolist()

    def run_texts(self, signature, texts):
        """A dict of arrays, what one of the text signatures answers."""
        result = self.signatures[signature](text=tf.constant(texts, tf.string))
        return {name: value.numpy() for name, value in result.items()}


def keras_translate(model, source_ids, beam_size, **options):
    """The reference: the model itself, with the same options.

    Every option is given, defaults too, so that all calls with one beam size share one trace.
    """
    defaults = {**NO_CONSTRAINT, **vars(DecodingDefaults())}
    values = {name: defaults[name] for name in model.search_options} | options
    values |= {"beam_size": beam_size, "num_hypotheses": beam_size}
    return model.translate_ids(source_ids, **values)
