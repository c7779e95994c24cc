"""The exported artefacts behind one call, so that they can be compared."""

from pathlib import Path

import numpy as np
import onnxruntime
import tensorflow as tf
import tensorflow_text  # noqa: F401  registers the ops that the SavedModel holds

from export.custom_ops import custom_ops_library
from export.graphs import NO_CONSTRAINT
from export.text_onnx import TEXT_GRAPH
from serving.manifest import TRANSLATE_GRAPH, DecodingDefaults

PENALTY = DecodingDefaults().length_penalty


def _request(source_ids, beam_size):
    """What is asked of every id graph: all hypotheses of a beam."""
    return {
        "source_ids": np.asarray(source_ids, "int32"),
        "beam_size": np.array(beam_size, "int32"),
        "num_hypotheses": np.array(beam_size, "int32"),
        "length_penalty": np.array(PENALTY, "float32"),
    }


class OnnxArtefact:
    """An id graph in onnxruntime, `translate.onnx` unless another is named."""

    def __init__(self, bundle, graph=TRANSLATE_GRAPH, name="ONNX"):
        self.name = name
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(Path(bundle) / graph), options, providers=["CPUExecutionProvider"]
        )
        self._outputs = [output.name for output in self._session.get_outputs()]

    def translate_ids(self, source_ids, beam_size):
        """A dict of arrays, as `TranslationModel.translate_ids` returns."""
        arrays = self._session.run(self._outputs, _request(source_ids, beam_size))
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
        signature = self._signatures["translate_ids"]
        values = {**NO_CONSTRAINT, **vars(DecodingDefaults()), **_request(source_ids, beam_size)}
        inputs = signature.structured_input_signature[1]
        tensors = {name: tf.constant(values[name], spec.dtype) for name, spec in inputs.items()}
        result = signature(**tensors)
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
