"""The exported artefacts behind one call, so that they can be compared."""

from pathlib import Path

import numpy as np
import onnxruntime
import tensorflow as tf
import tensorflow_text  # noqa: F401  registers the ops that the SavedModel holds

from export.custom_ops import custom_ops_library
from export.graphs import ID_INPUTS
from export.text_onnx import TEXT_GRAPH
from serving.manifest import DecodingDefaults

PENALTY = DecodingDefaults().length_penalty


def _inputs(source_ids, beam_size):
    """Values for every input of the id graph; all hypotheses of a beam are asked for."""
    values = {
        "source_ids": source_ids,
        "prefix_ids": np.zeros((1, 1)),
        "beam_size": beam_size,
        "num_hypotheses": beam_size,
        "length_penalty": PENALTY,
        "min_length": 0,
        "max_length": 0,
    }
    return {name: np.asarray(values[name], dtype.as_numpy_dtype) for name, dtype, _ in ID_INPUTS}


class OnnxArtefact:
    """`translate.onnx` in onnxruntime."""

    name = "ONNX"

    def __init__(self, bundle):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(Path(bundle) / "translate.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._outputs = [output.name for output in self._session.get_outputs()]

    def translate_ids(self, source_ids, beam_size):
        """A dict of arrays, as `TranslationModel.translate_ids` returns."""
        arrays = self._session.run(self._outputs, _inputs(source_ids, beam_size))
        return dict(zip(self._outputs, arrays, strict=True))


class TextOnnxArtefact:
    """`translate_text.onnx` in onnxruntime."""

    name = "text ONNX"

    def __init__(self, bundle):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.register_custom_ops_library(custom_ops_library())
        self._session = onnxruntime.InferenceSession(
            str(Path(bundle) / TEXT_GRAPH), options, providers=["CPUExecutionProvider"]
        )

    def translate(self, texts, beam_size):
        """Translations of texts and their scores, as two lists."""
        feeds = {
            "text": np.array(texts, object),
            "beam_size": np.array(beam_size, "int32"),
            "length_penalty": np.array(PENALTY, "float32"),
        }
        translations, scores = self._session.run(["translation", "score"], feeds)
        return translations.tolist(), scores.tolist()


class SavedModelArtefact:
    """`saved_model/1` in TensorFlow."""

    name = "SavedModel"

    def __init__(self, bundle):
        # The loaded object owns the variables that its signatures use.
        self._loaded = tf.saved_model.load(str(Path(bundle) / "saved_model" / "1"))
        self._signatures = self._loaded.signatures

    def translate_ids(self, source_ids, beam_size):
        """A dict of arrays, as `TranslationModel.translate_ids` returns."""
        tensors = {
            name: tf.constant(value) for name, value in _inputs(source_ids, beam_size).items()
        }
        result = self._signatures["translate_ids"](**tensors)
        return {name: value.numpy() for name, value in result.items()}

    def translate_text(self, texts):
        """Translations of texts, by the signature that TF Serving calls."""
        result = self._signatures["serving_default"](text=tf.constant(texts, tf.string))
        return [text.decode("utf-8") for text in result["text"].numpy()]


def keras_translate(model, source_ids, beam_size):
    """The reference: the model itself, with the same options."""
    return model.translate_ids(
        source_ids, beam_size=beam_size, num_hypotheses=beam_size, length_penalty=PENALTY
    )
