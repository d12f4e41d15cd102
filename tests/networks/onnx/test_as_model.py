# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""An ONNX model, or the name of its file, in place of a network in public functions.

Also tests of ``networks/_onnx/loading.py``.
"""

import numpy as np
import pytest

import sklip
from sklip.networks import random_network

CLASSIFIER = random_network([4, 6, 3], random_state=0)
REGRESSOR = random_network([4, 6, 1], random_state=1)
X = np.random.default_rng(0).normal(size=(4, 4))
Y = CLASSIFIER.forward(X).argmax(axis=1)
BOX = sklip.Specification(np.zeros(4), np.ones(4), ((np.eye(3), np.zeros(3)),))
SEED = {"random_state": 0}

CALLS = {
    "lipschitz_bound": lambda f: sklip.lipschitz_bound(f).value,
    "one output": lambda f: sklip.lipschitz_bound(f, output=1, norm=np.inf).value,
    "lower": lambda f: sklip.lipschitz_lower_bound(f, X, n_restarts=1, **SEED).value,
    "local": lambda f: sklip.local_lipschitz_bound(f, X, radius=0.1),
    "slopes": sklip.feature_slopes,
    "gain": sklip.measured_gain,
    "margins": lambda f: sklip.margins(f, X),
    "radius": lambda f: sklip.certified_radius(
        f, X, Y, method="pairwise", feature_eps={0: 1.0, 2: 0.5}
    ),
    "accuracy": lambda f: sklip.certified_accuracy_score(f, X, Y, radius=0.1),
    "adversarial": lambda f: sklip.adversarial_accuracy_score(
        f, X, Y, radius=0.1, **SEED
    ),
    "verify": lambda f: sklip.verify_robustness(f, X[:1], radius=0.1)[0].status,
    "specification": lambda f: sklip.verify_specification(f, BOX).status,
    "certificate": lambda f: sklip.lipschitz_bound(CLASSIFIER, method="product").verify(
        f
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_it_is_the_network_that_it_holds(name, tmp_path):
    path = tmp_path / "net.onnx"
    made = sklip.to_onnx(CLASSIFIER, path)
    expected = CALLS[name](CLASSIFIER)
    for model in (made, path, str(path)):
        np.testing.assert_array_equal(CALLS[name](model), expected)


def test_a_regressor():
    made = sklip.to_onnx(REGRESSOR)
    found = sklip.certified_interval(made, X, radius=0.1)
    np.testing.assert_array_equal(
        found, sklip.certified_interval(REGRESSOR, X, radius=0.1)
    )


def test_a_float32_export_is_certified_as_what_it_is():
    made = sklip.to_onnx(CLASSIFIER, dtype="float32")
    single = sklip.lipschitz_bound(made)
    assert single.value != sklip.lipschitz_bound(CLASSIFIER).value
    assert single.verify(made) and not single.verify(CLASSIFIER)


def test_what_is_no_model(tmp_path):
    with pytest.raises(FileNotFoundError):
        sklip.lipschitz_bound(str(tmp_path / "missing.onnx"))
    with pytest.raises(TypeError, match="str"):
        sklip.lipschitz_bound("net")
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(X, [0, 1, 0, 1])
    with pytest.raises(ValueError, match="'label', 'probabilities', 'decision'"):
        sklip.lipschitz_bound(sklip.to_onnx(model))
