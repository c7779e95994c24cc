"""The examples in docstrings run."""

import doctest

import pytest

import serving.manifest
import serving.translator


@pytest.mark.parametrize(
    ("module", "name"), [(serving.manifest, "Manifest"), (serving.translator, "Translator")]
)
def test_docstring_example_runs(toolbox, module, name):
    bundle = toolbox.bundle()
    given = {"bundle": bundle, "directory": bundle, "graph": toolbox.graph_spec()}
    [example] = [
        test
        for test in doctest.DocTestFinder(recurse=False).find(
            getattr(module, name), name, extraglobs=given, globs=vars(module)
        )
        if test.examples
    ]
    assert doctest.DocTestRunner().run(example).failed == 0
