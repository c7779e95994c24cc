"""Small models as text, run before and after a pass: what tests of passes share."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper, parser

from export.rewrites.scopes import graphs


@pytest.fixture(scope="session")
def make_graph():
    """A function that makes a model of ONNX's text form, with constants by name."""

    def make(inputs, outputs, body, **constants):
        text = f'<ir_version: 10, opset_import: ["" : 18]> g ({inputs}) => ({outputs}) {{ {body} }}'
        model = parser.parse_model(text)
        for name, value in constants.items():
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return model

    return make


@pytest.fixture(scope="session")
def run_graph():
    """A function that checks a model and runs it."""

    def run(model, **feeds):
        onnx.checker.check_model(model, full_check=True)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # silent about constants that no node reads
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return session.run(None, feeds)

    return run


@pytest.fixture(scope="session")
def after(run_graph):
    """A function: how often each op occurs after a pass, in all graphs; results stay the same."""

    def rewritten(rewrite, model, tolerance=0.0, **feeds):
        expected = run_graph(model, **feeds)
        assert rewrite(model) is model
        for before, now in zip(expected, run_graph(model, **feeds), strict=True):
            np.testing.assert_allclose(now, before, rtol=tolerance, atol=tolerance)
        return Counter(node.op_type for graph in graphs(model.graph) for node in graph.node)

    return rewritten
