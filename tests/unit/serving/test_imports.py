"""The wall around serving: production loads numpy, onnxruntime and sentencepiece, nothing else."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import serving

REPOSITORY = Path(__file__).resolve().parents[3]
ALLOWED = {"numpy", "onnxruntime", "sentencepiece", "serving", "matplotlib"}
REPORT = """
import json, sys
before = set(sys.modules)
import serving
light = set(sys.modules) - before
serving.Translator.load(sys.argv[1]).translate("a dog", return_attention=True)
import serving.heatmap, serving.commands
full = set(sys.modules) - before
tops = [sorted({name.split(".")[0] for name in names}) for names in (light, full)]
print(json.dumps(tops))
"""


@pytest.fixture(scope="module")
def loaded(shared_bundle):
    """Top-level packages after ``import serving``, and after a translation."""
    result = subprocess.run(
        [sys.executable, "-c", REPORT, str(shared_bundle)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    light, full = json.loads(result.stdout)
    return set(light), set(full)


def test_import_loads_no_other_package(loaded):
    assert loaded[0] - sys.stdlib_module_names == {"serving"}


def test_translating_loads_only_what_production_has(loaded):
    packages = loaded[1] - sys.stdlib_module_names
    assert packages >= {"numpy", "onnxruntime", "sentencepiece", "serving"}
    forbidden = {
        "keras",
        "tensorflow",
        "tf2onnx",
        "onnx",
        "matplotlib",
        "zoo",
        "training",
        "export",
    }
    assert not packages & forbidden


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "serving").rglob("*.py")), ids=lambda p: p.stem
)
def test_source_imports_only_allowed_packages(path):
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.split(".")[0])
    assert names <= ALLOWED | sys.stdlib_module_names


def test_every_exported_name_is_there():
    for name in serving.__all__:
        assert getattr(serving, name).__name__ == name
    assert set(serving.__all__) <= set(dir(serving))
    with pytest.raises(AttributeError, match="no attribute 'Translater'"):
        _ = serving.Translater
