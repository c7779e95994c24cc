"""A second graph, made like `translate.onnx` and thrown away, that shows what lies inside a search.

`translate.onnx` gives translations only. The probe gives the encoder's state, and the logits and
the attention of every decode step while the tokens of a known translation are fed one by one.
"""

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
from keras import ops

from export.onnx import convert_function
from serving.tokenizer import PAD_ID, START_ID
from zoo import backend

SOURCE, TARGET = "source_ids", "target_ids"
STATE = "state/"
LOGITS, ATTENTION = "logits", "attention"


def probe_function(model):
    """A traceable function from ids to everything that a search computes with.

    Args:
        model: a zoo model.

    Returns:
        A function of int32 `source_ids` `(B, S)` and `target_ids` `(B, T)`, start id first, and an
        int32 scalar for each of the model's `attention_choices`. It gives a dict of tensors: each
        entry of the state after `encode`, its name after "state/"; `logits` `(B, T, V)`; and for a
        family with attention `attention` `(B, T, S)`.
    """

    def probe(source_ids, target_ids, *choices):
        choices = dict(zip(model.attention_choices, choices, strict=True))
        state = model.encode(source_ids, **choices)
        changing = [name for name in state if not name.startswith("memory")]
        batch, num_steps = ops.shape(target_ids)[0], ops.shape(target_ids)[1]
        widths = {LOGITS: model.config.target_vocabulary_size}
        if model.has_attention:
            widths[ATTENTION] = ops.shape(source_ids)[1]
        logs = [ops.zeros((batch, 0, width)) for width in widths.values()]

        def body(step, *values):
            logs, values = values[: len(widths)], values[len(widths) :]
            tokens = backend.gather(target_ids, step, axis=1)
            now = {**state, **dict(zip(changing, values, strict=True))}
            logits, now, looked = model.decode_step(tokens, now)
            entries = dict(zip((LOGITS, ATTENTION), (logits, looked), strict=True))
            logs = [
                ops.concatenate([log, ops.expand_dims(entries[name], 1)], axis=1)
                for name, log in zip(widths, logs, strict=True)
            ]
            return step + 1, *logs, *(now[name] for name in changing)

        first = (ops.convert_to_tensor(0, "int32"), *logs, *(state[name] for name in changing))
        _, *values = backend.while_loop(lambda step, *_: step < num_steps, body, first)
        found = dict(zip(widths, values, strict=False))
        return {**{STATE + name: value for name, value in state.items()}, **found}

    return probe


def convert_probe(model):
    """The probe as an ONNX graph, by the machinery that converts `translate.onnx`.

    Raises:
        RuntimeError: as `export.onnx.convert`.
    """
    signature = [tf.TensorSpec([None, None], tf.int32, name=name) for name in (SOURCE, TARGET)]
    signature += [tf.TensorSpec([], tf.int32, name=name) for name in model.attention_choices]
    return convert_function(probe_function(model), signature)


class Probe:
    """A converted probe in onnxruntime.

    Args:
        graph: an `onnx.ModelProto`, from `convert_probe`, or quantised from that.
    """

    def __init__(self, graph):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = False  # it would keep the logits of every step so far
        self._session = onnxruntime.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self._names = [output.name for output in self._session.get_outputs()]
        inputs = {value.name for value in self._session.get_inputs()}
        self._choices = dict.fromkeys(inputs - {SOURCE, TARGET}, np.array(-1, "int32"))

    def __call__(self, source_ids, target_ids):
        """A dict of arrays, as `probe_function` describes them, with the default choices."""
        feeds = {SOURCE: source_ids, TARGET: target_ids, **self._choices}
        return dict(zip(self._names, self._session.run(self._names, feeds), strict=True))


class KerasProbe:
    """The same from Keras itself: `encode` once and `decode_step` again and again, from Python.

    Each of the two is one graph function where the backend has such; nothing loops in a graph.
    """

    def __init__(self, model):
        self._model = model
        self._encode = backend.graph_function(model.encode)
        self._step = None

    def __call__(self, source_ids, target_ids):
        """A dict of numpy arrays, as `probe_function` describes them."""
        state = self._encode(np.asarray(source_ids, "int32"))
        found = {STATE + name: ops.convert_to_numpy(value) for name, value in state.items()}
        steps = list(self._steps(state, target_ids))
        return {**found, **{name: np.stack([s[name] for s in steps], 1) for name in steps[0]}}

    def steps(self, source_ids, target_ids, rounding=0.0):
        """Every step by itself, for translations whose logits together are too large.

        Args:
            source_ids, target_ids: as `probe_function` takes them.
            rounding: share of itself by which every number in the state moves after each step, up
                or down at random: what another order of the same sums would do.

        Yields:
            A dict of numpy arrays: `logits` `(B, V)`, and of families with attention `attention`
            `(B, S)`.
        """
        yield from self._steps(self._encode(np.asarray(source_ids, "int32")), target_ids, rounding)

    def _steps(self, state, target_ids, rounding=0.0):
        names, rng = list(state), np.random.default_rng(0)
        for tokens in np.transpose(np.asarray(target_ids, "int32")):
            logits, changed, looked = self._decode_step(names)(tokens, *map(state.get, names))
            found = {LOGITS: ops.convert_to_numpy(logits)}
            if self._model.has_attention:
                found[ATTENTION] = ops.convert_to_numpy(looked)
            yield found
            changed = {name: changed[name] for name in names if not name.startswith("memory")}
            if rounding:
                changed = {name: _moved(value, rounding, rng) for name, value in changed.items()}
            state = {**state, **changed}  # memory stays, whether it comes back or not

    def _decode_step(self, names):
        if self._step is None:

            def step(tokens, *values):
                return self._model.decode_step(tokens, dict(zip(names, values, strict=True)))

            self._step = backend.graph_function(step)
        return self._step


def _moved(value, share, rng):
    dtype = keras.backend.standardize_dtype(value.dtype)
    if not keras.backend.is_float_dtype(dtype):
        return value
    alike = (1, *ops.shape(value)[1:])  # for all rows: random numbers are the dear part
    return value * (1 + rng.uniform(-share, share, alike)).astype(dtype)


def teacher_rows(ids, lengths):
    """What to feed so that the probe goes through given translations.

    Args:
        ids: int array `(B, T)`.
        lengths: int array `(B,)`, tokens of each translation.

    Returns:
        `(target_ids, mask)`: int32 `(B, T)`, start id first, and a boolean `(B, T)`, True where a
        step belongs to the translation.
    """
    mask = np.arange(ids.shape[1]) < np.asarray(lengths)[:, None]
    before = np.concatenate([np.full((len(ids), 1), START_ID), ids[:, :-1]], axis=1)
    return np.where(mask, before, PAD_ID).astype("int32"), mask
