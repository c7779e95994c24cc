"""Opens the graph of a bundle and checks that it is the one that the manifest describes."""

from pathlib import Path

import onnxruntime as ort

from serving.linked_files import plain_files
from serving.manifest import (
    ID_GRAPHS,
    SHORTLIST_GRAPHS,
    BundleError,
    GraphSpec,
    Manifest,
    TensorSpec,
)
from serving.problems import raise_problems
from serving.tokenizer import Tokenizer

# Every tensor that the translator knows how to feed or read, with its only accepted type.
REQUIRED_INPUT = "source_ids"
INPUT_TYPES = {
    "source_ids": "int32",
    "prefix_ids": "int32",
    "suppressed_ids": "int32",
    "beam_size": "int32",
    "num_hypotheses": "int32",
    "length_penalty": "float32",
    "coverage_penalty": "float32",
    "min_length": "int32",
    "max_length": "int32",
    "no_repeat_ngram": "int32",
    "attention_layer": "int32",
    "attention_head": "int32",
}
OUTPUT_TYPES = {"ids": "int32", "lengths": "int32", "scores": "float32", "attention": "float32"}
_NUMPY_NAMES = {"float": "float32", "double": "float64"}


def open_session(path: Path, device: str) -> ort.InferenceSession:
    """Creates the onnxruntime session of a graph; on the CPU, a run uses the caller's thread alone.

    Args:
        path: The ONNX file.
        device: ``cpu`` or ``cuda``.

    Raises:
        BundleError: onnxruntime cannot load the file.
        RuntimeError: CUDA was asked for and cannot be used. There is no silent fall back to CPU.
    """
    providers = ["CPUExecutionProvider"]
    if device == "cuda":
        ort.preload_dlls()
        providers.insert(0, "CUDAExecutionProvider")
    with plain_files(path) as plain:
        try:
            session = ort.InferenceSession(plain, session_options(), providers=providers)
        except Exception as error:  # onnxruntime's errors share no other base class
            if device == "cuda":
                raise RuntimeError(
                    f'Translator.load: device "cuda" cannot run {path} ({error}). Use a newer '
                    'onnxruntime-gpu and driver, or device="cpu".'
                ) from error
            problem = f"onnxruntime cannot load the graph ({error}). Export the bundle again."
            raise BundleError(str(path), [problem]) from error
    if device == "cuda":
        _require_cuda(session.get_providers(), "onnxruntime could not load CUDA and fell back")
    return session


def choose_graph(manifest: Manifest, precision: str | None, shortlist: bool = False) -> str:
    """The file name of an id graph.

    Args:
        manifest: The bundle's.
        precision: Of the weights; None for float32 where the bundle has it, else int8.
        shortlist: Whether it is to be one with a shortlist.

    Raises:
        ValueError: The precision is unknown, or the bundle has no such graph.
    """
    known = SHORTLIST_GRAPHS if shortlist else ID_GRAPHS
    if precision is None:
        precision = next((each for each in known if known[each] in manifest.graphs), "float32")
    name = known.get(precision)
    if name is None:
        raise ValueError(
            'Translator.load: precision is unknown; expected "float32" or "int8". '
            f"Received {precision!r}."
        )
    if name not in manifest.graphs and shortlist:
        raise ValueError(
            f"Translator.load: the bundle has no {precision} graph with a shortlist; expected "
            f"{name}. Received {', '.join(manifest.graphs)}. Export it again with --shortlist, or "
            "leave the shortlist out."
        )
    if name not in manifest.graphs:
        remedy = "Export it again with --valid, or use float32."
        if precision == "float32":
            remedy = "Use int8, or export it again without --int8-only."
        raise ValueError(
            f"Translator.load: the bundle has no {precision} graph; expected {name}. Received "
            f"{', '.join(manifest.graphs)}. {remedy}"
        )
    return name


