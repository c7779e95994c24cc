"""Checkpoints of format 1 stay readable: Keras keeps weights by the order in which layers are made.

The files under tests/data/checkpoints were written when the format was fixed. A change that makes
one of these tests fail needs a new format version and a way to read the old one, not new files.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from keras import ops

import zoo

STORED = Path(__file__).parents[2] / "data" / "checkpoints"
LOGITS = json.loads((STORED / "v1_logits.json").read_text())
INPUTS = {
    "source_ids": np.array([[4, 5, 6, 2], [7, 2, 0, 0]], "int32"),
    "target_ids": np.array([[1, 4, 8], [1, 9, 5]], "int32"),
}


@pytest.mark.parametrize("family", LOGITS)
def test_checkpoint_of_format_1_gives_the_same_logits(family):
    model, metadata = zoo.load_checkpoint(STORED / f"v1_{family}")
    assert metadata == {"preset": f"{family}_tiny"}
    logits = ops.convert_to_numpy(model(INPUTS))
    np.testing.assert_allclose(logits[1, 2], LOGITS[family], atol=1e-4)
