"""From text to text, on every way through a finished bundle, against the golden examples."""

import numpy as np

from export import parity
from export.gate.findings import counted
from export.gate.tensors import measure
from export.gate.translations import search_name
from serving.rows import pad
from serving.tokenizer import END_ID, PAD_ID
from serving.translator import Translator


def compare_texts(model, target, directory, golden, saved, text_onnx):
    """Compares texts and scores with the golden ones.

    Args:
        model: the Keras model.
        target: the target `serving.Tokenizer`.
        directory: the bundle, with its manifest.
        golden: golden entries.
        saved: a `SavedModelArtefact`.
        text_onnx: a `TextOnnxArtefact`.

    Returns:
        `(findings, untied)`: a list of `Finding`, and the golden entries to which no other answer
        is right as well.
    """
    translator = Translator.load(directory)
    gate = _Gate(model, target, translator.manifest.decoding)
    for beam_size, entries in _by_search(golden):
        sources = [entry["source"] for entry in entries]
        results = translator.translate(
            sources, beam_size=beam_size, return_attention=model.has_attention
        )
        scores = [result.score for result in results]
        gate.check("Translator", entries, [result.text for result in results], scores)
        plain = _without_nul(entries)
        found = text_onnx.run([entry["source"] for entry in plain], beam_size)
        texts = found["translation"].tolist()
        gate.check(text_onnx.name, plain, texts, found["score"].tolist())
        if model.has_attention:
            gate.check_ids(text_onnx.name, plain, found["target_ids"])
            shown = [result for result in results if "\0" not in result.source]
            gate.check_attention(text_onnx.name, plain, shown, texts, found["attention"])
        if beam_size == translator.manifest.decoding.beam_size:
            gate.check("SavedModel, text", entries, *saved.translate_text(sources))
            gate.check_pieces("SavedModel, tokenize", entries, saved.run_texts("tokenize", sources))
            if model.has_attention:
                found = saved.run_texts("translate_with_attention", sources)
                gate.check_labels("SavedModel, with attention", entries, results, found)
    return gate.findings, gate.untied(golden)


def compare_shortlist_texts(model, target, directory, golden, shortlist):
    """Compares what a `Translator` with a shortlist says with the golden examples made so.

    Args:
        model, target, directory: as `compare_texts` takes them.
        golden: golden entries of searches with the shortlist.
        shortlist: a `zoo.shortlist.Shortlist`.

    Returns:
        `(findings, untied)`, as `compare_texts`.
    """
    translator = Translator.load(directory, shortlist=True)
    gate = _Gate(model, target, translator.manifest.decoding, shortlist)
    for beam_size, entries in _by_search(golden):
        sources = [entry["source"] for entry in entries]
        results = translator.translate(sources, beam_size=beam_size)
        scores = [result.score for result in results]
        texts = [result.text for result in results]
        gate.check("Translator, shortlist", entries, texts, scores)
    return gate.findings, gate.untied(golden)


def compare_int8_texts(target, golden, ids_onnx, text_onnx):
    """Whether the int8 text graph says what the int8 id graph says.

    Args:
        target: the target `serving.Tokenizer`.
        golden: golden entries, for their sources.
        ids_onnx: an `OnnxArtefact`.
        text_onnx: a `TextOnnxArtefact`.

    Returns:
        A list of `Finding`.
    """
    findings = []
    for beam_size, entries in _by_search(golden):
        entries = _without_nul(entries)
        # The same rows in the batch at every step, since they share scales: texts without pieces
        # too, and one hypothesis, as more would keep rows longer.
        rows = pad([entry["source_ids"] or [END_ID] for entry in entries])
        result = ids_onnx.translate_ids(rows, beam_size, num_hypotheses=1)
        spoken = text_onnx.run([entry["source"] for entry in entries], beam_size)
        problems = []
        for index, (entry, text) in enumerate(
            zip(entries, spoken["translation"].tolist(), strict=True)
        ):
            ids = result["ids"][index, 0, : result["lengths"][index, 0]].tolist()
            expected = target.decode(ids).replace("\0", "\ufffd") if entry["source_ids"] else ""
            if text != expected:
                problems.append(
                    f"{text_onnx.name}, beam_size {beam_size}: {entry['source'][:40]!r} gives "
                    f"{text[:60]!r}; expected {expected[:60]!r}, as the int8 id graph says."
                )
        what = f"texts as from int8 ids, {search_name(beam_size)}"
        findings.append(counted("text ONNX", "int8", what, len(entries), problems))
    return findings


def _by_search(golden):
    """Pairs of a beam size and the golden entries made with it."""
    sizes = dict.fromkeys(entry["beam_size"] for entry in golden)
    return [(size, [entry for entry in golden if entry["beam_size"] == size]) for size in sizes]


def _without_nul(entries):
    """Entries that the text graphs can read, with the texts that they can write.

    The strings of their operations cannot hold a U+0000 (see `export.text_onnx.add_text`).
    """
    return [
        {**entry, "text": entry["text"].replace("\0", "\ufffd")}
        for entry in entries
        if "\0" not in entry["source"]
    ]


