"""From texts to translations, once all arguments are checked."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from serving.batches import run_rows
from serving.graph import Graph
from serving.manifest import Limits
from serving.options import DecodingOptions
from serving.progress import ProgressLine
from serving.rows import Row, empty_translation, make_rows, read_translation
from serving.stream import grow
from serving.tokenizer import Tokenizer
from serving.translation import Translation


@dataclass(frozen=True)
class Pipeline:
    """Tokenizer, graph, tokenizer; threads may share it.

    Args:
        graph: One of the bundle's id graphs.
        source_tokenizer: Splits the texts.
        target_tokenizer: Joins the translations.
        limits: Of the model.
        workers: Batches of one call that run at the same time.
    """

    graph: Graph
    source_tokenizer: Tokenizer
    target_tokenizer: Tokenizer
    limits: Limits
    workers: int

    def translate(
        self,
        texts: list[str],
        prefixes: list[list[int]],
        options: DecodingOptions,
        batch_size: int,
        line: ProgressLine,
    ) -> list[Translation]:
        """Translates texts, each with the ids of a prefix, in their order."""
        rows = self._rows(texts, prefixes)
        results = [
            empty_translation(text, options.return_attention) if row is None else None
            for text, row in zip(texts, rows, strict=True)
        ]
        line.advance(sum(row is None for row in rows))
        found = run_rows(self.graph, rows, options, batch_size, self.workers)
        with contextlib.closing(found):
            for index, output in found:
                results[index] = self._read(texts[index], rows[index], output)
                line.advance(1)
        return results

    def grow(self, text: str, prefix: list[int], options: DecodingOptions) -> Iterator[Translation]:
        """Translates one text, and yields the translation as it grows."""
        [row] = self._rows([text], [prefix])
        if row is None:
            yield empty_translation(text, options.return_attention)
            return
        longest = self.limits.max_target_length
        for output, finished in grow(self.graph, row, options, longest, self.target_tokenizer):
            yield self._read(text, row, output, finished)

    def _rows(self, texts: list[str], prefixes: list[list[int]]) -> list[Row | None]:
        return make_rows(texts, prefixes, self.source_tokenizer, self.limits.max_source_length)

    def _read(
        self, text: str, row: Row, output: dict[str, np.ndarray], finished: bool = True
    ) -> Translation:
        tokenizers = self.source_tokenizer, self.target_tokenizer
        return read_translation(text, row, output, *tokenizers, finished)
