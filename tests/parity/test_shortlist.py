"""Graphs with a shortlist: ids of Keras, weights of the others, and gates that keep them out."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest

import export.bundle
import export.graph_files
import zoo
from export import artefacts
from export.__main__ import main as export_main
from export.bundle import Export, export_bundle
from export.gate.translations import some_options
from export.parity import ParityError
from export.rewrites.scopes import graphs
from export.shared_weights import MIN_BYTES
from export.shortlist import learn_shortlist, same_pieces
from serving.commands import main as serving_main
from serving.manifest import INT8_SHORTLIST_GRAPH, SHORTLIST_GRAPH, BundleError
from serving.tokenizer import load_tokenizers
from serving.translator import Translator
from serving.verify import verify
from zoo.models.recurrent_model import RecurrentModel

# An untied output layer after a recurrent decoder, and one tied to the embedding.
VARIANTS = ("luong_lstm", "transformer_pre")
LINES = [
    "나는 학교에 간다.",
    "the cat sleeps on the mat.",
    "a dog runs to the river.",
    "we read 🙂",
]
NUMBERS = {"per_token": 4, "frequent": 12}  # few, so that much is left out
QUIET = {"report": lambda line: None}


@dataclass
class Made:
    """A bundle with shortlist graphs, and what it was made from."""

    model: object
    shortlist: object
    checkpoint: Path
    bundle: Path
    result: Export


def learn_little(*sides, **options):
    return learn_shortlist(*sides, **{**options, **NUMBERS})


def prepare(patch, bundle):
    """Takes the SavedModel of a bundle, and learns a shortlist that leaves much out."""
    patch.setattr(
        "export.bundle.write_saved_model",
        lambda _, to: shutil.copytree(bundle / "saved_model", to) / "1",
    )
    patch.setattr("export.bundle.learn_shortlist", learn_little)


@pytest.fixture(scope="module", params=VARIANTS)
def made(request, exported, tmp_path_factory):
    without = exported(request.param)
    model, checkpoint = without.model, without.checkpoint
    bundle = tmp_path_factory.mktemp(request.param) / "bundle"
    texts = (LINES, LINES[::-1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("export.bleu_gate.MOST_LOST", 1000.0)  # random weights
        patch.setattr("export.bleu_gate.LEAST_BLEU", 0.0)
        patch.setattr("export.bleu_gate.LEAST_SENTENCES", 1)
        prepare(patch, without.bundle)
        result = export_bundle(checkpoint, bundle, LINES, texts, shortlist=texts, **QUIET)
    source, target = tokenizers = load_tokenizers(checkpoint)
    sides = map(source.encode, texts[0]), map(target.encode, texts[1])
    sizes = model.config.source_vocabulary_size, model.config.target_vocabulary_size
    shortlist = learn_little(*map(list, sides), *sizes, same=same_pieces(*tokenizers))
    return Made(model, shortlist, checkpoint, bundle, result)


def some_rows(model, count=6, width=9):
    random = np.random.default_rng(2)
    rows = random.integers(4, model.config.source_vocabulary_size, (count, width))
    for row, length in zip(rows, random.integers(1, width, count), strict=True):
        row[length - 1], row[length:] = 2, 0
    return rows.astype("int32")


def ids_of(result):
    best = zip(result["ids"][:, 0], result["lengths"][:, 0], strict=True)
    return [ids[:length].tolist() for ids, length in best]


@pytest.mark.parametrize("beam_size", [1, 4])
def test_onnx_matches_keras(made, beam_size):
    rows, known = some_rows(made.model), {"shortlist": made.shortlist}
    graph = artefacts.OnnxArtefact(made.bundle, SHORTLIST_GRAPH)
    expected = artefacts.keras_translate(made.model, rows, beam_size, **known)
    assert ids_of(graph.translate_ids(rows, beam_size)) == ids_of(expected)
    options = some_options(made.model, expected)
    expected = artefacts.keras_translate(made.model, rows, beam_size, **known, **options)
    assert ids_of(graph.translate_ids(rows, beam_size, **options)) == ids_of(expected)
    whole = artefacts.keras_translate(made.model, rows, beam_size)
    assert ids_of(whole) != ids_of(expected)  # or nothing would be tested


def test_batch_of_nothing_gives_nothing(made):
    graph = artefacts.OnnxArtefact(made.bundle, SHORTLIST_GRAPH)
    assert graph.translate_ids(np.zeros((0, 3), "int32"), 1)["ids"].shape[0] == 0


def test_a_row_does_not_depend_on_its_batch(made):
    translator = Translator.load(made.bundle, shortlist=True)
    assert translator.graph.rows_are_independent
    texts = [*LINES, "a", "dog river 집"]
    together = [result.text for result in translator.translate(texts)]
    assert together == [translator.translate(text).text for text in texts]


@pytest.mark.parametrize("name", [SHORTLIST_GRAPH, INT8_SHORTLIST_GRAPH])
def test_no_weight_is_stored_twice(made, name):
    model = onnx.load(made.bundle / name, load_external_data=False)
    large = [
        tensor
        for graph in graphs(model.graph)
        for tensor in graph.initializer
        if len(tensor.raw_data) >= MIN_BYTES
    ]
    assert [list(tensor.dims) for tensor in large] == [list(made.shortlist.table.shape)]


def test_int8_graph_multiplies_in_int8_only(made):
    model = onnx.load(made.bundle / INT8_SHORTLIST_GRAPH, load_external_data=False)
    names = {tensor.name for graph in graphs(model.graph) for tensor in graph.initializer}
    nodes = [node for graph in graphs(model.graph) for node in graph.node]
    gathered = {name for node in nodes if node.op_type == "Transpose" for name in node.output}
    products = [node for node in nodes if node.op_type == "DynamicQuantizeMatMul"]
    assert {node.input[1] for node in products} & gathered  # the candidates' columns
    for node in nodes:
        assert node.op_type != "MatMul" or node.input[1] not in names


def test_reports_tell_of_each_graph(made):
    found = json.loads((made.bundle / "parity.json").read_text(encoding="utf-8"))
    for name, judged in (("shortlist", "shortlist"), ("int8 shortlist", "int8 shortlist")):
        assert found[name]["written"]
        assert judged in found[name]["bleu"]["beam 4"]
    settings = {c["setting"] for c in found["comparisons"] if c["artefact"] == "ONNX, shortlist"}
    assert settings == {"one batch", "each row alone", "32 rows, most padding", "all options"}
    verdicts = {(item["artefact"], item["compared"]): item for item in found["findings"]}
    assert verdicts["Translator, shortlist", "texts and scores, beam 4"]["verdict"] == "ok"
    for name in (SHORTLIST_GRAPH, INT8_SHORTLIST_GRAPH):
        assert verdicts[name, "weights, bit for bit"]["verdict"] == "ok"
        assert verdicts[name, "names, dtypes, axes, defaults"]["verdict"] == "ok"
    text = (made.bundle / "parity.md").read_text(encoding="utf-8")
    assert "## shortlist\n" in text
    assert "| search | int8 | int8 shortlist |" in text


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_bundle_verifies(made, precision, capsys):
    arguments = ["verify", str(made.bundle), "--shortlist", "--precision", precision]
    assert serving_main(arguments) == 0
    assert "golden translations" in capsys.readouterr().out


@pytest.mark.parametrize("made", VARIANTS[:1], indirect=True)
def test_damaged_shortlist_graph_is_found(made, tmp_path):
    bundle = shutil.copytree(made.bundle, tmp_path / "bundle")
    path = bundle / SHORTLIST_GRAPH
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match=rf"{SHORTLIST_GRAPH} is damaged"):
        verify(bundle)


# --- gates ----------------------------------------------------------------------------------------


@pytest.fixture
def quick_again(made, tmp_path, monkeypatch):
    """A function that exports once more, with conversions that are remembered."""

    def convert(module, *_):
        return onnx.load(
            made.bundle / (SHORTLIST_GRAPH if module._shortlist() else "translate.onnx")
        )

    monkeypatch.setattr("export.bundle.convert", convert)
    prepare(monkeypatch, made.bundle)
    texts = (LINES, LINES[::-1])

    def again(**options):
        given = {"valid": texts, "shortlist": texts, **QUIET, **options}
        return export_bundle(made.checkpoint, tmp_path / "bundle", LINES, **given)

    return again


@pytest.mark.parametrize("made", VARIANTS[:1], indirect=True)
@pytest.mark.parametrize(
    ("lost", "missing"),
    [
        ({"shortlist"}, {SHORTLIST_GRAPH, INT8_SHORTLIST_GRAPH}),
        ({"int8 shortlist"}, {INT8_SHORTLIST_GRAPH}),
        ({"int8"}, {"translate.int8.onnx", "translate_text.int8.onnx", INT8_SHORTLIST_GRAPH}),
    ],
)
def test_graphs_that_translate_worse_are_not_written(made, quick_again, monkeypatch, lost, missing):
    plain = export.graph_files.measure_bleu

    def measure(directory, graphs, *rest):
        _, judged = graphs
        monkeypatch.setattr("export.bleu_gate.MOST_LOST", -1e3 if judged in lost else 1e3)
        monkeypatch.setattr("export.bleu_gate.LEAST_BLEU", 0.0)
        monkeypatch.setattr("export.bleu_gate.LEAST_SENTENCES", 1)
        return plain(directory, graphs, *rest)

    monkeypatch.setattr("export.graph_files.measure_bleu", measure)
    result = quick_again()
    before = {path.name for path in made.bundle.iterdir()}
    missing = missing | ({"golden.shortlist.json"} if SHORTLIST_GRAPH in missing else set())
    assert set(result.manifest.graphs) == set(made.result.manifest.graphs) - missing
    assert before - set(result.manifest.files) - {"manifest.json", "saved_model"} == missing
    for name in lost:
        assert not result.measured[name].written
        assert "BLEU" in result.measured[name].reason


@pytest.mark.parametrize("made", VARIANTS[:1], indirect=True)
def test_gate_refuses_other_ids(made, quick_again, tmp_path, monkeypatch):
    monkeypatch.setattr("export.bleu_gate.MOST_LOST", 1000.0)
    monkeypatch.setattr("export.bleu_gate.LEAST_BLEU", 0.0)
    monkeypatch.setattr("export.bleu_gate.LEAST_SENTENCES", 1)
    original = artefacts.OnnxArtefact.translate_ids

    def changed(self, *arguments, **options):
        result = original(self, *arguments, **options)
        if self.name == "ONNX, shortlist" and len(result["ids"]) > 1:
            result["ids"][1, 0, 0] ^= 1
        return result

    monkeypatch.setattr(artefacts.OnnxArtefact, "translate_ids", changed)
    with pytest.raises(ParityError, match=r"ONNX, shortlist, beam_size 1, one batch: ids of row"):
        quick_again()
    assert list(tmp_path.iterdir()) == []


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", VARIANTS[:1], indirect=True)
def test_shortlist_needs_texts_to_be_measured_on(made, tmp_path):
    with pytest.raises(ValueError, match=r"export: shortlist has nothing .* Pass --valid\."):
        export_bundle(made.checkpoint, tmp_path / "bundle", shortlist=(LINES, LINES), **QUIET)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("made", VARIANTS[:1], indirect=True)
def test_model_that_cannot_use_one_is_refused_at_once(made, tmp_path, monkeypatch):
    for family in (RecurrentModel, zoo.FAMILIES["transformer"]):
        monkeypatch.delattr(family, "output_of")
    texts, lines = (LINES, LINES), []
    with pytest.raises(ValueError, match=r"shortlist cannot be used; expected .*output_of"):
        export_bundle(
            made.checkpoint,
            tmp_path / "bundle",
            valid=texts,
            shortlist=texts,
            report=lines.append,
        )
    assert len(lines) == 1  # before anything is converted
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("made", VARIANTS[:1], indirect=True)
def test_command_passes_on_what_it_is_told(made, tmp_path, monkeypatch, capsys):
    sides = []
    for name, lines in (("a", LINES), ("b", LINES[::-1])):
        sides.append(tmp_path / name)
        sides[-1].write_text("\n".join(lines), encoding="utf-8")
    given = {}

    def fake(checkpoint, bundle, **options):
        given.update(options, places=(checkpoint, bundle))
        return made.result

    monkeypatch.setattr(export.bundle, "export_bundle", fake)
    sides = [str(side) for side in sides]
    command = [str(made.checkpoint), str(tmp_path / "bundle"), "--valid", *sides]
    more = ["--examples", sides[0], "--beam-size", "3", "--length-penalty", "1.2"]
    more += ["--overwrite", "--int8-only"]
    assert export_main([*command, "--shortlist", *sides, *more]) == 0
    assert given.pop("report")
    assert given == {
        "places": (made.checkpoint, tmp_path / "bundle"),
        "valid": (LINES, LINES[::-1]),
        "valid_name": "a",
        "shortlist": (LINES, LINES[::-1]),
        "examples": LINES,
        "beam_size": 3,
        "length_penalty": 1.2,
        "overwrite": True,
        "int8_only": True,
    }
    assert "int8 shortlist written: " in capsys.readouterr().err
    Path(sides[1]).write_text("one line", encoding="utf-8")
    assert export_main([*command[:2], "--shortlist", *sides]) == 2
    assert "--shortlist: " in capsys.readouterr().err
