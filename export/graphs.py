"""The functions that are traced, with flat signatures: nothing else of the export is."""

import tensorflow as tf
import tensorflow_text as tf_text

from serving.manifest import DecodingDefaults
from serving.tokenizer import END_ID, PAD_ID, START_ID

# What an id graph may take: dtype and axes by name. A scalar has no axes.
_INPUTS = {
    "source_ids": (tf.int32, ("batch", "source")),
    "prefix_ids": (tf.int32, ("prefix_batch", "prefix")),
    "suppressed_ids": (tf.int32, ("suppressed",)),
    "beam_size": (tf.int32, ()),
    "num_hypotheses": (tf.int32, ()),
    "length_penalty": (tf.float32, ()),
    "coverage_penalty": (tf.float32, ()),
    "min_length": (tf.int32, ()),
    "max_length": (tf.int32, ()),
    "no_repeat_ngram": (tf.int32, ()),
    "attention_layer": (tf.int32, ()),
    "attention_head": (tf.int32, ()),
}
NO_CONSTRAINT = {"prefix_ids": [[0]], "suppressed_ids": []}
ID_OUTPUTS = {
    "ids": ("int32", ("batch", "hypotheses", "target")),
    "lengths": ("int32", ("batch", "hypotheses")),
    "scores": ("float32", ("batch", "hypotheses")),
    "attention": ("float32", ("batch", "hypotheses", "target", "source")),
}


def id_inputs(model):
    """Name, dtype and axes of each input of a model's id graph, in order."""
    return tuple((name, *_INPUTS[name]) for name in ("source_ids", *model.search_options))


class TranslationModule(tf.Module):
    """A model, its tokenizers and its decoding defaults as traceable functions.

    Args:
        model: a zoo model.
        source_tokenizer, target_tokenizer: `serving.Tokenizer`s.
        defaults: the decoding options of the text signature.
    """

    def __init__(self, model, source_tokenizer, target_tokenizer, defaults=None):
        super().__init__()
        # The weights are tracked, the Keras model is not: its own serving functions stay out.
        self.weights = [weight.value for weight in model.weights]
        self._model = lambda: model
        self.source_proto = source_tokenizer.model_proto
        self.target_proto = target_tokenizer.model_proto
        self.defaults = defaults or DecodingDefaults()
        self.inputs = id_inputs(model)
        self.translate_ids = tf.function(
            self._translate_ids, input_signature=self.id_signature(), autograph=False
        )
        self.translate_text = tf.function(
            self._translate_text,
            input_signature=[tf.TensorSpec([None], tf.string, name="text")],
            autograph=False,
        )

    def id_signature(self):
        """Tensor specs of the id graph, in order."""
        return [
            tf.TensorSpec([None] * len(axes), dtype, name=name) for name, dtype, axes in self.inputs
        ]

    def _translate_ids(self, source_ids, *options):
        names = [name for name, _, _ in self.inputs[1:]]
        return self._model().search(source_ids, **dict(zip(names, options, strict=True)))

    def _translate_text(self, text):
        """string `(B,)` to text `(B,)` and score `(B,)`; the same rules as `serving.Translator`."""
        # Built here, so that the tokenizer's table belongs to the traced graph.
        source = tf_text.SentencepieceTokenizer(model=self.source_proto, out_type=tf.int32)
        target = tf_text.SentencepieceTokenizer(model=self.target_proto, out_type=tf.int32)
        pieces = source.tokenize(text)[:, : self._model().config.max_source_length - 1]
        empty = tf.equal(pieces.row_lengths(), 0)
        ends = tf.fill([tf.shape(text)[0], 1], END_ID)
        source_ids = tf.concat([pieces, ends], axis=1).to_tensor(PAD_ID)
        defaults = {name: value for name, value in vars(self.defaults).items() if value}
        known = {name: defaults[name] for name in self._model().search_options if name in defaults}
        result = self._model().search(source_ids, **known)
        ids = result["ids"][:, 0]
        hidden = (ids == END_ID) | (ids == PAD_ID) | (ids == START_ID)
        translated = target.detokenize(tf.ragged.boolean_mask(ids, ~hidden))
        return {
            "text": tf.where(empty, "", translated),
            "score": tf.where(empty, 0.0, result["scores"][:, 0]),
        }
