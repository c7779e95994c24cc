"""The same weights give the same translations on every backend that is installed."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
FAMILIES = (
    "seq2seq_tiny",
    "bahdanau_tiny",
    "luong_tiny",
    "transformer_tiny",
    "transformer_tiny_ssru",
)
# JAX compiles every operation for every shape, which takes seconds: there we run a part.
FAMILIES_ON_JAX = ("luong_tiny", "transformer_tiny")
SEARCH_ON_JAX = "rows_prefix and True or do_not_exist"
OTHERS = ("jax", "torch", "numpy")
SOURCE = np.array([[5, 6, 7, 2], [9, 2, 0, 0]], "int32")
TRANSLATE = """
import sys
from pathlib import Path

import keras
import numpy as np
import zoo
from zoo.shortlist import Shortlist

directory, backend, *families = Path(sys.argv[1]), *sys.argv[2:]
assert keras.backend.backend() == backend
found = {}
for family in families:
    model, _ = zoo.load_checkpoint(directory / family)
    source = np.load(directory / "source.npy")
    logits = model({"source_ids": source, "target_ids": source})
    found[f"{family}.logits"] = keras.ops.convert_to_numpy(logits)
    greedy = model.translate_ids(source, max_length=4)
    beam = model.translate_ids(source, beam_size=3, num_hypotheses=2, max_length=4)
    short = Shortlist(np.arange(11)[:, None] % 7 + 3, np.array([2, 11]))
    short = model.translate_ids(source, beam_size=3, shortlist=short, max_length=4)
    for search, result in (("greedy", greedy), ("beam", beam), ("shortlist", short)):
        for name, value in result.items():
            found[f"{family}.{search}.{name}"] = value
np.savez(directory / f"{backend}.npz", **found)
"""


def _run(arguments, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, *map(str, arguments)]
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout


@pytest.fixture(scope="module")
def reference(tiny, tmp_path_factory):
    """Checkpoints of one model a family, and what TensorFlow makes of them."""
    import zoo
    from zoo.shortlist import Shortlist

    directory = tmp_path_factory.mktemp("backends")
    np.save(directory / "source.npy", SOURCE)
    expected = {}
    for name in FAMILIES:
        model = tiny(name, decoder_layers=1) if name.startswith("transformer") else tiny(name)
        zoo.save_checkpoint(model, directory / name)
        logits = model({"source_ids": SOURCE, "target_ids": SOURCE})
        expected[f"{name}.logits"] = logits.numpy()
        shortlist = Shortlist(np.arange(11)[:, None] % 7 + 3, np.array([2, 11]))
        for search, options in (
            ("greedy", {}),
            ("beam", {"beam_size": 3, "num_hypotheses": 2}),
            ("shortlist", {"beam_size": 3, "shortlist": shortlist}),
        ):
            result = model.translate_ids(SOURCE, max_length=4, **options)
            expected |= {f"{name}.{search}.{key}": value for key, value in result.items()}
    return directory, expected


@pytest.mark.parametrize("backend", OTHERS)
def test_translations_match_tensorflow(backend, reference):
    directory, expected = reference
    families = FAMILIES_ON_JAX if backend == "jax" else FAMILIES
    _run(["-c", TRANSLATE, directory, backend, *families], backend)
    expected = {key: x for key, x in expected.items() if key.split(".")[0] in families}
    with np.load(directory / f"{backend}.npz") as found:
        assert set(found) == set(expected)
        for name, value in expected.items():
            if value.dtype == np.int32:
                np.testing.assert_array_equal(found[name], value, err_msg=name)
            else:
                np.testing.assert_allclose(found[name], value, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("backend", OTHERS)
def test_search_keeps_its_specification(backend):
    module = Path(__file__).with_name("test_search.py")
    selection = ["-k", SEARCH_ON_JAX] if backend == "jax" else []
    output = _run(["-m", "pytest", module, "-p", "no:cacheprovider", *selection], backend)
    assert " passed" in output
