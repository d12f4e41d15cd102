# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Norms by number or name, and method="auto" and "best", wherever there is one."""

import inspect

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge

import sklip
from sklip.networks import random_network

pyplot = pytest.importorskip("matplotlib.pyplot")

X, Y = load_iris(return_X_y=True)
X, Y = X[44:51:6], Y[44:51:6]
CLASSIFIER = random_network([4, 3, 2], random_state=0)
REGRESSOR = random_network([4, 3, 1], random_state=0)
LINEAR = LogisticRegression(max_iter=1000).fit(X, Y)
GOOD = {
    "model": CLASSIFIER,
    "X": X,
    "y": Y,
    "y_true": Y,
    "y_pred": Y,
    "radius": 0.1,
    "radii": [0.0, 0.1],
    "layer_sizes": [4, 3, 2],
    "random_state": 0,
    "adversarial": False,
}
DISPLAYS = [name for name in sklip.__all__ if name.endswith("Display")]
CALLS = [name for name in sklip.__all__ if inspect.isfunction(getattr(sklip, name))]
CALLS += [f"{name}.from_estimator" for name in DISPLAYS]


def resolve(name):
    found = sklip
    for part in name.split("."):
        found = getattr(found, part)
    return found


def parameters(name):
    return inspect.signature(resolve(name)).parameters


def called(name, **options):
    """The call with good arguments and these, as something to be compared."""
    good = {key: GOOD[key] for key in parameters(name) if key in GOOD}
    if "estimator" in parameters(name):
        good["estimator"] = LINEAR if name.startswith("RiskCov") else CLASSIFIER
    if name in ("certified_interval", "certified_error_score", "adversarial_interval"):
        good["model"] = REGRESSOR
    if name == "CertifiedAccuracyDisplay.from_predictions":
        good["radius"] = np.ones(len(X))
    return comparable(resolve(name)(**{**good, **options}))


def comparable(result):
    if isinstance(result, list | tuple):
        return [comparable(part) for part in result]
    if hasattr(result, "to_json"):
        return result.to_json()
    if hasattr(result, "distances"):
        return comparable([result.rows, result.distances])
    if hasattr(result, "status"):
        return result.status
    if hasattr(result, "figure_"):
        lines = [line.get_ydata() for ax in result.figure_.axes for line in ax.lines]
        pyplot.close(result.figure_)
        return [np.asarray(line).tolist() for line in lines]
    if callable(result):  # a scorer
        model = REGRESSOR if "error" in repr(result) else CLASSIFIER
        return comparable(result(model, X, Y))
    return np.asarray(result).tolist()


@pytest.mark.parametrize("name", [n for n in CALLS if "norm" in parameters(n)])
def test_norms_have_names(name):
    for number, names in [(1, ["l1"]), (2.0, ["l2"]), (np.inf, ["linf", "inf"])]:
        expected = called(name, norm=number)
        for other in names:
            assert called(name, norm=other) == expected


@pytest.mark.parametrize("name", [n for n in CALLS if "method" in parameters(n)])
def test_auto_and_best_are_methods(name):
    results = [called(name, method=method) for method in ("auto", "best")]
    default = called(name)
    assert default in results


@pytest.mark.parametrize("method", ["auto", "best"])
def test_methods_of_displays_and_ladders(method):
    display = sklip.LipschitzBoundsDisplay.from_estimator(
        CLASSIFIER, methods=[method], random_state=0
    )
    pyplot.close(display.figure_)
    assert display.bounds[0] == float(sklip.lipschitz_bound(CLASSIFIER, method=method))


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_the_best_bound_is_the_smallest(norm):
    for seed in range(3):
        network = random_network([3, 4, 4, 2], activation="gelu", random_state=seed)
        best = sklip.lipschitz_bound(network, method="best", norm=norm)
        assert best.verify(network)
        for method in ("auto", "product", "path"):
            other = sklip.lipschitz_bound(network, method=method, norm=norm)
            assert best.value <= other.value


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("method", ["auto", "best"])
def test_meta_estimators_take_them_too(norm, method):
    number = {"l2": 2, "linf": np.inf}[norm]
    kind = sklip.CertifiedRejectClassifier
    model = LogisticRegression(max_iter=1000)
    named = kind(model, radius=0.1, norm=norm, method=method).fit(X, Y)
    plain = kind(model, radius=0.1, norm=number).fit(X, Y)
    assert named.rejected(X).tolist() == plain.rejected(X).tolist()
    kind = sklip.CertifiedIntervalRegressor
    named = kind(Ridge(), radius=0.1, norm=norm, method=method).fit(X, Y)
    plain = kind(Ridge(), radius=0.1, norm=number).fit(X, Y)
    assert np.array_equal(named.predict_interval(X), plain.predict_interval(X))
    kind = sklip.CertifiedRadiusTransformer
    named, plain = kind(model, norm=norm), kind(model, norm=number)
    assert np.array_equal(named.fit_transform(X, Y), plain.fit_transform(X, Y))


@pytest.mark.parametrize("certificate", ["auto", "best"])
def test_estimators_certify_by_them(certificate):
    model = sklip.LipschitzRegularizedMLPClassifier(
        (3,), solver="lbfgs", max_iter=50, certificate=certificate, random_state=0
    )
    with pytest.warns(UserWarning):
        model.set_params(max_iter=1).fit(X, Y)
    assert model.certificate_.verify(model)
