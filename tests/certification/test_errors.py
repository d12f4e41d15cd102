# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Worst-case errors: scikit-learn's at radius 0, and above what any attack brings."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip.certification import adversarial_interval, certified_error_score

METRICS = {
    "squared_error": mean_squared_error,
    "absolute_error": mean_absolute_error,
    "r2": r2_score,
}


@pytest.fixture(scope="module")
def fitted():
    X, y = make_friedman1(200, noise=0.3, random_state=0)
    Y = np.column_stack([y, -3.0 * y + X[:, 0]])
    network = MLPRegressor(
        hidden_layer_sizes=(12,), solver="lbfgs", max_iter=2000, random_state=0
    )
    return make_pipeline(StandardScaler(), network).fit(X, Y), X, Y


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("loss", METRICS)
def test_at_radius_zero_it_is_scikit_learns(fitted, loss):
    model, X, Y = fitted
    weight = np.random.default_rng(0).uniform(size=len(X))
    found = certified_error_score(
        model, X, Y, radius=0.0, loss=loss, sample_weight=weight
    )
    expected = METRICS[loss](Y, model.predict(X), sample_weight=weight)
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("norm", [1, 2, np.inf])
@pytest.mark.parametrize("loss", METRICS)
def test_no_attack_is_worse(fitted, loss, norm):
    model, X, Y = fitted
    proven = certified_error_score(model, X, Y, radius=0.02, loss=loss, norm=norm)
    ends = adversarial_interval(model, X, radius=0.02, norm=norm, random_state=0)
    # Of each row and output the end that errs more.
    far = np.where(np.abs(ends[0] - Y) > np.abs(ends[1] - Y), *ends)
    attacked = METRICS[loss](Y, far)
    clean = METRICS[loss](Y, model.predict(X))
    sign = -1.0 if loss == "r2" else 1.0
    assert sign * clean < sign * attacked <= sign * proven
    # Most of what is feared can be done.
    assert sign * (attacked - clean) > 0.5 * sign * (proven - clean)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("loss", METRICS)
def test_each_group_by_itself(fitted, loss):
    """As the score of its rows alone; of groups without weight, or spread, nothing."""
    model, X, Y = fitted
    groups, weight = np.arange(len(Y)) % 3, 1.0 + np.arange(len(Y)) % 2
    weight[groups == 2] = 0.0
    asked = {"radius": 0.02, "loss": loss}
    found = certified_error_score(
        model, X, Y, groups=groups, sample_weight=weight, **asked
    )
    assert list(found) == [0, 1, 2] and np.isnan(found[2])
    for label in (0, 1):
        own = groups == label
        alone = certified_error_score(
            model, X[own], Y[own], sample_weight=weight[own], **asked
        )
        assert found[label] == pytest.approx(alone, rel=1e-9)
    single = certified_error_score(model, X, Y, groups=np.arange(len(Y)), **asked)
    assert np.isnan(single[0]) == (loss == "r2")
    with pytest.raises(ValueError, match="groups='class' needs"):
        certified_error_score(model, X, Y, groups="class", **asked)


def test_what_has_no_score_is_refused():
    X, y = load_diabetes(return_X_y=True)
    model = Ridge().fit(X, y)
    with pytest.raises(ValueError, match="loss must be one of 'squared_error'"):
        certified_error_score(model, X, y, radius=0.1, loss="huber")
    with pytest.raises(ValueError, match=r"y must have shape \(442,\), got \(441,\)"):
        certified_error_score(model, X, y[1:], radius=0.1)
    with pytest.raises(ValueError, match="y must be finite"):
        certified_error_score(model, X, np.where(y > 100, np.nan, y), radius=0.1)
    with pytest.raises(ValueError, match="not all the same"):
        certified_error_score(model, X, np.ones(len(X)), radius=0.1, loss="r2")
    classifier = LogisticRegression().fit(X, y > 100)
    with pytest.raises(ValueError, match="is a classifier"):
        certified_error_score(classifier, X, y, radius=0.1)
    column = certified_error_score(model, X, y[:, None], radius=0.1)
    assert column == certified_error_score(model, X, y, radius=0.1)
