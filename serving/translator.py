"""Translates text with an exported bundle; needs neither Keras nor TensorFlow."""

import functools
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import onnxruntime as ort

from serving.manifest import TRANSLATE_GRAPH, BundleError, Manifest
from serving.options import DecodingOptions, resolve_options
from serving.problems import raise_problems
from serving.progress import ProgressLine, wants_progress
from serving.rows import (
    Row,
    check_prefixes,
    check_texts,
    empty_translation,
    make_rows,
    pad,
    read_translation,
)
from serving.session import (
    INPUT_TYPES,
    check_device,
    check_session,
    check_vocabularies,
    choose_graph,
    open_session,
)
from serving.tokenizer import Tokenizer
from serving.translation import Translation


class Translator:
    """Translates text with one bundle.

    Instances hold no state that changes, so threads may share one.

    Args:
        manifest: The bundle's manifest.
        source_tokenizer: Splits the texts.
        target_tokenizer: Joins the translations and splits prefixes.
        session: One of the bundle's id graphs.
        graph: Its file name.

    Raises:
        BundleError: The graph's tensors or the vocabularies differ from the manifest.

    Example:
        >>> translator = Translator.load(bundle)
        >>> result = translator.translate("나는 학교에 간다.", return_attention=True)
        >>> result.attention.shape == (len(result.tokens), len(result.source_tokens))
        True
    """

    def __init__(
        self,
        manifest: Manifest,
        source_tokenizer: Tokenizer,
        target_tokenizer: Tokenizer,
        session: ort.InferenceSession,
        graph: str = TRANSLATE_GRAPH,
    ):
        problems = check_session(session, manifest.graphs[graph], manifest.attention)
        problems += check_vocabularies(manifest, source_tokenizer, target_tokenizer)
        if problems:
            raise BundleError(graph, problems)
        self.manifest = manifest
        self.source_tokenizer = source_tokenizer
        self.target_tokenizer = target_tokenizer
        self._session = session
        tensors = (*session.get_inputs(), *session.get_overridable_initializers())
        self._graph_inputs = frozenset(tensor.name for tensor in tensors)

    @classmethod
    def load(
        cls,
        bundle: str | os.PathLike,
        device: str = "cpu",
        threads: int | None = None,
        precision: str = "float32",
    ) -> "Translator":
        """Opens a bundle directory; every file is verified before the model is loaded.

        Args:
            bundle: The directory that the exporter wrote.
            device: ``cpu`` or ``cuda``.
            threads: CPU threads for one call; None lets onnxruntime use every physical core. With
                many callers at once, one thread each gives the higher throughput.
            precision: ``float32``, or ``int8`` where the bundle holds int8 graphs: smaller and
                faster. Activations then share one scale per batch, so a translation may depend a
                little on the texts that share its batch.

        Raises:
            BundleError: The bundle is incomplete, damaged, too new or inconsistent.
            ValueError: ``device`` or ``threads`` is wrong.
            RuntimeError: ``device`` is ``cuda`` and CUDA cannot be used.
        """
        check_device(device, threads)
        directory = Path(bundle)
        manifest = Manifest.read(directory)
        names = manifest.tokenizer
        try:
            # A joint vocabulary has the same name twice, and becomes one object.
            sides = {
                name: Tokenizer.load(directory / name) for name in {names.source, names.target}
            }
        except ValueError as error:
            raise BundleError(str(directory), [str(error)]) from error
        name = choose_graph(manifest, precision)
        session = open_session(directory / name, device, threads)
        return cls(manifest, sides[names.source], sides[names.target], session, name)

    @overload
    def translate(self, texts: str, **options: Any) -> Translation: ...

    @overload
    def translate(self, texts: Iterable[str], **options: Any) -> list[Translation]: ...

    def translate(
        self,
        texts,
        beam_size: int | None = None,
        num_hypotheses: int | None = None,
        length_penalty: float | None = None,
        min_length: int | None = None,
        max_length: int | None = None,
        prefix: str | Sequence[str] | None = None,
        return_attention: bool = False,
        batch_size: int = 32,
        progress: bool | None = None,
    ):
        """Translates one text or several; None stands for the manifest's decoding default.

        An empty text, or one of white space only, becomes an empty translation with score 0.0 and
        no tokens, without running the model (a prefix is ignored). A text of more than
        ``max_source_length - 1`` pieces is cut there, and its ``truncated`` is True.

        Args:
            texts: A text, or an iterable of texts.
            beam_size: Hypotheses kept while searching, at least 1; 1 is greedy search.
            num_hypotheses: Most hypotheses returned per text, at most ``beam_size``; fewer come
                back where the search found fewer, and one for an empty text.
            length_penalty: Exponent of the length in the score, at least 0; higher values favor
                longer translations.
            min_length: Fewest tokens before the end token is allowed.
            max_length: Most tokens, end token included; 0 stands for ``2 * source tokens + 10``
                and never above the model's ``max_target_length``.
            prefix: Forced start of the translation: one for all texts, or one per text ("" for
                none). It is split into pieces by itself and white space at its end is dropped, so
                end it at the end of a word; the model may still append to its last word. It must
                be shorter than the longest output; the default length rule may cut it.
            return_attention: Whether to return attention weights.
            batch_size: Texts per run of the model.
            progress: Whether to draw a progress line on standard error; None draws one on a
                terminal when there are more than three batches.

        Returns:
            A ``Translation`` for a str, else a list of them in the order of the texts.

        Raises:
            ValueError: Naming every argument that is wrong.
        """
        requested = {
            "beam_size": beam_size,
            "num_hypotheses": num_hypotheses,
            "length_penalty": length_penalty,
            "min_length": min_length,
            "max_length": max_length,
            "return_attention": return_attention,
            "batch_size": batch_size,
        }
        single = isinstance(texts, str)
        problems: list[str] = []
        options = self._options(requested, prefix, problems)
        texts = check_texts(texts, problems)
        prefixes = check_prefixes(prefix, len(texts), problems)
        forced = self._encode_prefixes(prefixes, options, problems)
        raise_problems("Translator.translate", problems)
        num_batches = -(-len(texts) // options.batch_size)
        with ProgressLine(len(texts), wants_progress(progress, num_batches)) as line:
            results = self._translate(texts, forced, options, line)
        return results[0] if single else results

    def translate_iter(
        self,
        texts: Iterable[str],
        window: int = 1024,
        *,
        beam_size: int | None = None,
        num_hypotheses: int | None = None,
        length_penalty: float | None = None,
        min_length: int | None = None,
        max_length: int | None = None,
        prefix: str | None = None,
        return_attention: bool = False,
        batch_size: int = 32,
        progress: bool | None = None,
    ) -> Iterator[Translation]:
        """Translates an iterable of any length, in order and in bounded memory.

        At most ``window`` texts are read ahead and held at a time; a larger window batches texts of
        more similar lengths. Arguments are those of ``translate`` and are checked at once, each
        text when its window is reached; ``prefix`` is one str for all texts.

        Args:
            texts: The texts; may be endless.
            window: Texts per window, at least 1.

        Returns:
            An iterator over one ``Translation`` per text.

        Raises:
            ValueError: Naming every argument that is wrong.
        """
        requested = {
            "beam_size": beam_size,
            "num_hypotheses": num_hypotheses,
            "length_penalty": length_penalty,
            "min_length": min_length,
            "max_length": max_length,
            "return_attention": return_attention,
            "batch_size": batch_size,
        }
        problems: list[str] = []
        options = self._options(requested, prefix, problems)
        if type(window) is not int or window < 1:
            problems.append(f"window is out of range; expected at least 1. Received {window!r}.")
        forced = None
        if prefix is not None and not isinstance(prefix, str):
            problems.append(f"prefix must be one str for all texts. Received {prefix!r}.")
        else:
            [forced] = self._encode_prefixes([prefix or ""], options, problems)
        if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
            problems.append(f"texts must be an iterable of str. Received {texts!r}.")
        raise_problems("Translator.translate_iter", problems)
        return self._windows(iter(texts), window, forced, options, wants_progress(progress, None))

    def _options(self, requested, prefix, problems: list[str]) -> DecodingOptions | None:
        if prefix is not None and "prefix_ids" not in self._graph_inputs:
            problems.append("prefix cannot be used: this bundle's graph has no such input.")
        return resolve_options(requested, self.manifest, self._graph_inputs, problems)

    def _encode_prefixes(
        self, prefixes: list[str], options: DecodingOptions | None, problems: list[str]
    ) -> list[list[int]]:
        encode = functools.cache(self.target_tokenizer.encode)
        encoded = [encode(prefix) for prefix in prefixes]
        longest = (options and options.max_length) or self.manifest.limits.max_target_length
        too_long = [index for index, ids in enumerate(encoded) if len(ids) >= longest]
        if too_long:
            problems.append(
                f"prefix {prefixes[too_long[0]][:40]!r} is too long; expected fewer than {longest} "
                f"pieces. Received {len(encoded[too_long[0]])}. Shorten it or raise max_length."
            )
        return encoded

    def _windows(self, texts, window, forced, options, shown) -> Iterator[Translation]:
        with ProgressLine(None, shown) as line:
            while chunk := list(itertools.islice(texts, window)):
                problems: list[str] = []
                check_texts(chunk, problems)
                raise_problems("Translator.translate_iter", problems)
                yield from self._translate(chunk, [forced] * len(chunk), options, line)

    def _translate(
        self,
        texts: list[str],
        prefixes: list[list[int]],
        options: DecodingOptions,
        line: ProgressLine,
    ) -> list[Translation]:
        limits = self.manifest.limits
        rows = make_rows(texts, prefixes, self.source_tokenizer, limits.max_source_length)
        results = [empty_translation(text, options.return_attention) for text in texts]
        line.advance(sum(row is None for row in rows))
        # Longest first: rows of a batch have similar lengths, and memory runs out early or never.
        order = sorted(
            (index for index, row in enumerate(rows) if row is not None),
            key=lambda index: -len(rows[index].source_ids),
        )
        for start in range(0, len(order), options.batch_size):
            batch = order[start : start + options.batch_size]
            outputs = self._run([rows[index] for index in batch], options)
            for position, index in enumerate(batch):
                output = {name: array[position] for name, array in outputs.items()}
                results[index] = read_translation(
                    texts[index], rows[index], output, self.source_tokenizer, self.target_tokenizer
                )
            line.advance(len(batch))
        return results

    def _run(self, rows: list[Row], options: DecodingOptions) -> dict[str, np.ndarray]:
        """Runs one batch; each array's first axis is the row."""
        feeds = {name: getattr(options, name, None) for name in self._graph_inputs}
        feeds["source_ids"] = pad([row.source_ids for row in rows])
        if any(row.prefix_ids for row in rows):
            feeds["prefix_ids"] = pad([row.prefix_ids for row in rows])
        names = ["ids", "lengths", "scores"] + ["attention"] * options.return_attention
        arrays = {
            name: np.asarray(value, INPUT_TYPES[name])
            for name, value in feeds.items()
            if value is not None
        }
        return dict(zip(names, self._session.run(names, arrays), strict=True))
