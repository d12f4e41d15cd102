# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the penalties do, and where the optimum is known.

Also tests of ``estimators/_regression_targets.py`` and ``training/_losses.py``.
"""

from inspect import signature

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from skorch.callbacks import Freezer

from sklip import (
    LipschitzRegularizedMLP,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    NoiseLipschitzRegressor,
)
from sklip.training._losses import output_units

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)


def _same_weights(a, b):
    arrays = zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True)
    return all(np.array_equal(x, y) for x, y in arrays)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs", torch.optim.RMSprop])
@pytest.mark.parametrize("penalty", ["spectral", "product", "jacobian", "lipsdp"])
def test_weight_zero_is_the_plain_network(classification, solver, penalty):
    common = {"solver": solver, "max_iter": 4, "batch_size": 32, "random_state": 0}
    plain = LipschitzRegularizedMLPClassifier((8,), penalty="none", **common)
    zero = LipschitzRegularizedMLPClassifier(
        (8,), penalty=penalty, lipschitz_weight=0, **common
    )
    some = LipschitzRegularizedMLPClassifier(
        (8,), penalty=penalty, lipschitz_weight=1.0, **common
    )
    plain, zero, some = (m.fit(*classification) for m in (plain, zero, some))
    assert _same_weights(plain, zero)
    assert plain.loss_curve_ == zero.loss_curve_
    assert not _same_weights(plain, some)


@pytest.mark.parametrize("penalty", ["spectral", "product", "lipsdp"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_more_weight_gives_a_smaller_bound(classification, penalty, solver):
    bounds = [
        LipschitzRegularizedMLPClassifier(
            (16,),
            penalty=penalty,
            lipschitz_weight=weight,
            solver=solver,
            max_iter=150,
            learning_rate_init=1e-2,
            random_state=0,
        )
        .fit(*classification)
        .lipschitz_bound_
        for weight in (0.0, 0.01, 0.1, 1.0)
    ]
    assert all(np.diff(bounds) < 0)


def test_jacobian_penalty_flattens_the_function(classification):
    X, y = classification
    common = {"max_iter": 100, "learning_rate_init": 1e-2, "random_state": 0}
    sizes = []
    for weight in (0.0, 0.01, 0.1):
        model = LipschitzRegularizedMLPClassifier(
            (16,), penalty="jacobian", lipschitz_weight=weight, **common
        ).fit(X, y)
        sizes.append((model.network_.jacobian(X) ** 2).sum(axis=(1, 2)).mean())
    assert sizes[0] > sizes[1] > sizes[2]


def test_no_hidden_layer_and_squared_error_is_ridge(regression):
    X, y = regression
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
    # mean of w·½(y - p)² + ½ α ‖w‖² / Σw is Ridge's objective over 2 Σw.
    ridge = Ridge(alpha=3.0, tol=1e-12).fit(X, y, sample_weight=weight)
    model = LipschitzRegularizedMLPRegressor(
        (), penalty="none", alpha=3.0, solver="lbfgs", tol=1e-10, random_state=0
    ).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(model.coefs_[0][:, 0], ridge.coef_, atol=1e-6)
    np.testing.assert_allclose(model.intercepts_[0], ridge.intercept_, atol=1e-6)


def test_spectral_penalty_of_a_linear_model_is_ridge_too(regression):
    """With one row, ½ μ ‖W‖₂² is an L2 term with α = μ n."""
    X, y = regression
    model = LipschitzRegularizedMLPRegressor(
        (),
        penalty="spectral",
        lipschitz_weight=3.0 / len(y),
        alpha=0,
        solver="lbfgs",
        tol=1e-10,
        random_state=0,
    ).fit(X, y)
    ridge = Ridge(alpha=3.0, tol=1e-12).fit(X, y)
    np.testing.assert_allclose(model.coefs_[0][:, 0], ridge.coef_, atol=1e-6)


def test_no_hidden_layer_and_cross_entropy_is_logistic_regression(classification):
    X, y = classification
    model = LipschitzRegularizedMLPClassifier(
        (), penalty="none", alpha=1.0, solver="lbfgs", tol=1e-9, random_state=0
    ).fit(X, y)
    reference = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(
        model.predict_proba(X), reference.predict_proba(X), atol=1e-5
    )


def test_hinge_reaches_zero_loss_on_separable_data():
    X = np.array([[-2.0], [-1.5], [1.5], [2.0]])
    y = np.array(["no", "no", "yes", "yes"])
    model = LipschitzRegularizedMLPClassifier(
        (), penalty="none", alpha=0, loss="hinge", solver="lbfgs", random_state=0
    ).fit(X, y)
    signed = model.decision_function(X) * np.where(y == "yes", 1, -1)
    assert (signed >= 1 - 1e-9).all()
    assert model.loss_curve_[-1] <= 1e-9


def test_objective_is_mlp_classifiers(classification):
    """From the same weights, scikit-learn's loss of the plain network is ours."""
    X, y = classification
    model = LipschitzRegularizedMLPClassifier(
        (8,), penalty="none", alpha=0.1, solver="lbfgs", max_iter=30, random_state=0
    ).fit(X, y)
    other = MLPClassifier((8,), alpha=0.1, solver="lbfgs", max_iter=1, random_state=0)
    other.fit(X, y)
    other.coefs_, other.intercepts_ = model.coefs_, model.intercepts_
    np.testing.assert_allclose(model.predict_proba(X), other.predict_proba(X))
    one_hot = np.eye(3)[y]
    cross_entropy = -(one_hot * np.log(other.predict_proba(X))).sum(axis=1).mean()
    l2 = 0.05 * sum((w**2).sum() for w in model.coefs_) / len(X)
    assert model.loss_curve_[-1] == pytest.approx(cross_entropy + l2, rel=1e-9)


