"""What exported files say about the model: readable strings in the ONNX files and the manifest."""

import onnx

from export.text_onnx import INT8_TEXT_GRAPH, TEXT_GRAPH
from serving.manifest import INT8_GRAPH, TRANSLATE_GRAPH

_FILES = {"float32": (TRANSLATE_GRAPH, TEXT_GRAPH), "int8": (INT8_GRAPH, INT8_TEXT_GRAPH)}
_LABELS = {"bleu": "BLEU", "chrf": "chrF"}


def model_facts(model, tokenizers, metadata):
    """Describes a checkpoint.

    Args:
        model: the Keras model.
        tokenizers: of source and target.
        metadata: the checkpoint's; any of it may be missing, and any may be added by hand.

    Returns:
        Strings by name. `preset`, `licence`, `training_data`, `author` and `scores` are there only
        if the checkpoint says something of them.
    """
    source, target = tokenizers
    shared = ", shared by both languages" if source is target else ""
    found = {
        "preset": metadata.get("preset"),
        "family": type(model).__name__.lower(),
        "source_language": metadata.get("source_language"),
        "target_language": metadata.get("target_language"),
        "source_vocabulary": _vocabulary(source) + shared,
        "target_vocabulary": _vocabulary(target) + shared,
        "parameters": model.count_params(),
        "licence": metadata.get("licence"),
        "training_data": _training_data(metadata.get("training_data")),
        "scores": _scores(metadata.get("scores"), metadata.get("measured_on")),
    }
    found |= {key: value for key, value in metadata.items() if key not in found}
    plain = (str, int, float)
    return {key: str(value) for key, value in found.items() if value != "" and type(value) in plain}


def add_exported_scores(directory, report, valid_name=""):
    """Writes the BLEU that an export measured into the ONNX files that it was measured on.

    Args:
        directory: of the bundle.
        report: a `BleuReport` on int8.
        valid_name: what its texts are called.

    Returns:
        What was written: `scores_float32`, `scores_int8`, or nothing if nothing was measured.
    """
    where = f"on {valid_name}, " if valid_name else ""
    facts = {}
    for precision, names in _FILES.items():
        written = precision == "float32" or report.written
        scores = [f"{bleu[precision]:.2f} ({search})" for search, bleu in report.bleu.items()]
        if scores and written:
            scores = f"BLEU {', '.join(scores)} {where}{report.sentences} sentences"
            added = {f"scores_{precision}": f"{scores}, sacreBLEU {report.signature}"}
            for name in names:
                append_facts(directory / name, added)
            facts |= added
    return facts


def append_facts(path, facts):
    """Adds metadata to an ONNX file.

    A protobuf message goes on where more bytes follow it. So nothing that lies in the file moves,
    and weights that another file points to stay where they are.

    Args:
        path: `pathlib.Path` of the file.
        facts: strings by name; none of them may be in the file yet.
    """
    more = onnx.ModelProto()
    onnx.helper.set_model_props(more, facts)
    with path.open("ab") as file:
        file.write(more.SerializeToString())


def _vocabulary(tokenizer):
    return f"{tokenizer.vocabulary_size} pieces, SentencePiece {tokenizer.kind}"


def _training_data(sources):
    """ "Tatoeba (CC BY 2.0 FR, tatoeba.org); …" of a string, or of a list of strings or dicts."""
    if not isinstance(sources, list):
        return sources if isinstance(sources, str) else ""
    parts = []
    for source in sources:
        if isinstance(source, dict):
            terms = [str(source[key]) for key in ("licence", "origin") if source.get(key)]
            parts.append(str(source.get("name", "")) + (f" ({', '.join(terms)})" if terms else ""))
        else:
            parts.append(str(source))
    return "; ".join(parts)


def _scores(scores, measured):
    """One part for each set, with what makes its scores comparable, if that was recorded."""
    sets = {}
    for key, value in scores.items() if isinstance(scores, dict) else ():
        part, _, name = key.rpartition("_")
        if isinstance(value, int | float):  # those of `best` have no prefix
            sets.setdefault(part or "valid", {})[name] = value
    measured = measured if isinstance(measured, dict) else {}
    found = [_set_scores(part, values, measured.get(part) or {}) for part, values in sets.items()]
    return "; ".join(filter(None, found))


def _set_scores(part, values, measured):
    texts = []
    for name, label in _LABELS.items():
        if name in values:
            signature = measured.get(f"{name}_signature")
            texts.append(f"{label} {values[name]:.2f}" + (f" ({signature})" if signature else ""))
    if texts and measured:
        beam_size = measured.get("beam_size")
        search = "greedy search" if beam_size == 1 else f"beam {beam_size}"
        texts[-1] += f" on {measured.get('set')}, {measured.get('sentences')} sentences, {search}"
    if "perplexity" in values:  # of the whole set, however many sentences were translated
        texts.append(f"perplexity {values['perplexity']:.3f} on the whole set")
    return f"{part}: {', '.join(texts)}" if texts else ""
