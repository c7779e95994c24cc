"""The ONNX files of a bundle: which are written, and which are good enough to stay."""

from export.bleu_gate import BleuReport, measure_bleu
from export.rewrites.gather_rows import gather_rows
from export.rewrites.push_constants import push_constants
from export.shared_weights import save_sharing
from export.text_onnx import INT8_TEXT_GRAPH, TEXT_GRAPH, add_text, describe_text
from serving.manifest import INT8_GRAPH, INT8_SHORTLIST_GRAPH, SHORTLIST_GRAPH, TRANSLATE_GRAPH

FLOAT32_GRAPHS = (TEXT_GRAPH, TRANSLATE_GRAPH, SHORTLIST_GRAPH)
_INT8 = (INT8_TEXT_GRAPH, INT8_GRAPH, INT8_SHORTLIST_GRAPH)


class GraphFiles:
    """Writes graphs of one model into a directory, each weight once.

    Args:
        directory: `pathlib.Path`.
        ids: `GraphSpec` of every id graph.
        tokenizers: of source and target.
        max_source_length: of the model.
        beam_sizes: searches to measure.

    Attributes:
        specs: `GraphSpec` by the name of each file that is there.
    """

    def __init__(self, directory, ids, tokenizers, max_source_length, beam_sizes):
        self._directory, self._ids, self._tokenizers = directory, ids, tokenizers
        self._limit, self._beam_sizes = max_source_length, beam_sizes
        self.specs = {}

    def write(self, models, int8=False):
        """Writes id graphs of one precision, and a text graph, which holds the weights.

        Args:
            models: the id graph, and beside it the one with a shortlist, if there is one; they are
                changed.
            int8: whether their weights are.
        """
        text_name, *names = _INT8 if int8 else FLOAT32_GRAPHS
        protos = (tokenizer.model_proto for tokenizer in self._tokenizers)
        text_graph = add_text(models[0], *protos, self._limit)  # which apps carry away alone
        for model, name in zip(models, names, strict=False):
            push_constants(gather_rows(model))
            save_sharing(model, self._directory / name, text_graph, text_name)
            self.specs[name] = self._ids
        self.specs[text_name] = describe_text(text_graph, self._ids)

    def judge(self, valid, report):
        """Measures what is cheaper than float32 over all tokens, and removes what is not as good.

        Args:
            valid: a `bleu_gate.Valid`; None where nothing cheaper was written.
            report: called with one line of text for each step.

        Returns:
            A `BleuReport` for "int8", and if there are such graphs for "shortlist" and
            "int8_shortlist".
        """
        if not valid:
            reason = "no texts with references were given to measure int8 on"
            return {"int8": BleuReport(False, reason)}

        def measure(judged, expected):
            (name, graph), (other_name, other) = judged, expected
            report(f"measuring {name} on {len(valid.sources)} sentences")
            pair = {other_name: other, name: graph}
            sides = self._tokenizers, self._limit
            found = measure_bleu(self._directory, pair, *sides, valid, self._beam_sizes)
            report(f"{name}: {found.reason}")
            return found

        float32, int8 = ("float32", TRANSLATE_GRAPH), ("int8", INT8_GRAPH)
        short, int8_short = ("shortlist", SHORTLIST_GRAPH), ("int8 shortlist", INT8_SHORTLIST_GRAPH)
        reports = {"int8": measure(int8, float32)}
        if SHORTLIST_GRAPH in self.specs:
            reports["shortlist"] = measure(short, float32)
            lacking = [name for name, found in reports.items() if not found.written]
            reports["int8_shortlist"] = (
                BleuReport(False, f"it is written beside {lacking[0]} only, which is not")
                if lacking
                else measure(int8_short, int8)
            )
        files = {"int8": _INT8, "shortlist": short[1:], "int8_shortlist": int8_short[1:]}
        self._remove(
            name for kind, found in reports.items() if not found.written for name in files[kind]
        )
        return reports

    def _remove(self, names):
        for name in names:
            if self.specs.pop(name, None):
                (self._directory / name).unlink()
