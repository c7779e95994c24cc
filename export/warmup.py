"""Requests that TensorFlow Serving replays while it loads a SavedModel, before the first caller.

The first request of a SavedModel is slow: TensorFlow optimises each signature when it first runs.
"""

import itertools

import tensorflow as tf

BATCH_SIZES = (1, 8, 32)
FILE = "assets.extra/tf_serving_warmup_requests"

# Numbers of the fields of tensorflow_serving/apis/{prediction_log,predict,model}.proto. They never
# change: that is what protocol buffers promise. TensorFlow itself does not contain these messages.
_PREDICTION_LOG_PREDICT_LOG = 6
_PREDICT_LOG_REQUEST = 1
_PREDICT_REQUEST_MODEL_SPEC = 1
_PREDICT_REQUEST_INPUTS = 2
_MODEL_SPEC_SIGNATURE_NAME = 3
_MAP_KEY, _MAP_VALUE = 1, 2  # of every map


def write_warmup(version, texts):
    """Writes one request to `serving_default` for each of `BATCH_SIZES`.

    A server loads the model only if every request works: one that batches with
    `max_batch_size` below 32, and neither splits large batches nor runs with
    `--enable_model_warmup=false`, needs the file deleted.

    Args:
        version: the SavedModel's directory, such as `saved_model/1`.
        texts: source texts, taken in turn as often as needed; blank ones are left out.

    Returns:
        The path of the file, a TFRecord of `PredictionLog` messages.

    Raises:
        ValueError: every text is blank.
    """
    texts = [text for text in texts if text.strip()]
    if not texts:
        raise ValueError(
            "write_warmup: texts holds nothing to translate; expected at least one text that is "
            "not blank. Received none. Pass an example."
        )
    path = version / FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for size in BATCH_SIZES:
            batch = list(itertools.islice(itertools.cycle(texts), size))
            writer.write(prediction_log("serving_default", {"text": tf.make_tensor_proto(batch)}))
    return path


def prediction_log(signature, inputs):
    """A recorded request to a signature.

    Args:
        signature: its name.
        inputs: name → `TensorProto`.

    Returns:
        The bytes of a `tensorflow.serving.PredictionLog`. It names no model: a server replays it
        on the model that it lies in.
    """
    request = _message(
        _PREDICT_REQUEST_MODEL_SPEC, _message(_MODEL_SPEC_SIGNATURE_NAME, signature.encode())
    )
    for name, tensor in inputs.items():
        entry = _message(_MAP_KEY, name.encode())
        entry += _message(_MAP_VALUE, tensor.SerializeToString())
        request += _message(_PREDICT_REQUEST_INPUTS, entry)
    return _message(_PREDICTION_LOG_PREDICT_LOG, _message(_PREDICT_LOG_REQUEST, request))


def _message(field, content):
    """A field of bytes, of text or of a message: the only kind that a request has."""
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(number):
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])
