# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Every transformer that folds, every target transformer, and refusals by name.

Also tests of ``networks/_folding/registry.py``.
"""

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, make_regression
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import (
    RFE,
    SelectFromModel,
    SelectKBest,
    SelectPercentile,
    VarianceThreshold,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from sklip.exceptions import UnsupportedModelError
from sklip.networks import network_view

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SCALERS = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    StandardScaler(with_mean=False, with_std=False),
    MinMaxScaler(),
    MinMaxScaler((-3, 5)),
    MaxAbsScaler(),
    RobustScaler(),
    RobustScaler(with_centering=False),
    RobustScaler(with_scaling=False),
    RobustScaler(unit_variance=True, quantile_range=(10, 80)),
]
OTHERS = [
    PCA(4),
    PCA(whiten=True),
    PCA(0.9, svd_solver="full"),
    TruncatedSVD(3),
    SelectKBest(k=4),
    SelectPercentile(percentile=40),
    SelectFromModel(LogisticRegression(max_iter=5000), threshold="median"),
    RFE(LogisticRegression(max_iter=5000), n_features_to_select=3),
    VarianceThreshold(0.01),
    make_pipeline(StandardScaler(), SelectKBest(k=5), PCA(2)),
    "passthrough",
    None,
    FunctionTransformer(),
    FrozenEstimator(StandardScaler()),
    make_pipeline(StandardScaler(), PCA(3, whiten=True), MinMaxScaler()),
    make_pipeline(RobustScaler(), "passthrough", make_pipeline(PCA(5), None)),
    FeatureUnion([("none", "drop"), ("pca", PCA(2)), ("all", "passthrough")]),
    FeatureUnion(
        [("a", StandardScaler()), ("b", MaxAbsScaler())], transformer_weights={"b": 0.3}
    ),
]


@pytest.fixture(scope="module")
def tumours():
    X, y = load_breast_cancer(return_X_y=True)
    return X[::4, :9], y[::4]


def small_mlp(kind=MLPClassifier, **params):
    return kind(hidden_layer_sizes=(6, 5), max_iter=15, random_state=0, **params)


@pytest.mark.parametrize("transformer", SCALERS + OTHERS, ids=str)
def test_parity_behind_each_transformer(transformer, tumours, assert_parity):
    X, y = tumours
    if isinstance(transformer, FrozenEstimator):
        transformer.estimator.fit(X)
    scaled = Pipeline(
        [("first", transformer), ("scale", StandardScaler()), ("net", small_mlp())]
    ).fit(X, y)
    view = assert_parity(scaled, X)
    assert view.mutable.all()
    used = view.feature_index.tolist()
    # A selector drops columns, everything else uses all of them.
    assert used == sorted(set(used))
    assert used == list(range(9)) or "Select" in str(transformer) + "Select" * (
        isinstance(transformer, RFE | VarianceThreshold)
    )
    # The affine part must hold anywhere, not only near the data.
    far = X + np.random.default_rng(0).normal(size=X.shape) * X.std(axis=0)
    assert_parity(scaled, far)
    linear = make_pipeline(transformer, RidgeClassifier()).fit(X, y)
    assert_parity(linear, X)


@pytest.mark.parametrize("transformer", SCALERS + OTHERS, ids=str)
def test_a_step_in_a_column_moves_the_output_as_the_view_says(transformer, tumours):
    X, y = tumours
    if isinstance(transformer, FrozenEstimator):
        transformer.estimator.fit(X)
    model = make_pipeline(transformer, StandardScaler(), small_mlp(MLPRegressor))
    model.fit(X, y)
    view = network_view(model)
    U = view.encode(X)
    for coordinate, column in enumerate(view.feature_index):
        step = 0.5 * X[:, column].std()
        moved, U_moved = X.copy(), U.copy()
        moved[:, column] += step
        U_moved[:, coordinate] += step
        change = view.network.forward(U_moved) - view.network.forward(U)
        expected = model.predict(moved) - model.predict(X)
        np.testing.assert_allclose(change[:, 0], expected, atol=1e-11)


def test_constant_columns_and_float32_fits(tumours, assert_parity):
    X, y = tumours
    X = np.column_stack([X, np.full(len(X), 3.0)])
    for transformer in SCALERS:
        model = make_pipeline(transformer, PCA(5), small_mlp(MLPRegressor)).fit(X, y)
        assert_parity(model, X)
        model = make_pipeline(transformer, Ridge(solver="svd")).fit(
            X.astype(np.float32), y
        )
        assert_parity(model, X)


@pytest.mark.parametrize("n_targets", [1, 2])
@pytest.mark.parametrize(
    "target",
    [*SCALERS, None, make_pipeline(StandardScaler(), MinMaxScaler((1, 4)))],
    ids=str,
)
def test_target_transformers(target, n_targets, assert_parity):
    X, y = make_regression(80, 5, n_targets=n_targets, noise=3.0, random_state=0)
    y = 3.0 * y + 1000.0
    inner = small_mlp(MLPRegressor)
    for model in (
        TransformedTargetRegressor(inner, transformer=target),
        TransformedTargetRegressor(
            make_pipeline(StandardScaler(), inner), transformer=target
        ),
        make_pipeline(
            MaxAbsScaler(),
            TransformedTargetRegressor(
                make_pipeline(PCA(3), inner), transformer=target
            ),
        ),
        TransformedTargetRegressor(
            TransformedTargetRegressor(inner, transformer=target),
            transformer=StandardScaler(),
        ),
    ):
        view = assert_parity(model.fit(X, y), X)
        assert view.network.n_outputs == n_targets


def test_column_target_and_frozen_regressor(assert_parity):
    X, y = make_regression(60, 4, random_state=0)
    model = TransformedTargetRegressor(Ridge(), transformer=StandardScaler())
    assert_parity(model.fit(X, y[:, None]), X)
    assert_parity(FrozenEstimator(model), X)


@pytest.mark.parametrize(
    "params, name",
    [
        ({"func": np.log, "inverse_func": np.exp}, "FunctionTransformer"),
        ({"transformer": PowerTransformer()}, "PowerTransformer"),
        ({"transformer": MinMaxScaler(clip=True)}, "MinMaxScaler"),
        ({"transformer": PCA()}, "PCA"),
        (
            {"transformer": FunctionTransformer(None, np.exp, check_inverse=False)},
            "FunctionTransformer",
        ),
    ],
    ids=str,
)
def test_curved_target_transformers_are_refused_by_name(params, name):
    X, y = make_regression(60, 4, n_targets=2, random_state=0)
    y = np.abs(y) + 1.0
    model = TransformedTargetRegressor(Ridge(), check_inverse=False, **params).fit(X, y)
    # What is monotone has intervals all the same, and is told so.
    how = "target transformer" if name in ("MinMaxScaler", "PCA") else "the inverse of"
    with pytest.raises(UnsupportedModelError, match=rf"{how} \S+\.{name}"):
        network_view(model)


def test_target_transformer_around_a_classifier_is_refused(tumours):
    X, y = tumours
    model = TransformedTargetRegressor(LogisticRegression(max_iter=5000)).fit(X, y)
    with pytest.raises(UnsupportedModelError, match="classifier LogisticRegression"):
        network_view(model)


class Shifted(StandardScaler):
    def transform(self, X):
        return np.abs(super().transform(X))


@pytest.mark.parametrize(
    "transformer",
    [
        Shifted(),
        MinMaxScaler(clip=True),
        Normalizer(),
        PowerTransformer(),
        QuantileTransformer(n_quantiles=20, output_distribution="normal"),
        KBinsDiscretizer(quantile_method="averaged_inverted_cdf"),
        PolynomialFeatures(),
        KNNImputer(),
        FunctionTransformer(np.log1p),
        SimpleImputer(missing_values=0.0),
    ],
    ids=lambda transformer: type(transformer).__name__,
)
def test_other_transformers_are_refused_by_name(transformer, tumours):
    X, y = tumours
    X = X + 1.0
    for steps in ([transformer], [StandardScaler(), transformer]):
        if type(transformer) is FunctionTransformer and len(steps) == 2:
            continue
        model = make_pipeline(*steps, LogisticRegression(max_iter=5000)).fit(X, y)
        with pytest.raises(UnsupportedModelError, match=type(transformer).__name__):
            network_view(model)


def test_refusal_lists_what_can_be_folded(tumours):
    X, y = tumours
    model = make_pipeline(Normalizer(), LogisticRegression()).fit(X, y)
    with pytest.raises(
        UnsupportedModelError, match="ColumnTransformer.*StandardScaler"
    ):
        network_view(model)


def test_clipping_scaler_of_recent_scikit_learn_is_refused(tumours):
    X, y = tumours
    model = make_pipeline(MaxAbsScaler(), LogisticRegression()).fit(X, y)
    model[0].clip = True
    with pytest.raises(UnsupportedModelError, match=r"MaxAbsScaler\(clip=True\)"):
        network_view(model)


def test_unfitted_step_and_wrong_width(tumours):
    X, y = tumours
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000)).fit(X, y)
    with pytest.raises(NotFittedError):
        network_view(Pipeline([("a", StandardScaler()), ("b", model[-1])]))
    narrow = StandardScaler().fit(X[:, :4])
    with pytest.raises(ValueError, match="fitted on 4 columns.*gives 9"):
        network_view(Pipeline([("a", model[0]), ("b", narrow), ("c", model[-1])]))


def test_only_one_hot_columns(assert_parity):
    rng = np.random.default_rng(0)
    X = rng.choice(["a", "b", "c"], size=(60, 2))
    y = (X[:, 0] == "a").astype(int)
    model = make_pipeline(OneHotEncoder(), small_mlp()).fit(X, y)
    view = assert_parity(model, X)
    assert view.feature_index.tolist() == [-1] * 6
    assert not view.mutable.any()
    assert not view.mutable_network().weights[0].any()


@pytest.mark.parametrize(
    "transformer, why",
    [
        (Normalizer(), "divided by its norm"),
        (PolynomialFeatures(), "product or power is unbounded"),
        (PowerTransformer(), "slope of a power"),
        (KNNImputer(), "nearest neighbours change"),
        (KBinsDiscretizer(quantile_method="averaged_inverted_cdf"), "from bin to bin"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_refusals_give_the_reason(transformer, why, tumours):
    X, y = tumours
    model = make_pipeline(transformer, RidgeClassifier()).fit(X + 1.0, y)
    with pytest.raises(UnsupportedModelError, match=why):
        network_view(model)


def test_a_selector_that_changes_values_is_refused(tumours):
    X, y = tumours

    class Doubling(SelectKBest):
        def _transform(self, X):
            return 2.0 * super()._transform(X)

    model = make_pipeline(Doubling(k=2), RidgeClassifier()).fit(X, y)
    with pytest.raises(UnsupportedModelError, match="Doubling"):
        network_view(model)
