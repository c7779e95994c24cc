"""Whether a cheaper graph is good enough: BLEU against another graph, on text with references."""

from dataclasses import asdict, dataclass, field

import sacrebleu

from export.artefacts import OnnxArtefact
from serving.rows import make_rows, pad

MOST_LOST = 0.3  # BLEU
LEAST_BLEU = 1.0  # of the graph to compare with; below it, equal scores prove nothing
LEAST_SENTENCES = 100  # with fewer, one word moves BLEU by more than what may be lost
_BATCH = 32


@dataclass(frozen=True)
class Valid:
    """Texts to measure BLEU on.

    Attributes:
        sources: list of texts.
        references: a translation of each.
        metric: a `sacrebleu.BLEU`, which splits words as the model was scored.
    """

    sources: list[str]
    references: list[str]
    metric: sacrebleu.BLEU

    @classmethod
    def of(cls, texts, tokenize):
        """Of `(sources, references)` and the name of sacreBLEU's tokenizer.

        Raises:
            ValueError: the tokenizer is unknown, or needs a package that is not installed.
        """
        try:
            metric = sacrebleu.BLEU(tokenize=tokenize, force=True)
        except (KeyError, ValueError, RuntimeError, ImportError) as error:
            raise ValueError(
                f"export: sacreBLEU has no tokenizer {tokenize}, with which the checkpoint was "
                "scored; expected to measure int8 as it was. Install what it needs, such as "
                f"sacrebleu[{tokenize.split('-')[0]}], or leave out --valid."
            ) from error
        return cls(*texts, metric)


@dataclass
class BleuReport:
    """What became of a cheaper graph.

    Attributes:
        written: whether the bundle holds it.
        reason: why, in a sentence.
        sentences: sentences that were translated.
        bleu: for each search, as "beam 4", the BLEU of both graphs, as of "float32" and "int8".
        signature: sacreBLEU's.
    """

    written: bool
    reason: str
    sentences: int = 0
    bleu: dict[str, dict[str, float]] = field(default_factory=dict)
    signature: str = ""

    def to_dict(self):
        """Plain values, for JSON."""
        return asdict(self)


def measure_bleu(directory, graphs, tokenizers, max_source_length, valid, beam_sizes):
    """Compares two id graphs of a directory.

    Args:
        directory: it holds both graphs.
        graphs: file names by what people call them, as "float32" and "int8"; the second is judged.
        tokenizers: of source and target.
        max_source_length: tokens of the longest row, end token included.
        valid: a `Valid`.
        beam_sizes: searches to measure.

    Returns:
        A `BleuReport`; `written` is False if the second graph loses more than `MOST_LOST` in any
        search, the first has less than `LEAST_BLEU`, or there are less than `LEAST_SENTENCES`.
    """
    sources, metric = valid.sources, valid.metric
    if len(sources) < LEAST_SENTENCES:
        reason = f"{len(sources)} sentences prove nothing; expected at least {LEAST_SENTENCES}"
        return BleuReport(False, reason, len(sources))
    opened = {name: OnnxArtefact(directory, graph, name) for name, graph in graphs.items()}
    expected, judged = graphs
    bleu = {}
    for beam_size in beam_sizes:
        bleu[f"beam {beam_size}"] = scores = {}
        for name, graph in opened.items():
            texts = _translate(graph, tokenizers, sources, max_source_length, beam_size)
            scores[name] = round(metric.corpus_score(texts, [valid.references]).score, 2)
    lost = {search: score[expected] - score[judged] for search, score in bleu.items()}
    worst = max(lost, key=lost.get)
    lowest = min(score[expected] for score in bleu.values())
    good = lost[worst] <= MOST_LOST and lowest >= LEAST_BLEU
    if good:
        reason = f"{judged} loses at most {lost[worst]:.2f} BLEU ({worst}); allowed are {MOST_LOST}"
    elif lowest < LEAST_BLEU:
        reason = (
            f"{expected} has {lowest:.2f} BLEU on these sentences, which proves nothing about "
            f"{judged}; expected at least {LEAST_BLEU}"
        )
    else:
        reason = f"{judged} loses {lost[worst]:.2f} BLEU ({worst}); expected at most {MOST_LOST}"
    return BleuReport(good, reason, len(sources), bleu, str(metric.get_signature()))


def _translate(graph, tokenizers, sources, max_source_length, beam_size):
    """The best translation of each source by an id graph; "" for a source without pieces."""
    source, target = tokenizers
    rows = make_rows(sources, [[]] * len(sources), source, max_source_length)
    texts = [""] * len(sources)
    order = [index for index, row in enumerate(rows) if row is not None]
    order.sort(key=lambda index: len(rows[index].source_ids))
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        result = graph.translate_ids(pad([rows[index].source_ids for index in batch]), beam_size)
        for position, index in enumerate(batch):
            length = result["lengths"][position, 0]
            texts[index] = target.decode(result["ids"][position, 0, :length].tolist())
    return texts
