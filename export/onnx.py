"""The id graph as one ONNX file: tf2onnx, then the passes of `export.rewrites`, then checks."""

import contextlib
import logging
import warnings

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx
from onnx import numpy_helper
from tf2onnx import tfonnx

from export.fast_tf2onnx import fast_tf2onnx
from export.graphs import ID_OUTPUTS, NO_CONSTRAINT
from export.native_rnn import RNN_HANDLERS, native_rnn
from export.plain_ops import PLAIN_HANDLERS
from export.rewrites.hoist_loop_invariants import hoist_loop_invariants
from export.rewrites.lift_constants import lift_constants
from export.rewrites.loop_scalars import state_loop_scalars
from export.rewrites.merge_projections import merge_projections
from export.rewrites.share_nodes import share_nodes
from export.rewrites.share_shapes import share_shapes
from export.rewrites.shorten_names import shorten_names
from export.rewrites.split_top_k import split_top_k
from serving.manifest import GraphSpec, TensorSpec

OPSET = 18  # the highest that tf2onnx writes
IR_VERSION = 10  # read by onnxruntime 1.18 and later; knows inputs with defaults

# The passes in their order.
PASSES = (
    state_loop_scalars,
    hoist_loop_invariants,
    lift_constants,
    share_shapes,
    share_nodes,
    merge_projections,
    split_top_k,
    shorten_names,
)


def convert(module, defaults, metadata=None):
    """Converts the id function of a module.

    Args:
        module: a `TranslationModule`.
        defaults: `DecodingDefaults`, the values of the inputs that a caller may leave out.
        metadata: strings to keep inside the file.

    Returns:
        An `onnx.ModelProto`, checked and loadable.

    Raises:
        RuntimeError: the graph holds an operation that ONNX lacks, or that onnxruntime refuses.
    """
    model, messages = _rewritten(module.translate_ids.python_function, module.id_signature())
    _name_axes(model, module.inputs)
    _add_defaults(model, module.inputs, defaults)
    model.producer_name = "attention-zoo"
    onnx.helper.set_model_props(model, metadata or {})
    _check(model, [name for name, _, _ in module.inputs], messages)
    return model


def convert_function(function, signature):
    """Converts any function in the same way, with names and axes as they come.

    Args:
        function: of TensorFlow tensors, to a dict of them.
        signature: list of `tf.TensorSpec`.

    Returns:
        An `onnx.ModelProto`, checked and loadable.

    Raises:
        RuntimeError: as `convert`.
    """
    model, messages = _rewritten(function, signature)
    _check(model, [spec.name for spec in signature], messages)
    return model


def _rewritten(function, signature):
    """`trace`, and every pass over what it gives."""
    model, messages = trace(function, signature)
    for rewrite in PASSES:
        rewrite(model)
    model.ir_version = IR_VERSION
    return model, messages


def describe(model, inputs, defaults):
    """The signature of a converted model with these `id_inputs`, for the manifest."""
    values = {**NO_CONSTRAINT, **vars(defaults)}
    inputs = [
        TensorSpec(name, dtype.name, axes, default=values.get(name)) for name, dtype, axes in inputs
    ]
    outputs = [
        TensorSpec(value.name, *ID_OUTPUTS[value.name])
        for value in sorted(model.graph.output, key=lambda v: list(ID_OUTPUTS).index(v.name))
    ]
    return GraphSpec(OPSET, IR_VERSION, inputs, outputs)


def trace(function, signature):
    """Traces a Python function anew and hands it to tf2onnx.

    Args:
        function: of TensorFlow tensors.
        signature: list of `tf.TensorSpec`.

    Returns:
        `(model, messages)`: an `onnx.ModelProto`, and what tf2onnx logged as errors.
    """
    # A trace of its own: the markers of recurrent layers run nowhere but in ONNX.
    fresh = tf.function(function, input_signature=signature, autograph=False)
    with _tf2onnx_ready() as messages, fast_tf2onnx(), native_rnn():
        model, _ = tf2onnx.convert.from_function(
            fresh,
            input_signature=signature,
            opset=OPSET,
            custom_op_handlers={**PLAIN_HANDLERS, **RNN_HANDLERS},
        )
    return model, messages


@contextlib.contextmanager
def _tf2onnx_ready():
    """Makes tf2onnx work with this stack, keeps it quiet, and collects what it logs as errors.

    Keras's private patch gives tf2onnx numpy 2; without it nothing converts. One rewriter of
    tf2onnx is switched off: it fuses a bidirectional LSTM and forgets the lengths of padded rows.
    """
    from keras.src.export.tf2onnx_lib import patch_tf2onnx

    messages = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = logging.getLogger("tf2onnx")
    propagate, level, fuse = logger.propagate, logger.level, tfonnx.rewrite_bi_direction_lstm
    logger.propagate = False
    logger.setLevel(logging.ERROR)
    logger.addHandler(handler)
    tfonnx.rewrite_bi_direction_lstm = lambda graph, nodes: nodes
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            patch_tf2onnx()
            yield messages
    finally:
        tfonnx.rewrite_bi_direction_lstm = fuse
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate


def _name_axes(model, inputs):
    """Readable axis names, in place of the numbers that tf2onnx gives."""
    axes = {name: axes for name, _, axes in inputs}
    axes.update({name: axes for name, (_, axes) in ID_OUTPUTS.items()})
    for value in [*model.graph.input, *model.graph.output]:
        del value.type.tensor_type.shape.dim[:]
        for axis in axes[value.name]:
            value.type.tensor_type.shape.dim.add().dim_param = axis
    ranks = {name: i for i, name in enumerate([*axes])}
    for values in (model.graph.input, model.graph.output):
        ordered = sorted(values, key=lambda value: ranks[value.name])
        del values[:]
        values.extend(ordered)


def _add_defaults(model, inputs, defaults):
    """An initializer that is also an input may be left out by the caller."""
    values = {**NO_CONSTRAINT, **vars(defaults)}
    for name, dtype, _ in inputs:
        if name in values:
            array = np.asarray(values[name], dtype.as_numpy_dtype)
            model.graph.initializer.append(numpy_helper.from_array(array, name))


def _check(model, expected, messages):
    """tf2onnx only logs what it cannot convert: check, load and compare the names."""
    found = list(dict.fromkeys(messages))
    inputs = [value.name for value in model.graph.input]
    if inputs != expected:
        found.append(f"unexpected graph inputs {inputs}; a tensor was captured from outside")
    try:
        onnx.checker.check_model(model, full_check=True)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # whatever the checker or the runtime raises, the export fails
        found.append(str(error))
    if found:
        raise RuntimeError(
            "export.onnx: the graph does not convert; expected operations that tf2onnx knows. "
            "Received:\n  " + "\n  ".join(found) + "\nWrite the layer in plainer operations."
        )
