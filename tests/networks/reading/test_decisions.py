# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The rule that predict uses is the one that is certified, whatever the logits' size.

Every classifier that is read, in every wrapper: random, tied, tiny and huge logits.

Also tests of ``networks/_reading/leaf.py``.
"""

import copy
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, NuSVC

from sklip import LipschitzRegularizedMLPClassifier, certified_radius
from sklip.certification import certified_accuracy_score
from sklip.exceptions import UnsupportedModelError
from sklip.networks import network_view
from sklip.networks._reading.known import LINEAR_CLASSIFIERS

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning:sklearn"),
]

SCALES = (0.0, 1e-300, 1e-20, 3e-17, 3e-16, 1.0, 1e5, 1e140)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
SCORE = X @ [1.0, 2.0, -1.0] + 0.3 + 0.3 * RNG.normal(size=60)
LABELS = {
    2: np.where(SCORE > 0.3, "b", "a"),
    3: np.array(["a", "b", "c"])[np.digitize(SCORE, [-0.8, 1.0])],
}


def mlp(**options):
    return MLPClassifier((3,), max_iter=15, random_state=0, **options)


def own():
    return LipschitzRegularizedMLPClassifier(
        (3,), max_iter=5, random_state=0, certificate=None
    )


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    BASES = {kind.__name__: kind() for kind in sorted(LINEAR_CLASSIFIERS, key=str)}
BASES |= {
    "log_loss": SGDClassifier(loss="log_loss", random_state=0),
    "MLPClassifier": mlp(),
    "MLP without hidden layers": MLPClassifier((), max_iter=15, random_state=0),
    "own": own(),
}
KERNELS = {"SVC": SVC(kernel="linear"), "NuSVC": NuSVC(kernel="linear", nu=0.3)}


def fitted(model, n_classes=2):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return clone(model).fit(X, LABELS[n_classes])


def inner_models(model):
    """The models that hold weights, inside any wrapper."""
    if isinstance(model, Pipeline):
        return inner_models(model[-1])
    for name in ("best_estimator_", "estimators_", "estimator_", "estimator"):
        held = getattr(model, name, None)
        if held is not None:
            held = held if isinstance(held, list) else [held]
            return [one for each in held for one in inner_models(each)]
    return [model]


def inner_wrapper(model):
    """What a Pipeline ends in, or a frozen model is."""
    if isinstance(model, FrozenEstimator):
        return inner_wrapper(model.estimator)
    return model[-1] if isinstance(model, Pipeline) else model


def scale_logits(model, scale):
    """Multiply the logits of all models inside by the same number."""
    for one in inner_models(model):
        if hasattr(one, "network_"):
            n = one.network_.n_outputs
            one.network_ = one.network_.with_output_map(scale * np.eye(n))
        elif hasattr(one, "coefs_"):
            one.coefs_[-1] = one.coefs_[-1] * scale
            one.intercepts_[-1] = one.intercepts_[-1] * scale
        elif hasattr(one, "_dual_coef_"):
            one._dual_coef_ = one._dual_coef_ * scale
            one._intercept_ = one._intercept_ * scale
        else:
            one.coef_ = np.asarray(one.coef_) * scale
            one.intercept_ = np.asarray(one.intercept_) * scale
    return model


def assert_decided_alike(model, n_certified=0):
    """What has a radius is what predict gives, and it stays so inside."""
    view = network_view(model)
    with np.errstate(over="ignore", invalid="ignore"):
        logits = view.decision_network().forward(view.encode(X))
        predicted = model.predict(X)
    radius = certified_radius(model, X, method="pairwise")
    sure = radius > 0.0
    claimed = view.classes[view.decided(logits)]
    np.testing.assert_array_equal(claimed[sure], predicted[sure])
    np.testing.assert_array_equal(
        view.classes[logits.argmax(axis=1)][sure], claimed[sure]
    )
    assert np.count_nonzero(sure) >= n_certified
    tied = np.ptp(np.sort(logits, axis=1)[:, -2:], axis=1) == 0.0
    assert not sure[tied].any()
    if not isinstance(inner_wrapper(model), VotingClassifier | BaggingClassifier):
        # A vote's own rounding decides where its probabilities are equal.
        np.testing.assert_array_equal(claimed[tied], predicted[tied])
    rng = np.random.default_rng(1)
    for _ in range(5):
        step = rng.normal(size=X.shape)
        length = 0.999 * np.minimum(radius, 1e6) / np.linalg.norm(step, axis=1)
        moved = X + length[:, None] * step
        np.testing.assert_array_equal(model.predict(moved)[sure], predicted[sure])
    labels = LABELS[len(view.classes)]
    right = certified_radius(model, X, labels, method="pairwise") > 0.0
    assert not right[predicted != labels].any()
    return view


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", BASES)
def test_models(name, n_classes, scale):
    model = scale_logits(fitted(BASES[name], n_classes), scale)
    assert_decided_alike(model, 30 if scale in (1.0, 1e5) else 0)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", KERNELS)
def test_kernel_machines(name, scale):
    model = scale_logits(fitted(KERNELS[name]), scale)
    assert_decided_alike(model, 30 if scale in (1.0, 1e5) else 0)


def bag(member, n=3):
    return BaggingClassifier(member, n, max_features=0.7, random_state=0)


def votes(*members):
    named = [(str(k), member) for k, member in enumerate(members)]
    return VotingClassifier(named, voting="soft", weights=range(1, 1 + len(named)))


def fixed(inner, threshold, **options):
    return FixedThresholdClassifier(inner, threshold=threshold, **options)


LOGISTIC = LogisticRegression()
ON_SCORE = {"response_method": "decision_function"}
ON_PROBA = {"response_method": "predict_proba"}
WRAPPED = {
    "bag": bag(LOGISTIC),
    "bag of nets": bag(mlp()),
    "votes": votes(mlp(), LOGISTIC, own()),
    "threshold on a score": fixed(LOGISTIC, 1.0, **ON_SCORE),
    "for the first class": fixed(LOGISTIC, 1.0, pos_label="a", **ON_SCORE),
    "threshold at zero": fixed(LOGISTIC, 0.0, **ON_SCORE),
    "zero, first class": fixed(LOGISTIC, 0.0, pos_label="a", **ON_SCORE),
    "threshold on a probability": fixed(mlp(), 0.5, **ON_PROBA),
    "one half, first class": fixed(own(), 0.5, pos_label="a", **ON_PROBA),
    "threshold of the margin": fixed(SVC(kernel="linear"), -0.4),
    "outer threshold only": fixed(fixed(LOGISTIC, 3.0, **ON_SCORE), 1.0, **ON_SCORE),
    "nested, mixed": fixed(fixed(LOGISTIC, 0.9, **ON_PROBA), -0.5, **ON_SCORE),
    "nested, first class": fixed(
        fixed(own(), 0.9, pos_label="a"), 0.2, pos_label="a", **ON_PROBA
    ),
    "three thresholds": fixed(fixed(fixed(LOGISTIC, 0.9), 0.1), 0.3),
    "bag under a threshold": fixed(bag(LOGISTIC), 0.4, **ON_SCORE),
    "own bag under a threshold": fixed(bag(own()), -0.4, pos_label="a", **ON_SCORE),
    "proba of a bag": fixed(bag(mlp()), 0.3, **ON_PROBA),
    "bag of thresholds": bag(fixed(LOGISTIC, 0.9)),
    "votes of thresholds": votes(fixed(LOGISTIC, 0.9), fixed(mlp(), 0.1)),
    "threshold on votes": fixed(votes(mlp(), own()), 0.6),
    "bag of thresholds under one": fixed(bag(fixed(own(), 0.8)), 0.5, **ON_SCORE),
    "search": GridSearchCV(mlp(), {"alpha": [1e-3]}, cv=2),
    "search of a threshold": GridSearchCV(
        fixed(LOGISTIC, 0.7), {"threshold": [0.6]}, cv=2
    ),
    "threshold on a search": fixed(
        GridSearchCV(LOGISTIC, {"C": [0.5]}, cv=2), 0.8, **ON_SCORE
    ),
    "tuned": TunedThresholdClassifierCV(LOGISTIC, scoring="accuracy", cv=2),
    "tuned on a bag": TunedThresholdClassifierCV(
        bag(LOGISTIC), scoring="accuracy", cv=2, **ON_SCORE
    ),
    "tuned around fixed": TunedThresholdClassifierCV(
        fixed(LOGISTIC, 0.9), scoring="accuracy", cv=2
    ),
    "pipelines": make_pipeline(
        StandardScaler(), fixed(make_pipeline(StandardScaler(), LOGISTIC), 0.7)
    ),
    "pipeline of a threshold under one": fixed(
        make_pipeline(StandardScaler(), fixed(LOGISTIC, 0.9)), 0.4
    ),
}


@pytest.fixture(scope="module")
def wrapped():
    """Each wrapped model, fitted once."""
    models = {}

    def get(name):
        if name not in models:
            models[name] = fitted(WRAPPED[name])
        return models[name]

    return get


@pytest.mark.parametrize("name", WRAPPED)
def test_wrappers(name, wrapped):
    for scale in SCALES:
        model = scale_logits(copy.deepcopy(wrapped(name)), scale)
        assert_decided_alike(model, 20 if scale == 1.0 else 0)


@pytest.mark.parametrize(
    "name", ["bag", "nested, mixed", "search", "threshold on votes"]
)
def test_frozen(name, wrapped):
    view = assert_decided_alike(FrozenEstimator(wrapped(name)))
    plain = network_view(wrapped(name))
    assert (view.ties, view.network.hash) == (plain.ties, plain.network.hash)


def test_the_bag_of_a_threshold_averages_the_scores_inside(wrapped):
    """scikit-learn hands decision_function and predict_proba on, unshifted."""
    for name in ("bag under a threshold", "bag of thresholds under one"):
        model = wrapped(name)
        view = network_view(model)
        score = view.network.forward(view.encode(X))[:, 0]
        expected = model.estimator_.decision_function(X) - model.threshold
        np.testing.assert_allclose(score, expected, rtol=1e-9, atol=1e-12)


def test_accuracy_at_zero_is_that_of_predict_at_ties():
    for n_classes in (2, 3):
        for base in (mlp(), MLPClassifier((), max_iter=15, random_state=0)):
            model = scale_logits(fitted(base, n_classes), 1e-20)
            score = certified_accuracy_score(model, X, LABELS[n_classes], radius=0.0)
            assert score == model.score(X, LABELS[n_classes])
    # libsvm gives the second class at zero, scikit-learn's own models the first.
    for base, label in ((SVC(kernel="linear"), "b"), (LOGISTIC, "a")):
        model = scale_logits(fitted(base), 0.0)
        assert set(model.predict(X)) == {label}
        score = certified_accuracy_score(model, X, LABELS[2], radius=0.0)
        assert score == np.mean(LABELS[2] == label)


def test_scores_that_are_not_known_are_refused():
    unknown = fixed(votes(mlp(), LOGISTIC), 0.5).fit(X, LABELS[2])
    unknown.response_method = "decision_function"
    with pytest.raises(UnsupportedModelError, match="decision_function of Voting"):
        network_view(unknown)
    label = fixed(LOGISTIC, 0.5).fit(X, LABELS[2]).set_params(pos_label="z")
    with pytest.raises(UnsupportedModelError, match="positive label 'z'"):
        network_view(label)
    nested = bag(bag(LOGISTIC)).fit(X, LABELS[2])
    with pytest.raises(UnsupportedModelError, match="not the sigmoid"):
        network_view(nested)
