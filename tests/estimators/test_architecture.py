# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tables 1 to 3 of paper 000 in small: what architecture and weight decay do to L."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklip import (
    LipschitzRegularizedMLPClassifier,
    adversarial_accuracy_score,
    certified_accuracy_score,
    lipschitz_bound,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
# At small radii what counts is clean accuracy, which depth raises and decay lowers.
RADIUS = 0.3


@pytest.fixture(scope="module")
def data():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X / 16, y, test_size=0.3, stratify=y, random_state=0)


def trained(data, layers=2, decay=0.0, gain=1.0):
    """A network trained by plain SGD, its bound and certified accuracy."""
    X, X_test, y, y_test = data
    model = LipschitzRegularizedMLPClassifier(
        (64,) * (layers - 1),
        penalty="none",
        solver="sgd",
        momentum=0.0,
        learning_rate_init=0.1,
        batch_size=50,
        alpha=50 * decay,
        init_gain=gain,
        max_iter=30,
        tol=0,
        n_iter_no_change=30,
        certificate=None,
        random_state=0,
    ).fit(X, y)
    bound = float(lipschitz_bound(model, method="sequential"))
    certified = certified_accuracy_score(
        model, X_test, y_test, radius=RADIUS, method="sequential"
    )
    return model, bound, certified


def test_depth_raises_the_bound_and_lowers_certified_accuracy(data):
    found = [trained(data, layers) for layers in (2, 3, 4)]
    bounds, certified = (np.array([f[k] for f in found]) for k in (1, 2))
    assert np.all(np.diff(bounds) > 0)
    assert np.all(np.diff(certified) < 0)
    # A21: whatever is certified, an attack must leave.
    X_test, y_test = data[1][:150], data[3][:150]
    for model, *_ in found:
        proven = certified_accuracy_score(
            model, X_test, y_test, radius=RADIUS, method="sequential"
        )
        left = adversarial_accuracy_score(
            model, X_test, y_test, radius=RADIUS, random_state=0
        )
        assert proven <= left


def test_weight_decay_lowers_the_bound_and_raises_certified_accuracy(data):
    found = [trained(data, 3, decay) for decay in (0.0, 1e-3, 3e-3, 1e-2)]
    bounds, certified = (np.array([f[k] for f in found]) for k in (1, 2))
    assert np.all(np.diff(bounds) < 0)
    assert np.all(np.diff(certified) > 0)


def test_a_large_start_stays_large(data):
    _, usual, certified = trained(data, 3)
    _, large, less = trained(data, 3, gain=3.0)
    assert large > 3 * usual
    assert less < 0.5 * certified
