"""A real bundle in miniature: a graph that copies its source, a small vocabulary, a manifest.

The graph has the tensors of an exported one. Its translation is the prefix followed by the source;
each target token attends to the source token that it copies; the scores reveal the options fed.
"""

import io
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import sentencepiece
from onnx import TensorProto, helper, numpy_helper

from serving.manifest import GraphSpec, Languages, Limits, Manifest, ModelInfo, TensorSpec
from serving.manifest import hash_files as hash_bundle

LINES = [
    "나는 학교에 간다.",
    "너는 집에서 책을 읽는다.",
    "우리는 내일 바다에 간다.",
    "the cat sleeps on the mat.",
    "a dog runs to the river.",
    "we read a book at home.",
]
INT, FLOAT = TensorProto.INT32, TensorProto.FLOAT
INPUTS = [
    ("source_ids", INT, ["batch", "source"], None),
    ("prefix_ids", INT, ["prefix_batch", "prefix"], np.zeros((1, 1), np.int32)),
    ("suppressed_ids", INT, ["suppressed"], np.zeros((0,), np.int32)),
    ("beam_size", INT, [], np.int32(1)),
    ("num_hypotheses", INT, [], np.int32(1)),
    ("length_penalty", FLOAT, [], np.float32(0.6)),
    ("coverage_penalty", FLOAT, [], np.float32(0)),
    ("min_length", INT, [], np.int32(0)),
    ("max_length", INT, [], np.int32(0)),
    ("no_repeat_ngram", INT, [], np.int32(0)),
    ("attention_layer", INT, [], np.int32(-1)),
    ("attention_head", INT, [], np.int32(-1)),
]
OUTPUTS = [
    ("ids", INT, ["batch", "hypotheses", "target"]),
    ("lengths", INT, ["batch", "hypotheses"]),
    ("scores", FLOAT, ["batch", "hypotheses"]),
    ("attention", FLOAT, ["batch", "hypotheses", "target", "source"]),
]
OTHERS = ("no_repeat_ngram", "attention_layer", "attention_head", "suppressed")
# (operator, inputs, output, attributes); names in capitals are constants.
NODES = [
    ("Shape", ["source_ids"], "shape", {}),  # (B, S)
    ("Gather", ["shape", "ZERO"], "batch", {}),
    ("Gather", ["shape", "ONE"], "source", {}),
    ("Shape", ["prefix_ids"], "prefix_shape", {}),
    ("Gather", ["prefix_shape", "ONE"], "prefix", {}),
    ("Concat", ["batch", "prefix"], "forced_shape", {"axis": 0}),
    ("Expand", ["prefix_ids", "forced_shape"], "forced", {}),  # (B, P)
    ("Concat", ["forced", "source_ids"], "joined", {"axis": 1}),  # (B, P+S), pads in between
    # Pads move to the end: order by (is a pad, position).
    ("Equal", ["joined", "PAD"], "is_pad", {}),
    ("Cast", ["is_pad"], "pad_key", {"to": INT}),
    ("Mul", ["pad_key", "LARGE"], "pad_shift", {}),
    ("Add", ["prefix", "source"], "target", {}),
    ("Squeeze", ["target"], "target_size", {}),
    ("Range", ["START", "target_size", "STEP"], "positions", {}),
    ("Cast", ["positions"], "positions32", {"to": INT}),
    ("Add", ["pad_shift", "positions32"], "key", {}),
    ("TopK", ["key", "target"], ("sorted", "order"), {"axis": 1, "largest": 0}),
    ("GatherElements", ["joined", "order"], "row", {"axis": 1}),  # (B, P+S)
    ("Unsqueeze", ["row", "ONE"], "row1", {}),
    ("Cast", ["num_hypotheses"], "n_scalar", {"to": TensorProto.INT64}),
    ("Unsqueeze", ["n_scalar", "ZERO"], "n", {}),
    ("Concat", ["batch", "n", "target"], "ids_shape", {"axis": 0}),
    ("Expand", ["row1", "ids_shape"], "ids", {}),
    ("Cast", ["ids"], "ids_bool", {"to": TensorProto.BOOL}),
    ("Cast", ["ids_bool"], "ids_count", {"to": INT}),
    ("ReduceSum", ["ids_count", "TWO"], "lengths", {"keepdims": 0}),
    # scores = -rank - length_penalty - 10 beam_size - 100 min_length - 1000 max_length - others,
    # where others = coverage_penalty + no_repeat_ngram + attention_layer + attention_head + 2
    # + the sum of suppressed_ids
    ("Range", ["START", "n_scalar", "STEP"], "ranks64", {}),
    ("Cast", ["ranks64"], "ranks", {"to": FLOAT}),
    ("Cast", ["beam_size"], "beam", {"to": FLOAT}),
    ("Cast", ["min_length"], "shortest", {"to": FLOAT}),
    ("Cast", ["max_length"], "longest", {"to": FLOAT}),
    ("Mul", ["beam", "TEN"], "s1", {}),
    ("Mul", ["shortest", "HUNDRED"], "s2", {}),
    ("Mul", ["longest", "THOUSAND"], "s3", {}),
    ("ReduceSum", ["suppressed_ids"], "suppressed", {"keepdims": 0}),
    *[("Cast", [name], f"{name}_float", {"to": FLOAT}) for name in OTHERS],
    (
        "Sum",
        ["ranks", "length_penalty", "s1", "s2", "s3", "coverage_penalty", "TWO_FLOAT"]
        + [f"{name}_float" for name in OTHERS],
        "cost",
        {},
    ),
    ("Neg", ["cost"], "row_scores", {}),
    ("Concat", ["batch", "n"], "scores_shape", {"axis": 0}),
    ("Expand", ["row_scores", "scores_shape"], "scores", {}),
    # attention[b, t, s] = 1 where target token t copies source token s
    ("Sub", ["order", "prefix"], "copied", {}),
    ("Unsqueeze", ["copied", "TWO"], "copied1", {}),
    ("Squeeze", ["source"], "source_size", {}),
    ("Range", ["START", "source_size", "STEP"], "columns", {}),
    ("Equal", ["copied1", "columns"], "hits", {}),
    ("Cast", ["hits"], "copies", {"to": FLOAT}),
    ("Unsqueeze", ["copies", "ONE"], "copies1", {}),
    ("Concat", ["batch", "n", "target", "source"], "attention_shape", {"axis": 0}),
    ("Expand", ["copies1", "attention_shape"], "attention", {}),
]
CONSTANTS = {
    "ZERO": np.array([0]),
    "ONE": np.array([1]),
    "TWO": np.array([2]),
    "START": np.array(0),
    "STEP": np.array(1),
    "PAD": np.int32(0),
    "TWO_FLOAT": np.float32(2),
    "LARGE": np.int32(100_000),
    "TEN": np.float32(10),
    "HUNDRED": np.float32(100),
    "THOUSAND": np.float32(1000),
}


