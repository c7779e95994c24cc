"""Two ONNX files with one copy of their weights: one holds them, the other points into it.

ONNX calls it external data: a tensor is a file name, an offset and a length. Here the file is an
ordinary ONNX file, complete in itself, and the offset is where its own tensor lies.
"""

import onnx
from onnx.external_data_helper import set_external_data

from export.rewrites.scopes import graphs

MIN_BYTES = 1024  # smaller tensors are stored twice: pointing at them would not save much
ALIGNMENT = 64  # a cache line; batches run 5 to 10 % slower on weights that lie anywhere
_ROUNDS = 20


def save_sharing(model, path, owner, owner_name):
    """Writes two models whose equal weights are stored once, in the owner's file.

    The owner's weights are those of its main graph; the other model may hold each several times,
    in nested graphs too. onnxruntime refuses external data in nested graphs when a file is a
    symbolic link, as it is in a model hub's cache; `serving.Translator` then loads a copy.

    Args:
        model: an `onnx.ModelProto`; it is not changed.
        path: `pathlib.Path` of the file to write; it works only beside the owner's file.
        owner: an `onnx.ModelProto`. Doc strings of its initializers get spaces, which move the
            weights to multiples of `ALIGNMENT`.
        owner_name: name of its file, in the same directory.

    Returns:
        The number of bytes shared.

    Raises:
        RuntimeError: the weights cannot be aligned.
    """
    content = _serialize_aligned(owner)
    path.with_name(owner_name).write_bytes(content)
    places = {
        tensor.raw_data: offset
        for tensor, offset in zip(_weights(owner), _offsets(owner, content), strict=True)
    }
    pointing = onnx.ModelProto()
    pointing.CopyFrom(model)
    shared = 0
    for tensor in [tensor for graph in graphs(pointing.graph) for tensor in _large(graph)]:
        length = len(tensor.raw_data)
        if tensor.raw_data in places:
            set_external_data(tensor, owner_name, places[tensor.raw_data], length)
            tensor.ClearField("raw_data")
            shared += length
    path.write_bytes(pointing.SerializeToString())
    return shared


def _weights(model):
    return _large(model.graph)


def _large(graph):
    return [tensor for tensor in graph.initializer if len(tensor.raw_data) >= MIN_BYTES]


def _offsets(model, content):
    """Where the bytes of each weight begin in a serialized model."""
    position, offsets = 0, []
    for tensor in _weights(model):  # initializers are written in their order
        position = content.index(tensor.raw_data, position)
        offsets.append(position)
        position += len(tensor.raw_data)
    return offsets


def _serialize_aligned(model):
    """Pads before each weight, until all lie right: lengths of messages grow in between."""
    for _ in range(_ROUNDS):
        content = model.SerializeToString()
        moved, before = 0, model  # a model's doc string is written before its graph
        for tensor, offset in zip(_weights(model), _offsets(model, content), strict=True):
            missing = -(offset + moved) % ALIGNMENT
            if missing:
                moved += _lengthen(before, missing)
            before = tensor  # a tensor's doc string is written after its data
        if not moved:
            return content
    raise RuntimeError(
        f"export.shared_weights: weights do not become aligned; expected all at multiples of "
        f"{ALIGNMENT}. Received {_ROUNDS} rounds without success. Report this model."
    )


def _lengthen(message, missing):
    """Lengthens a message by `missing` bytes modulo ALIGNMENT; returns by how many."""
    header = 0 if message.doc_string else 2  # a new field has a tag and a length
    spaces = (missing - header) % ALIGNMENT or ALIGNMENT
    message.doc_string += " " * spaces
    return header + spaces
