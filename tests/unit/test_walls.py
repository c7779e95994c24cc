"""Who may import whom, and where the backend may be looked at."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOUSE = ("zoo", "training", "export", "serving")
FRAMEWORKS = {"keras", "tensorflow", "jax", "torch", "tensorflow_text"}
# A package: what it must not import.
FORBIDDEN = {
    "zoo": {"training", "export", "serving", "tensorflow_text", "tf2onnx", "onnx", "onnxruntime"},
    "training": {"export", "tf2onnx", "onnx", "tensorflow_text"},
    "export": {"training", "onnxruntime_extensions"},
    "serving": FRAMEWORKS | {"zoo", "training", "export", "tf2onnx", "onnx"},
}
ONLY_BACKEND = {"tensorflow", "jax", "torch"}
FILES = [path for package in HOUSE for path in sorted((ROOT / package).rglob("*.py"))]


def _name(path):
    return path.relative_to(ROOT).as_posix()


def _package(path):
    return path.relative_to(ROOT).parts[0]


ZOO = [path for path in FILES if _package(path) == "zoo"]


def _tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def _imports(tree):
    """Top-level names of everything that is imported, wherever in the file."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names |= {ast.literal_eval(a).split(".")[0] for a in node.args[:1] if _literal(a)}
    return names


def _literal(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _attributes(tree):
    return {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_all_packages_are_found():
    assert {_package(path) for path in FILES} == set(HOUSE)


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_walls_between_packages_hold(path):
    assert not _imports(_tree(path)) & FORBIDDEN[_package(path)]


@pytest.mark.parametrize("path", ZOO, ids=_name)
def test_zoo_imports_keras_and_numpy_alone(path):
    allowed = {"zoo", "keras", "numpy", *sys.stdlib_module_names}
    if _name(path) == "zoo/backend.py":
        allowed |= ONLY_BACKEND
    assert _imports(_tree(path)) <= allowed


@pytest.mark.parametrize("path", [p for p in ZOO if p.name != "backend.py"], ids=_name)
def test_only_the_backend_module_asks_which_backend_runs(path):
    found = _attributes(_tree(path))
    assert not {"keras.backend.backend", "keras.config.backend"} & found
    assert not any(name.startswith("keras.src") for name in found)


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_no_assert_statement_validates(path):
    lines = [node.lineno for node in ast.walk(_tree(path)) if isinstance(node, ast.Assert)]
    assert not lines


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_no_exception_is_swallowed(path):
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
            assert not (broad and all(isinstance(line, ast.Pass) for line in node.body))


def test_importing_serving_loads_no_framework():
    program = (
        "import sys; import serving; "
        "heavy = ('keras', 'tensorflow', 'jax', 'torch', 'onnx', 'tf2onnx', 'matplotlib', 'zoo'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[]"


def test_importing_the_zoo_loads_no_package_of_the_upper_floor():
    program = (
        "import sys; import zoo; "
        "print([n for n in ('training', 'export', 'serving', 'onnxruntime') if n in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[]"
