"""Whether int8 weights are good enough: BLEU against the float32 graph, on text with references."""

from dataclasses import asdict, dataclass, field

import sacrebleu

from export.artefacts import OnnxArtefact
from serving.manifest import INT8_GRAPH
from serving.rows import make_rows, pad

MOST_LOST = 0.3  # BLEU
_BATCH = 32


@dataclass
class Int8Report:
    """What became of the int8 graphs.

    Attributes:
        written: whether the bundle holds them.
        reason: why, in a sentence.
        sentences: sentences that were translated.
        bleu: for each search, as "beam 4", the BLEU of "float32" and of "int8".
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


def measure_int8(directory, tokenizers, max_source_length, valid, beam_sizes):
    """Compares the int8 id graph of a directory with the float32 one.

    Args:
        directory: it holds both graphs.
        tokenizers: of source and target.
        max_source_length: tokens of the longest row, end token included.
        valid: `(sources, references)`, two lists of texts.
        beam_sizes: searches to measure.

    Returns:
        An `Int8Report`; `written` is False if int8 loses more than `MOST_LOST` in any search.
    """
    sources, references = valid
    graphs = {
        "float32": OnnxArtefact(directory),
        "int8": OnnxArtefact(directory, INT8_GRAPH, "int8 ONNX"),
    }
    metric = sacrebleu.BLEU()
    bleu = {}
    for beam_size in beam_sizes:
        bleu[f"beam {beam_size}"] = scores = {}
        for name, graph in graphs.items():
            texts = _translate(graph, tokenizers, sources, max_source_length, beam_size)
            scores[name] = round(metric.corpus_score(texts, [references]).score, 2)
    lost = {search: score["float32"] - score["int8"] for search, score in bleu.items()}
    worst = max(lost, key=lost.get)
    good = lost[worst] <= MOST_LOST
    reason = (
        f"int8 loses at most {lost[worst]:.2f} BLEU ({worst}); allowed are {MOST_LOST}"
        if good
        else f"int8 loses {lost[worst]:.2f} BLEU ({worst}); expected at most {MOST_LOST}"
    )
    return Int8Report(good, reason, len(sources), bleu, str(metric.get_signature()))


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
