# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Radii and intervals of models fitted on any type, for rows of any type.

What predict computes in float32 is noisy beyond float64's roundings: no row may flip
within its radius, in the type of X or in float64, however near it is to the boundary.
"""

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import BaggingRegressor, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC

from sklip.bounds import forward_error
from sklip.certification import certified_interval, certified_radius
from sklip.estimators import LipschitzRegularizedMLPClassifier
from sklip.exceptions import UnsupportedModelError
from sklip.networks import network_view

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CENTER, SPREAD = np.array([300.0, -500.0, 90.0]), np.array([3.0, 7.0, 1.0])
TANH = FunctionTransformer(np.tanh)
MODELS = {
    "PCA": make_pipeline(PCA(), LogisticRegression()),
    "whitened": make_pipeline(PCA(2, whiten=True), RidgeClassifier()),
    "standard": make_pipeline(StandardScaler(), LogisticRegression()),
    "minmax and SVD": make_pipeline(MinMaxScaler(), TruncatedSVD(2), RidgeClassifier()),
    "robust": make_pipeline(RobustScaler(), MaxAbsScaler(), LogisticRegression()),
    "curves": make_pipeline(StandardScaler(), TANH, LogisticRegression()),
    "quantiles": make_pipeline(QuantileTransformer(n_quantiles=9), RidgeClassifier()),
    "imputed": make_pipeline(SimpleImputer(), StandardScaler(), RidgeClassifier()),
    "branches": make_pipeline(
        FeatureUnion([("a", StandardScaler()), ("b", PCA(2))]),
        LogisticRegression(),
    ),
    "relu": make_pipeline(
        StandardScaler(), MLPClassifier((5, 4), solver="lbfgs", random_state=0)
    ),
    "logistic": make_pipeline(
        PCA(2), MLPClassifier((4,), "logistic", solver="lbfgs", random_state=0)
    ),
    "no scaler": MLPClassifier((4,), "tanh", solver="lbfgs", random_state=0),
    "linear": LogisticRegression(),
    "support vectors": make_pipeline(StandardScaler(), SVC(kernel="linear")),
    "own": make_pipeline(
        StandardScaler(), LipschitzRegularizedMLPClassifier((4,), random_state=0)
    ),
}


def samples(n=200, seed=0, name=None):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    y = (X @ [1.0, 2.0, -1.0] > 0).astype(int)
    # A network without a scaler in front would not learn where these are.
    return (X if name == "no scaler" else X * SPREAD + CENTER), y


def near_the_boundary(view, dtype, name, n=150):
    """Rows whose logit is small, by bisection between rows of either class."""
    X, _ = samples(600, 1, name)

    def logit(rows):
        outputs = view.network.forward(view.encode(rows))
        return outputs[:, -1] - (outputs[:, 0] if outputs.shape[1] == 2 else 0.0)

    values = logit(X)
    n = min(n, np.count_nonzero(values > 0), np.count_nonzero(values <= 0))
    high, low = X[values > 0][:n], X[values <= 0][:n]
    for _ in range(40):
        middle = 0.5 * (high + low)
        above = (logit(middle) > 0)[:, None]
        high, low = np.where(above, middle, high), np.where(above, low, middle)
    away = np.random.default_rng(2).normal(size=high.shape) * SPREAD
    scale = 10.0 ** np.random.default_rng(3).uniform(-7.0, 0.0, (n, 1))
    return (high + scale * away).astype(dtype)


def directions(view, rows):
    """Steps of length one towards and away from the boundary, as X has columns."""
    U = view.encode(rows)
    slopes = view.network.jacobian(U)
    slopes = slopes[:, -1] - (slopes[:, 0] if slopes.shape[1] == 2 else 0.0)
    steps = np.zeros(rows.shape)
    for k, j in enumerate(view.feature_index):
        steps[:, j] += slopes[:, k] * view.units[k] ** (k < 0)
    return steps / np.linalg.norm(steps, axis=1, keepdims=True)


@pytest.mark.parametrize("fit", [np.float64, np.float32])
@pytest.mark.parametrize("name", MODELS)
def test_no_row_flips_within_its_radius(name, fit):
    X, y = samples(name=name)
    model = MODELS[name].fit(X.astype(fit), y)
    view = network_view(model)
    for dtype in (np.float64, np.float32):
        rows = near_the_boundary(view, dtype, name)
        radius = certified_radius(model, rows, method="product")
        wide = rows.astype(np.float64)
        labels = model.predict(rows)
        for sign in (-1.0, 1.0):
            step = sign * 0.9999 * radius[:, None] * directions(view, wide)
            for kind in {dtype, np.float64}:
                moved = (wide + step).astype(kind)
                # Rounded to float32 some are farther than the radius.
                far = np.linalg.norm(moved.astype(np.float64) - wide, axis=1) > radius
                flips = (model.predict(moved) != labels) & (radius > 0) & ~far
                assert not flips.any(), (dtype, kind)
        assert np.count_nonzero(radius) > 5 or name == "quantiles"


@pytest.mark.parametrize("fit", [np.float64, np.float32])
@pytest.mark.parametrize("name", MODELS)
def test_outputs_are_within_the_error_that_is_claimed(name, fit):
    X, y = samples(name=name)
    model = MODELS[name].fit(X.astype(fit), y)
    for dtype in (np.float64, np.float32, np.int64, np.int16):
        rows = X.astype(dtype)
        view = network_view(model, rows)
        if not hasattr(model, "decision_function"):
            continue
        U = view.encode(rows)
        outputs = view.network.forward(U)
        own = model.decision_function(rows).reshape(len(rows), -1)
        if own.shape[1] != outputs.shape[1]:
            outputs = outputs[:, 1:] - outputs[:, :1]
        error = 1.5 * forward_error(view.network, U, view.rounding)[0]
        assert np.all(np.linalg.norm(own - outputs, axis=1) <= error)


@pytest.mark.parametrize("fit", [np.float64, np.float32])
@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), None], ids=str)
@pytest.mark.parametrize("net", ["linear", "relu", "tanh"])
def test_predictions_stay_within_their_intervals(net, scaler, fit):
    X, _ = samples(120)
    y = 1e4 + 3.0 * (X[:, 0] - CENTER[0])
    inner = Ridge()
    if net != "linear":
        inner = MLPRegressor(
            hidden_layer_sizes=(4, 3), activation=net, max_iter=60, random_state=0
        )
    inner = make_pipeline(PCA(2), inner)
    model = TransformedTargetRegressor(inner, transformer=scaler)
    model.fit(X.astype(fit), y.astype(fit))
    for dtype in (np.float64, np.float32):
        rows = X.astype(dtype)
        for radius in (0.0, 1e-6):
            lower, upper = certified_interval(model, rows, radius=radius)
            for kind in {dtype, np.float64}:
                values = model.predict(rows.astype(kind)).astype(np.float64)
                assert np.all((lower <= values) & (values <= upper))


def test_without_its_term_float32_would_flip_rows():
    """The rows of the first test are near enough: radii for float64 do not hold."""
    for name in ("standard", "relu"):
        X, y = samples(name=name)
        model = MODELS[name].fit(X.astype(np.float32), y)
        view = network_view(model)
        rows = near_the_boundary(view, np.float32, name)
        # A view for float64 counts none of the roundings in float32.
        radius = certified_radius(view, rows, method="product")
        sure = radius > 0
        logits = view.decision_network().forward(view.encode(rows))
        labels = view.classes[logits.argmax(axis=1)]
        assert np.any(model.predict(rows[sure]) != labels[sure]), name


def test_what_goes_on_in_float32_is_refused_by_name():
    X, y = samples()
    X = X.astype(np.float32)
    inner = make_pipeline(StandardScaler(), LogisticRegression())
    for model in (
        FixedThresholdClassifier(inner, threshold=0.4),
        VotingClassifier([("a", inner), ("b", inner)], voting="soft"),
        BaggingRegressor(make_pipeline(StandardScaler(), Ridge()), n_estimators=2),
    ):
        model.fit(X, y)
        certify = certified_radius
        if isinstance(model, BaggingRegressor):
            certify = lambda model, X: certified_interval(model, X, radius=0.1)[0]  # noqa: E731
        with pytest.raises(UnsupportedModelError, match="float32.*X.astype"):
            certify(model, X)
        assert certify(model, X.astype(float)).shape == (len(X),)


def test_types_that_leave_nothing_to_prove(monkeypatch):
    X, y = samples()
    model = MODELS["standard"].fit(X, y)
    with pytest.raises(UnsupportedModelError, match="StandardScaler.*float16"):
        certified_radius(model, (X - CENTER).astype(np.float16))
    small = make_pipeline(FunctionTransformer(np.arctan), LogisticRegression())
    small.fit((X - CENTER).astype(np.int8), y)
    with pytest.raises(UnsupportedModelError, match="arctan.*float16"):
        certified_radius(small, (X - CENTER).astype(np.int8))
    assert certified_radius(small, (X - CENTER).astype(np.int64)).any()
    wide = np.random.default_rng(0).normal(size=(40, 2000)).astype(np.float32)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(wide, y[:40])
    assert certified_radius(model, wide).any()
    monkeypatch.setattr("sklip.networks._folding.rounding._MOST_ROUNDINGS", 2**38)
    with pytest.raises(UnsupportedModelError, match="many columns"):
        certified_radius(model, wide)


def test_columns_of_several_types():
    X, y = samples()
    frame = {"a": X[:, 0].astype(np.float32), "b": X[:, 1], "c": X[:, 2].astype(int)}
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(frame)
    apart = make_column_transformer(
        (StandardScaler(), ["a"]), (MinMaxScaler(), ["b", "c"])
    )
    model = make_pipeline(apart, LogisticRegression()).fit(frame, y)
    mixed = network_view(model, frame).rounding.n_first
    double = network_view(model, frame.astype(float)).rounding.n_first
    assert double < 2**20 < 2**29 < mixed
    # All of them in one array are float64, which takes a single rounding off none.
    joint = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, y)
    assert network_view(joint, frame).rounding.n_first < 2**20