class _Gate:
    """Findings of several artefacts about one set of golden examples."""

    def __init__(self, model, target, decoding, shortlist=None):
        self._model, self._target = model, target
        self._options = {"shortlist": shortlist, "length_penalty": decoding.length_penalty}
        self._tolerances = parity.tolerances(type(model).__name__.lower())
        self.findings, self._tied = [], set()

    def untied(self, golden):
        """The golden entries for which every artefact gave the one answer."""
        return [e for e in golden if (e["beam_size"], e["source"]) not in self._tied]

    def check(self, name, entries, texts, scores=None):
        """Texts, and scores where an artefact gives some."""
        problems = []
        for entry, text, score in zip(entries, texts, scores or [None] * len(texts), strict=True):
            problems.extend(self._text_problems(name, entry, text, score))
        what = "texts" if scores is None else "texts and scores"
        self._note(name, f"{what}, {search_name(entries[0]['beam_size'])}", entries, problems)

    def check_ids(self, name, entries, target_ids):
        """Token for token, where a text graph gives its tokens."""
        problems = []
        for entry, row in zip(entries, target_ids, strict=True):
            length = max(len(entry["ids"]), np.max(np.nonzero(row != PAD_ID)[0], initial=-1) + 1)
            received = row[:length].tolist()
            if received != entry["ids"] and not self._is_tie(entry, ids=received):
                problems.append(
                    f"{_where(name, entry)} the ids {str(received)[:60]}; "
                    f"expected {str(entry['ids'])[:60]}."
                )
        self._note(name, f"ids, {search_name(entries[0]['beam_size'])}", entries, problems)

    def check_pieces(self, name, entries, found):
        """Token for token, what the model reads of each text."""
        problems = [
            f"{_where(name, entry)} the ids {str(row[:length].tolist())[:60]}; "
            f"expected {str(entry['source_ids'])[:60]}."
            for entry, row, length in zip(entries, found["ids"], found["lengths"], strict=True)
            if row[:length].tolist() != entry["source_ids"]
        ]
        self.findings.append(counted(name, "float32", "source ids", len(entries), problems))

    def check_labels(self, name, entries, results, found):
        """Texts and scores; where they agree also the tokens and the attention between them."""
        texts = [text.decode("utf-8") for text in found["text"]]
        self.check(name, entries, texts, found["score"].tolist())
        problems = []
        for index, (entry, result) in enumerate(zip(entries, results, strict=True)):
            for side, expected in (("source", result.source_tokens), ("target", result.tokens)):
                row = found[f"{side}_tokens"][index].tolist()
                received = tuple(token.decode("utf-8") for token in row if token)
                if received != tuple(expected) and texts[index] == result.text:
                    problems.append(
                        f"{_where(name, entry)} the {side} tokens {str(received)[:60]}; "
                        f"expected {str(expected)[:60]}."
                    )
        self._note(name, f"tokens, {search_name(entries[0]['beam_size'])}", entries, problems)
        self.check_attention(name, entries, results, texts, found["attention"])

    def check_attention(self, name, entries, results, texts, arrays):
        """Attention against the `Translator`'s, whose own graph was compared with Keras.

        Looked at are rows without a tie in which every id has a text: the `Translator` leaves out
        the others.
        """
        pairs = [
            (result.attention, array)
            for entry, result, text, array in zip(entries, results, texts, arrays, strict=True)
            if result.text == text == entry["text"]
            and len(result.tokens) == len(entry["ids"])
            and len(result.source_tokens) == len(entry["source_ids"])
            and (result.attention.size or array.size)  # blank texts prove nothing
        ]
        what = f"attention, {search_name(entries[0]['beam_size'])}"
        if not pairs:
            self._note(name, what, [], [])
            return
        allowed = self._tolerances["attention"]
        self.findings.append(measure(what, "float32", pairs, allowed, artefact=name))

    def _note(self, name, what, entries, problems):
        self.findings.append(counted(name, "float32", what, len(entries), problems))

    def _text_problems(self, name, entry, text, score):
        """What is wrong with one translation, as sentences; a score of None is not looked at."""
        if text != entry["text"]:
            if self._is_tie(entry, text=text):
                self._tied.add((entry["beam_size"], entry["source"]))
                return []
            return [f"{_where(name, entry)} {text[:60]!r}; expected {entry['text'][:60]!r}."]
        if (
            score is not None
            and not abs(score - entry["score"]) <= self._tolerances["scores"] + 5e-6
        ):
            return [f"{_where(name, entry)} the score {score:.5f}; expected {entry['score']:.5f}."]
        return []

    def _is_tie(self, entry, text=None, ids=None):
        if not entry["source_ids"]:
            return False
        source_ids = np.array(entry["source_ids"], "int32")
        beam_size = entry["beam_size"]
        found = parity.translations_within_noise(self._model, source_ids, beam_size, self._options)
        return ids in found if text is None else text in map(self._target.decode, found)


def _where(name, entry):
    return f"{name}, beam_size {entry['beam_size']}: {entry['source'][:40]!r} gives"
