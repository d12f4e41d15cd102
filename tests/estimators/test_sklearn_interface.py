# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What code written for MLPClassifier and MLPRegressor reads, sets and calls."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.linear_model import PoissonRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip import (
    ADMMLipschitzMLPClassifier,
    ADMMLipschitzMLPRegressor,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    NoiseLipschitzClassifier,
    NoiseLipschitzRegressor,
    certified_interval,
    lipschitz_bound,
)
from sklip.exceptions import DivergedTrainingError, UnsupportedModelError

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 4))
Y = (X[:, 0] > 0).astype(int)
CLASSIFIERS = [
    ADMMLipschitzMLPClassifier,
    LipschitzRegularizedMLPClassifier,
    NoiseLipschitzClassifier,
]
REGRESSORS = [
    ADMMLipschitzMLPRegressor,
    LipschitzRegularizedMLPRegressor,
    NoiseLipschitzRegressor,
]
PAIRS = [(make, MLPClassifier) for make in CLASSIFIERS]
PAIRS += [(make, MLPRegressor) for make in REGRESSORS]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_parameters_and_attributes_exist(ours, theirs, early_stopping):
    assert set(theirs().get_params()) <= set(ours().get_params())
    common = {"max_iter": 3, "random_state": 0, "early_stopping": early_stopping}
    a, b = theirs(**common).fit(X, Y), ours(**common).fit(X, Y)
    public = [n for n in vars(a) if n.endswith("_") and not n.startswith("_")]
    assert [name for name in public if not hasattr(b, name)] == []
    assert b.n_iter_ <= 3
    assert (b.best_loss_ is None) == (a.best_loss_ is None) == early_stopping
    assert (b.validation_scores_ is None) == (a.validation_scores_ is None)
    if early_stopping:
        assert b.best_validation_score_ == max(b.validation_scores_)
    assert b.t_ == len(b.history_) * (72 if early_stopping else 80)
    assert "href=" in b._repr_html_() and ours.__name__ in b._get_doc_link()


@pytest.mark.parametrize("make", CLASSIFIERS[:1] + REGRESSORS[:1])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_effort_of_admm_follows_max_iter(make, solver):
    model = make(max_iter=2, solver=solver, random_state=0, tol=0, admm_tol=0)
    model.fit(X, Y)
    assert model.n_iter_ <= 2 and model.n_admm_iter_ <= 2
    assert len(model.history_) <= 2 + 2 * (2 if solver == "lbfgs" else 1)


def test_the_usual_grid_runs():
    grid = {"solver": ["sgd", "adam"], "learning_rate": ["constant", "adaptive"]}
    grid["momentum"] = [0.0, 1.0]  # both ends are values of MLPClassifier's
    make = LipschitzRegularizedMLPClassifier(
        (4,), max_iter=3, n_iter_no_change=np.inf, validation_fraction=0.0
    )
    search = GridSearchCV(make, grid, cv=2).fit(X, Y)
    assert search.best_estimator_.n_iter_ == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"nesterovs_momentum": False, "solver": "sgd"},
        {"beta_1": 0.5},
        {"beta_2": 0.5},
        {"epsilon": 1e-2},
        {"max_fun": 2, "solver": "lbfgs"},
    ],
)
def test_parameters_of_solvers_have_an_effect(changed):
    solver = changed.get("solver", "adam")
    model = LipschitzRegularizedMLPClassifier(
        (4,), solver=solver, max_iter=5, random_state=0
    )
    other = clone(model).set_params(**changed).fit(X, Y)
    assert not np.allclose(other.coefs_[0], model.fit(X, Y).coefs_[0])


