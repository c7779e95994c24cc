"""Passes over an ONNX graph, one a file. They know ONNX, not our model families."""
