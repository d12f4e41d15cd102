# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of exports share: data, and a runtime that computes all outputs."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def table():
    """80 rows of four columns on very different scales, labels, and targets."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 4)) * [1.0, 10.0, 0.1, 3.0] + [0.0, 100.0, 2.0, -5.0]
    labels = np.digitize(X[:, 0] + (X[:, 1] - 100.0) / 10.0, [-0.5, 0.5])
    return X, labels, X[:, 0] - np.abs(X[:, 2])


@pytest.fixture(scope="session")
def mixed(table):
    """The same as a DataFrame with text, integers and gaps."""
    rng, X = np.random.default_rng(1), table[0]
    return pd.DataFrame(
        {
            "u": X[:, 0],
            "v": X[:, 1],
            "colour": rng.choice(["red", "green", "blue"], 80, p=[0.5, 0.4, 0.1]),
            "doors": rng.choice([2, 3, 5], 80),
            "gap": np.where(rng.uniform(size=80) < 0.2, np.nan, X[:, 3]),
        }
    )


@pytest.fixture
def run():
    """Function (onnx_model, X) -> outputs by name, in onnxruntime."""
    runtime = pytest.importorskip("onnxruntime")

    def outputs(model, X):
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        session = runtime.InferenceSession(model.SerializeToString(), options)
        feeds = {value.name: _feed(value, X) for value in session.get_inputs()}
        names = [value.name for value in session.get_outputs()]
        return dict(zip(names, session.run(None, feeds), strict=True))

    return outputs


def _feed(value, X):
    kinds = {"tensor(double)": np.float64, "tensor(float)": np.float32}
    kind = kinds.get(value.type, object)
    if value.name == "X":
        return np.asarray(X, dtype=kind)
    return np.asarray(X[value.name], dtype=kind)[:, None]


@pytest.fixture
def assert_exported(run):
    """Function that exports a fitted model and compares it on rows, in both types."""
    from sklip import to_onnx

    def check(model, X, **options):
        _assert_same(run(to_onnx(model, **options), X), model, X, 1e-12)
        single = X.copy()
        if isinstance(X, np.ndarray):
            single = X.astype(np.float32).astype(np.float64)
        else:
            floats = X.select_dtypes("floating").columns
            single[floats] = X[floats].astype(np.float32).astype(np.float64)
        made = to_onnx(model, dtype="float32", **options)
        _assert_same(run(made, single), model, single, 1e-5)

    return check


def _assert_same(found, model, X, rtol):
    methods = {
        "label": "predict",
        "prediction": "predict",
        "probabilities": "predict_proba",
        "decision": "decision_function",
    }
    kind = "label" if hasattr(model, "classes_") else "prediction"
    wanted = {
        name
        for name, method in methods.items()
        if hasattr(model, method)
        and (name == kind or name not in ("label", "prediction"))
    }
    assert set(found) == wanted
    for name, values in found.items():
        expected = np.asarray(getattr(model, methods[name])(X))
        assert values.shape == expected.shape
        if name == "label":
            assert values.dtype.kind in "iO"
            assert np.array_equal(values.astype(object), expected.astype(object))
        else:
            assert np.abs(values - expected).max() <= rtol * np.abs(expected).max()
