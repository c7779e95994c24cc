"""One ONNX file from text to text: the id graph between a SentencePiece tokenizer and its decoder.

The tokenizer and the decoder are operations of onnxruntime-extensions, whose library an app
registers with its session. Everything else is plain ONNX.
"""

import sys

import numpy as np
import onnx
from onnx import compose, helper, numpy_helper, parser

from serving.manifest import GraphSpec, TensorSpec
from serving.tokenizer import END_ID, PAD_ID, UNKNOWN_ID, Tokenizer

TEXT_GRAPH = "translate_text.onnx"
INT8_TEXT_GRAPH = "translate_text.int8.onnx"
DOMAIN = "ai.onnx.contrib"  # the operations of onnxruntime-extensions
TEXT_OUTPUTS = {
    "translation": ("string", ("batch",)),
    "score": ("float32", ("batch",)),
    "attention": ("float32", ("batch", "target", "source")),
    "source_ids": ("int32", ("batch", "source")),
    "target_ids": ("int32", ("batch", "target")),
}

# What str.strip removes: a text of nothing else is empty, as it is for serving.Translator.
_SPACES = [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()]
_ONLY_SPACES = "^[{}]+$".format("".join(f"\\x{{{ord(space):x}}}" for space in _SPACES))

# The tokenizer gives the pieces of all texts in one flat row, and where each text begins in it.
# Behind them come an end id and a pad id, so that a single gather makes the padded rows.
_TOKENIZE = """
tokenize (string[batch] text)
    => (int32[batch, source] "tokenize/rows", int32[batch, source] "tokenize/tokens",
        bool[batch] "tokenize/empty")
{
    cleaned = ai.onnx.contrib.StringRegexReplace (text, only_spaces, nothing)
    flat, splits = ai.onnx.contrib.SentencepieceTokenizer (cleaned, nbest, alpha, no, no, no)
    starts = Slice (splits, zeros, minus_ones)
    ends = Slice (splits, ones, far)
    uncut = Sub (ends, starts)
    lengths = Min (uncut, most_pieces)
    at_least_zero = Concat <axis = 0> (lengths, zeros)
    longest = ReduceMax <keepdims = 0> (at_least_zero)
    width = Add (longest, one)
    columns = Range (zero, width, one)
    length_column = Unsqueeze (lengths, ones)
    start_column = Unsqueeze (starts, ones)
    past_pieces = Sub (columns, length_column)
    is_piece = Less (past_pieces, zero)
    piece = Add (start_column, columns)
    num_pieces = Size (flat)
    end_or_pad = Min (past_pieces, one)
    filler = Add (num_pieces, end_or_pad)
    index = Where (is_piece, piece, filler)
    supply = Concat <axis = 0> (flat, end_and_pad)
    "tokenize/rows" = Gather (supply, index)
    "tokenize/empty" = Equal (lengths, zero)
    empty_column = Unsqueeze ("tokenize/empty", ones)
    "tokenize/tokens" = Where (empty_column, pad, "tokenize/rows")
}
"""

# Takes the best hypothesis of each row. The decoder takes one row at a time, hence the Loop.
_DETOKENIZE = """
detokenize (int32[batch, n, target] "search/ids", float[batch, n] "search/scores",
            bool[batch] "tokenize/empty")
    => (string[batch] translation, float[batch] score, int32[batch, target] target_ids)
{
    best_score = Gather <axis = 1> ("search/scores", zero)
    score = Where ("tokenize/empty", no_score, best_score)
    best = Gather <axis = 1> ("search/ids", zero)
    empty_column = Unsqueeze ("tokenize/empty", ones)
    target_ids = Where (empty_column, pad, best)
    is_shown = Greater (target_ids, end)
    is_beyond = GreaterOrEqual (target_ids, vocabulary_size)
    known = Where (is_beyond, unknown, target_ids)
    is_nul = Equal (known, nul)
    readable = Where (is_nul, replacement, known)
    readable_ids = Cast <to = 7> (readable)
    num_rows = Size ("tokenize/empty")
    translation = Loop (num_rows, yes) <body = decode (int64 row, bool go) => (bool on, string text)
    {
        row_ids = Gather (readable_ids, row)
        row_shown = Gather (is_shown, row)
        kept = Compress (row_ids, row_shown)
        texts = ai.onnx.contrib.SentencepieceDecoder (kept)
        text = Squeeze (texts)
        on = Identity (go)
    }>
}
"""

# Only with attention: the weights of the best hypothesis, and the ids that name their columns.
_LABEL = """
label (float[batch, n, target, source] "search/attention", int32[batch, source] "tokenize/tokens")
    => (float[batch, target, source] attention, int32[batch, source] source_ids)
{
    best = Gather <axis = 1> ("search/attention", zero)
    first = Gather <axis = 1> ("tokenize/tokens", zero)
    empty = Equal (first, pad)
    empty_block = Unsqueeze (empty, one_two)
    attention = Where (empty_block, no_score, best)
    source_ids = Identity ("tokenize/tokens")
}
"""

# Constants that the three graphs above name.
_CONSTANTS = {
    "only_spaces": [_ONLY_SPACES],
    "nothing": [""],
    "nbest": np.array([0], "int64"),  # the best segmentation, nothing sampled
    "alpha": np.array([0], "float32"),
    "no": np.array([False]),
    "yes": np.array(True),
    "zero": np.int64(0),
    "one": np.int64(1),
    "zeros": np.array([0], "int64"),
    "ones": np.array([1], "int64"),
    "one_two": np.array([1, 2], "int64"),
    "minus_ones": np.array([-1], "int64"),
    "far": np.array([np.iinfo("int64").max], "int64"),
    "end_and_pad": np.array([END_ID, PAD_ID], "int32"),
    "pad": np.int32(PAD_ID),
    "end": np.int32(END_ID),
    "unknown": np.int32(UNKNOWN_ID),
    "no_score": np.float32(0),
}


