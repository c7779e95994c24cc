"""ONNX files as they lie on the disk: their weights, and whether the manifest describes them."""

import hashlib

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from export.gate.findings import counted
from export.rewrites.scopes import graphs
from serving.manifest import TensorSpec

_WEIGHT_TYPES = (TensorProto.FLOAT, TensorProto.INT8)
_MIN_SIZE = 16  # numbers; smaller constants belong to operations, not to the model


def weights(model):
    """The weights of a graph: a dict from a hash of type, shape and bytes to a name."""
    found = {}
    for graph in graphs(model.graph):
        for tensor in graph.initializer:
            array = numpy_helper.to_array(tensor) if tensor.data_type in _WEIGHT_TYPES else None
            if array is not None and array.size >= _MIN_SIZE:
                digest = hashlib.sha256(array.tobytes()).hexdigest()
                found[str(array.dtype), array.shape, digest] = tensor.name
    return found


def compare_weights(path, precision, expected):
    """Whether a file holds the weights of the probe, bit for bit.

    The probe was converted apart from the file, from the same Keras weights.

    Args:
        path: of an id graph or a text graph.
        precision: "float32" or "int8".
        expected: the `weights` of the probe of that precision.

    Returns:
        A `Finding`.
    """
    received = weights(onnx.load(path))
    problems = [
        f"{path.name}: weights {name}, {key[0]} {key[1]}, are not those of the model; expected "
        "the bytes that a second conversion gives."
        for key, name in received.items()
        if key not in expected
    ]
    problems += [
        f"{path.name}: weights {name}, {key[0]} {key[1]}, are missing."
        for key, name in expected.items()
        if key not in received
    ]
    total = len(received.keys() | expected.keys())
    return counted(path.name, precision, "weights, bit for bit", total, problems)


def compare_signature(path, precision, session, spec):
    """Whether a file has the tensors that the manifest says: names, dtypes, axes, defaults.

    Args:
        path: of the ONNX file.
        precision: "float32" or "int8".
        session: the file in onnxruntime.
        spec: its `GraphSpec` in the manifest.

    Returns:
        A `Finding`.
    """
    model = onnx.load(path, load_external_data=False)
    defaults = {tensor.name: tensor for tensor in model.graph.initializer}
    inputs = [*session.get_inputs(), *session.get_overridable_initializers()]
    opset = {entry.domain: entry.version for entry in model.opset_import}.get("")
    pairs = [
        ("opset", spec.opset, opset),
        ("ir_version", spec.ir_version, model.ir_version),
        *_pairs("input", spec.inputs, [_spec(value, defaults) for value in inputs]),
        *_pairs("output", spec.outputs, [_spec(value, {}) for value in session.get_outputs()]),
    ]
    problems = [
        f"{path.name}: {what} is not what the manifest says; expected {said}. Received {is_there}."
        for what, said, is_there in pairs
        if said != is_there
    ]
    return counted(path.name, precision, "names, dtypes, axes, defaults", len(pairs), problems)


def _spec(value, defaults):
    """What onnxruntime knows of an input or output, in the words of the manifest."""
    kind = value.type.removeprefix("tensor(").removesuffix(")")
    dtype = {"float": "float32", "double": "float64"}.get(kind, kind)
    default = None
    if value.name in defaults:
        default = numpy_helper.to_array(defaults[value.name]).tolist()
    return TensorSpec(value.name, dtype, tuple(value.shape), default)


def _pairs(kind, said, is_there):
    """Specs by name; what only one side has is None on the other. Their order counts too."""
    sides = [{spec.name: _comparable(spec) for spec in specs} for specs in (said, is_there)]
    pairs = [
        (f"{kind} {name}", sides[0].get(name), sides[1].get(name))
        for name in dict.fromkeys([*sides[0], *sides[1]])
    ]
    return [*pairs, (f"order of {kind}s", *map(list, sides))]


def _comparable(spec):
    default = None if spec.default is None else np.asarray(spec.default, spec.dtype).tolist()
    return TensorSpec(spec.name, spec.dtype, spec.axes, default)


def compare_saved_signature(signature, spec):
    """Whether the SavedModel's id signature has the tensors of the id graph.

    Args:
        signature: a concrete function of `tf.saved_model.load`.
        spec: the `GraphSpec` of `translate.onnx`.

    Returns:
        A `Finding`.
    """
    sides = (signature.structured_input_signature[1], signature.structured_outputs)
    pairs = []
    for kind, specs, found in zip(
        ("input", "output"), (spec.inputs, spec.outputs), sides, strict=True
    ):
        said = {item.name: (item.dtype, len(item.axes)) for item in specs}
        is_there = {name: (item.dtype.name, item.shape.rank) for name, item in found.items()}
        pairs += [
            (f"{kind} {name}", said.get(name), is_there.get(name))
            for name in dict.fromkeys([*said, *is_there])
        ]
    problems = [
        f"SavedModel: {what} is not that of the id graph; expected {said}. Received {is_there}."
        for what, said, is_there in pairs
        if said != is_there
    ]
    return counted("SavedModel", "float32", "names, dtypes, ranks", len(pairs), problems)
