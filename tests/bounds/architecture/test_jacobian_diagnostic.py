# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The diagnostic says yes to independent entries and no to what breaks them."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sklip import LipschitzRegularizedMLPClassifier
from sklip.bounds import jacobian_diagnostic
from sklip.networks import FeedForward, random_network


def of_matrix(matrix, seed=0):
    """Diagnostic of a linear map: its Jacobian is the matrix."""
    network = FeedForward([matrix])
    return jacobian_diagnostic(
        network, np.zeros((1, matrix.shape[1])), random_state=seed
    )


@pytest.mark.parametrize("seed", range(5))
def test_independent_normal_entries_pass(seed):
    matrix = 3.0 * np.random.default_rng(seed).standard_normal((15, 60))
    found = of_matrix(matrix, seed)
    assert found.applies and found.violated == []
    assert found.statistics["edge"] == pytest.approx(1.0, abs=0.15)
    assert found.norm == pytest.approx(np.linalg.norm(matrix, 2))
    assert np.allclose(found.observed, found.theoretical, atol=0.35)


def spoiled():
    rng = np.random.default_rng(0)
    plain = rng.standard_normal((20, 80))
    yield "mean", plain + 0.5
    yield "skewness", rng.exponential(size=(20, 80)) - 1.0
    yield "kurtosis", rng.standard_t(2.5, size=(20, 80))
    yield "row_correlation", plain + 1.0 * rng.standard_normal((1, 80))
    yield "column_correlation", plain + 1.0 * rng.standard_normal((20, 1))
    yield "column_spread", plain * rng.uniform(0.1, 2.0, (1, 80))
    yield "edge", plain + 1.5 * np.outer(np.ones(20), rng.standard_normal(80))


@pytest.mark.parametrize(
    "name, matrix", list(spoiled()), ids=[name for name, _ in spoiled()]
)
def test_each_statistic_finds_its_violation(name, matrix):
    found = of_matrix(matrix)
    assert name in found.violated
    assert not found.applies


def test_product_of_random_matrices_is_not_one_random_matrix():
    # A16: independent weights do not make independent entries of J.
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 200))
    deep = random_network([200, 32, 32, 32, 10], random_state=0)
    found = jacobian_diagnostic(deep, X, random_state=0)
    assert {"edge", "row_correlation"} <= set(found.violated)
    # With widths far beyond n and m the assumption becomes true.
    wide = random_network([30, 20000, 10], random_state=0)
    found = jacobian_diagnostic(wide, X[:3, :30], random_state=0)
    assert found.applies


def test_training_breaks_it():
    X, y = load_digits(return_X_y=True)
    X = X[:400] / 16.0
    # A penalty that hardly holds the training back.
    model = LipschitzRegularizedMLPClassifier(
        (50,), lipschitz_weight=0.01, max_iter=60, random_state=0
    )
    with pytest.warns(UserWarning, match="epochs allowed"):
        model.fit(X, y[:400])
    found = jacobian_diagnostic(model, X, random_state=0)
    assert {"row_correlation", "column_spread", "edge"} <= set(found.violated)


def test_samples_are_chosen_reproducibly():
    network = random_network([8, 30, 5], random_state=0)
    X = np.random.default_rng(0).standard_normal((500, 8))
    one, two = (jacobian_diagnostic(network, X, random_state=3) for _ in range(2))
    assert one.statistics == two.statistics and one.reference == two.reference


def test_what_has_no_distribution_is_refused():
    with pytest.raises(ValueError, match="single entry"):
        of_matrix(np.ones((1, 1)))
    dead = FeedForward([np.ones((3, 2)), np.ones((2, 3))], [[-9.0] * 3, [0.0, 0.0]])
    with pytest.raises(ValueError, match="vanishes"):
        jacobian_diagnostic(dead, np.zeros((2, 2)))
