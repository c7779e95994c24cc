"""Training side: parallel text, vocabularies, batches, recipes and `model.fit`."""
