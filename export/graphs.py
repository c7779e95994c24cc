"""The functions that are traced, with flat signatures: nothing else of the export is."""

import tensorflow as tf
import tensorflow_text as tf_text

from serving.manifest import DecodingDefaults
from serving.tokenizer import END_ID, PAD_ID, START_ID
from serving.translation import END_TOKEN

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

# What `str.isspace` accepts: a text of nothing else has an empty translation.
_WHITE_SPACE = (
    r"[\t-\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}"
    r"\x{3000}]*"
)


def id_inputs(model):
    """Name, dtype and axes of each input of a model's id graph, in order."""
    return tuple((name, *_INPUTS[name]) for name in ("source_ids", *model.search_options))


class TranslationModule(tf.Module):
    """A model, its tokenizers and its decoding defaults as traceable functions.

    Args:
        model: a zoo model.
        source_tokenizer, target_tokenizer: `serving.Tokenizer`s.
        defaults: the decoding options of the text signature.
        shortlist: a `zoo.shortlist.Shortlist` among whose candidates every search chooses; or None.
    """

    def __init__(self, model, source_tokenizer, target_tokenizer, defaults=None, shortlist=None):
        super().__init__()
        # The weights are tracked, the Keras model is not: its own serving functions stay out.
        self.weights = [weight.value for weight in model.weights]
        self._model = lambda: model
        self._shortlist = lambda: shortlist  # kept from being tracked, too
        self.source_proto = source_tokenizer.model_proto
        self.target_proto = target_tokenizer.model_proto
        self.defaults = defaults or DecodingDefaults()
        self.inputs = id_inputs(model)
        self.translate_ids = _traceable(self._translate_ids, self.id_signature())
        # Traced once each, whatever number of signatures call them.
        text = [tf.TensorSpec([None], tf.string, name="text")]
        self._split = _traceable(self._split_texts, text)
        self._translate = _traceable(self._translate_texts, text)
        self.tokenize = _traceable(lambda text: self._split(text), text)
        self.translate_text = _traceable(self._text_and_score, text)
        if model.has_attention:
            self.translate_with_attention = _traceable(lambda text: self._translate(text), text)

    def id_signature(self):
        """Tensor specs of the id graph, in order."""
        return [
            tf.TensorSpec([None] * len(axes), dtype, name=name) for name, dtype, axes in self.inputs
        ]

    def _translate_ids(self, source_ids, *options):
        names = [name for name, _, _ in self.inputs[1:]]
        return self._search(source_ids, **dict(zip(names, options, strict=True)))

    def _search(self, source_ids, **options):
        """The model's search. A batch without rows runs one, and gives none: onnxruntime's GRU and
        LSTM nodes crash the process on a batch of 0.
        """
        batch, width = tf.unstack(tf.shape(source_ids))
        extra = tf.fill([tf.maximum(1 - batch, 0), width], END_ID)
        rows = tf.concat([source_ids, extra], axis=0)
        result = self._model().search(rows, shortlist=self._shortlist(), **options)
        return {name: value[:batch] for name, value in result.items()}

    def _text_and_score(self, text):
        result = self._translate(text)
        return {"text": result["text"], "score": result["score"]}

    def _split_texts(self, text):
        """string `(B,)` to the rows that the model reads, by the rules of `serving.rows.make_rows`.

        Returns:
            `ids` int32 `(B, S)`, `lengths` int32 `(B,)` and `tokens` string `(B, S)`. A text
            without any piece is a row of length 0.
        """
        tokenizer = _tokenizer(self.source_proto, "source_tokenizer")
        pieces = tokenizer.tokenize(text)[:, : self._model().config.max_source_length - 1]
        counts = tf.cast(pieces.row_lengths(), tf.int32)
        blank = tf.equal(counts, 0) | tf.strings.regex_full_match(text, _WHITE_SPACE)
        lengths = tf.where(blank, 0, counts + 1)
        ends = tf.fill([tf.shape(text)[0], 1], END_ID)
        ids = tf.concat([pieces, ends], axis=1).to_tensor(PAD_ID)
        real = tf.sequence_mask(lengths, tf.shape(ids)[1])
        names = tf.where(tf.equal(ids, END_ID), END_TOKEN, tokenizer.id_to_string(ids))
        return {
            "ids": tf.where(real, ids, PAD_ID),
            "lengths": lengths,
            "tokens": tf.where(real, names, ""),
        }

    def _translate_texts(self, text):
        """string `(B,)` to translations, by the rules of `serving.rows.read_translation`.

        Returns:
            `text` string `(B,)` and `score` float32 `(B,)`; for a model with attention also
            `attention` float32 `(B, T, S)`, `source_tokens` string `(B, S)` and `target_tokens`
            string `(B, T)`.
        """
        source = self._split(text)
        present = tf.expand_dims(source["lengths"] > 0, 1)  # (B, 1)
        first = tf.equal(tf.range(tf.shape(source["ids"])[1]), 0)
        source_ids = tf.where(~present & first, END_ID, source["ids"])  # a token in each row
        defaults = vars(self.defaults)
        known = {name: defaults[name] for name in self._model().search_options if name in defaults}
        result = self._search(source_ids, **known)
        best = {name: value[:, 0] for name, value in result.items()}
        ids = best["ids"]  # (B, steps)
        spoken = present & tf.sequence_mask(best["lengths"], tf.shape(ids)[1])
        spoken &= tf.not_equal(ids, PAD_ID) & tf.not_equal(ids, START_ID)  # hidden everywhere
        target = _tokenizer(self.target_proto, "target_tokenizer")
        outputs = {
            "text": target.detokenize(tf.ragged.boolean_mask(ids, spoken)),  # an end has no text
            "score": tf.where(present[:, 0], best["scores"], 0.0),
        }
        if self._model().has_attention:
            names = tf.where(tf.equal(ids, END_ID), END_TOKEN, target.id_to_string(ids))
            outputs |= {
                "attention": tf.ragged.boolean_mask(best["attention"], spoken).to_tensor(),
                "source_tokens": source["tokens"],
                "target_tokens": tf.ragged.boolean_mask(names, spoken).to_tensor(),
            }
        return outputs


def _tokenizer(model_proto, name):
    """A tokenizer whose table belongs to the function that is being traced.

    Its name must be unlike all others of a SavedModel: Python's loader gives tables of one name,
    even in two functions, the content of the first.
    """
    return tf_text.SentencepieceTokenizer(model=model_proto, out_type=tf.int32, name=name)


def _traceable(function, signature):
    return tf.function(function, input_signature=signature, autograph=False)
