"""SavedModel for TensorFlow Serving: text to text, with attention, and the id graph beside it."""

import logging

import tensorflow as tf

from export.native_rnn import plain_rnn

# Signature → the function of a `TranslationModule`; one that a module lacks is left out.
SIGNATURES = {
    "serving_default": "translate_text",
    "translate_with_attention": "translate_with_attention",
    "tokenize": "tokenize",
    "translate_ids": "translate_ids",
}


def write_saved_model(module, directory):
    """Writes `directory/1/`, the versioned layout that TensorFlow Serving reads.

    Signatures, for B texts, S source tokens of the longest and T target tokens of the longest
    translation:
        serving_default: `text` string `(B,)` → `text` `(B,)`, `score` float32 `(B,)`.
        translate_with_attention: the same, and `attention` float32 `(B, T, S)`, `source_tokens`
            string `(B, S)`, `target_tokens` string `(B, T)`. A model without attention lacks it.
        tokenize: `text` → `ids` int32 `(B, S)` with the end id, `lengths` int32 `(B,)`, `tokens`
            string `(B, S)`: what the model reads.
        translate_ids: the inputs and outputs of `translate.onnx`, all inputs given. Some have no
            batch axis, so a server that batches refuses it.

    The first three take strings only, so that a server may fill up a batch with any row. They use
    the module's defaults and answer as `serving.Translator` does: the same pieces, `</s>` where the
    model ended the sentence, no attention for the pad and start ids that no text shows, and for a
    blank text the text "", score 0 and no tokens. What differs, because tensors are rectangular:

    - Short rows are padded: tokens with "", ids and attention with 0. S is at least 1.
    - In a server that batches, T and S count the whole batch, other callers' texts included. A
      request that it splits (`enable_large_batch_splitting`) cannot be joined again where S or T
      differ; `serving_default` can.
    - `lengths` is 0 for a blank text, which is nothing to give to `translate_ids`.
    - Nothing tells that a text was cut to the longest source that the model takes.

    The weights and the search of the text signatures are stored once. A process that loads the
    SavedModel must load the operations of tensorflow_text first, in Python by importing it;
    TensorFlow Serving 2.20 and later has them.

    Args:
        module: a `TranslationModule`.
        directory: the folder of versions.

    Returns:
        The path of version 1.
    """
    path = directory / "1"
    owner = tf.Module()  # without the functions, which would be traced again and saved twice
    owner.weights = module.weights
    logger = logging.getLogger("absl")  # reports every asset at INFO
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with plain_rnn():  # written on a machine with a GPU, it runs on those without too
            signatures = {
                signature: getattr(module, function).get_concrete_function()
                for signature, function in SIGNATURES.items()
                if hasattr(module, function)
            }
            tf.saved_model.save(owner, str(path), signatures=signatures)
    finally:
        logger.setLevel(level)
    return path
