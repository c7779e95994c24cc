"""The functions that are traced, with flat signatures: nothing else of the export is."""

import tensorflow as tf
import tensorflow_text as tf_text

from serving.manifest import DecodingDefaults
from serving.tokenizer import END_ID, PAD_ID, START_ID

# Inputs of the id graph: name, dtype, axes. A scalar has no axes.
ID_INPUTS = (
    ("source_ids", tf.int32, ("batch", "source")),
    ("prefix_ids", tf.int32, ("prefix_batch", "prefix")),
    ("beam_size", tf.int32, ()),
    ("num_hypotheses", tf.int32, ()),
    ("length_penalty", tf.float32, ()),
    ("min_length", tf.int32, ()),
    ("max_length", tf.int32, ()),
)
ID_OUTPUTS = {
    "ids": ("int32", ("batch", "hypotheses", "target")),
    "lengths": ("int32", ("batch", "hypotheses")),
    "scores": ("float32", ("batch", "hypotheses")),
    "attention": ("float32", ("batch", "hypotheses", "target", "source")),
}


def id_signature():
    """Tensor specs of the id graph, in order."""
    return [tf.TensorSpec([None] * len(axes), dtype, name=name) for name, dtype, axes in ID_INPUTS]


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
        self.translate_ids = tf.function(
            self._translate_ids, input_signature=id_signature(), autograph=False
        )
        self.translate_text = tf.function(
            self._translate_text,
            input_signature=[tf.TensorSpec([None], tf.string, name="text")],
            autograph=False,
        )

    def _translate_ids(
        self,
        source_ids,
        prefix_ids,
        beam_size,
        num_hypotheses,
        length_penalty,
        min_length,
        max_length,
    ):
        return self._model().search(
            source_ids,
            prefix_ids,
            beam_size,
            num_hypotheses,
            length_penalty,
            min_length,
            max_length,
        )

    def _translate_text(self, text):
        """string `(B,)` to text `(B,)` and score `(B,)`; the same rules as `serving.Translator`."""
        # Built here, so that the tokenizer's table belongs to the traced graph.
        source = tf_text.SentencepieceTokenizer(model=self.source_proto, out_type=tf.int32)
        target = tf_text.SentencepieceTokenizer(model=self.target_proto, out_type=tf.int32)
        pieces = source.tokenize(text)[:, : self._model().config.max_source_length - 1]
        empty = tf.equal(pieces.row_lengths(), 0)
        ends = tf.fill([tf.shape(text)[0], 1], END_ID)
        source_ids = tf.concat([pieces, ends], axis=1).to_tensor(PAD_ID)
        result = self._translate_ids(
            source_ids,
            tf.fill([1, 1], PAD_ID),
            self.defaults.beam_size,
            1,
            self.defaults.length_penalty,
            self.defaults.min_length,
            self.defaults.max_length,
        )
        ids = result["ids"][:, 0]
        hidden = (ids == END_ID) | (ids == PAD_ID) | (ids == START_ID)
        translated = target.detokenize(tf.ragged.boolean_mask(ids, ~hidden))
        return {
            "text": tf.where(empty, "", translated),
            "score": tf.where(empty, 0.0, result["scores"][:, 0]),
        }
