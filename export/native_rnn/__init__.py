"""Keras's GRU and LSTM layers as native ONNX nodes, whatever model they stand in.

tf2onnx turns a masked recurrent layer into a Loop over TensorFlow's steps. While `native_rnn` is
active, such a layer traces to one marker, which `RNN_HANDLERS` convert to one ONNX node.
"""

from export.native_rnn.layers import native_rnn, plain_rnn
from export.native_rnn.marker import RNN_HANDLERS

__all__ = ["RNN_HANDLERS", "native_rnn", "plain_rnn"]
