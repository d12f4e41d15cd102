# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Steps that see no moving column (``networks/_folding/still.py``)."""

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import KernelPCA
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    Normalizer,
    OneHotEncoder,
    PolynomialFeatures,
    PowerTransformer,
    SplineTransformer,
    StandardScaler,
)

from sklip.certification import certified_radius
from sklip.exceptions import UnsupportedModelError
from sklip.networks import network_view

pd = pytest.importorskip("pandas")

EPS = {"power": 10.0, "weight": 50.0}


def _month(frame):
    return frame.apply(lambda column: pd.to_datetime(column).dt.month)


def _month_name(frame):
    return frame.apply(lambda column: pd.to_datetime(column).dt.strftime("%b"))


def _money(frame):
    return frame.apply(lambda c: c.str.replace("[$,]", "", regex=True).astype(float))


def _lower(column):
    return column.str.lower()


STILL = {
    "bins": (KBinsDiscretizer(4, strategy="uniform"), ["doors"]),
    "text": (TfidfVectorizer(), "name"),
    "counts of lowered text": (
        make_pipeline(FunctionTransformer(_lower), CountVectorizer(dtype=np.float32)),
        "name",
    ),
    "products": (make_pipeline(PolynomialFeatures(), StandardScaler()), ["doors"]),
    "date": (make_pipeline(FunctionTransformer(_month), OneHotEncoder()), ["sold"]),
    "words": (
        make_pipeline(FunctionTransformer(_month_name), OneHotEncoder()),
        ["sold"],
    ),
    "money": (make_pipeline(FunctionTransformer(_money), StandardScaler()), ["price"]),
    "powers": (PowerTransformer(), ["year", "doors"]),
    "splines": (SplineTransformer(), ["year"]),
    "norm": (Normalizer(), ["doors", "year"]),
    "signs": (Binarizer(threshold=3.0), ["doors"]),
    "kernel": (
        make_pipeline(StandardScaler(), KernelPCA(2, kernel="rbf")),
        ["doors", "year"],
    ),
    "union": (
        make_union(
            KBinsDiscretizer(3, encode="onehot-dense", strategy="uniform"),
            StandardScaler(),
        ),
        ["doors", "year"],
    ),
    "nested": (
        make_column_transformer(
            (make_pipeline(KNNImputer(), Binarizer(threshold=2000.0)), ["year"]),
            (SimpleImputer(), ["doors"]),
        ),
        ["doors", "year"],
    ),
}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    n = 60
    X = pd.DataFrame(
        {
            "power": rng.normal(150.0, 40.0, n),
            "weight": rng.normal(1500.0, 200.0, n),
            "doors": rng.integers(2, 6, n),
            "year": rng.integers(1990, 2020, n).astype(float),
            "name": rng.choice(["red van", "blue coupe", "Blue van"], n),
            "sold": pd.date_range("2020-01-01", periods=n, freq="9D").astype(str),
            "price": [f"${v:,.0f}" for v in rng.uniform(9e3, 9e4, n)],
        }
    )
    return X, (X.power / 40.0 + X.doors > 7.5).to_numpy()


def _model(transformer, columns, table):
    front = make_column_transformer(
        (transformer, columns), (StandardScaler(), list(EPS)), sparse_threshold=0.0
    )
    return make_pipeline(front, LogisticRegression()).fit(*table)


@pytest.mark.parametrize("kind", STILL)
def test_a_linear_model_flips_at_its_radius_and_not_before(table, kind):
    model = _model(*STILL[kind], table)
    X = table[0].iloc[:12]
    radius = certified_radius(model, X, norm=np.inf, feature_eps=EPS)
    assert np.all((radius > 0.0) & np.isfinite(radius))
    slope = model[-1].coef_[0, -2:] / model[0].transformers_[1][1].scale_
    clean = model.predict(X)
    view = network_view(model, X, feature_eps=EPS)
    found = view.network.forward(view.encode(X)).ravel()
    assert np.allclose(found, model.decision_function(X), rtol=0.0, atol=1e-9)
    for share, flips in ((0.999999, False), (1.000001, True)):
        moved = X.copy()
        for name, s in zip(EPS, slope, strict=True):
            down, up = EPS[name] if isinstance(EPS[name], tuple) else (EPS[name],) * 2
            # Towards the boundary: down the slope for the second class, else up.
            upwards = (s > 0.0) ^ clean
            step = np.where(upwards, up, -down)
            moved[name] = X[name] + share * radius * step
        assert np.all((model.predict(moved) != clean) == flips)


