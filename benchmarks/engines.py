"""The engines under one call: a list of texts in, a list of texts out, everything between timed.

Each engine loads its packages when it is made, so that a process which measures one engine holds
no other.
"""

from pathlib import Path

OWN, OTHER = "ours", "CTranslate2"


def length_limit(source_tokens):
    """The most target tokens, end token included: the rule of `serving.Translator`.

    Args:
        source_tokens: source tokens, end token included.
    """
    return 2 * source_tokens + 10


def sorted_batches(lengths, batch_size):
    """Indices of rows of similar lengths, longest first, as `serving.Translator` groups them."""
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def missing_precision(bundle, precision):
    """Why our engine cannot run a bundle in a precision; "" when it can."""
    from serving.manifest import ID_GRAPHS

    graph = ID_GRAPHS[precision]
    return "" if (Path(bundle) / graph).is_file() else f"the bundle has no {graph}"


class OwnEngine:
    """An exported bundle in `serving.Translator`.

    Args:
        bundle: bundle directory.
        threads: threads of one call.
        precision: "float32", or one that `missing_precision` finds nothing against.
        length_penalty: α of the bundle's search; None takes the bundle's default.
    """

    name = OWN

    def __init__(self, bundle, threads, precision="float32", length_penalty=None):
        from serving import Translator

        self.translator = Translator.load(bundle, threads=threads, precision=precision)
        self._length_penalty = length_penalty

    def translate(self, texts, beam_size, batch_size):
        """Translates texts; with a batch of 1 each is a call of its own, in the given order."""
        options = {
            "beam_size": beam_size,
            "num_hypotheses": 1,
            "length_penalty": self._length_penalty,
            "min_length": 0,
            "max_length": 0,
            "batch_size": batch_size,
            "progress": False,
        }
        translate = self.translator.translate
        if batch_size == 1:
            return [translate(text, **options).text for text in texts]
        return [result.text for result in translate(texts, **options)]


class CTranslate2Engine:
    """A converted model in CTranslate2, with SentencePiece on both sides.

    What it is given, so that both engines do the same work and this one does it at its best:
    batches of our rows, because one call a batch can carry the batch's own length limit, which was
    3 % faster than CTranslate2's own batching under one limit for all; no scores, attention or
    prefix; SentencePiece's batch interface. A row may still outrun our limit, which is its own and
    not its batch's; it is cut afterwards.

    With several threads a single sentence gets them all, and batches run at the same time, on a
    thread each. With 2 threads that beat all threads on one batch after the other in every cell
    that was measured, by 1.2 to 4 times where idle threads sleep and by more where they spin: a
    4+4-layer Transformer of 128 features, batches of 16 and 64 in float32 and of 16 in int8, greedy
    and beam 4, on two cores that had other work too. CTranslate2's own batching, with the same
    workers, took as long within the noise.

    Args:
        directory: what `benchmarks.ctranslate2_model.convert` wrote.
        tokenizers: paths of the source and the target SentencePiece model.
        threads: threads of a single sentence, and batches that are translated at the same time.
        precision: "float32" or "int8", CTranslate2's compute type.
        length_penalty: exponent of the length in CTranslate2's score.
        max_source_length: longest source in tokens, end token included.
    """

    name = OTHER

    def __init__(
        self, directory, tokenizers, threads, precision, length_penalty, max_source_length
    ):
        import ctranslate2
        import sentencepiece

        self._threads = threads
        self._source, self._target = (
            sentencepiece.SentencePieceProcessor(model_file=str(path)) for path in tokenizers
        )

        def load(workers, threads_each):
            return ctranslate2.Translator(
                str(directory),
                device="cpu",
                compute_type=precision,
                inter_threads=workers,
                intra_threads=threads_each,
            )

        self.single = load(1, threads)
        self.batched = load(threads, 1) if threads > 1 else self.single
        if not self.single.compute_type.startswith(precision):
            raise RuntimeError(
                f"CTranslate2Engine: precision {precision!r} is not supported on this CPU; it "
                f"would run {self.single.compute_type}. Leave it out of --precisions."
            )
        self._limit = max_source_length
        self._options = {
            "length_penalty": length_penalty,
            "max_input_length": max_source_length,
            "min_decoding_length": 0,
        }

    def translate(self, texts, beam_size, batch_size):
        """Translates texts; with a batch of 1 each is a call of its own, in the given order."""
        if batch_size == 1:
            return [self._single(text, beam_size) for text in texts]
        rows = self._source.encode(texts, out_type=str, num_threads=self._threads)
        results = [None] * len(rows)
        batches = sorted_batches([len(row) for row in rows], batch_size)
        started = [
            self._start(self.batched, [rows[index] for index in batch], beam_size)
            for batch in batches
        ]
        for batch, waiting in zip(batches, started, strict=True):
            for index, found in zip(batch, waiting, strict=True):
                results[index] = self._finish(found, rows[index])
        return self._target.decode(results, num_threads=self._threads)

    def _single(self, text, beam_size):
        row = self._source.encode(text, out_type=str)
        [found] = self._start(self.single, [row], beam_size)
        return self._target.decode(self._finish(found, row))

    def _start(self, translator, rows, beam_size):
        """Queues one batch whose first row is the longest; returns what will be its results."""
        return translator.translate_batch(
            rows,
            beam_size=beam_size,
            max_decoding_length=self._most_tokens(rows[0]),
            asynchronous=True,
            **self._options,
        )

    def _finish(self, result, row):
        """Waits for a row; returns its pieces, as many as the row's own limit allows."""
        return result.result().hypotheses[0][: self._most_tokens(row)]

    def _most_tokens(self, row):
        return length_limit(min(len(row) + 1, self._limit))
