# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Every parameter of every perceptron, and its data: what is refused by name.

Also tests of ``_compat.py`` and ``estimators/_parameters.py``.
"""

import inspect
import re

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

import sklip
from sklip._compat import Interval

X, Y = load_iris(return_X_y=True)
X, Y = X[40:70:3], Y[40:70:3]
N = len(X)
HUGE = 10**400
ESTIMATORS = [
    name
    for name in sklip.__all__
    if inspect.isclass(getattr(sklip, name))
    and hasattr(getattr(sklip, name), "partial_fit")
    and "hidden_layer_sizes" in inspect.signature(getattr(sklip, name)).parameters
]


def masked(values):
    values = np.asarray(values)
    return np.ma.masked_array(values, mask=np.arange(values.size) == 0)


# Beyond what the constraints say of themselves.
BAD = {
    "hidden_layer_sizes": [0, -1, 2.5, True, [3, 0], [3, -1], [3, 2.5], "34", [[3, 4]]],
    "activation": ["guess", "", ["guess"], ["relu"] * 5, "relu(2)", "elu(-1)"],
    "random_state": [-1, 1.5, "0", True, 2**32, HUGE, [1]],
    "certificate": ["guess", "", True, 3],
    "device": ["gpu", "cuda:99", "", True, None],
    "multipliers": ["guess", [["a"]], [[1j]], [[HUGE]], [np.ones(2)], [-np.ones(100)]],
    "loss": ["guess", None, True],
    "class_weight": ["guess", 3, {0: -1.0, 1: 1.0}, {0: np.nan, 1: 1.0}],
}
if not torch.cuda.is_available():
    BAD["device"].append("cuda")


def assert_refused(name, argument, values):
    for value in values:
        data = {"X": X, "y": Y}
        params = {}
        (data if argument in ("X", "y", "sample_weight") else params)[argument] = value
        with pytest.raises((TypeError, ValueError)) as caught:
            getattr(sklip, name)(**params).fit(**data)
        words = argument.replace("_", ".")
        if argument in ("X", "y"):
            words += "|array|sample|dim"  # scikit-learn's own words
        assert re.search(words, str(caught.value), re.IGNORECASE), str(caught.value)


def test_all_families_are_here():
    assert len(ESTIMATORS) >= 8
    assert all(name.endswith(("Classifier", "Regressor")) for name in ESTIMATORS)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_parameters(name):
    constraints = getattr(sklip, name)._parameter_constraints
    for argument in inspect.signature(getattr(sklip, name)).parameters:
        if argument == "callbacks":
            continue
        bad = [object(), 1j]
        numeric = any(isinstance(c, Interval) for c in constraints[argument])
        if numeric and "boolean" not in constraints[argument]:
            bad += ["guess", np.nan, -1.0, -1, 2**70, HUGE, True]
        assert_refused(name, argument, bad + BAD.get(argument, []))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_data(name):
    assert_refused(
        name, "X", [masked(X), list(masked(X)), X.astype(complex), X[0], X[None], X[:0]]
    )
    assert_refused(name, "y", [masked(Y), Y[:-1], 0])
    ones = np.ones(N)
    bad = [masked(ones), ones[1:], -ones, 0.0 * ones, np.nan * ones, 1j * ones]
    assert_refused(name, "sample_weight", bad[:-1])


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.filterwarnings("ignore:.*allowed were used up")
@pytest.mark.filterwarnings("ignore:.*epochs allowed")
def test_predict_refuses_what_fit_refuses(name):
    model = getattr(sklip, name)((2,), max_iter=1).fit(X, Y)
    for bad in (masked(X), X.astype(complex), X[:, :3], X[0], X[:0]):
        with pytest.raises((TypeError, ValueError), match="X|array|Complex"):
            model.predict(bad)