def add_text(model, source_proto, target_proto, max_source_length):
    """Makes a text graph of an id graph; it translates as `serving.Translator` does.

    A text without any piece becomes "" with score 0.0. Inputs of the id graph stay, with their
    defaults, but for `source_ids` and `num_hypotheses`: one translation comes back for each text.
    Strings of the SentencePiece operations end at a U+0000. So a text is read up to its first, and
    in a translation each becomes U+FFFD.

    Args:
        model: the id graph, an `onnx.ModelProto`; it is not changed.
        source_proto, target_proto: bytes of the SentencePiece models.
        max_source_length: longest row of the id graph in tokens, end token included; at least 2.

    Returns:
        An `onnx.ModelProto`, checked. Input `text`, string `(B,)`. Outputs `translation`, string
        `(B,)`, and `score`, float32 `(B,)`; with attention also `attention`, float32 `(B, T, S)`,
        and int32 ids for its axes, `target_ids` `(B, T)` and `source_ids` `(B, S)`, 0 for padding.

    Raises:
        ValueError: a tokenizer is not a SentencePiece model with this project's special ids, or
            `max_source_length` is too small.
    """
    if max_source_length < 2:
        raise ValueError(
            "export.text_onnx: max_source_length is too small; expected at least 2. "
            f"Received {max_source_length}. Give the limit that the model was built with."
        )
    source = Tokenizer(source_proto, name="export.text_onnx: source_proto")
    target = Tokenizer(target_proto, name="export.text_onnx: target_proto")
    search = _search_part(model)
    found = [output.name for output in search.graph.output]
    parts = [_part(_DETOKENIZE, model, target, **_decoder_constants(target))]
    if "search/attention" in found:
        parts.append(_part(_LABEL, model))
    pieces = _part(_TOKENIZE, model, source, most_pieces=np.int64(max_source_length - 1))
    merged = compose.merge_models(pieces, search, [("tokenize/rows", "source_ids")])
    for part in parts:
        links = [(value.name, value.name) for value in part.graph.input]
        merged = compose.merge_models(merged, part, links)
    return _finish(merged, model)


def describe_text(model, ids):
    """The signature of a text graph, for the manifest.

    Args:
        model: what `add_text` returned.
        ids: `GraphSpec` of the id graph, which knows the defaults.
    """
    names = {value.name for value in model.graph.input}
    inputs = [TensorSpec("text", "string", ("batch",))]
    inputs += [spec for spec in ids.inputs if spec.name in names]
    outputs = [TensorSpec(value.name, *TEXT_OUTPUTS[value.name]) for value in model.graph.output]
    return GraphSpec(ids.opset, ids.ir_version, inputs, outputs)


def _search_part(model):
    """A copy of the id graph that gives one hypothesis; its outputs begin with "search/"."""
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    graph, name = copied.graph, "num_hypotheses"
    for value in [value for value in graph.input if value.name == name]:
        dtype = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        for default in [tensor for tensor in graph.initializer if tensor.name == name]:
            graph.initializer.remove(default)
        graph.initializer.append(numpy_helper.from_array(np.ones((), dtype), name))
        graph.input.remove(value)
    others = ("nodes", "edges", "inputs", "initializers", "value_infos", "functions")
    return compose.add_prefix(copied, "search/", **{f"rename_{other}": False for other in others})


def _part(text, model, tokenizer=None, **constants):
    """A model of one of the texts above, whose inner names begin with the name of its graph."""
    graph = parser.parse_graph(text)
    read = {name for node in graph.node for name in node.input}
    for name, value in {**_CONSTANTS, **constants}.items():
        if name in read:
            graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    body = [node for node in graph.node if node.op_type == "Loop"]
    for node in [*graph.node, *(inner for loop in body for inner in loop.attribute[0].g.node)]:
        if node.op_type.startswith("Sentencepiece"):
            node.attribute.append(helper.make_attribute("model", tokenizer.model_proto))
    opsets = [*model.opset_import, helper.make_opsetid(DOMAIN, 1)]
    part = helper.make_model(graph, opset_imports=opsets, ir_version=model.ir_version)
    return compose.add_prefix(
        part, f"{graph.name}/", rename_inputs=False, rename_outputs=False, inplace=True
    )


def _decoder_constants(tokenizer):
    """What keeps the decoder from failing: no id that it does not know, and no end of a string."""
    size = tokenizer.vocabulary_size
    pieces = [tokenizer.pieces([i])[0] for i in range(UNKNOWN_ID, size)]
    nul, replacement = -1, UNKNOWN_ID
    if "<0x00>" in pieces:  # with byte fallback; a lone byte 255 is read as U+FFFD
        nul, replacement = (UNKNOWN_ID + pieces.index(f"<0x{byte:02X}>") for byte in (0, 255))
    return {
        "vocabulary_size": np.int32(size),
        "nul": np.int32(nul),
        "replacement": np.int32(replacement),
    }


def _finish(merged, model):
    """Outputs in order, names and producer; what only joined the parts is no output any more."""
    outputs = {output.name: output for output in merged.graph.output}
    names = [name for name in TEXT_OUTPUTS if name in outputs]
    if "attention" not in names:  # then there is nothing for ids to label
        names.remove("target_ids")
    del merged.graph.output[:]
    merged.graph.output.extend(outputs[name] for name in names)
    merged.graph.name, merged.graph.doc_string = "translate_text", ""
    merged.producer_name = model.producer_name
    merged.producer_version = model.producer_version
    onnx.checker.check_model(merged, full_check=True)
    return merged