def check_device(device: str, threads: int | None) -> None:
    """Checks the arguments of ``open_session`` before anything slow happens.

    Raises:
        ValueError: ``device`` or ``threads`` is wrong.
        RuntimeError: CUDA was asked for and this onnxruntime has none.
    """
    problems = []
    if device not in ("cpu", "cuda"):
        problems.append(f'device is unknown; expected "cpu" or "cuda". Received {device!r}.')
    if threads is not None and (type(threads) is not int or threads < 1):
        problems.append(
            "threads is out of range; expected an integer of at least 1, or None. "
            f"Received {threads!r}."
        )
    raise_problems("Translator.load", problems)
    if device == "cuda":
        _require_cuda(ort.get_available_providers(), "this onnxruntime is built without CUDA")


def check_session(session: ort.InferenceSession, graph: GraphSpec, attention: bool) -> list[str]:
    """Compares a session's tensors with the manifest and with what the translator needs.

    Returns:
        One sentence per problem; empty when all agree.
    """
    inputs = _types([*session.get_inputs(), *session.get_overridable_initializers()])
    outputs = _types(session.get_outputs())
    problems = _differences("input", inputs, graph.inputs)
    problems += _differences("output", outputs, graph.outputs)
    needed = {name: OUTPUT_TYPES[name] for name in ("ids", "lengths", "scores")}
    if attention:
        needed["attention"] = OUTPUT_TYPES["attention"]
    known = {name: INPUT_TYPES[name] for name in inputs if name in INPUT_TYPES}
    expected = [("input", inputs, known | {REQUIRED_INPUT: "int32"}), ("output", outputs, needed)]
    for kind, found, types in expected:
        problems += [
            f"the graph's {kind} {name} has type {found.get(name, 'none: it is missing')}; "
            f"expected {dtype}. Export the bundle again."
            for name, dtype in types.items()
            if found.get(name) != dtype
        ]
    problems += [
        f"the graph requires an input {tensor.name}, which this package cannot feed. "
        "Upgrade the package."
        for tensor in session.get_inputs()
        if tensor.name not in INPUT_TYPES
    ]
    return problems


def check_vocabularies(manifest: Manifest, source: Tokenizer, target: Tokenizer) -> list[str]:
    """Compares vocabulary sizes: an id that only one side knows would fail in the middle of a call.

    Returns:
        One sentence per problem; empty when all agree.
    """
    config, again = manifest.model.config, "Export the bundle again."
    known_source = config.get("source_vocabulary_size")
    known_target = config.get("target_vocabulary_size")
    problems = []
    if isinstance(known_source, int) and source.vocabulary_size > known_source:
        problems.append(
            f"the source tokenizer has {source.vocabulary_size} ids and the model takes "
            f"{known_source}. {again}"
        )
    if isinstance(known_target, int) and target.vocabulary_size < known_target:
        problems.append(
            f"the target tokenizer has {target.vocabulary_size} ids and the model makes "
            f"{known_target}. {again}"
        )
    return problems


def session_options() -> ort.SessionOptions:
    """How a graph runs on the CPU: a run on its caller's thread, without waiting for others."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # runs at the same time would wait for its one lock
    options.log_severity_level = 3
    return options


def _require_cuda(providers: list[str], reason: str) -> None:
    if "CUDAExecutionProvider" not in providers:
        raise RuntimeError(
            f'Translator.load: device "cuda" cannot be used: {reason}; expected '
            f"CUDAExecutionProvider. Received {', '.join(providers)}. Install the gpu extra "
            "(onnxruntime-gpu in place of onnxruntime, with CUDA 13 and an NVIDIA driver), "
            'or use device="cpu".'
        )


def _types(tensors: list) -> dict[str, str]:
    """Tensor name → NumPy type name; ``tensor(float)`` becomes ``float32``."""
    names = {tensor.name: tensor.type.removeprefix("tensor(").rstrip(")") for tensor in tensors}
    return {name: _NUMPY_NAMES.get(kind, kind) for name, kind in names.items()}


def _differences(kind: str, found: dict[str, str], specs: tuple[TensorSpec, ...]) -> list[str]:
    listed = {spec.name: spec.dtype for spec in specs}
    return [
        f"{kind} {name} is {found.get(name, 'missing')} in the graph and "
        f"{listed.get(name, 'missing')} in the manifest. Export the bundle again."
        for name in sorted(found.keys() | listed.keys())
        if found.get(name) != listed.get(name)
    ]
