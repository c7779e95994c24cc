"""Deterministic choices: the same name gives the same draws on every machine and Python."""

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def stable_hash(text: str) -> int:
    """A 64-bit integer that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big")


class Draw:
    """A stream of choices; only `random.random()` is used, whose sequence Python guarantees."""

    def __init__(self, name: str) -> None:
        self._next = random.Random(stable_hash(name)).random

    def pick(self, items: Sequence[Item]) -> Item:
        """Returns one of the items."""
        return items[int(self._next() * len(items))]

    def chance(self, probability: float) -> bool:
        """Returns True with the given probability in [0, 1]."""
        return self._next() < probability
