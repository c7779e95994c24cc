"""The probe shows the tensors inside a search, and the gate measures them."""

from types import SimpleNamespace

import keras
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import zoo
from export import parity
from export.gate import tensors
from export.gate.findings import FAILED, OK
from export.gate.tensors import compare_rounding, compare_tensors, measure, probe_batches
from export.probe import KerasProbe, Probe, convert_probe, teacher_rows
from export.quantize import quantize
from export.rewrites.scopes import graphs

RECURRENT = {"embedding_width": 8, "units": 12}
MODELS = {
    "seq2seq": ("seq2seq_tiny", RECURRENT),
    "luong": ("luong_tiny", RECURRENT),
    "transformer": (
        "transformer_tiny",
        {
            "width": 16,
            "feedforward_width": 24,
            "num_heads": 2,
            "encoder_layers": 1,
            "decoder_layers": 2,
        },
    ),
}
STATES = {
    "seq2seq": ["decoder_h0"],
    "luong": ["attentional", "decoder_c0", "decoder_h0", "memory", "memory_keys", "memory_mask"],
    "transformer": [
        "cache_keys_0",
        "cache_keys_1",
        "cache_values_0",
        "cache_values_1",
        "memory_keys_0",
        "memory_keys_1",
        "memory_mask",
        "memory_shares",
        "memory_values_0",
        "memory_values_1",
        "position",
    ],
}
SOURCE = np.array([[5, 9, 7, 8, 2, 0, 0, 0, 0], [6, 2] + [0] * 7, [*range(4, 12), 2]], "int32")
TARGET = np.array([[1, 5, 6, 7], [1, 9, 0, 0], [1, 4, 8, 0]], "int32")
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]], bool)
BATCHES = [(SOURCE, TARGET, MASK), (SOURCE[2:], TARGET[2:, :3], MASK[2:, :3])]  # and one unpadded


@pytest.fixture(scope="module", params=MODELS)
def made(request):
    """A model with random weights and its probe."""
    preset, sizes = MODELS[request.param]
    keras.utils.set_random_seed(5)
    model = zoo.build(
        preset, vocabulary_size=40, max_source_length=20, max_target_length=100, **sizes
    )
    rng = np.random.default_rng(5)
    for weight in model.trainable_variables:
        weight.assign(weight + rng.normal(0, 0.2, weight.shape))
    return model, convert_probe(model)


def nodes(graph, *kinds):
    return [node for node in graph.node if node.op_type in kinds]


def test_keras_probe_keeps_the_memory_that_a_step_does_not_give_back(made):
    model, _ = made

    def decode_step(tokens, state):
        logits, state, looked = model.decode_step(tokens, state)
        state = {name: value for name, value in state.items() if not name.startswith("memory")}
        return logits, state, looked

    silent = SimpleNamespace(
        encode=model.encode, decode_step=decode_step, has_attention=model.has_attention
    )
    expected, found = (KerasProbe(each)(SOURCE, TARGET) for each in (model, silent))
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(array, found[name], err_msg=name)


def test_keras_probe_matches_teacher_forcing(made):
    model, _ = made
    found = KerasProbe(model)(SOURCE, TARGET)
    expected = model({"source_ids": SOURCE, "target_ids": TARGET})
    np.testing.assert_allclose(found["logits"][MASK], np.asarray(expected)[MASK], atol=2e-5)
    if model.has_attention:
        assert found["attention"].shape == (3, 4, 9)
        np.testing.assert_allclose(found["attention"].sum(-1), 1, atol=1e-5)


def test_onnx_probe_matches_keras(made):
    model, graph = made
    expected, received = KerasProbe(model)(SOURCE, TARGET), Probe(graph)(SOURCE, TARGET)
    names = [f"state/{name}" for name in STATES[type(model).__name__.lower()]]
    assert sorted(received) == ["attention"] * model.has_attention + ["logits", *names]
    assert expected.keys() == received.keys()
    for name, array in expected.items():
        assert received[name].dtype == array.dtype, name
        np.testing.assert_allclose(received[name], array, rtol=0, atol=2e-5, err_msg=name)


def test_probe_is_made_like_the_real_graph(made):
    model, graph = made
    recurrent = nodes(graph.graph, "GRU", "LSTM")
    assert len(recurrent) == (type(model).__name__ != "Transformer")
    [loop] = nodes(graph.graph, "Loop")
    body = loop.attribute[0].g
    assert nodes(body, "MatMul")
    producers = {name: node for node in body.node for name in node.output}
    for value, result in zip(body.input[2:], body.output[1:], strict=False):
        assert producers.get(result.name) or result.name != value.name  # no weight is carried


