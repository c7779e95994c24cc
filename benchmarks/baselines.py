"""A bundle against what it was exported from: the SavedModel and Keras itself; prints JSON.

`python -m benchmarks.baselines '{"checkpoint": …, "bundle": …, "source": …, …}'`
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from pathlib import Path

import tensorflow as tf
import tensorflow_text  # noqa: F401  registers the ops that the SavedModel holds

import zoo
from benchmarks.engines import OWN, OwnEngine, missing_precision, sorted_batches
from benchmarks.timing import Samples, time_once
from benchmarks.worker import read_lines
from serving import Manifest
from serving.rows import end_row, pad
from serving.tokenizer import load_tokenizers


class SavedModelEngine:
    """`serving_default` of the bundle's SavedModel, which holds tokenizers and search."""

    name = "SavedModel"

    def __init__(self, bundle):
        # The loaded object owns the variables that its signatures use.
        self._loaded = tf.saved_model.load(str(Path(bundle) / "saved_model" / "1"))
        self._translate = self._loaded.signatures["serving_default"]

    def translate(self, texts, beam_size, batch_size):
        """Translates texts; the search is the one that was exported, whatever `beam_size` says."""
        results = [""] * len(texts)
        batches = _batches([len(text) for text in texts], batch_size)
        for batch in batches:
            rows = tf.constant([texts[index] for index in batch])
            for index, text in zip(batch, self._translate(text=rows)["text"].numpy(), strict=True):
                results[index] = text.decode("utf-8")
        return results


class KerasEngine:
    """`translate_ids` of the checkpoint's model, between the tokenizers."""

    name = "Keras"

    def __init__(self, checkpoint, length_penalty):
        self._model, _ = zoo.load_checkpoint(checkpoint)
        self._source, self._target = load_tokenizers(checkpoint)
        self._length_penalty = length_penalty

    def translate(self, texts, beam_size, batch_size):
        """Translates texts."""
        longest = self._model.config.max_source_length
        rows = [end_row(pieces, longest) for pieces in self._source.encode_batch(texts)]
        results = [""] * len(texts)
        for batch in _batches([len(row) for row in rows], batch_size):
            found = self._model.translate_ids(
                pad([rows[index] for index in batch]),
                beam_size=beam_size,
                length_penalty=self._length_penalty,
            )
            for index, ids in zip(batch, found["ids"][:, 0], strict=True):
                results[index] = self._target.decode(ids)
        return results


def _batches(lengths, batch_size):
    if batch_size == 1:
        return [[index] for index in range(len(lengths))]
    return sorted_batches(lengths, batch_size)


def measure(checkpoint, bundle, source, sentences, batches, threads, rounds):
    """Times our engine, the SavedModel and Keras with the bundle's own decoding defaults.

    The SavedModel and Keras compute in float32. A bundle that holds an int8 graph gets rows for it,
    against the same runs of the other two.

    Returns:
        A dict: `beam_size`, `sentences`, and `rows`, a list of dicts with `precision` (ours),
        `batch_size` and, by engine, `seconds` (each run) and `same` (texts equal to ours).
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    texts = [text for text in read_lines(source) if text.strip()][:sentences]
    decoding = Manifest.read(Path(bundle)).decoding
    precisions = [name for name in ("float32", "int8") if not missing_precision(bundle, name)]
    ours = [OwnEngine(bundle, threads, precision) for precision in precisions]
    others = [SavedModelEngine(bundle), KerasEngine(checkpoint, decoding.length_penalty)]
    rows = []
    for batch_size in batches:
        samples = {engine: Samples() for engine in (*ours, *others)}
        for engine in samples:  # traces and allocates
            engine.translate(texts[: max(batch_size, 4)], decoding.beam_size, batch_size)
        for _ in range(rounds):
            for engine, sample in samples.items():
                time_once(engine, texts, decoding.beam_size, batch_size, sample)
        for precision, own in zip(precisions, ours, strict=True):
            seconds = {engine.name: samples[engine].seconds for engine in others}
            same = {
                engine.name: sum(
                    a == b for a, b in zip(samples[own].texts, samples[engine].texts, strict=True)
                )
                for engine in others
            }
            rows.append(
                {
                    "precision": precision,
                    "batch_size": batch_size,
                    "seconds": {OWN: samples[own].seconds, **seconds},
                    "same": same,
                }
            )
    return {"beam_size": decoding.beam_size, "rows": rows, "sentences": len(texts)}


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
