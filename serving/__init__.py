"""Production side: tokenizer, bundle manifest and translator, without Keras or TensorFlow."""
