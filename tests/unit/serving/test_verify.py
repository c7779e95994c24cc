"""``verify`` on made-up bundles: exact in float32, and how far int8 may go."""

import json

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from serving import BundleError, Translator
from serving.commands import main
from serving.graph import Graph
from serving.manifest import INT8_GRAPH, SHORTLIST_GRAPH, hash_files
from serving.verify import Verification, verify

SOURCES = ["a dog", "the cat sleeps.", "", "나는 학교에 간다."]


def changed_scores(content: bytes, change: float) -> bytes:
    """The graph with scores that differ."""
    model = onnx.load_from_string(content)
    scores = next(node for node in model.graph.node if "scores" in node.output)
    scores.output[0] = "plain_scores"
    model.graph.initializer.append(numpy_helper.from_array(np.float32(change), "CHANGE"))
    model.graph.node.append(helper.make_node("Add", ["plain_scores", "CHANGE"], ["scores"]))
    return model.SerializeToString()


@pytest.fixture
def bundle(toolbox):
    """Makes a bundle with golden examples, and an int8 graph whose scores differ by ``change``.

    Its graphs lack ``max_length``, which would count in their scores.
    """
    lacks = ["max_length"]

    def make(change=0.0, damage=None):
        files = {"graph": toolbox.copying_graph(lacks)}
        spec = {"translate.onnx": toolbox.graph_spec(lacks)}
        directory = toolbox.bundle(graphs=spec, **files)
        translator = Translator.load(directory)
        golden = []
        for source in SOURCES:
            result = translator.translate(source)
            ids = translator.source_tokenizer.encode(source)
            ids = [*ids, 2] if ids else []
            entry = {"source": source, "beam_size": 1, "source_ids": ids, "ids": ids}
            golden.append(entry | {"text": result.text, "score": result.score})
        if damage:
            damage(golden)
        (directory / "golden.json").write_text(json.dumps(golden), encoding="utf-8")
        (directory / INT8_GRAPH).write_bytes(changed_scores(files["graph"], change))
        spec[INT8_GRAPH] = spec["translate.onnx"]
        return toolbox.bundle(graphs=spec, files=hash_files(directory), **files)

    return make


def change_text(golden):
    golden[1]["text"] += "!"


def change_ids(golden):
    golden[1]["ids"][0] ^= 1


def test_float32_must_give_every_golden_translation(bundle):
    assert verify(bundle()) == Verification(examples=4, equal=4, drift=None)
    for damage in (change_text, change_ids):
        with pytest.raises(BundleError, match=r"'the cat sleeps\.', beam_size 1: t.* differ"):
            verify(bundle(damage=damage))


def test_shortlist_has_golden_examples_of_its_own(bundle, toolbox):
    directory = bundle()
    golden = json.loads((directory / "golden.json").read_text(encoding="utf-8"))
    change_text(golden)  # as its graph, a copy of the other, will not answer
    (directory / "golden.shortlist.json").write_text(json.dumps(golden), encoding="utf-8")
    graph = toolbox.copying_graph(["max_length"])
    (directory / SHORTLIST_GRAPH).write_bytes(graph)
    spec = dict.fromkeys(["translate.onnx", SHORTLIST_GRAPH], toolbox.graph_spec(["max_length"]))
    toolbox.bundle(graphs=spec, files=hash_files(directory), graph=graph)
    assert verify(directory).equal == 4
    with pytest.raises(BundleError, match=r"golden\.shortlist\.json: .*text differ"):
        verify(directory, shortlist=True)


def test_int8_may_give_other_texts_and_says_how_many(bundle):
    found = verify(bundle(damage=change_text), precision="int8")
    assert (found.examples, found.equal) == (4, 3)
    assert found.drift == pytest.approx(0, abs=1e-6)


def test_int8_drift_is_the_mean_change_per_token(bundle):
    directory = bundle(change=-0.5)
    golden = json.loads((directory / "golden.json").read_text(encoding="utf-8"))
    lengths = [len(entry["ids"]) for entry in golden if entry["ids"]]
    assert len(lengths) == 3
    # The score is the sum over ((5 + n) / 6) ** 0.6.
    drifts = [0.5 * ((5 + length) / 6) ** 0.6 / length for length in lengths]
    expected = sum(drifts) / 3
    assert 0.03 < expected < 0.1
    assert verify(directory, precision="int8").drift == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("change", [-2.0, 2.0, float("nan")])
def test_int8_that_scores_golden_translations_otherwise_is_refused(bundle, change):
    directory = bundle(change=change)
    assert verify(directory).equal == 4  # its float32 graph is as it was
    with pytest.raises(BundleError, match=r"expected a change of at most 0\.1 .* Use float32"):
        verify(directory, precision="int8")


def test_golden_ids_are_forced(bundle, monkeypatch):
    rows = []
    run = Graph.run

    def spy(self, batch, options, run_options=None):
        rows.extend((row, options) for row in batch)
        return run(self, batch, options, run_options)

    monkeypatch.setattr(Graph, "run", spy)
    directory = bundle()
    rows.clear()
    verify(directory, precision="int8")
    forced = [(row, options) for row, options in rows if row.prefix_ids]
    assert len(forced) == 3
    for row, options in forced:
        assert row.prefix_ids == row.source_ids
        assert options.max_length == len(row.prefix_ids)
        assert (options.beam_size, options.num_hypotheses) == (1, 1)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_unreadable_golden_examples_are_an_error(bundle, precision):
    def damage(golden):
        golden[:] = [{}]

    with pytest.raises(BundleError, match="golden examples cannot be read"):
        verify(bundle(damage=damage), precision=precision)


def test_bundle_without_int8_cannot_be_verified_in_int8(shared_bundle):
    with pytest.raises(ValueError, match="the bundle has no int8 graph"):
        verify(shared_bundle, precision="int8")


def test_command_reports_what_it_found(bundle, capsys):
    directory = str(bundle(damage=change_text))
    assert main(["verify", directory, "--precision", "int8"]) == 0
    line = capsys.readouterr().out
    assert "all files intact, 3 of 4 golden translations have the text of float32" in line
    assert "log-probabilities differ by 0.0000 a token" in line
    assert main(["verify", directory]) == 2
    assert main(["verify", str(bundle())]) == 0
    assert "all files intact, 4 golden translations equal" in capsys.readouterr().out
