"""The batches of every epoch, as a pure function of seed, epoch and index. Numpy only."""

import threading
from collections.abc import Sequence

import numpy as np

from serving.tokenizer import END_ID, PAD_ID, START_ID, Tokenizer
from training.buckets import Bucket, plan_buckets
from training.token_store import TokenStore
from training.token_writer import SIDES

_PAIRS_MEASURED = 500

Batch = tuple[dict[str, np.ndarray], np.ndarray]


class Batches:
    """The batches of every epoch: `batch(epoch, index)` is a pure function of the arguments.

    Each epoch holds every pair once (or as often as its weight says), in batches of few shapes
    (see `training.buckets`): pairs are shuffled within their bucket, batches are shuffled among
    each other. Every epoch has the same number of batches of each shape.

    With subword sampling each epoch draws new segmentations. They are longer than the plain ones,
    so buckets are chosen with room for the growth that 95 of 100 draws of this corpus stay within
    (`sampling_room`, measured on a few hundred pairs). A draw that does not fit its batch is
    replaced by the plain segmentation, which always fits. Nothing is cut off.

    Args:
        store: Encoded pairs; built with `keep_text` when sampling.
        tokens_per_batch: Most padded tokens of a batch, for source and for target each.
        max_sentences: Most rows of a batch.
        seed: Of the order and of the sampling.
        sampling_alpha: Strength of subword sampling (see `Tokenizer.sample`), or None.
        tokenizers: (source, target), needed for sampling.
        growth: Factor between buckets (see `plan_buckets`).
        multiple: Bucket lengths are multiples of it.

    Attributes:
        buckets: The chain of buckets, shortest first.
        batches_per_epoch: Number of batches of every epoch.
        pairs_per_epoch: Number of pairs of every epoch, weights included.
        sampling_room: Factors for source and target lengths, 1.0 without sampling.

    Raises:
        ValueError: An option is out of range, or sampling lacks text or tokenizers.

    Cost: 18 bytes of memory for each pair, twice that while an epoch is being shuffled.
    """

    def __init__(
        self,
        store: TokenStore,
        *,
        tokens_per_batch: int,
        max_sentences: int = 1024,
        seed: int = 0,
        sampling_alpha: float | None = None,
        tokenizers: Sequence[Tokenizer] | None = None,
        growth: float = 1.2,
        multiple: int = 4,
    ):
        _check_sampling(store, sampling_alpha, tokenizers)
        self._store, self._seed = store, int(seed)
        self._alpha, self._tokenizers = sampling_alpha, tokenizers
        self.sampling_room = self._measure_room()
        self.buckets, bucket_of_row = plan_buckets(
            _with_room(store.source_lengths, self.sampling_room[0], store.max_source_length),
            _with_room(store.target_lengths, self.sampling_room[1], store.max_target_length),
            tokens_per_batch=tokens_per_batch,
            max_sentences=max_sentences,
            max_source_length=store.max_source_length,
            max_target_length=store.max_target_length,
            growth=growth,
            multiple=multiple,
        )
        # row of the store for each pair of an epoch; None when they are the same
        self._rows = None
        if store.copies is not None:
            self._rows = np.repeat(np.arange(len(store), dtype=np.int32), store.copies)
        self._bucket_of = bucket_of_row if self._rows is None else bucket_of_row[self._rows]
        self.pairs_per_epoch = len(self._bucket_of)
        self._starts, self._batch_buckets = self._layout()
        self.batches_per_epoch = len(self._batch_buckets)
        self._orders: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._lock = threading.Lock()

    @property
    def shapes(self) -> dict[tuple[int, int, int], int]:
        """How many batches of an epoch have each shape (rows, source length, target length)."""
        shapes: dict[tuple[int, int, int], int] = {}
        for place, bucket in enumerate(self._batch_buckets):
            rows = int(self._starts[place + 1] - self._starts[place])
            shape = (rows, self.buckets[bucket].source_length, self.buckets[bucket].target_length)
            shapes[shape] = shapes.get(shape, 0) + 1
        return shapes

    @property
    def padding(self) -> float:
        """Share of an epoch's source and target positions that are padding (plain ids), 0 to 1."""
        lengths = self._store.source_lengths + self._store.target_lengths
        used = int((lengths if self._rows is None else lengths[self._rows]).sum(dtype=np.int64))
        room = sum(n * rows * (s + t) for (rows, s, t), n in self.shapes.items())
        return 1 - used / room

    def batch(self, epoch: int, index: int) -> Batch:
        """Returns one batch.

        Args:
            epoch: From 0.
            index: From 0 to `batches_per_epoch` - 1.

        Returns:
            `({"source_ids": (B, S), "target_ids": (B, T)}, labels (B, T))`, all int32, right-padded
            with 0. `target_ids` begins with the start id, `labels` ends with the end id.
        """
        pairs, bucket = self._select(epoch, index)
        rows = pairs if self._rows is None else self._rows[pairs]
        source, source_counts = self._ids(0, rows, pairs, epoch, bucket.source_length)
        target, target_counts = self._ids(1, rows, pairs, epoch, bucket.target_length)
        width = bucket.target_length
        inputs = {
            "source_ids": _padded(source, source_counts, bucket.source_length, end=True),
            "target_ids": _padded(target, target_counts, width, start=True),
        }
        return inputs, _padded(target, target_counts, width, end=True)

    def pairs(self, epoch: int, index: int) -> np.ndarray:
        """Returns the store's rows that a batch holds, in order."""
        pairs, _ = self._select(epoch, index)
        return pairs if self._rows is None else self._rows[pairs]

    def _layout(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each batch starts among the pairs ordered by bucket, and each batch's bucket."""
        starts, buckets, start, end = [0], [], 0, 0
        counts = np.bincount(self._bucket_of, minlength=len(self.buckets))
        for place, (bucket, count) in enumerate(zip(self.buckets, counts.tolist(), strict=True)):
            end += count  # what the bucket before left over is joined to this one's pairs
            while end - start >= bucket.rows or (place == len(counts) - 1 and end > start):
                start = min(start + bucket.rows, end)
                starts.append(start)
                buckets.append(place)
        return np.array(starts), np.array(buckets)

    def _select(self, epoch: int, index: int) -> tuple[np.ndarray, Bucket]:
        if epoch < 0 or not 0 <= index < self.batches_per_epoch:
            raise ValueError(
                f"Batches.batch: position is out of range; expected epoch 0 or more and index 0 to "
                f"{self.batches_per_epoch - 1}. Received epoch {epoch}, index {index}. Use divmod "
                "of the step and batches_per_epoch."
            )
        order, batch_order = self._order(epoch)
        place = batch_order[index]
        pairs = order[self._starts[place] : self._starts[place + 1]]
        return pairs, self.buckets[self._batch_buckets[place]]

    def _order(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The pairs of an epoch ordered by bucket, and the order of its batches; two are kept."""
        with self._lock:
            if epoch not in self._orders:
                if len(self._orders) > 1:
                    del self._orders[next(iter(self._orders))]
                self._orders[epoch] = self._make_order(epoch)
            return self._orders[epoch]

    def _make_order(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        pairs = np.arange(self.pairs_per_epoch, dtype=np.int32)
        batch_order = np.arange(self.batches_per_epoch)
        generator = np.random.default_rng([self._seed, epoch])
        generator.shuffle(pairs)
        generator.shuffle(batch_order)
        by_bucket = np.argsort(self._bucket_of[pairs], kind="stable")
        return pairs[by_bucket], batch_order

    def _measure_room(self) -> tuple[float, float]:
        """How much longer 95 of 100 sampled segmentations are at most, for source and target."""
        if self._alpha is None:
            return 1.0, 1.0
        generator = np.random.default_rng(self._seed)
        rows = generator.integers(len(self._store), size=_PAIRS_MEASURED)
        room = []
        for column, lengths in enumerate((self._store.source_lengths, self._store.target_lengths)):
            drawn = [len(self._draw(column, row, seed=row)) + 1 for row in rows.tolist()]
            room.append(max(1.0, float(np.percentile(drawn / lengths[rows], 95))))
        return room[0], room[1]

    def _draw(self, column: int, row: int, seed: int) -> list[int]:
        text = self._store.text(SIDES[column], row)
        return self._tokenizers[column].sample(text, self._alpha, seed)

    def _ids(self, column: int, rows, pairs, epoch: int, bound: int):
        """Flat pieces and their counts (B,), sampled when sampling is on."""
        side = SIDES[column]
        if self._alpha is None:
            return self._store.ids(side, rows)
        drawn = []
        for row, pair in zip(rows.tolist(), pairs.tolist(), strict=True):
            seed = (((self._seed << 32) + epoch << 32) + pair << 1) + column
            ids = self._draw(column, row, seed)
            if len(ids) >= bound:
                ids = self._store.ids(side, np.array([row]))[0]
            drawn.append(ids)
        return np.concatenate(drawn), np.fromiter(map(len, drawn), np.int64, len(drawn))


def _padded(flat, counts, width: int, *, start: bool = False, end: bool = False) -> np.ndarray:
    """Rows of pieces as int32 (B, width), after a start id or before an end id."""
    first = 1 if start else 0
    rows = np.full((len(counts), width), PAD_ID, np.int32)
    columns = np.arange(width - first)
    rows[:, first:][columns < counts[:, None]] = flat
    if start:
        rows[:, 0] = START_ID
    if end:
        rows[np.arange(len(counts)), counts] = END_ID
    return rows


def _with_room(lengths: np.ndarray, slack: float, limit: int) -> np.ndarray:
    if slack == 1.0:
        return lengths
    return np.minimum(np.ceil(lengths * slack), limit).astype(np.int32)


def _check_sampling(store: TokenStore, alpha, tokenizers) -> None:
    if alpha is not None and (not store.has_text or tokenizers is None):
        raise ValueError(
            "Batches: sampling_alpha needs text and tokenizers; expected a store built with "
            f"keep_text=True, and tokenizers. Received {'' if store.has_text else 'no '}text, "
            f"tokenizers {'given' if tokenizers is not None else 'None'}. Add what is missing."
        )
