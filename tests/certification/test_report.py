# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The report of single samples agrees with the functions that it gathers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip.certification import certification_report, certified_radius, margins


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True, as_frame=True)
    names = np.array(["setosa", "versicolor", "virginica"])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3))
    labels = pd.Series(names[y], index=X.index)
    return model.fit(X, labels), X.iloc[::7], labels.iloc[::7]


def test_columns_are_those_of_the_functions(iris):
    model, X, y = iris
    report = certification_report(model, X, y)
    pd.testing.assert_index_equal(report.index, X.index)
    assert (report["prediction"] == model.predict(X)).all()
    assert (report["correct"] == (model.predict(X) == y)).all()
    assert not report["correct"].all()
    np.testing.assert_array_equal(report["margin"], margins(model, X, y))
    np.testing.assert_array_equal(
        report["certified_radius"], certified_radius(model, X, y)
    )
    right = report["correct"]
    assert (report["attacked_radius"] >= report["certified_radius"]).all()
    # The model is linear: attacks find what is proven.
    np.testing.assert_allclose(
        report["attacked_radius"], report["certified_radius"], rtol=1e-3
    )
    assert report.loc[~right, ["flips_to", "moves_most"]].isna().all(axis=None)
    assert (report.loc[right, "flips_to"] != report.loc[right, "prediction"]).all()
    assert "<table" in report.to_html()


def test_moves_most_is_the_steepest_column_in_its_tolerance(iris):
    model, X, _ = iris
    names = list(X.columns)
    for name in names[2:]:
        eps = {n: 100.0 if n == name else 1.0 for n in names}
        report = certification_report(model, X, feature_eps=eps)
        assert (report["moves_most"] == name).mean() > 0.9


def test_without_attack_or_labels(iris):
    model, X, _ = iris
    report = certification_report(model, X.to_numpy(), attack=False, method="product")
    assert list(report) == ["prediction", "margin", "certified_radius"]
    assert list(report.index) == list(range(len(X)))
    expected = certified_radius(model, X, method="product")
    np.testing.assert_array_equal(report["certified_radius"], expected)


def test_a_stranger_among_the_labels_is_wrong_and_regressors_are_refused(iris):
    model, X, y = iris
    report = certification_report(model, X, ["oak", *y[1:]], attack=False)
    assert not report["correct"].iloc[0] and report["certified_radius"].iloc[0] == 0.0
    regressor = LinearRegression().fit(X, np.arange(len(X)))
    with pytest.raises(ValueError, match="certified_interval"):
        certification_report(regressor, X)
    with pytest.raises(TypeError, match="attack"):
        certification_report(model, X, attack="yes")


def test_polars_in_polars_out(iris):
    pl = pytest.importorskip("polars")
    model, X, _ = iris
    X = pl.DataFrame({name: X[name].to_list() for name in X.columns})
    report = certification_report(model, X)
    assert isinstance(report, pl.DataFrame) and len(report) == len(X)
    assert report["certified_radius"].dtype.is_float()
