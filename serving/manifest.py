"""The manifest of an exported bundle: what is in it, and proof that it arrived whole.

``manifest.json`` names every file of the bundle with its size and SHA-256, the tensors of each
graph, the special ids, the limits and the decoding defaults. The exporter builds a ``Manifest``
and writes it; production reads it before it loads any model.
"""

import dataclasses
import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serving.bundle_files import MANIFEST_NAME, FileInfo, file_problems
from serving.bundle_files import hash_files as hash_files
from serving.pretrained import pretrained_models
from serving.problems import summarize
from serving.schema import parse
from serving.tokenizer import END_ID, PAD_ID, START_ID, UNKNOWN_ID

FORMAT_VERSION = 1
TRANSLATE_GRAPH = "translate.onnx"
INT8_GRAPH = "translate.int8.onnx"
SHORTLIST_GRAPH = "translate.shortlist.onnx"
INT8_SHORTLIST_GRAPH = "translate.shortlist.int8.onnx"
# By the precision of their weights; those with a vocabulary shortlist apart.
ID_GRAPHS = {"float32": TRANSLATE_GRAPH, "int8": INT8_GRAPH}
SHORTLIST_GRAPHS = {"float32": SHORTLIST_GRAPH, "int8": INT8_SHORTLIST_GRAPH}


def _added(default):
    """A field that bundles of an earlier release lack."""
    return field(default=default, metadata={"may_be_absent": True})


class BundleError(ValueError):
    """A bundle that is incomplete, damaged, too new or inconsistent.

    Attributes:
        where: The file or directory.
        problems: Every problem found, one sentence each.
    """

    def __init__(self, where: str, problems: list[str]):
        super().__init__(summarize(where, problems))
        self.where = where
        self.problems = tuple(problems)

    def __reduce__(self):
        return type(self), (self.where, list(self.problems))  # to another process


@dataclass(frozen=True)
class ModelInfo:
    """Which model this is. ``revision`` is the SHA-256 of its weights file."""

    family: str
    preset: str
    revision: str
    config: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Languages:
    """Language codes of the two sides, such as ``ko`` and ``en``."""

    source: str
    target: str


@dataclass(frozen=True)
class SpecialIds:
    """Token ids with a fixed meaning in source and target rows."""

    pad: int = PAD_ID
    start: int = START_ID
    end: int = END_ID
    unknown: int = UNKNOWN_ID


@dataclass(frozen=True)
class Limits:
    """Longest rows the model takes and makes, in tokens including the end token."""

    max_source_length: int
    max_target_length: int


@dataclass(frozen=True)
class DecodingDefaults:
    """Decoding options that apply where a caller leaves one out.

    ``max_length`` counts tokens including the end token; 0 stands for the model's own rule, at most
    ``2 * source length + 10`` tokens and never above ``limits.max_target_length``.
    """

    beam_size: int = 1
    num_hypotheses: int = 1
    length_penalty: float = 0.6
    coverage_penalty: float = _added(0.0)
    min_length: int = 0
    max_length: int = 0
    no_repeat_ngram: int = _added(0)
    attention_layer: int = _added(-1)
    attention_head: int = _added(-1)


