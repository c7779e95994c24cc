"""The parity gate refuses what it should, and leaves nothing behind."""

import json
import re
import shutil
from types import SimpleNamespace

import keras.src.export.tf2onnx_lib
import numpy as np
import pytest
import tf2onnx.tfonnx

import export.bundle
import export.gate.check
import export.gate.settled
from export import artefacts, parity
from export.__main__ import main as export_main
from export.bleu_gate import BleuReport
from export.compare import main as compare_main
from export.gate.findings import Finding
from export.gate.texts import compare_texts
from export.gate.translations import some_options
from export.golden import source_rows, stress_texts
from serving.manifest import BundleError, Manifest
from serving.pretrained import find_bundle
from serving.tokenizer import load_tokenizers
from serving.translator import Translator


def change_output(monkeypatch, name, change, when=lambda rows, options: True):
    """Makes the ONNX artefact give something else in one of its outputs, in some requests."""
    original = artefacts.OnnxArtefact.translate_ids

    def changed(self, source_ids, beam_size, **options):
        result = original(self, source_ids, beam_size, **options)
        if when(len(source_ids), options):
            result[name] = change(result[name])
        return result

    monkeypatch.setattr(artefacts.OnnxArtefact, "translate_ids", changed)


@pytest.fixture
def report(exported):
    """`parity.json` of an honest export."""
    path = exported("seq2seq_gru").bundle / "parity.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_gate_passes_an_honest_export(report):
    found = report["comparisons"]
    settings = ("one batch", "each row alone", "32 rows, most padding", "all options")
    assert [(c["artefact"], c["beam_size"], c["setting"]) for c in found] == [
        (artefact, beam_size, setting)
        for beam_size in (1, 4)
        for artefact in ("SavedModel", "ONNX")
        for setting in settings
    ]
    assert all(c["rows"] > 10 and not c["different"] for c in found)
    assert {c["rows"] for c in found if c["setting"].startswith("32")} == {32}
    assert {finding["verdict"] for finding in report["findings"]} == {"ok"}
    assert not report["int8"]["written"]


def test_report_for_people_holds_every_finding(exported, report):
    bundle = exported("seq2seq_gru").bundle
    assert {"parity.json", "parity.md"} <= Manifest.read(bundle).files.keys()
    text = (bundle / "parity.md").read_text(encoding="utf-8")
    assert text.startswith("# Parity of seq2seq_tiny with Keras\n")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + len(report["findings"])
    assert {len(row) for row in rows} == {7}
    cells = {tuple(row[:3]): row[3:] for row in rows}
    logits = next(item for item in report["findings"] if item["compared"] == "step logits")
    assert 0 < logits["largest"] <= logits["tolerance"]
    shown = [f"{logits[name]:.1e}" for name in ("largest", "mean", "tolerance")]
    assert cells["| ONNX probe", "float32", "step logits"] == [*shown, "ok |"]
    for name in ("translate.onnx", "translate_text.onnx"):
        assert (f"| {name}", "float32", "weights, bit for bit") in cells
        assert (f"| {name}", "float32", "names, dtypes, axes, defaults") in cells
    assert "not written: no texts with references" in text


def test_command_prints_the_report(exported, report, capsys, monkeypatch):
    made = exported("seq2seq_gru")
    findings = [Finding(**item) for item in report["findings"]]
    int8 = BleuReport(**report["int8"])
    found = export.bundle.Export(Manifest.read(made.bundle), findings, [], int8)
    monkeypatch.setattr(export.bundle, "export_bundle", lambda *given, **options: found)
    monkeypatch.setenv("COLUMNS", "160")
    assert export_main([str(made.checkpoint), str(made.bundle)]) == 0
    printed = capsys.readouterr().err
    assert "parity with Keras" in printed
    for item in findings:
        line = next(line for line in printed.splitlines() if f" {item.compared} " in line)
        assert item.verdict in line
    assert "int8 not written: no texts" in printed


