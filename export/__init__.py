"""From a checkpoint to one verified bundle: ONNX, SavedModel, tokenizer, parity report."""
