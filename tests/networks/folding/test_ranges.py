# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Functions behind steps that keep to a range (``networks/_folding/ranges.py``)."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklip import certified_interval, certified_radius, lipschitz_bound
from sklip.estimators import LipschitzRegularizedMLPRegressor
from sklip.exceptions import UnsupportedModelError
from sklip.networks import FeedForward


class _Line(RegressorMixin, BaseEstimator):
    """A regressor that hands its single column on."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.asarray(X)[:, 0]

    def __sklip_network__(self):
        return FeedForward([[[1.0]]])


def _clip(low, high):
    return FunctionTransformer(np.clip, kw_args={"a_min": low, "a_max": high})


STEEPEST = {
    "log1p": (np.log1p, 0.0, None, 1.0),
    "sqrt": (np.sqrt, 0.25, None, 1.0),
    "log": (np.log, 0.5, 9.0, 2.0),
    "log2": (np.log2, 0.5, 9.0, 2.0 / np.log(2.0)),
    "log10": (np.log10, 0.1, 9.0, 10.0 / np.log(10.0)),
    "reciprocal": (np.reciprocal, 0.5, None, 4.0),
    "cbrt": (np.cbrt, 0.125, None, 4.0 / 3.0),
    "square": (np.square, -3.0, 2.0, 6.0),
    "exp": (np.exp, None, 1.0, np.e),
    "expm1": (np.expm1, None, 1.0, np.e),
    "exp2": (np.exp2, None, 2.0, 4.0 * np.log(2.0)),
}


@pytest.mark.parametrize("name", STEEPEST)
def test_the_slope_is_that_of_the_range(name):
    func, low, high, slope = STEEPEST[name]
    X = np.linspace(0.3, 0.9, 5)[:, None]
    model = make_pipeline(_clip(low, high), FunctionTransformer(func), _Line()).fit(X)
    bound = lipschitz_bound(model, method="product").value
    assert slope <= bound <= slope * (1.0 + 1e-5)
    # The range is what a column can be, far from these rows too.
    lower, upper = certified_interval(model, X, radius=2.0)
    for step in np.linspace(-2.0, 2.0, 41):
        moved = model.predict(X + step)
        assert np.all((lower <= moved) & (moved <= upper))


def test_a_known_function_keeps_to_a_range_for_the_next_one():
    X = np.linspace(0.3, 0.9, 5)[:, None]
    steps = _clip(-3.0, 2.0), *map(FunctionTransformer, (np.square, np.log1p))
    bound = lipschitz_bound(make_pipeline(*steps, _Line()).fit(X)).value
    # Steepest at 1, by steps of slopes 6 and 1.
    assert 1.0 <= bound <= 6.0 * (1.0 + 1e-5)


def test_a_table_with_logarithms_of_clipped_columns():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"income": rng.gamma(2.0, 3.0, 100), "age": rng.normal(size=100)})
    y = np.log1p(X["income"]) + X["age"] > 2.0
    front = make_column_transformer(
        (make_pipeline(_clip(0.0, None), FunctionTransformer(np.log1p)), ["income"]),
        (StandardScaler(), ["age"]),
    )
    model = make_pipeline(front, LogisticRegression()).fit(X, y)
    radius, clean = certified_radius(model, X), model.predict(X)
    assert np.all(radius > 0.0)
    for _ in range(200):
        step = rng.normal(size=X.shape)
        step *= 0.999999 * (radius / np.linalg.norm(step, axis=1))[:, None]
        assert np.array_equal(model.predict(X + step), clean)


def test_a_selection_in_between_keeps_the_range():
    X = np.random.default_rng(0).gamma(2.0, 1.0, (40, 2))
    front = make_column_transformer((FunctionTransformer(np.log1p), [1]))
    net = LipschitzRegularizedMLPRegressor((4,), max_iter=3, random_state=0)
    model = make_pipeline(_clip(0.0, None), front, net)
    with pytest.warns(match="converge"):
        model.fit(X, X[:, 1])
    assert lipschitz_bound(model).value > 0.0


@pytest.mark.parametrize("func", [np.square, np.reciprocal])
def test_integers_that_wrap_are_refused(func):
    X = np.arange(1, 6)[:, None]
    steps = _clip(1, 9), FunctionTransformer(func)
    model = make_pipeline(*steps, _Line()).fit(X)
    with pytest.raises(UnsupportedModelError, match="wraps"):
        certified_interval(model, X, radius=0.1)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize(
    "steps",
    [
        [FunctionTransformer(np.log1p)],
        [_clip(-1.0, None), FunctionTransformer(np.log1p)],
        [_clip(0.0, None), FunctionTransformer(np.sqrt)],
        [_clip(0.0, None), FunctionTransformer(np.exp)],
        [_clip(0.1, 1.0), StandardScaler(), FunctionTransformer(np.log1p)],
    ],
    ids=["no range", "log1p at -1", "sqrt at 0", "exp upwards", "scaled between"],
)
def test_without_a_range_that_helps_it_is_refused_and_says_what_would(steps):
    X = np.linspace(0.3, 0.9, 5)[:, None]
    model = make_pipeline(*steps, _Line()).fit(X)
    with pytest.raises(UnsupportedModelError, match=r"no bound .*numpy\.clip"):
        lipschitz_bound(model)