def test_regressor_fits_as_well_as_mlp_regressor(regression):
    X, y = regression
    common = {"solver": "lbfgs", "max_iter": 500, "random_state": 0}
    ours = LipschitzRegularizedMLPRegressor((20,), penalty="none", **common)
    theirs = MLPRegressor(hidden_layer_sizes=(20,), **common)
    assert ours.fit(X, y).score(X, y) > theirs.fit(X, y).score(X, y) - 0.01


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize(
    "make", [LipschitzRegularizedMLPRegressor, NoiseLipschitzRegressor]
)
def test_predictions_begin_where_far_targets_are(regression, make, solver):
    X, y = regression
    y = 50.0 * y / y.std() + 1000.0
    weight = np.repeat([0.0, 1.0], [20, len(y) - 20])
    y[:20] = 0.0
    still = {"learning_rate_init": 1e-9, "random_state": 0, "max_iter": 1}
    still = {**still, "shuffle": False, "batch_size": 60, "solver": solver}
    model = make((4,), **still).fit(X, y, weight)
    assert model.score(X[20:], y[20:]) > -10.0
    assert 0.05 < model.predict(X).std() / y[20:].std() < 20.0
    if solver == "adam":
        # By the samples of the first step, so that a stream begins alike.
        stream = make((4,), **still).partial_fit(X[:60], y[:60], weight[:60])
        first = make((4,), **still, warm_start=True).fit(X[:60], y[:60], weight[:60])
        assert _same_weights(stream, first)
        assert np.allclose(stream.intercepts_[-1], model.intercepts_[-1], atol=1e-6)
        # Weights that are given stay, and so do those of a fit before.
        before = first.intercepts_[-1].copy()
        first.fit(X, y + 500.0)
        assert np.allclose(first.intercepts_[-1], before, atol=1e-6)
        frozen = make((4,), callbacks=[Freezer("layers.1.*")], **still).fit(X, y)
        assert abs(frozen.intercepts_[-1][0]) < 10.0
        assert np.abs(frozen.coefs_[-1]).max() < 10.0


def test_outputs_begin_as_drawn_around_zero():
    targets = torch.tensor([[1.0, 5.0], [-1.0, 6.0], [0.5, 9.0]], dtype=torch.float64)
    weight = torch.tensor([2.0, 1.0, 0.0], dtype=torch.float64)
    wide = torch.tensor([1.0, 100.0])
    for loss in ("squared_error", "absolute_error", "huber"):
        center, unit = output_units(loss, targets)
        assert center.tolist() == pytest.approx([0.0, 20.0 / 3.0])
        assert unit.tolist() == [1.0, 2.0]
        center, unit = output_units(loss, wide * targets, weight)
        assert center.tolist() == pytest.approx([0.0, 1600.0 / 3.0])
        assert unit.tolist() == [1.0, 64.0]  # spread by 50 sqrt(8 / 9) = 47.1
        center, unit = output_units(loss, targets[:1])
        assert not center.any() and (unit == 1.0).all()
        assert not output_units(loss, targets, 0.0 * weight)[0].any()
        assert output_units(loss, 1e300 * targets)[1].tolist() == [1.0, 1.0]
    center, unit = output_units("poisson", torch.tensor([[0.0, 30.0], [0.0, 50.0]]))
    torch.testing.assert_close(center, torch.tensor([1.0, 40.0]).log())
    assert unit.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("unit, shift", [(1e9, 0), (1e12, 3), (1e14, 0), (1, 1e3)])
def test_lbfgs_fits_targets_in_any_unit(regression, unit, shift):
    X, y = regression
    y = y / np.abs(y).max() + shift
    model = LipschitzRegularizedMLPRegressor(
        (10,), penalty="none", solver="lbfgs", max_iter=60, random_state=0
    )
    model.fit(X, unit * y)
    assert model.score(X, unit * y) > 0.95
    if unit > 1:  # weights that are given come in another unit
        model.set_params(warm_start=True).fit(X, y - shift).fit(X, unit * y)
        assert model.score(X, unit * y) > 0.95


def test_lbfgs_says_that_it_gave_up():
    X = np.random.default_rng(0).normal(size=(60, 3))
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 1))
    model = NoiseLipschitzRegressor(
        module=module, solver="lbfgs", certificate=None, max_iter=50, random_state=0
    )
    with pytest.warns(ConvergenceWarning, match="used up before the training"):
        model.fit(X, 1e14 * X[:, 0])


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_multi_output_regression(regression, loss):
    X, y = regression
    Y = np.column_stack([y, -y, X[:, 0]])
    model = LipschitzRegularizedMLPRegressor(
        (20,), loss=loss, learning_rate_init=1e-2, random_state=0
    ).fit(X, Y)
    assert model.predict(X).shape == Y.shape
    assert model.n_outputs_ == 3
    assert model.score(X, Y) > 0.8


def test_base_is_abstract():
    with pytest.raises(TypeError, match="LipschitzRegularizedMLPRegressor"):
        LipschitzRegularizedMLP((16,), alpha=0.1)
    assert str(signature(LipschitzRegularizedMLP)) == "()"
    for cls in (LipschitzRegularizedMLPClassifier, LipschitzRegularizedMLPRegressor):
        assert isinstance(clone(cls()), LipschitzRegularizedMLP)
