# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Steps of Pipelines that act in predict (``networks/_folding/steps.py``)."""

import sys
import types

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sklip import certified_interval, certified_radius, lipschitz_bound
from sklip.certification import pgd_attack
from sklip.exceptions import UnsupportedModelError


class _Doubling(BaseEstimator):
    """A sampler: it gives every row twice."""

    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        return self

    def fit_resample(self, X, y):
        return np.concatenate([X, X]), np.concatenate([y, y])


def _stand_in():
    """A Pipeline that leaves samplers out of predict, as imbalanced-learn's does."""

    class SamplingPipeline(Pipeline):
        def _iter(self, with_final=True, filter_passthrough=True):
            for index, name, step in super()._iter(with_final, filter_passthrough):
                if not hasattr(step, "fit_resample"):
                    yield index, name, step

        def _validate_steps(self):
            pass

        def fit(self, X, y):
            for _, step in self.steps[:-1]:
                if hasattr(step, "fit_resample"):
                    X, y = step.fit(X, y).fit_resample(X, y)
                else:
                    X = step.fit(X, y).transform(X)
            self.steps[-1][1].fit(X, y)
            return self

    return SamplingPipeline


@pytest.fixture(params=["stand-in", "imbalanced-learn"])
def kinds(request, monkeypatch):
    """A Pipeline with samplers and a sampler."""
    if request.param == "imbalanced-learn":
        imblearn = pytest.importorskip("imblearn.pipeline")
        sampling = pytest.importorskip("imblearn.over_sampling")
        return imblearn.Pipeline, sampling.RandomOverSampler(random_state=0)
    kind = _stand_in()
    module = types.SimpleNamespace(Pipeline=kind)
    monkeypatch.setitem(sys.modules, "imblearn.pipeline", module)
    return kind, _Doubling()


@pytest.fixture
def data():
    X = np.random.default_rng(0).normal(size=(80, 3))
    return X, np.where(X[:, 0] + X[:, 1] > 1.0, "yes", "no")


@pytest.mark.parametrize("place", [0, 1])
def test_samplers_play_no_part_in_predict(kinds, data, place):
    kind, sampler = kinds
    steps = [("scale", StandardScaler()), ("predict", LogisticRegression())]
    steps.insert(place, ("sample", sampler))
    model = kind(steps).fit(*data)
    X = data[0][:10]
    plain = Pipeline([step for step in model.steps if step[0] != "sample"])
    assert np.array_equal(plain.predict(X), model.predict(X))
    assert np.array_equal(certified_radius(model, X), certified_radius(plain, X))
    assert lipschitz_bound(model).value == lipschitz_bound(plain).value
    radius = float(certified_radius(model, X).max())
    options = {"radius": 1.001 * radius, "random_state": 0}
    assert pgd_attack(model, X, **options)[1].any()


def test_samplers_inside_other_models(kinds, data):
    kind, sampler = kinds
    front = make_column_transformer((StandardScaler(), [0, 1]))
    inner = kind([("front", front), ("sample", sampler), ("fit", LogisticRegression())])
    outer = Pipeline([("scale", StandardScaler()), ("model", inner)]).fit(*data)
    assert np.all(certified_radius(outer, data[0][:5]) > 0.0)


def test_a_regressor_behind_a_target_scaler(data):
    pytest.importorskip("imblearn.pipeline")
    from imblearn.pipeline import make_pipeline

    X = data[0]
    inner = make_pipeline(StandardScaler(), LinearRegression())
    model = TransformedTargetRegressor(inner, transformer=StandardScaler()).fit(
        X, X[:, 0]
    )
    lower, upper = certified_interval(model, X[:5], radius=0.5)
    assert np.allclose(upper - lower, 1.0)


def test_a_class_of_that_name_is_not_believed(data):
    class Pipeline_(Pipeline):
        pass

    Pipeline_.__name__, Pipeline_.__qualname__ = "Pipeline", "Pipeline"
    Pipeline_.__module__ = "imblearn.pipeline"
    model = Pipeline_([("predict", LogisticRegression())]).fit(*data)
    with pytest.raises(UnsupportedModelError, match="imblearn.pipeline.Pipeline"):
        certified_radius(model, data[0][:3])
