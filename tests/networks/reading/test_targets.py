# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Monotone inverses of target transformers (``networks/_reading/targets.py``)."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import special
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)

from sklip import (
    CertifiedIntervalRegressor,
    adversarial_interval,
    certified_error_score,
    certified_interval,
    feature_slopes,
    lipschitz_bound,
    local_lipschitz_bound,
)
from sklip.exceptions import UnsupportedModelError
from sklip.networks import network_view

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def _own_exp(values):
    return np.exp(values) - 2.0


def _own_log(values):
    return np.log(np.asarray(values) + 2.0)


_own_exp.monotone = "increasing"


def _function(func, inverse):
    return FunctionTransformer(func, inverse, check_inverse=False)


TARGETS = {
    "log1p": _function(np.log1p, np.expm1),
    "log": _function(np.log, np.exp),
    "log2": _function(np.log2, np.exp2),
    "sqrt": _function(np.sqrt, np.square),
    "cbrt": _function(np.cbrt, lambda v: v**3),
    "reflected": _function(np.negative, np.negative),
    "arcsinh": _function(np.arcsinh, np.sinh),
    "logit": make_pipeline(
        MinMaxScaler((0.1, 0.9)), _function(special.logit, special.expit)
    ),
    "scaled log": make_pipeline(_function(np.log, np.exp), StandardScaler()),
    "log of scaled": make_pipeline(MinMaxScaler((1.0, 2.0)), _function(np.log, np.exp)),
    "square": _function(np.square, np.sqrt),
    "own": _function(_own_log, _own_exp),
    "yeo-johnson": PowerTransformer(),
    "box-cox": PowerTransformer("box-cox", standardize=False),
    "quantiles": QuantileTransformer(n_quantiles=20),
    "normal": QuantileTransformer(n_quantiles=20, output_distribution="normal"),
}
KNOWN = [name for name in TARGETS if name not in ("cbrt", "square")]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    return X, np.exp(0.7 * X[:, 0] + np.sin(X[:, 1]) + 0.1 * rng.normal(size=80))


@pytest.fixture(scope="module")
def fitted(data):
    def fit(name, net=None):
        net = net or MLPRegressor(hidden_layer_sizes=(8,), max_iter=150, random_state=0)
        inner = make_pipeline(StandardScaler(), net)
        model = TransformedTargetRegressor(
            inner, transformer=clone(TARGETS[name]), check_inverse=False
        )
        return model.fit(*data)

    return fit


@pytest.mark.parametrize("name", KNOWN)
def test_no_attack_leaves_the_interval(fitted, data, name):
    model, X = fitted(name), data[0][:15]
    lower, upper = certified_interval(model, X, radius=0.2)
    clean = model.predict(X)
    assert np.all((lower <= clean) & (clean <= upper))
    low, high = adversarial_interval(model, X, radius=0.2, random_state=0)
    assert np.all((lower <= low) & (low <= high) & (high <= upper))
    rng = np.random.default_rng(0)
    for _ in range(100):
        step = rng.normal(size=X.shape)
        step *= 0.2 / np.linalg.norm(step, axis=1)[:, None]
        moved = model.predict(X + step)
        assert np.all((lower <= moved) & (moved <= upper))
    # Exact at radius zero but for rounding: the map itself is not the slack.
    lower, upper = certified_interval(model, X, radius=0.0)
    if name != "normal":
        known = np.isfinite(lower)
        assert known.any()
        assert np.all((upper - lower)[known] <= 1e-9 * (1.0 + np.abs(clean[known])))


@pytest.mark.parametrize("name", ["log1p", "scaled log", "yeo-johnson", "reflected"])
def test_ends_are_those_of_the_inner_model_mapped(fitted, data, name):
    model, X = fitted(name), data[0][:10]
    inner = np.array(certified_interval(model.regressor_, X, radius=0.1))
    mapped = [model.transformer_.inverse_transform(end[:, None])[:, 0] for end in inner]
    mapped = np.sort(mapped, axis=0)
    have = np.array(certified_interval(model, X, radius=0.1))
    assert np.allclose(have, mapped, rtol=1e-9)
    assert np.all(have[0] < mapped[0]) and np.all(have[1] > mapped[1])


