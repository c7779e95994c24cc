"""`examples/own_model.py`: a model that no other file knows trains, exports and translates."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import onnx
import pytest

import zoo
from export.artefacts import OnnxArtefact, keras_translate
from export.bundle import export_bundle
from export.quantize import quantize
from export.rewrites.scopes import graphs
from serving import Translator
from serving.tokenizer import END_ID, START_ID, tokenizer_files
from training.vocabulary import train_tokenizers

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "own_model.py"
PAIRS = [
    ("나는 학교에 간다.", "the cat sleeps on the mat."),
    ("너는 집에서 책을 읽는다.", "a dog runs to the river."),
    ("우리는 물을 마신다 🙂", "we read a book at home."),
]
SOURCE_IDS = np.array(
    [[7, 8, 9, 40, 5, 12, 2], [6, 2, 0, 0, 0, 0, 0], [90, 4, 30, 2, 0, 0, 0]], "int32"
)


@pytest.fixture(scope="module")
def example():
    """The example as a module; afterwards the zoo no longer knows its model."""
    before = dict(zoo.FAMILIES)
    spec = importlib.util.spec_from_file_location("own_model", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    zoo.FAMILIES.clear()
    zoo.FAMILIES.update(before)


@pytest.fixture(scope="module")
def own(example, tmp_path_factory):
    """A small model with random weights, its checkpoint, and the bundle made from it."""
    home = tmp_path_factory.mktemp("own")
    tokenizer, _ = train_tokenizers(lambda: PAIRS * 5, home / "tokenizer", vocabulary_size=330)
    keras.utils.set_random_seed(3)
    config = example.MultiHeadGruConfig(
        source_vocabulary_size=tokenizer.vocabulary_size,
        target_vocabulary_size=tokenizer.vocabulary_size,
        max_source_length=40,
        max_target_length=30,
        width=16,
        num_heads=2,
    )
    model = example.MultiHeadGru(config)
    rng = np.random.default_rng(3)
    for weight in model.trainable_variables:  # wild enough for words that change on the way
        weight.assign(weight + rng.normal(0, 0.7, weight.shape))
    zoo.save_checkpoint(model, home / "checkpoint", {}, tokenizer_files(home / "tokenizer"))
    texts = [source for source, _ in PAIRS]
    # Raises unless ids, scores, attention and texts of every artefact equal Keras's.
    found = export_bundle(home / "checkpoint", home / "bundle", texts, report=lambda line: None)
    return SimpleNamespace(model=model, tokenizer=tokenizer, bundle=home / "bundle", found=found)


@pytest.fixture(scope="module")
def graph(own):
    """`translate.onnx` of the bundle, weights included."""
    return onnx.load(own.bundle / "translate.onnx")


def test_call_equals_scanned_decode_step(own):
    target = np.array([[1, 40, 41, 42, 43], [1, 44, 45, 0, 0], [1, 46, 47, 48, 0]], "int32")
    expected = own.model({"source_ids": SOURCE_IDS, "target_ids": target})
    state, steps = own.model.encode(SOURCE_IDS), []
    for token_ids in target.T:
        logits, state, attention = own.model.decode_step(token_ids, state)
        steps.append(keras.ops.convert_to_numpy(logits))
        np.testing.assert_allclose(np.sum(attention, axis=-1), 1.0, atol=1e-6)
        assert not np.any(np.asarray(attention)[SOURCE_IDS == 0])
    np.testing.assert_allclose(np.stack(steps, axis=1), expected, atol=1e-5)


def test_decode_step_with_beams_equals_repeated_rows(own):
    tokens = np.array([[40, 41], [42, 43], [44, 45]], "int32")
    repeated = own.model.encode(np.repeat(SOURCE_IDS, 2, axis=0))
    memory = {name: x for name, x in own.model.encode(SOURCE_IDS).items() if "memory" in name}
    state = {**repeated, **memory}
    for _ in range(2):
        logits, state, attention = own.model.decode_step(tokens, state)
        alone, repeated, alone_attention = own.model.decode_step(tokens.reshape(-1), repeated)
        np.testing.assert_allclose(logits, alone, atol=1e-5)
        np.testing.assert_allclose(attention, alone_attention, atol=1e-5)


@pytest.mark.parametrize("beam_size", [1, 4])
def test_onnx_gives_the_ids_of_keras(own, beam_size):
    expected = keras_translate(own.model, SOURCE_IDS, beam_size)
    received = OnnxArtefact(own.bundle).translate_ids(SOURCE_IDS, beam_size)
    assert np.unique(expected["ids"]).size > 8, "too dull to tell a right graph from a wrong one"
    assert received.keys() == expected.keys()
    np.testing.assert_array_equal(received["ids"], expected["ids"])
    np.testing.assert_array_equal(received["lengths"], expected["lengths"])
    np.testing.assert_allclose(received["scores"], expected["scores"], atol=1e-4)
    np.testing.assert_allclose(received["attention"], expected["attention"], atol=1e-5)


def test_parity_gate_saw_both_artefacts_and_both_searches(own):
    seen = {(item.artefact, item.beam_size) for item in own.found.comparisons}
    assert seen == {("SavedModel", 1), ("SavedModel", 4), ("ONNX", 1), ("ONNX", 4)}
    assert own.found.manifest.model.family == "multiheadgru"
    assert own.found.manifest.attention


def test_translator_gives_the_text_of_keras(own):
    translator = Translator.load(own.bundle)
    for source, _ in PAIRS:
        row = np.array([[*own.tokenizer.encode(source), END_ID]], "int32")
        expected = own.model.translate_ids(row)
        ids = expected["ids"][0, 0, : expected["lengths"][0, 0]].tolist()
        assert START_ID not in ids
        assert translator.translate(source).text == own.tokenizer.decode(ids)


def test_encoder_is_native_and_only_searches_loop(graph):
    outer = [node.op_type for node in graph.graph.node]
    assert not {"Loop", "Scan"} & set(outer)  # the loops of the searches are inside the If
    assert outer.count("If") == 1
    [gru] = [node for node in graph.graph.node if node.op_type == "GRU"]
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in gru.attribute}
    assert attributes["direction"] == b"bidirectional"
    assert gru.input[4], "the node reads padding: it has no sequence_lens"


def test_int8_finds_every_product_of_a_step(graph):
    steps = []
    for inner in graphs(quantize(graph).graph):
        operations = [node.op_type for node in inner.node]
        if "DynamicQuantizeMatMul" in operations and inner.name != graph.graph.name:
            steps.append([operations.count(o) for o in ("DynamicQuantizeMatMul", "MatMul")])
    # GRU input and state, attention query and output, output layer; scores and context stay float.
    assert steps == [[5, 2], [5, 2]]  # greedy search and beam search


def test_example_trains_and_its_checkpoint_loads(example, tmp_path, monkeypatch):
    directory = example.train(tmp_path, steps=2, width=8, num_heads=2)
    model, metadata = zoo.load_checkpoint(directory)
    assert type(model) is example.MultiHeadGru
    assert (model.config.width, model.config.num_heads) == (8, 2)
    assert metadata == {"source_language": "ko", "target_language": "en"}
    assert [path.name for path in tokenizer_files(directory)] == ["tokenizer.model"]
    monkeypatch.delitem(zoo.FAMILIES, "multiheadgru")
    with pytest.raises(ValueError, match="Import the module that adds it"):
        zoo.load_checkpoint(directory)