def test_findings_name_every_tensor(made):
    model, graph = made
    family = type(model).__name__.lower()
    findings = compare_tensors(model, {"float32": graph}, BATCHES)
    assert [item.problem for item in findings] == [""] * len(findings)
    named = {name for item in findings for name in item.compared.split(" ", 1)[1].split(", ")}
    expected = {"logits", *STATES[family]} | ({"attention"} if model.has_attention else set())
    assert named == expected
    measured = [item for item in findings if item.largest is not None]
    assert all(0 <= item.mean <= item.largest <= item.tolerance for item in measured)


def test_int8_probe_is_near_and_not_equal(made):
    model, graph = made
    quantized = quantize(graph)
    findings = compare_tensors(model, {"int8": quantized}, BATCHES)
    logits = next(item for item in findings if item.compared == "step logits")
    exact = compare_tensors(model, {"float32": graph}, BATCHES)
    logits_exact = next(item for item in exact if item.compared == "step logits")
    assert logits.largest > 10 * logits_exact.largest
    assert logits.mean < 0.1


def damaged(graph, change, kind=""):
    """A copy whose largest float32 weight, of those with `kind` in their names, is changed."""
    copy = onnx.ModelProto.FromString(graph.SerializeToString())
    every = (t for g in graphs(copy.graph) for t in g.initializer if t.data_type == 1)
    tensor = max((t for t in every if kind in t.name), key=lambda t: np.prod(t.dims))
    values = numpy_helper.to_array(tensor).copy()
    change(values)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return copy


