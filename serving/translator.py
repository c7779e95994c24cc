"""Translates text with an exported bundle; needs neither Keras nor TensorFlow."""

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Unpack, overload

import onnxruntime as ort

from serving.graph import Graph
from serving.manifest import ID_GRAPHS, SHORTLIST_GRAPHS, TRANSLATE_GRAPH, BundleError, Manifest
from serving.options import DecodingOptions, SearchOptions, resolve_options
from serving.parallel import physical_cores
from serving.pipeline import Pipeline
from serving.pretrained import find_bundle
from serving.problems import check_count, raise_problems
from serving.progress import ProgressLine, wants_progress
from serving.rows import check_prefixes, check_texts, encode_prefixes
from serving.session import (
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
        workers: Batches of one call that run at the same time.

    Attributes:
        precision: ``float32`` or ``int8``, of the graph's weights.

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
        workers: int = 1,
    ):
        problems = check_session(session, manifest.graphs[graph], manifest.attention)
        problems += check_vocabularies(manifest, source_tokenizer, target_tokenizer)
        if problems:
            raise BundleError(graph, problems)
        self.manifest = manifest
        self.source_tokenizer = source_tokenizer
        self.target_tokenizer = target_tokenizer
        exact = graph in (ID_GRAPHS["float32"], SHORTLIST_GRAPHS["float32"])
        self.precision = "float32" if exact else "int8"
        self.graph = Graph(session, manifest.graphs[graph], exact)
        tokenizers = source_tokenizer, target_tokenizer
        self._pipeline = Pipeline(self.graph, *tokenizers, manifest.limits, workers)

    @classmethod
    def load(
        cls,
        bundle: str | os.PathLike,
        device: str = "cpu",
        threads: int | None = None,
        precision: str | None = None,
        shortlist: bool = False,
    ) -> "Translator":
        """Opens a bundle; every file is verified before the model is loaded.

        Args:
            bundle: The directory that the exporter wrote; or the name of a model that comes with
                this package, such as ``en-ko`` (see ``serving.pretrained``).
            device: ``cpu`` or ``cuda``.
            threads: CPU threads; None stands for every physical core. Each run of the graph keeps
                to one thread, and a call runs so many batches at the same time; in float32 it
                makes its batches smaller for that. Measured with a Transformer of 128 features on
                two cores: two halves of a batch were faster than all of it on one thread by 1.4
                (16 texts, greedy) to 2 (64 texts), two threads inside a run only by 0.9 to 1.4,
                and a single text took 1.1 to 1.3 times as long with two. With many callers at
                once, use 1.
            precision: ``float32``, or ``int8`` where the bundle holds int8 graphs: smaller and
                faster. Activations then share one scale per batch, so a translation may depend a
                little on the texts that share its batch. None stands for float32 where the bundle
                has it, else int8.
            shortlist: Whether to choose among the target tokens that a text's tokens are likely to
                give, and the most frequent ones, where the bundle was exported with such a list:
                faster, and scores count these candidates only.

        Raises:
            BundleError: The bundle is incomplete, damaged, too new or inconsistent.
            ValueError: ``device``, ``threads`` or ``precision`` is wrong, or the bundle has no such
                graph.
            RuntimeError: ``device`` is ``cuda`` and CUDA cannot be used.
        """
        check_device(device, threads)
        directory = find_bundle(bundle)
        manifest = Manifest.read(directory)
        names = manifest.tokenizer
        try:
            # A joint vocabulary has the same name twice, and becomes one object.
            sides = {
                name: Tokenizer.load(directory / name) for name in {names.source, names.target}
            }
        except ValueError as error:
            raise BundleError(str(directory), [str(error)]) from error
        name = choose_graph(manifest, precision, shortlist)
        session = open_session(directory / name, device)
        workers = 1 if device == "cuda" else threads or physical_cores()
        return cls(manifest, sides[names.source], sides[names.target], session, name, workers)

    @overload
    def translate(self, texts: str, **options: Any) -> Translation: ...

    @overload
    def translate(self, texts: Iterable[str], **options: Any) -> list[Translation]: ...

    def translate(
        self,
        texts,
        *,
        prefix: str | Sequence[str] | None = None,
        batch_size: int = 32,
        progress: bool | None = None,
        **options: Unpack[SearchOptions],
    ):
        """Translates one text or several.

        An empty text, or one of white space only, becomes an empty translation with score 0.0 and
        no tokens, without running the model (a prefix is ignored). A text of more than
        ``max_source_length - 1`` pieces is cut there, and its ``truncated`` is True.

        Args:
            texts: A text, or an iterable of texts.
            prefix: Forced start of the translation: one for all texts, or one per text ("" for
                none). It is split into pieces by itself and white space at its end is dropped, so
                end it at the end of a word; the model may still append to its last word. It must
                be shorter than the longest output; the default length rule may cut it.
            batch_size: Texts per run of the model.
            progress: Whether to draw a progress line on standard error; None draws one on a
                terminal when there are more than three batches.
            **options: See ``serving.options.SearchOptions``: ``beam_size``, ``num_hypotheses``,
                ``length_penalty``, ``coverage_penalty``, ``min_length``, ``max_length``,
                ``no_repeat_ngram``, ``suppressed_tokens``, ``attention_layer``,
                ``attention_head``, ``return_attention``. None stands for the manifest's default.

        Returns:
            A ``Translation`` for a str, else a list of them in the order of the texts.

        Raises:
            ValueError: Naming every argument that is wrong.
            TypeError: There is no such option.
        """
        problems: list[str] = []
        check_count("batch_size", batch_size, problems)
        listed = check_texts(texts, problems)
        checked, forced = self._check("translate", options, prefix, len(listed), problems)
        shown = wants_progress(progress, -(-len(listed) // batch_size))
        with ProgressLine(len(listed), shown) as line:
            results = self._pipeline.translate(listed, forced, checked, batch_size, line)
        return results[0] if isinstance(texts, str) else results

    def translate_iter(
        self,
        texts: Iterable[str],
        window: int = 1024,
        *,
        prefix: str | None = None,
        batch_size: int = 32,
        progress: bool | None = None,
        **options: Unpack[SearchOptions],
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
            TypeError: There is no such option.
        """
        problems: list[str] = []
        check_count("batch_size", batch_size, problems)
        check_count("window", window, problems)
        if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
            problems.append(f"texts must be an iterable of str. Received {texts!r}.")
        checked, forced = self._check("translate_iter", options, prefix, None, problems)
        shown = wants_progress(progress, None)
        return self._windows(iter(texts), window, forced[0], checked, batch_size, shown)

    def stream(
        self, text: str, *, prefix: str | None = None, **options: Unpack[SearchOptions]
    ) -> Iterator[Translation]:
        """Translates one text by greedy search, and yields the translation as it grows.

        The graph runs for 4 tokens, then once more from the beginning for 12, then for 28, and so
        on. With two trained Transformers and sentences of 16 tokens that takes 2.0 times as long as
        ``translate``, and the first tokens come after 0.4 of its time.

        Args:
            text: The text.
            prefix: As for ``translate``.
            **options: As for ``translate``; ``beam_size`` can only be 1: beam search may change
                its mind about every word until the end.

        Returns:
            An iterator over translations, each of which begins with text and tokens of the one
            before. The last one is what ``translate`` returns with ``beam_size=1``; the others
            have ``finished`` False, and a score that counts the tokens so far.

        Raises:
            ValueError: Naming every argument that is wrong.
            TypeError: There is no such option.
        """
        problems = []
        if "max_length" not in self.graph.inputs:
            problems.append(
                "a stream needs max_length, which this bundle's graph has built in. Use translate."
            )
        if not isinstance(text, str):
            problems.append(f"text must be a str. Received {repr(text)[:80]}.")
        if options.get("beam_size", 1) not in (1, None):
            problems.append(
                "beam_size must be 1: a beam search settles nothing before its end. "
                f"Received {options['beam_size']!r}. Use translate."
            )
        elif self.manifest.decoding.beam_size != 1:
            options["beam_size"] = 1
        count = options.pop("num_hypotheses", None)
        if count not in (1, None):
            problems.append(
                f"num_hypotheses must be 1: a stream is greedy search. Received {count!r}. "
                "Use translate."
            )
        checked, [forced] = self._check("stream", options, prefix, None, problems)
        return self._pipeline.grow(text, forced, checked)

    def _check(
        self, method: str, options: dict[str, Any], prefix: Any, count: int | None, problems
    ) -> tuple[DecodingOptions, list[list[int]]]:
        """Checks options, and prefixes for ``count`` texts (None: one for all).

        Returns:
            The options and the ids of the prefixes.

        Raises:
            ValueError: Naming these problems and those found before.
        """
        inputs = self.graph.inputs
        if prefix is not None and "prefix_ids" not in inputs:
            problems.append("prefix cannot be used: this bundle's graph has no such input.")
        checked = resolve_options(options, self.manifest, inputs, self.target_tokenizer, problems)
        prefixes = check_prefixes(prefix, count, problems)
        longest = (checked and checked.max_length) or self.manifest.limits.max_target_length
        forced = encode_prefixes(prefixes, self.target_tokenizer, longest, problems)
        raise_problems(f"Translator.{method}", problems)
        return checked, forced

    def _windows(self, texts, window, forced, options, batch_size, shown) -> Iterator[Translation]:
        with ProgressLine(None, shown) as line:
            done = 0
            while chunk := list(itertools.islice(texts, window)):
                problems: list[str] = []
                check_texts(chunk, problems, done)
                done += len(chunk)
                raise_problems("Translator.translate_iter", problems)
                prefixes = [forced] * len(chunk)
                yield from self._pipeline.translate(chunk, prefixes, options, batch_size, line)