def test_rounding_of_the_exponential_against_exact_sums(fitted, data):
    model = fitted("log", Ridge())
    X = data[0][:8]
    lower, upper = certified_interval(model, X, radius=0.0)
    inner = model.regressor_.predict(X)
    for low, z, high in zip(lower, inner, upper, strict=True):
        value, term = Fraction(0), Fraction(1)
        for k in range(1, 60):
            value, term = value + term, term * Fraction(z) / k
        assert Fraction(low) < value < Fraction(high)


def test_several_outputs_and_curved_pipelines(data):
    X, y = data
    Y = np.column_stack([y, 1.0 / y])
    target = make_pipeline(_function(np.log, np.exp), PowerTransformer())
    model = TransformedTargetRegressor(Ridge(), transformer=target).fit(X, Y)
    lower, upper = certified_interval(model, X[:5], radius=0.1)
    assert lower.shape == (5, 2)
    low, high, *rows = adversarial_interval(
        model, X[:5], radius=0.1, random_state=0, return_points=True
    )
    assert np.all((lower <= low) & (low < high) & (high <= upper))
    assert np.allclose(model.predict(rows[1][:, :, 1])[:, 1], high[:, 1])


def test_points_of_a_falling_map_belong_to_their_ends(data):
    X, y = data
    target = _function(np.negative, np.negative)
    model = TransformedTargetRegressor(Ridge(), transformer=target).fit(X, y)
    low, high, low_rows, high_rows = adversarial_interval(
        model, X[:5], radius=0.1, random_state=0, return_points=True
    )
    assert np.array_equal(model.predict(low_rows), low)
    assert np.array_equal(model.predict(high_rows), high)
    assert np.all(low < high)


def test_scores_and_the_meta_regressor(fitted, data):
    X, y = data
    model = fitted("log1p", Ridge())
    lower, upper = certified_interval(model, X, radius=0.1)
    worst = np.maximum(np.abs(y - lower), np.abs(upper - y)).mean()
    score = certified_error_score(model, X, y, radius=0.1, loss="absolute_error")
    assert score == pytest.approx(worst)
    around = CertifiedIntervalRegressor(model, radius=0.1, conformal=True).fit(X, y)
    ends = around.predict_interval(X)
    assert np.mean((ends[0] <= y) & (y <= ends[1])) > 0.8


def test_where_the_map_is_not_defined_nothing_is_known(data):
    X, y = data
    target = _function(np.square, np.sqrt)
    model = TransformedTargetRegressor(Ridge(), transformer=target).fit(X, y)
    lower, upper = certified_interval(model, X, radius=0.1)
    inner = certified_interval(model.regressor_, X, radius=0.1)[0]
    assert np.any(inner < 0.0) and np.any(inner > 0.0)
    assert np.array_equal(np.isneginf(lower), inner < 0.0)
    assert np.array_equal(np.isposinf(upper), inner < 0.0)


@pytest.mark.parametrize(
    "ask",
    [
        lipschitz_bound,
        feature_slopes,
        network_view,
        lambda model: local_lipschitz_bound(model, [[0.0, 0.0, 0.0]], radius=0.1),
    ],
)
def test_slopes_are_refused_and_say_what_helps(fitted, ask):
    model = fitted("log1p", Ridge())
    with pytest.raises(UnsupportedModelError, match=r"expm1.*certified_interval") as e:
        ask(model)
    assert "model.regressor_" in str(e.value)
    assert ask(model.regressor_) is not None


def test_averages_and_unknown_inverses_are_refused(fitted, data):
    vote = VotingRegressor([("a", fitted("log", Ridge())), ("b", Ridge())]).fit(*data)
    with pytest.raises(UnsupportedModelError, match=r"VotingRegressor.*\(exp\)"):
        certified_interval(vote, data[0][:3], radius=0.1)
    with pytest.raises(UnsupportedModelError, match=r"<lambda>.*monotone"):
        certified_interval(fitted("cbrt", Ridge()), data[0][:3], radius=0.1)


def test_a_false_statement_is_refuted(data):
    def wave(values):
        return np.sin(20.0 * np.asarray(values))

    wave.monotone = "increasing"
    model = TransformedTargetRegressor(
        Ridge(), transformer=_function(np.log, wave), check_inverse=False
    ).fit(*data)
    with pytest.raises(UnsupportedModelError, match="says that it is monotone"):
        certified_interval(model, data[0], radius=0.5)
    wave.monotone = "up"
    with pytest.raises(ValueError, match="must be 'increasing' or 'decreasing'"):
        certified_interval(model, data[0], radius=0.5)