def test_without_feature_eps_the_step_is_refused_and_says_what_helps(table):
    model = _model(*STILL["bins"], table)
    with pytest.raises(UnsupportedModelError, match="feature_eps"):
        certified_radius(model, table[0][:3])
    with pytest.raises(UnsupportedModelError, match="KBinsDiscretizer"):
        certified_radius(model, table[0][:3], feature_eps={**EPS, "doors": 1.0})
    with pytest.raises(UnsupportedModelError, match="rows to be evaluated at"):
        network_view(model, feature_eps=EPS)


def _centered(frame):
    return frame - frame.mean()


def _ranked(frame):
    return frame.rank()


def _noisy(frame):
    return frame + np.random.default_rng().normal(size=frame.shape)


def _written(frame):
    frame["doors"] = 0.0
    return frame


@pytest.mark.parametrize("function", [_centered, _ranked, _noisy])
@pytest.mark.parametrize("n_rows", [1, 5])
def test_rows_that_are_mixed_or_random_are_refused(table, function, n_rows):
    step = make_pipeline(FunctionTransformer(function), StandardScaler())
    model = _model(step, ["doors", "year"], table)
    with pytest.raises(UnsupportedModelError, match="FunctionTransformer"):
        certified_radius(model, table[0][:n_rows], feature_eps=EPS)


def test_a_step_that_writes_into_what_others_get_is_refused(table):
    front = make_column_transformer(
        (FunctionTransformer(_written), slice("doors", "year")),
        (StandardScaler(), ["doors", *EPS]),
    )
    model = make_pipeline(front, LogisticRegression()).fit(table[0].copy(), table[1])
    X = table[0][:3].copy()
    with pytest.raises(UnsupportedModelError, match="writes into its input"):
        certified_radius(model, X, feature_eps=EPS)
    assert X.equals(table[0][:3])


def test_a_category_that_is_evaluated_too_has_no_list_of_values(table):
    front = make_column_transformer(
        (TfidfVectorizer(), "name"),
        (OneHotEncoder(), ["name"]),
        (StandardScaler(), list(EPS)),
    )
    model = make_pipeline(front, LogisticRegression()).fit(*table)
    X = table[0][:3]
    assert np.all(certified_radius(model, X, feature_eps=EPS) > 0.0)
    with pytest.raises(UnsupportedModelError, match="name"):
        certified_radius(model, X, feature_eps=EPS, categorical="flip")


def test_sums_whose_last_digits_depend_on_other_rows_are_allowed_for(table):
    class Wobbling(FunctionTransformer):
        def transform(self, X):
            return np.asarray(X) * (1.0 + 2.0**-50 * (len(X) % 2))

    model = _model(Wobbling(validate=True), ["year"], table)
    view = network_view(model, table[0], feature_eps=EPS)
    largest = np.abs(table[0].year[:16]).max()
    slope = abs(model[-1].coef_[0, 0])
    assert view.rounding.first_bias[0] >= slope * largest
    assert view.rounding.n_first >= 8 * 64


def test_a_missing_date_is_imputed_behind_the_step(table):
    X = table[0].copy()
    X.loc[3, "sold"] = None
    step = make_pipeline(FunctionTransformer(_month), SimpleImputer(), StandardScaler())
    model = _model(step, ["sold"], (X, table[1]))
    view = network_view(model, X, feature_eps=EPS)
    found = view.network.forward(view.encode(X)).ravel()
    assert np.allclose(found, model.decision_function(X), rtol=0.0, atol=1e-9)
