# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The default weight of the penalties: whole on small tables, one over rows beyond."""

import numpy as np
import pytest

from sklip import (
    ADMMLipschitzMLPClassifier,
    ADMMLipschitzMLPRegressor,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)
# Forty rows that count as three thousand, twice as many as the whole weight is for.
HEAVY = np.full(40, 75.0)
FAMILIES = [
    (LipschitzRegularizedMLPClassifier, 0.03, {}),
    (LipschitzRegularizedMLPRegressor, 0.003, {}),
    (ADMMLipschitzMLPClassifier, 0.01, {"max_admm_iter": 2}),
    (ADMMLipschitzMLPRegressor, 0.001, {"max_admm_iter": 2}),
]


@pytest.mark.parametrize("kind, whole, options", FAMILIES)
def test_it_is_what_that_number_is_and_falls_with_the_rows(kind, whole, options):
    options = {"max_iter": 2, "certificate": None, "random_state": 0, **options}
    auto = kind((4,), **options)
    for weights, weight in ((None, whole), (HEAVY / 2, whole), (HEAVY, whole / 2)):
        auto.fit(X, Y, sample_weight=weights)
        assert auto.lipschitz_weight_ == pytest.approx(weight, rel=1e-12)
        given = kind((4,), lipschitz_weight=weight, **options)
        given.fit(X, Y, sample_weight=weights)
        assert given.lipschitz_weight_ == weight
        assert auto.loss_curve_ == pytest.approx(given.loss_curve_, rel=1e-6)
        np.testing.assert_allclose(auto.coefs_[0], given.coefs_[0], rtol=1e-6)
    # In a stream the rows of the call count, and the net of the first goes on.
    auto.partial_fit(X, Y, sample_weight=HEAVY)
    assert auto.lipschitz_weight_ == pytest.approx(whole / 2, rel=1e-12)
    auto.partial_fit(X, Y)
    assert auto.lipschitz_weight_ == whole


def test_rows_that_are_held_out_do_not_count():
    model = LipschitzRegularizedMLPClassifier(
        (4,), early_stopping=True, validation_fraction=0.25, max_iter=1, random_state=0
    ).fit(X, Y, sample_weight=HEAVY)
    assert model.lipschitz_weight_ == pytest.approx(0.03 * 1500 / (30 * 75))


def test_without_a_penalty_it_is_nothing():
    options = {"max_iter": 1, "random_state": 0}
    plain = LipschitzRegularizedMLPClassifier((4,), penalty="none", **options)
    assert plain.fit(X, Y).lipschitz_weight_ == 0.0
    enforced = ADMMLipschitzMLPClassifier((4,), lipschitz_bound=1.0, **options)
    assert enforced.fit(X, Y).lipschitz_weight_ == 0.0
