"""Warm-up requests are what TensorFlow Serving parses, with and without its own package."""

import re

import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from export.warmup import prediction_log, write_warmup

TYPES = descriptor_pb2.FieldDescriptorProto
PACKAGE = "warmup_test"
# Message → fields: name, number, type (a message by its name) and whether it repeats.
MESSAGES = {
    "PredictionLog": [("predict_log", 6, "PredictLog", False)],
    "PredictLog": [("request", 1, "PredictRequest", False)],
    "PredictRequest": [("model_spec", 1, "ModelSpec", False), ("inputs", 2, "Entry", True)],
    "ModelSpec": [("name", 1, str, False), ("signature_name", 3, str, False)],
    "Entry": [("key", 1, str, False), ("value", 2, bytes, False)],
}


@pytest.fixture(scope="module")
def parse():
    """Parses bytes as a PredictionLog that protobuf builds from `MESSAGES`."""
    file = descriptor_pb2.FileDescriptorProto(name="warmup_test.proto", package=PACKAGE)
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeats in fields:
            added = message.field.add(name=field, number=number)
            added.label = TYPES.LABEL_REPEATED if repeats else TYPES.LABEL_OPTIONAL
            scalar = {str: TYPES.TYPE_STRING, bytes: TYPES.TYPE_BYTES}.get(kind)
            added.type = scalar or TYPES.TYPE_MESSAGE
            if scalar is None:
                added.type_name = f".{PACKAGE}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    descriptor = pool.FindMessageTypeByName(f"{PACKAGE}.PredictionLog")
    return message_factory.GetMessageClass(descriptor).FromString


def requests(path):
    return [record.numpy() for record in tf.data.TFRecordDataset(str(path))]


def texts_of(tensor):
    return [text.decode() for text in tf.make_ndarray(tensor)]


def test_one_request_for_each_batch_size(tmp_path, parse):
    path = write_warmup(tmp_path, ["나는 학교에 간다.", " ", "", "a dog"])
    assert path == tmp_path / "assets.extra" / "tf_serving_warmup_requests"
    sizes = []
    for record in requests(path):
        request = parse(record).predict_log.request
        assert request.model_spec.signature_name == "serving_default"
        assert request.model_spec.name == ""
        [entry] = request.inputs
        assert entry.key == "text"
        tensor = tf.make_tensor_proto([])
        tensor.ParseFromString(entry.value)
        texts = texts_of(tensor)
        assert texts == (["나는 학교에 간다.", "a dog"] * 16)[: len(texts)]
        assert tensor.dtype == tf.string.as_datatype_enum
        sizes.append(len(texts))
    assert sizes == [1, 8, 32]


def test_bytes_are_those_of_the_wire_format():
    log = prediction_log("s", {"text": tf.make_tensor_proto(["ab"])})
    tensor = bytes.fromhex("08 07 12 04 12 02 08 01 42 02 6162")  # string, shape [1], "ab"
    entry = b"\x0a\x04text\x12\x0c" + tensor
    request = b"\x0a\x03\x1a\x01s" + b"\x12\x14" + entry
    assert log == b"\x32\x1d" + b"\x0a\x1b" + request


def test_long_inputs_have_lengths_of_several_bytes(parse):
    tensor = tf.make_tensor_proto(["x" * 20000])
    request = parse(prediction_log("s", {"text": tensor, "more": tensor})).predict_log.request
    assert [entry.key for entry in request.inputs] == ["text", "more"]
    assert request.inputs[1].value == tensor.SerializeToString()


def test_tensorflow_serving_reads_the_requests(tmp_path):
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    texts = ["나는 학교에 간다.", "🙂"]
    sizes = []
    for record in requests(write_warmup(tmp_path, texts)):
        log = logs.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        assert request.model_spec.signature_name == "serving_default"
        assert not request.output_filter
        assert list(request.inputs) == ["text"]
        received = texts_of(request.inputs["text"])
        assert received == (texts * 16)[: len(received)]
        # Nothing in it is unknown to the real messages.
        assert log.SerializeToString(deterministic=True) == record
        sizes.append(len(received))
    assert sizes == [1, 8, 32]


def test_blank_texts_alone_are_refused(tmp_path):
    with pytest.raises(ValueError, match=re.escape("write_warmup: texts holds nothing")):
        write_warmup(tmp_path, ["", " \n"])
    assert not list(tmp_path.iterdir())