def copying_graph(left_out=(), renamed=None, extra_input=None) -> bytes:
    """The ONNX file. ``left_out`` inputs become constants, ``renamed`` maps output names."""
    nodes = [
        helper.make_node(kind, inputs, [outputs] if isinstance(outputs, str) else outputs, **more)
        for kind, inputs, outputs, more in NODES
    ]
    values = {name: default for name, _, _, default in INPUTS if default is not None}
    initializers = [
        numpy_helper.from_array(np.asarray(value), name)
        for name, value in (CONSTANTS | values).items()
    ]
    inputs = [
        helper.make_tensor_value_info(name, dtype, axes)
        for name, dtype, axes, _ in INPUTS
        if name not in left_out
    ]
    if extra_input:
        inputs.append(helper.make_tensor_value_info(extra_input, INT, []))
    outputs = [helper.make_tensor_value_info(*output) for output in OUTPUTS]
    for old, new in (renamed or {}).items():
        nodes.append(helper.make_node("Identity", [old], [new]))
        next(output for output in outputs if output.name == old).name = new
    graph = helper.make_graph(nodes, "copying", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _plain(value):
    """A default as an exported manifest has it: 0.6 and not the nearest float32."""
    plain = None if value is None else value.tolist()
    return round(plain, 6) if isinstance(plain, float) else plain


def graph_spec(left_out=()) -> GraphSpec:
    names = {INT: "int32", FLOAT: "float32"}
    return GraphSpec(
        opset=18,
        ir_version=10,
        inputs=[
            TensorSpec(name, names[dtype], axes, _plain(value))
            for name, dtype, axes, value in INPUTS
            if name not in left_out
        ],
        outputs=[TensorSpec(name, names[dtype], axes) for name, dtype, axes in OUTPUTS],
    )


def write_bundle(directory, vocabulary, graph=None, **changes):
    """Writes graph (bytes), vocabulary and manifest; ``changes`` are fields of the manifest."""
    directory.mkdir(exist_ok=True)
    (directory / "translate.onnx").write_bytes(graph or copying_graph())
    (directory / "tokenizer.model").write_bytes(vocabulary)
    fields = {
        "model": ModelInfo("luong", "luong_tiny", revision="0" * 64),
        "languages": Languages("ko", "en"),
        "limits": Limits(max_source_length=24, max_target_length=40),
        "graphs": {"translate.onnx": graph_spec()},
        "files": hash_bundle(directory),
        "attention": True,
        "producer": {"attention-zoo": "0.1.0"},
    }
    Manifest(**(fields | changes)).write(directory)
    return directory


@pytest.fixture(scope="session")
def tiny_vocabulary() -> bytes:
    """A SentencePiece model of the fixture's own lines."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES),
        model_writer=model,
        vocab_size=120,
        hard_vocab_limit=False,
        pad_id=0,
        bos_id=1,
        eos_id=2,
        unk_id=3,
        minloglevel=2,
    )
    return model.getvalue()


@pytest.fixture
def toolbox(tmp_path, tiny_vocabulary):
    """Makes bundles: ``toolbox.bundle(name, **changes)``."""

    def bundle(name="bundle", vocabulary=tiny_vocabulary, **changes):
        return write_bundle(tmp_path / name, vocabulary, **changes)

    return SimpleNamespace(
        bundle=bundle, copying_graph=copying_graph, graph_spec=graph_spec, lines=LINES
    )


@pytest.fixture(scope="session")
def shared_bundle(tmp_path_factory, tiny_vocabulary):
    """One bundle for all tests that only read it."""
    return write_bundle(tmp_path_factory.mktemp("shared") / "bundle", tiny_vocabulary)


@pytest.fixture(scope="session")
def translator(shared_bundle):
    """A translator on the shared bundle."""
    from serving import Translator

    return Translator.load(shared_bundle, threads=1)