@dataclass(frozen=True)
class TokenizerFiles:
    """SentencePiece files of the two sides; the same name twice for a joint vocabulary."""

    source: str = "tokenizer.model"
    target: str = "tokenizer.model"


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a graph.

    Attributes:
        name: Tensor name.
        dtype: NumPy name of its type, such as ``int32``.
        axes: A name per axis; empty for a scalar.
        default: Value of an input that callers may leave out, else None.
    """

    name: str
    dtype: str
    axes: tuple[str, ...] = ()
    default: Any = field(default=None, metadata={"may_be_absent": True})

    def __post_init__(self):
        object.__setattr__(self, "axes", tuple(self.axes))


@dataclass(frozen=True)
class GraphSpec:
    """The signature of one ONNX file."""

    opset: int
    ir_version: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def __post_init__(self):
        object.__setattr__(self, "inputs", tuple(self.inputs))
        object.__setattr__(self, "outputs", tuple(self.outputs))


@dataclass(frozen=True)
class Manifest:
    """Everything production knows about a bundle before it opens a model.

    ``about`` holds what is known of the model, for people: texts by name, such as ``licence``,
    ``training_data`` and ``scores``. The ONNX files carry the same texts as metadata.

    Example:
        >>> manifest = Manifest(
        ...     model=ModelInfo("luong", "luong_tiny", revision="0" * 64),
        ...     languages=Languages("ko", "en"), limits=Limits(128, 128), attention=True,
        ...     graphs={"translate.onnx": graph}, files=hash_files(directory))
        >>> manifest.write(directory).name
        'manifest.json'
    """

    model: ModelInfo
    languages: Languages
    limits: Limits
    graphs: dict[str, GraphSpec]
    files: dict[str, FileInfo]
    attention: bool
    tokenizer: TokenizerFiles = TokenizerFiles()
    decoding: DecodingDefaults = DecodingDefaults()
    special_ids: SpecialIds = SpecialIds()
    about: dict[str, str] = field(default_factory=dict, metadata={"may_be_absent": True})
    producer: dict[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    @classmethod
    def read(cls, directory: str | os.PathLike, verify: bool = True) -> "Manifest":
        """Reads and checks the manifest of a bundle, and the files that it lists.

        Files that the manifest does not list are allowed. A listed file may be a symbolic link
        (model hubs store bundles so); its contents are checked all the same.

        Args:
            directory: The bundle directory.
            verify: Whether to hash the files. False still checks that each is there with its size.

        Returns:
            The manifest.

        Raises:
            BundleError: With every problem found: no manifest, not JSON, a newer format version,
                keys missing or of a wrong type, values that contradict each other, and files that
                are missing, truncated, changed or outside the directory.
        """
        path = Path(directory) / MANIFEST_NAME
        content = _load_json(path)
        _check_version(path, content)
        problems: list[str] = []
        manifest = parse(cls, content, "", problems)
        if not problems:
            problems += _consistency_problems(manifest)
        # The files can be checked even when another part of the manifest is wrong.
        listed_problems: list[str] = []
        listed = content.get("files") if isinstance(content, dict) else None
        files = parse(dict[str, FileInfo], listed, "files", listed_problems)
        if not listed_problems:
            problems += file_problems(path.parent, files, verify)
        if problems:
            raise BundleError(str(path), problems)
        return manifest

    @property
    def precisions(self) -> tuple[str, ...]:
        """Those of which the bundle has an id graph, the most exact first."""
        return tuple(name for name, graph in ID_GRAPHS.items() if graph in self.graphs)

    def to_json(self) -> str:
        """The text of ``manifest.json``, ending with a line break."""
        content = dataclasses.asdict(self)
        for graph in content["graphs"].values():
            for tensor in (*graph["inputs"], *graph["outputs"]):
                if tensor["default"] is None:
                    del tensor["default"]
        order = (
            "format_version",
            "producer",
            "model",
            "about",
            "languages",
            "special_ids",
            "limits",
        )
        content = {key: content[key] for key in order} | content
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    def write(self, directory: str | os.PathLike) -> Path:
        """Writes ``manifest.json`` into a directory, replacing it in one step.

        Returns:
            The path written.

        Raises:
            BundleError: The values contradict each other, so that no reader would accept them.
        """
        path = Path(directory) / MANIFEST_NAME
        problems = _consistency_problems(self)
        if problems:
            raise BundleError(str(path), problems)
        partial = path.with_name(MANIFEST_NAME + ".partial")
        partial.write_text(self.to_json(), encoding="utf-8", newline="\n")
        os.replace(partial, path)
        return path


def _load_json(path: Path) -> Any:
    if not path.is_file():
        problem = f"the manifest is missing; expected {MANIFEST_NAME} in a bundle directory. "
        directory = path.parent
        if (directory / "model.weights.h5").is_file():
            problem += f"This is a checkpoint: export it, `python -m export {directory} BUNDLE`."
        elif directory.exists() and directory.name in pretrained_models():
            problem += (
                f"This directory hides the model {directory.name} of the package: give "
                f"{pretrained_models()[directory.name]}, or run elsewhere."
            )
        else:
            problem += (
                "Give the directory that the exporter wrote, or a name that `python -m serving "
                "models` lists."
            )
        raise BundleError(str(path), [problem])
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        problem = f"the manifest is not JSON ({error}). Copy or export the bundle again."
        raise BundleError(str(path), [problem]) from error


def _check_version(path: Path, content: Any) -> None:
    version = content.get("format_version") if isinstance(content, dict) else None
    # A newer format may differ in every other key: report nothing else.
    if type(version) is int and version > FORMAT_VERSION:
        problem = (
            f"format_version {version} is newer than this package reads ({FORMAT_VERSION}). "
            "Upgrade the package, or re-export with the matching release."
        )
        raise BundleError(str(path), [problem])


def _consistency_problems(manifest: Manifest) -> list[str]:
    again = "Export the bundle again."
    limits, decoding = manifest.limits, manifest.decoding
    tokenizer = manifest.tokenizer
    needed = {tokenizer.source, tokenizer.target, *manifest.graphs}
    longest = limits.max_target_length
    checks = [
        (
            manifest.format_version >= 1,
            f"format_version must be at least 1. Received {manifest.format_version}. {again}",
        ),
        (
            manifest.special_ids == SpecialIds(),
            f"special_ids differ from this package's; expected {SpecialIds()}. "
            f"Received {manifest.special_ids}. {again}",
        ),
        (
            limits.max_source_length >= 2 and longest >= 1,
            f"limits are too small; expected max_source_length of at least 2 and "
            f"max_target_length of at least 1. Received {limits}. {again}",
        ),
        (
            1 <= decoding.num_hypotheses <= decoding.beam_size
            and 0 <= decoding.length_penalty < math.inf
            and 0 <= decoding.coverage_penalty < math.inf
            and decoding.no_repeat_ngram >= 0
            and 0 <= decoding.max_length <= longest
            and 0 <= decoding.min_length <= (decoding.max_length or longest),
            f"decoding defaults contradict each other or the limits. Received {decoding} "
            f"with {limits}. {again}",
        ),
        (
            bool(manifest.precisions),
            f"graphs has none of {', '.join(ID_GRAPHS.values())}. {again}",
        ),
    ]
    problems = [message for passed, message in checks if not passed]
    missing = sorted(needed - manifest.files.keys())
    problems += [f"files does not list {name}, which the bundle needs. {again}" for name in missing]
    return problems