def test_gate_names_tensor_difference_and_tolerance(quick, tmp_path, monkeypatch, export_again):
    change_output(monkeypatch, "scores", lambda scores: scores + 0.01)
    message = r"ONNX, beam_size 1, one batch: scores differ by 0\.01; expected at most 0\.0001\."
    with pytest.raises(parity.ParityError, match=message):
        export_again(quick, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_gate_refuses_a_nan(quick, tmp_path, monkeypatch, export_again):
    change_output(monkeypatch, "scores", lambda scores: scores * np.nan)
    with pytest.raises(parity.ParityError, match="scores differ by inf"):
        export_again(quick, tmp_path / "bundle")


def other_ids(ids):
    ids = ids.copy()
    ids[0, 0, 0] = 9 if ids[0, 0, 0] != 9 else 10
    return ids


SETTINGS = {
    "one batch": lambda rows, options: 1 < rows < 32 and not options,
    "each row alone": lambda rows, options: rows == 1,
    "32 rows, most padding": lambda rows, options: rows == 32,
    "all options": lambda rows, options: options.get("no_repeat_ngram") == 2,
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_gate_refuses_other_ids_in_any_setting(quick, tmp_path, monkeypatch, setting, export_again):
    change_output(monkeypatch, "ids", other_ids, SETTINGS[setting])
    with pytest.raises(parity.ParityError) as raised:
        export_again(quick, tmp_path / "bundle")
    lines = str(raised.value).splitlines()
    for beam_size in (1, 4):
        start = f"ONNX, beam_size {beam_size}, {setting}: ids of row 0, hypothesis 1, differ"
        assert any(line.startswith(start) for line in lines)
    assert all(f", {setting}: ids of row" in line for line in lines)
    assert list(tmp_path.iterdir()) == []


def test_golden_examples_hold_nothing_that_is_tied(quick, tmp_path, monkeypatch, export_again):
    """Another machine may give the other answer, and be right."""
    original = parity.compare

    def tied(comparison, *given):
        original(comparison, *given)
        at = comparison.artefact, comparison.beam_size, comparison.setting
        return [1] if at == ("ONNX", 4, "one batch") else []

    monkeypatch.setattr(parity, "compare", tied)
    export_again(quick, tmp_path / "bundle")
    golden = json.loads((tmp_path / "bundle" / "golden.json").read_text(encoding="utf-8"))
    greedy, beam = (
        [entry["source"] for entry in golden if entry["beam_size"] == size] for size in (1, 4)
    )
    source, _ = load_tokenizers(quick.checkpoint)
    kept, _ = source_rows(source, greedy, 40)
    assert beam == [text for index, text in enumerate(greedy) if index != kept[1]]


def test_texts_that_rounding_changes_are_left_out_and_named(
    quick, tmp_path, monkeypatch, export_again
):
    source, _ = load_tokenizers(quick.checkpoint)
    texts = stress_texts(source, 40)
    kept, rows = source_rows(source, texts, 40)
    chosen = len(rows) - 1
    named, others = texts[kept[chosen]], texts[: kept[chosen]] + texts[kept[chosen] + 1 :]

    def moved(model, source_ids, target_ids, mask):
        assert (source_ids.shape, target_ids.shape) == (rows.shape, mask.shape)
        return np.arange(len(source_ids)) == chosen

    monkeypatch.setattr(export.gate.settled, "moved_by_rounding", moved)
    result = export_again(quick, tmp_path / "bundle")
    assert all(c.rows == len(kept) - 1 for c in result.comparisons if c.setting == "one batch")
    found = next(f for f in result.findings if f.compared == "texts that rounding changes")
    assert found.verdict == "information"
    assert found.detail == f"1 of {len(texts)} left out: {named[:30]!r}"
    golden = json.loads((tmp_path / "bundle" / "golden.json").read_text(encoding="utf-8"))
    assert [entry["source"] for entry in golden] == others * 2


def test_model_that_rounding_changes_everywhere_is_refused(
    quick, tmp_path, monkeypatch, export_again
):
    def moved(model, source_ids, *_):
        return np.arange(len(source_ids)) < 2

    monkeypatch.setattr(export.gate.settled, "moved_by_rounding", moved)
    with pytest.raises(parity.ParityError, match=r"rounding changes 2 of 16 texts .*at most 10%"):
        export_again(quick, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["ids", "scores"])
def test_gate_refuses_other_hypotheses_below_the_best(
    quick, tmp_path, monkeypatch, name, export_again
):
    def swapped(values):
        values = values.copy()
        if len(values) > 1 and values.shape[1] > 2:
            values[[0, 1], 2] = values[[1, 0], 2]
        return values

    change_output(monkeypatch, name, swapped)
    message = {"ids": r"hypothesis 3, differ", "scores": r"scores differ by"}[name]
    with pytest.raises(parity.ParityError, match=rf"ONNX, beam_size 4, one batch: .*{message}"):
        export_again(quick, tmp_path / "bundle")


def test_options_change_what_is_translated(quick):
    source, _ = load_tokenizers(quick.checkpoint)
    _, rows = source_rows(source, ["a dog runs to the river.", "we read"], 40)
    expected = artefacts.keras_translate(quick.model, rows, 4)
    options = some_options(quick.model, expected)
    assert options.keys() == set(quick.model.search_options) - {
        "beam_size",
        "num_hypotheses",
    }
    found = artefacts.keras_translate(quick.model, rows, 4, **options)
    best = found["ids"][:, 0], found["lengths"][:, 0]
    for row, prefix, ids, length in zip(rows, options["prefix_ids"], *best, strict=True):
        alone = {**options, "prefix_ids": prefix[None]}
        near = parity.translations_within_noise(quick.model, row, 4, alone)
        assert ids[:length].tolist() in near  # the same options count where a tie is looked for
        forced = prefix[prefix > 0]
        assert len(forced)
        assert ids[: len(forced)].tolist() == forced.tolist()
        assert options["min_length"] <= length <= options["max_length"]
        spoken = ids[len(forced) : length].tolist()
        assert not set(spoken) & set(options["suppressed_ids"])
        pairs = list(zip(ids[: length - 1].tolist(), ids[1:length].tolist(), strict=True))
        assert len(pairs) == len(set(pairs))


@pytest.mark.parametrize("beam_size", [1, 4])
def test_gate_compares_the_text_graphs_ids(exported, tmp_path, beam_size):
    made = exported("luong_lstm")
    golden = json.loads((made.bundle / "golden.json").read_text(encoding="utf-8"))
    text_onnx = artefacts.TextOnnxArtefact(made.bundle)
    _, target = load_tokenizers(made.bundle)

    class Changed:
        name = "text ONNX"

        def run(self, texts, size):
            result = text_onnx.run(texts, size)
            if size == beam_size:
                longest = int(np.argmax(np.count_nonzero(result["target_ids"], axis=1)))
                result["target_ids"][longest, 0] ^= 1
            return result

    saved = artefacts.SavedModelArtefact(made.bundle)

    def problems(text_onnx):
        found, untied = compare_texts(made.model, target, made.bundle, golden, saved, text_onnx)
        assert untied == golden
        assert [item.artefact for item in found] == [
            *["Translator", *["text ONNX"] * 3],  # greedy search, which is the default
            *["SavedModel, text", "SavedModel, tokenize", *["SavedModel, with attention"] * 3],
            *["Translator", *["text ONNX"] * 3],
        ]
        return [item for item in found if item.problem]

    assert problems(text_onnx) == []
    [item] = problems(Changed())
    assert item.compared == f"ids, {'greedy' if beam_size == 1 else 'beam 4'}"
    assert re.match(rf"text ONNX, beam_size {beam_size}: .* gives the ids \[", item.problem)


def test_gate_refuses_another_score_of_the_translator(quick, tmp_path, monkeypatch, export_again):
    original = Translator.translate

    def changed(self, *given, **options):
        found = original(self, *given, **options)
        return [SimpleNamespace(text=item.text, score=item.score - 0.01) for item in found]

    monkeypatch.setattr(Translator, "translate", changed)
    with pytest.raises(parity.ParityError, match=r"Translator, beam_size 1: .*gives the score"):
        export_again(quick, tmp_path / "bundle")


def test_gate_refuses_another_text(quick, tmp_path, monkeypatch, export_again):
    monkeypatch.setattr(
        artefacts.SavedModelArtefact,
        "translate_text",
        lambda self, texts: (["x"] * len(texts), [0.0] * len(texts)),
    )
    with pytest.raises(parity.ParityError, match=r"SavedModel, text, beam_size 1: .* gives 'x'"):
        export_again(quick, tmp_path / "bundle")


@pytest.mark.parametrize(
    ("signature", "output", "problem"),
    [
        ("tokenize", "ids", r"SavedModel, tokenize, .* gives the ids \["),
        ("serving_default", "score", r"SavedModel, text, .* gives the score"),
        ("translate_with_attention", "score", r"SavedModel, with attention, .* gives the score"),
        (
            "translate_with_attention",
            "source_tokens",
            r"with attention, .* gives the source tokens",
        ),
        (
            "translate_with_attention",
            "target_tokens",
            r"with attention, .* gives the target tokens",
        ),
        (
            "translate_with_attention",
            "attention",
            r"with attention, float32: attention, greedy differs",
        ),
    ],
)
def test_gate_looks_at_every_signature(exported, monkeypatch, signature, output, problem):
    made = exported("luong_lstm")
    golden = json.loads((made.bundle / "golden.json").read_text(encoding="utf-8"))
    _, target = load_tokenizers(made.bundle)
    original = artefacts.SavedModelArtefact.run_texts

    def changed(self, name, texts):
        found = original(self, name, texts)
        if name == signature:  # what comes back in reverse order is of another text
            found[output] = found[output][::-1]
        return found

    monkeypatch.setattr(artefacts.SavedModelArtefact, "run_texts", changed)
    saved, text_onnx = (
        kind(made.bundle) for kind in (artefacts.SavedModelArtefact, artefacts.TextOnnxArtefact)
    )
    found, _ = compare_texts(made.model, target, made.bundle, golden, saved, text_onnx)
    assert re.search(problem, "\n".join(finding.problem for finding in found))


def test_golden_examples_hold_stress_texts(exported):
    made = exported("seq2seq_gru")
    golden = json.loads((made.bundle / "golden.json").read_text(encoding="utf-8"))
    source, _ = load_tokenizers(made.bundle)
    limit = made.model.config.max_source_length
    lengths = [len(entry["source_ids"]) for entry in golden]
    assert min(lengths) == 0
    assert max(lengths) == limit
    assert any("🙂" in entry["source"] for entry in golden)
    for entry in golden:
        pieces = source.encode(entry["source"])[: limit - 1]
        assert entry["source_ids"] == ([*pieces, 2] if pieces else [])
    assert {entry["beam_size"] for entry in golden} == {1, 4}
    assert 2 in lengths  # one token and the end
    sources = [entry["source"] for entry in golden if entry["beam_size"] == 1]
    assert len(set(sources)) < len(sources)


def test_damaged_weight_is_found_before_the_model_runs(exported, tmp_path):
    shutil.copytree(exported("seq2seq_gru").bundle, tmp_path / "bundle")
    path = tmp_path / "bundle" / "translate.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"translate\.onnx"):
        Manifest.read(tmp_path / "bundle")


def test_compare_counts_equal_sentences(exported, tmp_path, capsys):
    made = exported("seq2seq_gru")
    sentences = tmp_path / "sentences.txt"
    sentences.write_text("a dog runs\n\nwe read 나는\nthe cat\n", encoding="utf-8")
    assert compare_main([str(made.checkpoint), str(made.bundle), str(sentences)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("3 of 3 with the same ids") == 4


@pytest.mark.parametrize(
    ("content", "batch_size", "message"),
    [
        ("", 50, "nothing to compare; expected texts to translate. Received 0 lines"),
        ("\n \n", 50, "Received 2 lines, all blank. Name another file."),
        ("a dog\n", 0, "batch_size is out of range; expected an integer of at least 1"),
        ("a dog\n", -1, "Received -1. Use 50."),
    ],
)
def test_compare_of_nothing_is_no_proof(exported, tmp_path, capsys, content, batch_size, message):
    made = exported("seq2seq_gru")
    (tmp_path / "text").write_text(content)
    arguments = [str(made.checkpoint), str(made.bundle), str(tmp_path / "text")]
    assert compare_main([*arguments, "--batch-size", str(batch_size)]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("export.compare: ")
    assert captured.out == ""


def test_compare_says_what_an_int8_bundle_lacks(exported, tmp_path, capsys):
    (tmp_path / "text").write_text("a dog\n")
    made = exported("seq2seq_gru")
    assert compare_main([str(made.checkpoint), str(find_bundle("de-en")), "text"]) == 2
    assert "text: file is missing" in capsys.readouterr().err
    arguments = [str(made.checkpoint), str(find_bundle("de-en")), str(tmp_path / "text")]
    assert compare_main(arguments) == 2
    assert "has no float32 graph; expected translate.onnx" in capsys.readouterr().err


def test_compare_fails_when_only_numbers_differ(exported, tmp_path, capsys, monkeypatch):
    made = exported("seq2seq_gru")
    sentences = tmp_path / "sentences.txt"
    sentences.write_text("a dog runs\n", encoding="utf-8")
    change_output(monkeypatch, "scores", lambda scores: scores + 0.01)
    assert compare_main([str(made.checkpoint), str(made.bundle), str(sentences)]) == 1
    captured = capsys.readouterr()
    assert captured.out.count("1 of 1 with the same ids") == 4
    assert captured.err.count("scores differ by 0.01") == 2


def test_private_hooks_into_tf2onnx_are_still_there():
    assert callable(keras.src.export.tf2onnx_lib.patch_tf2onnx)
    assert callable(tf2onnx.tfonnx.rewrite_bi_direction_lstm)
