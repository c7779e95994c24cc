"""What every test gets: a quiet TensorFlow and the same random numbers at each run."""

import os
import random

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _same_random_numbers():
    """Seeds each test, so that its numbers do not depend on which tests ran before.

    Keras draws the seeds of initializers and dropout from Python's generator. TensorFlow's own
    seed is left alone: setting it makes TensorFlow forget its compiled functions.
    """
    random.seed(1)
    np.random.seed(1)
