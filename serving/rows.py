"""From texts to rows of ids for the graph, and from the graph's arrays back to translations."""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving.tokenizer import END_ID, PAD_ID, START_ID, Tokenizer, unicode_problem
from serving.translation import END_TOKEN, Hypothesis, Translation


@dataclass(frozen=True)
class Row:
    """One text on its way into the graph: source ids with the end id, and forced target ids."""

    source_ids: tuple[int, ...]
    prefix_ids: tuple[int, ...]
    truncated: bool


def check_texts(texts: Any, problems: list[str], first: int = 0) -> list[str]:
    """Returns the texts as a list; ``problems`` grows when they are not all valid str.

    ``first`` is the index of the first of them, for the message.
    """
    if isinstance(texts, str):
        texts = [texts]
    if isinstance(texts, bytes) or not isinstance(texts, Iterable):
        problems.append(f"texts must be a str or an iterable of str. Received {repr(texts)[:80]}.")
        return []
    texts = list(texts)
    wrong = [index for index, text in enumerate(texts) if not isinstance(text, str)]
    if wrong:
        others = f" ({len(wrong) - 1} more are not str)" if len(wrong) > 1 else ""
        received = repr(texts[wrong[0]])[:80]
        problems.append(f"texts[{first + wrong[0]}] is not a str. Received {received}{others}.")
        return texts
    found = ((index, unicode_problem(text)) for index, text in enumerate(texts))
    problems += [f"texts[{first + index}]: {problem}" for index, problem in found if problem][:1]
    return texts


def check_prefixes(prefix: Any, count: int | None, problems: list[str]) -> list[str]:
    """Returns one prefix per text, "" for none; ``problems`` grows when they do not fit.

    With a ``count`` of None the prefix must be one str, and one is returned.
    """
    if prefix is None or isinstance(prefix, str):
        return [prefix or ""] * (1 if count is None else count)
    if count is None:
        problems.append(f"prefix must be one str. Received {repr(prefix)[:80]}.")
        return []
    if not isinstance(prefix, Sequence) or not all(isinstance(item, str) for item in prefix):
        problems.append(f"prefix must be a str or a list of str. Received {repr(prefix)[:80]}.")
        return []
    if len(prefix) != count:
        problems.append(
            f"prefix has the wrong length; expected one per text ({count}). Received {len(prefix)}."
        )
    return list(prefix)


def encode_prefixes(
    prefixes: list[str], tokenizer: Tokenizer, longest: int, problems: list[str]
) -> list[list[int]]:
    """Returns the ids of prefixes.

    ``problems`` grows when one is not valid Unicode, or has not fewer than ``longest`` ids.
    """
    if not any(prefixes):
        return [[]] * len(prefixes)
    invalid = next(filter(None, map(unicode_problem, prefixes)), None)
    if invalid:
        problems.append(f"prefix: {invalid}")
        return []
    encode = functools.cache(tokenizer.encode)
    encoded = [encode(prefix) for prefix in prefixes]
    too_long = [index for index, ids in enumerate(encoded) if len(ids) >= longest]
    if too_long:
        problems.append(
            f"prefix {prefixes[too_long[0]][:40]!r} is too long; expected fewer than {longest} "
            f"pieces. Received {len(encoded[too_long[0]])}. Shorten it or raise max_length."
        )
    return encoded


def make_rows(
    texts: list[str], prefixes: list[list[int]], tokenizer: Tokenizer, max_source_length: int
) -> list[Row | None]:
    """Splits the texts and cuts those that are too long.

    Args:
        texts: The texts.
        prefixes: Forced target ids of each.
        tokenizer: The source tokenizer.
        max_source_length: Longest row in tokens, end token included.

    Returns:
        A row per text; None for a text without any piece, such as white space.
    """
    rows: list[Row | None] = []
    encoded = tokenizer.encode_batch(texts)
    for text, pieces, prefix in zip(texts, encoded, prefixes, strict=True):
        if not pieces or not text.strip():
            rows.append(None)
            continue
        ids = end_row(pieces, max_source_length)
        rows.append(Row(tuple(ids), tuple(prefix), truncated=len(ids) <= len(pieces)))
    return rows


def end_row(pieces: Sequence[int], max_length: int) -> list[int]:
    """Cuts pieces so that they fit ``max_length`` with the end id, and appends it."""
    return [*pieces[: max_length - 1], END_ID]


def pad(rows: Sequence[Sequence[int]], multiple: int = 1) -> np.ndarray:
    """Right-pads rows of ids with zeros to int32 (rows, longest).

    Args:
        rows: At least one row.
        multiple: The width is rounded up to a multiple of it, for fewer shapes to compile.
    """
    width = -(-max(map(len, rows)) // multiple) * multiple
    padded = np.full((len(rows), width), PAD_ID, np.int32)
    for index, row in enumerate(rows):
        padded[index, : len(row)] = row
    return padded


def read_translation(
    text: str,
    row: Row,
    output: dict[str, np.ndarray],
    source_tokenizer: Tokenizer,
    target_tokenizer: Tokenizer,
    finished: bool = True,
) -> Translation:
    """Turns what the graph returned for one row into a translation.

    Args:
        text: The text.
        row: Its row.
        output: ids (n, T), lengths (n,), scores (n,) and perhaps attention (n, T, S), where T and
            S are the longest of the batch. A length of 0 marks a hypothesis that does not exist.
        source_tokenizer: Names the source tokens.
        target_tokenizer: Names the target tokens and joins them.
        finished: Whether it is the whole translation.
    """
    source_tokens = (*source_tokenizer.pieces(row.source_ids), END_TOKEN)
    hypotheses = []
    for rank, (ids, length) in enumerate(zip(output["ids"], output["lengths"], strict=True)):
        if length == 0 and rank > 0:
            break  # the search found no more hypotheses
        ids = ids[: int(length)].tolist()
        # The tokenizer hides pad and start ids, so their attention rows go too.
        kept = [step for step, token in enumerate(ids) if token not in (PAD_ID, START_ID)]
        ended = (END_TOKEN,) if END_ID in ids else ()
        attention = output["attention"][rank] if "attention" in output else None
        hypotheses.append(
            Hypothesis(
                text=target_tokenizer.decode(ids),
                score=float(output["scores"][rank]),
                tokens=(*target_tokenizer.pieces(ids), *ended),
                # (T, S) of the batch -> (tokens, source tokens) of this text.
                attention=None if attention is None else attention[kept, : len(source_tokens)],
            )
        )
    return Translation(text, source_tokens, tuple(hypotheses), row.truncated, finished)


def empty_translation(text: str, return_attention: bool) -> Translation:
    """The translation of a text without any piece: one hypothesis without tokens."""
    attention = np.zeros((0, 0), np.float32) if return_attention else None
    return Translation(text, (), (Hypothesis("", 0.0, (), attention),))