@pytest.mark.parametrize("make", REGRESSORS[1:])
def test_poisson_regression_is_that_of_the_glm(make):
    x = np.linspace(0, 1, 100)[:, None]
    y = RNG.poisson(np.exp(x[:, 0] + 1))
    glm = PoissonRegressor(alpha=0, tol=1e-7).fit(x, y)
    model = make(
        (1,),
        activation="identity",
        loss="poisson",
        lipschitz_weight=0,
        alpha=0,
        solver="lbfgs",
        tol=1e-7,
        random_state=1,
    ).fit(x, y)
    np.testing.assert_allclose(model.predict(x), glm.predict(x), rtol=1e-4)
    assert model.out_activation_ == "exp"
    assert model.certificate_.verify(model.network_)  # of the logarithm
    # Its ends are those of the logarithm, mapped.
    found = certified_interval(model, x, radius=0.1)
    expected = np.exp(certified_interval(model.network_, x, radius=0.1))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    ends = certified_interval(glm, x, radius=0.1)
    np.testing.assert_allclose(found, ends, rtol=1e-3)
    for one in (model, make_pipeline(StandardScaler().fit(x), model), glm):
        with pytest.raises(UnsupportedModelError, match="slope has no bound"):
            lipschitz_bound(one)
    with pytest.raises(ValueError, match="y >= 0"):
        clone(model).fit(x, -y - 1.0)


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_divergence_under_early_stopping_has_its_name(solver):
    model = LipschitzRegularizedMLPRegressor(
        activation="identity",
        solver=solver,
        learning_rate_init=1e3,
        init_gain=1.0 if solver == "sgd" else 1e160,
        early_stopping=True,
        random_state=0,
    )
    with pytest.raises(DivergedTrainingError):
        model.fit(1e3 * X, X[:, 0])
    assert np.isfinite(model.coefs_[0]).all()


@pytest.mark.parametrize("scale", [1.0, 1e6, 1e12])
def test_lbfgs_survives_the_units_of_the_target(scale):
    y = X @ [1.0, 2.0, 3.0, 4.0]
    model = LipschitzRegularizedMLPRegressor(
        (32,), solver="lbfgs", penalty="none", alpha=0, tol=1e-9, random_state=2
    ).fit(X, y * scale)
    assert model.score(X, y * scale) > 0.9


def test_a_failed_line_search_warns():
    model = LipschitzRegularizedMLPRegressor(
        (4,), solver="lbfgs", max_fun=2, random_state=0
    )
    with pytest.warns(UserWarning, match="converged"):
        model.fit(X, X[:, 0])


class Record:
    """A callback of scikit-learn's protocol."""

    def __init__(self, stop_at=None):
        self.events, self.stop_at = [], stop_at

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        self.events.append(f"end {context.task_name}")
        if context.task_name == "epoch":
            assert fitted_estimator.predict(X).shape == (80,)
            return context.task_id + 1 == self.stop_at


@pytest.mark.parametrize("make", CLASSIFIERS[1:] + REGRESSORS[1:])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_scikit_learns_callbacks(make, solver):
    record = Record()
    model = make((4,), max_iter=3, tol=0, solver=solver, random_state=0)
    model.set_callbacks(record).fit(X, Y)
    epochs = ["begin epoch", "end epoch"] * model.n_iter_
    assert record.events == ["setup", "begin fit", *epochs, "end fit", "teardown"]
    stopped = clone(model).set_callbacks(Record(stop_at=2)).fit(X, Y)
    assert stopped.n_iter_ == 2
    assert stopped.certificate_.verify(stopped.network_)


@pytest.mark.parametrize("make", CLASSIFIERS[1:])
def test_scikit_learns_callbacks_score_what_fit_was_given(make):
    pandas = pytest.importorskip("pandas")
    monitor = ScoringMonitor(scoring="accuracy")
    frame = pandas.DataFrame(X, columns=[f"column {j}" for j in range(X.shape[1])])
    labels = np.array(["no", "yes"])[Y]
    model = make((4,), max_iter=3, tol=0, random_state=0).set_callbacks(monitor)
    score = model.fit(frame, labels).score(frame, labels)
    found = [epoch["accuracy"] for epoch in monitor.get_logs().data]
    assert len(found) == 3 and found[-1] == pytest.approx(score)
