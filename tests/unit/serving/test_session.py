"""Opening a bundle's graph: wrong tensors, wrong devices and wrong vocabularies are refused."""

import dataclasses
from types import SimpleNamespace

import onnxruntime as ort
import pytest

from serving import BundleError, Translator
from serving.manifest import ModelInfo
from serving.session import check_session


def load_problems(bundle):
    with pytest.raises(BundleError) as caught:
        Translator.load(bundle)
    return caught.value.problems


def with_inputs(spec, change):
    return {"translate.onnx": dataclasses.replace(spec, inputs=change(list(spec.inputs)))}


def test_input_missing_from_the_graph_is_named(toolbox):
    graph = toolbox.copying_graph(left_out=("beam_size",))
    problems = load_problems(toolbox.bundle(graph=graph))
    assert problems == (
        "input beam_size is missing in the graph and int32 in the manifest. "
        "Export the bundle again.",
    )


def test_input_missing_from_the_manifest_is_named(toolbox):
    graphs = with_inputs(toolbox.graph_spec(), lambda inputs: inputs[:-1])
    problems = load_problems(toolbox.bundle(graphs=graphs))
    assert [problem.split(".")[0] for problem in problems] == [
        "input attention_head is int32 in the graph and missing in the manifest"
    ]


def test_input_of_another_type_is_named(toolbox):
    def widen(inputs):
        return [dataclasses.replace(inputs[0], dtype="int64"), *inputs[1:]]

    problems = load_problems(toolbox.bundle(graphs=with_inputs(toolbox.graph_spec(), widen)))
    assert problems[0].startswith("input source_ids is int32 in the graph and int64 in the")


def test_wrong_output_names_are_all_listed(toolbox):
    graph = toolbox.copying_graph(renamed={"ids": "tokens", "attention": "weights"})
    problems = "\n".join(load_problems(toolbox.bundle(graph=graph)))
    for name in ("ids", "attention"):
        assert f"output {name} is missing in the graph" in problems
        assert f"the graph's output {name} has type none: it is missing" in problems
    assert "output tokens is int32 in the graph and missing in the manifest" in problems


def test_attention_output_is_needed_only_when_promised(toolbox):
    graph = toolbox.copying_graph(renamed={"attention": "weights"})
    spec = toolbox.graph_spec()
    outputs = (*spec.outputs[:-1], dataclasses.replace(spec.outputs[-1], name="weights"))
    graphs = {"translate.onnx": dataclasses.replace(spec, outputs=outputs)}
    assert Translator.load(toolbox.bundle("plain", graph=graph, graphs=graphs, attention=False))
    [problem] = load_problems(toolbox.bundle("promised", graph=graph, graphs=graphs))
    assert "output attention has type none" in problem


def test_input_that_nobody_can_feed_is_refused(toolbox):
    graph = toolbox.copying_graph(extra_input="language_id")
    problems = load_problems(toolbox.bundle(graph=graph))
    assert "the graph requires an input language_id, which this package cannot feed" in problems[-1]


def test_types_that_the_translator_cannot_use_are_refused(toolbox):
    # Graph and manifest agree with each other on types that nobody feeds.
    spec = toolbox.graph_spec()
    inputs = [dataclasses.replace(tensor, dtype="int64") for tensor in spec.inputs[:3]]
    names = {"int32": "tensor(int32)", "int64": "tensor(int64)", "float32": "tensor(float)"}
    tensors = [
        [SimpleNamespace(name=tensor.name, type=names[tensor.dtype]) for tensor in group]
        for group in (inputs[:1], inputs[1:], spec.outputs)
    ]
    session = SimpleNamespace(
        get_inputs=lambda: tensors[0],
        get_overridable_initializers=lambda: tensors[1],
        get_outputs=lambda: tensors[2],
    )
    problems = check_session(session, dataclasses.replace(spec, inputs=inputs), attention=True)
    assert problems == [
        f"the graph's input {name} has type int64; expected int32. Export the bundle again."
        for name in ("source_ids", "prefix_ids", "suppressed_ids")
    ]


def test_file_that_is_no_model_is_refused(toolbox):
    [problem] = load_problems(toolbox.bundle(graph=b"no model"))
    assert problem.startswith("onnxruntime cannot load the graph")


def test_file_that_is_no_vocabulary_is_refused(toolbox):
    [problem] = load_problems(toolbox.bundle(vocabulary=b"no vocabulary"))
    assert "tokenizer.model" in problem


def test_damage_is_found_before_a_model_is_opened(toolbox, monkeypatch):
    bundle = toolbox.bundle()
    (bundle / "translate.onnx").write_bytes(b"damaged")
    monkeypatch.setattr(ort, "InferenceSession", lambda *_, **__: pytest.fail("model was opened"))
    assert "wrong size" in load_problems(bundle)[0]


def test_vocabularies_must_fit_the_model(toolbox):
    config = {"source_vocabulary_size": 10, "target_vocabulary_size": 10_000}
    info = ModelInfo("luong", "luong_tiny", revision="0" * 64, config=config)
    source, target = load_problems(toolbox.bundle(model=info))
    assert "the source tokenizer has" in source
    assert "the model takes 10." in source
    assert "the model makes 10000." in target


def test_cuda_without_a_cuda_build_is_an_error(shared_bundle, monkeypatch):
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(RuntimeError, match=r"built without CUDA.*Install the gpu extra"):
        Translator.load(shared_bundle, device="cuda")


def test_cuda_that_falls_back_to_the_cpu_is_an_error(shared_bundle, monkeypatch):
    asked = []
    session = ort.InferenceSession

    def falls_back(path, options, providers):
        asked.extend(providers)
        return session(path, options, providers=["CPUExecutionProvider"])

    providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(ort, "get_available_providers", lambda: providers)
    monkeypatch.setattr(ort, "preload_dlls", lambda: None)
    monkeypatch.setattr(ort, "InferenceSession", falls_back)
    with pytest.raises(RuntimeError, match="fell back"):
        Translator.load(shared_bundle, device="cuda")
    assert asked == providers


def test_wrong_device_and_threads_are_both_named(shared_bundle):
    with pytest.raises(ValueError, match="2 problems") as caught:
        Translator.load(shared_bundle, device="tpu", threads=0)
    assert "device is unknown" in str(caught.value)
    assert "threads is out of range" in str(caught.value)


def test_session_runs_on_one_thread(shared_bundle):
    options = Translator.load(shared_bundle, threads=2).graph.session.get_session_options()
    assert options.intra_op_num_threads == 1
    assert options.inter_op_num_threads == 1
