"""SavedModel for TensorFlow Serving: text in, text out, and the id graph beside it."""

import logging

import tensorflow as tf

from export.native_rnn import plain_rnn

SIGNATURES = ("serving_default", "translate_ids")


def write_saved_model(module, directory):
    """Writes `directory/1/`, the versioned layout that TensorFlow Serving reads.

    Signatures:
        serving_default: `text` string `(B,)` → `text` `(B,)`, `score` `(B,)`. Takes strings only,
            so that a server may pad a batch with any row.
        translate_ids: the inputs and outputs of `translate.onnx`, all inputs given.

    A process that loads it from Python must import tensorflow_text first; TensorFlow Serving 2.20
    and later link its ops.

    Args:
        module: a `TranslationModule`.
        directory: the folder of versions.

    Returns:
        The path of version 1.
    """
    path = directory / "1"
    logger = logging.getLogger("absl")  # reports every asset at INFO
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with plain_rnn():  # written on a machine with a GPU, it runs on those without too
            tf.saved_model.save(
                module,
                str(path),
                signatures={
                    "serving_default": module.translate_text.get_concrete_function(),
                    "translate_ids": module.translate_ids.get_concrete_function(),
                },
            )
    finally:
        logger.setLevel(level)
    return path
