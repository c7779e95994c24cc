"""Golden examples: texts that a translation graph is likely to get wrong, and Keras's answers."""

import numpy as np

from serving.rows import end_row, pad
from serving.tokenizer import END_ID, PAD_ID

_FIRST = END_ID + 2  # ids below are special
_SPECIAL = ["", "☃ 𝄞 ꙮ", "🙂 👩‍👩‍👧‍👦", "Hello 세계, мир!", "a a a a a a a a"]


def stress_texts(tokenizer, max_source_length, seed=0):
    """Texts that a translation graph is likely to get wrong, whatever language it was trained on.

    Args:
        tokenizer: the source `serving.Tokenizer`.
        max_source_length: the model's limit, end token included.
        seed: of the random ones.

    Returns:
        A list of texts: empty, one token, the longest allowed, unknown characters, emoji, mixed
        scripts, duplicates, and random pieces of many lengths.
    """
    rng = np.random.default_rng(seed)

    def random_text(count):
        ids = rng.integers(_FIRST, tokenizer.vocabulary_size, count).tolist()
        return tokenizer.decode(ids)

    texts = [random_text(count) for count in (2, 3, 5, 8, 13, 21, 34)]
    longest = random_text(8)
    while len(tokenizer.encode(longest)) < max_source_length - 1:
        longest += " " + random_text(8)
    return [*_SPECIAL, _one_token(tokenizer), *texts, *texts[:2], longest]


def _one_token(tokenizer):
    """The first ordinary piece that is one token as a text too; without any, an unknown sign."""
    for token in range(_FIRST, tokenizer.vocabulary_size):
        text = tokenizer.decode([token])
        if text and tokenizer.encode(text) == [token]:
            return text
    return "☃"


def source_rows(tokenizer, texts, max_source_length):
    """Ids of texts with the end id, padded; texts without any piece are left out.

    Returns:
        `(kept, ids)`: the positions of the texts that have pieces, and int32 `(B, S)`.
    """
    encoded = [tokenizer.encode(text) for text in texts]
    kept = [index for index, pieces in enumerate(encoded) if pieces]
    rows = [end_row(encoded[index], max_source_length) for index in kept]
    return kept, pad(rows) if rows else np.zeros((0, 1), "int32")


def golden_entries(texts, kept, rows, expected, beam_size, target):
    """What a bundle must answer; a text without any piece has an empty answer.

    Args:
        texts: all source texts.
        kept, rows: as `source_rows` gives them.
        expected: Keras's arrays for the rows.
        beam_size: with which they were made.
        target: the target `serving.Tokenizer`.

    Returns:
        A list of dicts, the entries of `golden.json`.
    """
    positions = {index: row for row, index in enumerate(kept)}
    golden = []
    for index, text in enumerate(texts):
        entry = {"source": text, "beam_size": beam_size}
        if index in positions:
            row = positions[index]
            ids = expected["ids"][row, 0, : expected["lengths"][row, 0]].tolist()
            entry["source_ids"] = rows[row][rows[row] != PAD_ID].tolist()
            entry |= {"ids": ids, "text": target.decode(ids)}
            entry["score"] = round(float(expected["scores"][row, 0]), 5)
        else:
            entry |= {"source_ids": [], "ids": [], "text": "", "score": 0.0}
        golden.append(entry)
    return golden
