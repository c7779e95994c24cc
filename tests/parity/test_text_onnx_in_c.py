"""A C program translates with translate_text.onnx as Python does: no Python takes part.

Node.js would be the nearer example, but onnxruntime-node 1.30 cannot register a library of custom
operations, and refuses the file ("StringRegexReplace is not a registered function/op").
"""

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from export.artefacts import TextOnnxArtefact
from export.custom_ops import custom_ops_library


@pytest.fixture(scope="module")
def c_program(tmp_path_factory):
    """A function that runs the C program on a model and lines, without Python in the process.

    The library of custom operations comes from Python's package and asks for Python's symbols, so
    libpython is loaded with it. What apps ship, libortextensions, needs nothing.
    """
    compiler = shutil.which("cc")
    wheel = Path(onnxruntime.__file__).parent / "capi"
    libraries = sorted(wheel.glob("libonnxruntime.so.*"))
    names = sysconfig.get_config_vars("LIBDIR", "INSTSONAME")
    python = Path(*map(str, names))
    if not (compiler and libraries and python.is_file() and python.suffix != ".a"):
        pytest.skip("needs a C compiler, Linux and a shared libpython")
    home = tmp_path_factory.mktemp("c")
    (home / "libonnxruntime.so.1").symlink_to(libraries[0])  # the name inside the library
    folder = Path(__file__).resolve().parents[1] / "e2e"
    command = [compiler, "-std=gnu11", "-Wall", "-Wextra", "-Werror", f"-I{folder}"]
    command += [folder / "text_onnx.c", "-o", home / "text_onnx"]
    command += [home / "libonnxruntime.so.1", f"-Wl,-rpath,{home}"]
    subprocess.run(command, check=True, capture_output=True, text=True)

    def run_program(model, lines, *arguments):
        completed = subprocess.run(
            [home / "text_onnx", model, custom_ops_library(), *arguments],
            input="\n".join(lines).encode(),
            env={**os.environ, "LD_PRELOAD": str(python)},
            capture_output=True,
            timeout=120,
        )
        assert completed.returncode == 0, completed.stderr
        # Translations of random weights hold line breaks of their own.
        _, *fields = re.split(r"^(-?\d+\.\d{6})\t", completed.stdout.decode(), flags=re.MULTILINE)
        scores = [float(score) for score in fields[::2]]
        return [text.removesuffix("\n") for text in fields[1::2]], scores

    return run_program


@pytest.mark.parametrize("beam_size", [None, 4])
def test_c_program_matches_python(exported, c_program, lines, beam_size):
    bundle = exported("transformer_pre").bundle
    texts = [*lines, "", "   ", "🙂", "the cat " * 60, "가", "a dog", "a dog"]
    arguments = [] if beam_size is None else [str(beam_size)]
    received, scores = c_program(bundle / "translate_text.onnx", texts, *arguments)
    expected, expected_scores = TextOnnxArtefact(bundle).translate(texts, beam_size or 1)
    assert received == expected
    assert len(set(received)) > 5
    np.testing.assert_allclose(scores, expected_scores, rtol=0, atol=1e-4)
