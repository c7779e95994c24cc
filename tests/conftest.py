"""What every test gets: a quiet TensorFlow and the same random numbers at each run."""

import os
import random
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _same_random_numbers():
    """Seeds each test, so that its numbers do not depend on which tests ran before."""
    random.seed(1)
    np.random.seed(1)
    if "keras" in sys.modules:  # the tests of serving run without Keras
        sys.modules["keras"].utils.set_random_seed(1)