def double_one(values):
    values[len(values) // 2] *= 2


def test_int8_weights_are_the_float32_weights_rounded(made):
    _, graph = made
    finding = compare_rounding(graph, quantize(graph))
    assert finding.verdict == OK
    assert 0 < finding.mean < 1 / 400 < finding.largest <= finding.tolerance


def test_one_wrong_scale_is_seen(made):
    _, graph = made
    bad = damaged(quantize(graph), double_one, "_scale_by_")
    finding = compare_rounding(graph, bad)
    assert finding.verdict == FAILED
    assert finding.largest > 0.5
    [name] = finding.problem.removeprefix("ONNX probe, int8: ").split(" differs")[:1]
    assert "_int8_by_" in name


def test_an_int8_graph_without_int8_weights_is_refused(made):
    _, graph = made
    finding = compare_rounding(graph, graph)
    assert finding.verdict == FAILED
    assert "no matrix" in finding.problem


def test_changed_weights_are_seen_and_every_tensor_is_listed(made):
    model, graph = made
    bad = damaged(graph, lambda values: np.multiply(values, 1.01, out=values))
    findings = compare_tensors(model, {"float32": bad}, BATCHES)
    failed = [item for item in findings if item.verdict == FAILED]
    assert "step logits" in [item.compared for item in failed]
    for item in failed:
        assert item.problem.startswith(f"ONNX probe, float32: {item.compared} differs by ")
        assert f"expected at most {item.tolerance:.2g}." in item.problem


def test_steps_after_the_end_do_not_count(made):
    model, graph = made
    longer = np.where(MASK, TARGET, 3).astype("int32")
    one, other = (
        compare_tensors(model, {"float32": graph}, [(SOURCE, target, MASK)])
        for target in (TARGET, longer)
    )
    assert [item.compared for item in one] == [item.compared for item in other]
    spread = KerasProbe(model)(SOURCE, TARGET)["logits"][MASK].std()
    logits = next(item for item in one if item.compared == "step logits")
    allowed = parity.tolerances(type(model).__name__.lower())["logits"]
    assert logits.tolerance == pytest.approx(allowed * max(spread, 1), rel=1e-4)


def test_missing_and_misshapen_tensors_are_named(made, monkeypatch):
    model, graph = made
    original = Probe.__call__

    def changed(self, *given):
        found = original(self, *given)
        found["logits"] = found["logits"][:, 1:]
        found["state/extra"] = np.zeros(3)
        name = next(name for name in found if name.startswith("state/") and "extra" not in name)
        del found[name]
        return found

    monkeypatch.setattr(tensors.Probe, "__call__", changed)
    findings = compare_tensors(model, {"float32": graph}, BATCHES)
    problems = "\n".join(item.problem for item in findings if item.problem)
    assert "step logits has shape (3, 3, 40) and dtype float32; expected (3, 4, 40)" in problems
    assert "state extra is only in ONNX" in problems
    assert "is only in Keras" in problems


def test_teacher_rows_shift_and_mask():
    ids = np.array([[7, 8, 2], [9, 2, 0], [5, 6, 7]])
    target_ids, mask = teacher_rows(ids, [3, 2, 3])
    np.testing.assert_array_equal(target_ids, [[1, 7, 8], [1, 9, 0], [1, 5, 6]])
    np.testing.assert_array_equal(mask, [[1, 1, 1], [1, 1, 0], [1, 1, 1]])
    assert target_ids.dtype == np.int32


@pytest.mark.parametrize("padded", [True, False])
def test_state_of_padded_positions_alone_does_not_count(made, monkeypatch, padded):
    """A trained Transformer was refused for a difference at a position that nobody looks at."""
    model, graph = made
    original, changes = Probe.__call__, set()

    def changed(self, source_ids, target_ids):
        found = original(self, source_ids, target_ids)
        rows, positions = np.nonzero((source_ids == 0) == padded)
        if not (source_ids == 0).any():
            return found
        for name, array in found.items():
            axes = np.flatnonzero(np.array(array.shape) == source_ids.shape[1])
            if name.startswith("state/") and array.dtype == np.float32 and len(axes):
                found[name] = array.copy()
                np.moveaxis(found[name], axes[0], 1)[rows[:1], positions[:1]] += 0.01
                changes.add(name)
        return found

    monkeypatch.setattr(tensors.Probe, "__call__", changed)
    findings = compare_tensors(model, {"float32": graph}, BATCHES)
    refused = {f"state/{item.compared.removeprefix('state ')}" for item in findings if item.problem}
    assert bool(changes) == model.has_attention  # without it nothing is kept of each position
    assert refused == (set() if padded else changes)


def test_batches_hold_beginnings_of_the_last_rows_and_some_rows_whole():
    count, steps = 20, 90
    lengths = np.full((count, 1), 5)
    lengths[2] = steps
    expected = {"ids": np.full((count, 1, steps), 4), "lengths": lengths}
    rows = np.zeros((count, 30), "int32")
    for row in range(count):
        rows[row, : row + 3] = row + 4
    batches = probe_batches(rows, expected)
    some, some_target, some_mask = batches[0]
    np.testing.assert_array_equal(some, rows[-16:])
    assert some_target.shape == some_mask.shape == (16, 64)
    for (one, one_target, one_mask), row in zip(batches[1:], (2, 10, 19), strict=True):
        np.testing.assert_array_equal(one, [[row + 4] * (row + 3)])
        assert one_target.shape == one_mask.shape == (1, lengths[row, 0])
        assert one_mask.all()
    same = {"ids": np.full((3, 1, 6), 4), "lengths": np.array([[6], [6], [6]])}
    assert len(probe_batches(np.full((3, 2), 5), same)) == 3  # the first is the longest of both


ONES = np.ones(4, "float32")
FIRST = np.arange(198) == 0
CASES = {
    "equal": ("float32", ONES, ONES, 0.1, OK),
    "near": ("float32", ONES, ONES + 0.05, 0.1, OK),
    "far": ("float32", ONES, ONES + 0.2, 0.1, FAILED),
    "nan": ("float32", ONES, ONES * np.nan, 0.1, FAILED),
    "wide": ("float32", np.array([0.0, 8.0]), np.array([0.3, 8.0]), 0.1, OK),
    # standard deviation 0.1; another pair of the same size is equal
    "int8_mean": ("int8", np.array([0.0, 0.2]), np.array([0.039, 0.2]), 0.1, OK),
    "int8_beyond": ("int8", np.array([0.0, 0.2]), np.array([0.041, 0.2]), 0.1, FAILED),
    "int8_one_far_off": ("int8", np.tile([0.0, 0.2], 99), np.tile([0.0, 0.2], 99) + FIRST, 0.1, OK),
    "int8_nan": ("int8", np.array([0.0, 0.2]), np.array([np.nan, 0.2]), 9.0, FAILED),
    "constant": ("int8", ONES, ONES + 0.01, 0.1, FAILED),
    "integers": ("float32", np.array([1, 2]), np.array([1, 3]), 9.0, FAILED),
    "booleans": ("int8", np.array([True, False]), np.array([True, True]), 9.0, FAILED),
}


@pytest.mark.parametrize(
    ("precision", "expected", "received", "tolerance", "verdict"), CASES.values(), ids=CASES.keys()
)
def test_measure_judges_by_the_stated_tolerance(precision, expected, received, tolerance, verdict):
    finding = measure("x", precision, [(expected, expected), (expected, received)], tolerance)
    assert finding.verdict == verdict
    assert bool(finding.problem) == (verdict == FAILED)
    assert ("--valid" in finding.problem) == (verdict == FAILED and precision == "int8")


def test_mean_is_over_all_numbers():
    pairs = [(np.zeros(3), np.full(3, 0.01)), (np.zeros(1), np.full(1, 0.05))]
    finding = measure("x", "float32", pairs, 1.0)
    assert (finding.largest, finding.mean) == (pytest.approx(0.05), pytest.approx(0.02))


def test_unknown_family_gets_the_loosest_tolerances():
    found = parity.tolerances("mine")
    assert found.keys() == {"state", "logits", "attention", "scores"}
    table = parity.TOLERANCES
    assert found["logits"] == max(row["logits"] for row in table.values())
    assert parity.tolerances("luong") == table["luong"]
