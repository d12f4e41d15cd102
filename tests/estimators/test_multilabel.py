# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Multilabel y: a sigmoid for each label, and a radius for each.

Also tests of ``certification/_label_sets.py``.
"""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip import (
    ADMMLipschitzMLPClassifier,
    CertifiedRadiusDisplay,
    CertifiedRadiusTransformer,
    CertifiedRejectClassifier,
    LipschitzBoundedMLPClassifier,
    LipschitzRegularizedMLPClassifier,
    NoiseLipschitzClassifier,
    certification_report,
    certified_accuracy_curve,
    certified_accuracy_score,
    certified_interval,
    certified_radius,
    lipschitz_bound,
    local_lipschitz_bound,
    margins,
    minimum_norm_attack,
    nearest_flip,
    robustness_bracket,
    to_onnx,
    verify_robustness,
)
from sklip.exceptions import UnsupportedModelError
from sklip.networks import network_view

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)

MODELS = [
    ADMMLipschitzMLPClassifier((16,), max_iter=30, random_state=0),
    LipschitzBoundedMLPClassifier((16,), max_iter=30, random_state=0),
    LipschitzRegularizedMLPClassifier(
        (16,), learning_rate_init=0.01, max_iter=50, random_state=0
    ),
    LipschitzRegularizedMLPClassifier(
        (16,), solver="lbfgs", max_iter=30, loss="hinge", random_state=0
    ),
    NoiseLipschitzClassifier(
        (16,), learning_rate_init=0.01, max_iter=50, random_state=0
    ),
    MLPClassifier((16,), learning_rate_init=0.01, max_iter=50, random_state=0),
]


@pytest.fixture(scope="module")
def samples():
    """Rows and the labels of each."""
    return make_multilabel_classification(150, 8, n_classes=3, random_state=0)


@pytest.fixture(scope="module", params=MODELS, ids=lambda m: type(m).__name__)
def model(request, samples):
    """A fitted Pipeline."""
    return make_pipeline(StandardScaler(), clone(request.param)).fit(*samples)


@pytest.fixture(scope="module")
def small(samples):
    """A fitted estimator that costs little."""
    return LipschitzRegularizedMLPClassifier((4,), max_iter=5, random_state=0).fit(
        *samples
    )


def test_predictions_are_a_column_for_each_label(model, samples):
    X, Y = samples
    assert set(np.unique(model.predict(X))) <= {0, 1}
    assert model.predict(X).shape == model.predict_proba(X).shape == (150, 3)
    assert model[-1].out_activation_ == "logistic"
    if not isinstance(model[-1], MLPClassifier):
        logits = model.decision_function(X)
        np.testing.assert_array_equal(model.predict(X), logits > 0.0)
        np.testing.assert_allclose(model.predict_proba(X), expit(logits))
        np.testing.assert_allclose(
            model.predict_log_proba(X), np.log(model.predict_proba(X))
        )
    # Each label alone is learnt better than its most frequent value.
    share = (model.predict(X) == Y).mean(axis=0)
    assert np.all(share >= np.maximum(Y.mean(axis=0), 1.0 - Y.mean(axis=0)))
    assert model.score(X, Y) == accuracy_score(Y, model.predict(X))


def test_radii_hold_for_each_label_and_for_the_set(model, samples):
    X, Y = samples[0][:25], samples[1][:25]
    radii = certified_radius(model, X, method="pairwise")
    assert radii.shape == (25, 3)
    assert np.median(radii) > 0.01
    labels = model.predict(X)
    rng = np.random.default_rng(0)
    gradients = [network_jacobian(model, X)[:, k] for k in range(3)]
    for k in range(3):
        for step in [*rng.normal(size=(20, *X.shape)), gradients[k], -gradients[k]]:
            step = step / np.linalg.norm(step, axis=1, keepdims=True)
            moved = model.predict(X + 0.9999 * radii[:, [k]] * step)
            np.testing.assert_array_equal(moved[:, k], labels[:, k])
    right = labels == Y
    about = certified_radius(model, X, Y, method="pairwise")
    np.testing.assert_array_equal(about, np.where(right, radii, 0.0))
    whole = about.min(axis=1)
    radius = float(np.median(whole[whole > 0.0]))
    score = certified_accuracy_score(model, X, Y, radius=radius, method="pairwise")
    assert score == np.mean(whole >= radius)
    assert certified_accuracy_score(model, X, Y, radius=0.0) == model.score(X, Y)
    grid = [0.0, radius / 2, radius]
    curve = certified_accuracy_curve(model, X, Y, grid, method="pairwise")
    wanted = [np.mean((whole >= r) & right.all(axis=1)) for r in grid]
    np.testing.assert_allclose(curve, wanted)


def network_jacobian(model, X):
    """Slopes of the logits in the units of X."""
    net = model[-1]
    weights = [c.T for c in net.coefs_]
    jacobian = weights[-1] @ weights[0]
    scaled = jacobian / model[0].scale_
    return np.broadcast_to(scaled, (len(X), *scaled.shape))


def test_margins_are_signed_logits(model, samples):
    X, Y = samples[0][:10], samples[1][:10]
    if isinstance(model[-1], MLPClassifier):
        proba = model.predict_proba(X)
        logits = np.log(proba) - np.log1p(-proba)
    else:
        logits = model.decision_function(X)
    np.testing.assert_allclose(margins(model, X), np.abs(logits))
    np.testing.assert_allclose(margins(model, X, Y), logits * (2 * Y - 1))
    assert float(lipschitz_bound(model)) > 0.0


def test_tolerances_and_flips_of_single_columns(small, samples):
    X = samples[0][:10]
    radii = certified_radius(small, X, feature_eps={0: 2.0}, method="pairwise")
    labels = small.predict(X)
    moved = X.copy()
    moved[:, 0] += 2.0 * 0.999 * np.where(np.isfinite(radii[:, 1]), radii[:, 1], 9.0)
    np.testing.assert_array_equal(small.predict(moved)[:, 1], labels[:, 1])


@pytest.mark.parametrize(
    "function",
    [
        lambda model, X, Y: network_view(model),
        lambda model, X, Y: certification_report(model, X),
        lambda model, X, Y: certified_interval(model, X, radius=0.1),
        lambda model, X, Y: local_lipschitz_bound(model, X, radius=0.1),
        lambda model, X, Y: minimum_norm_attack(model, X),
        lambda model, X, Y: nearest_flip(model, X),
        lambda model, X, Y: robustness_bracket(model, X),
        lambda model, X, Y: to_onnx(model),
        lambda model, X, Y: verify_robustness(model, X, radius=0.1),
        lambda model, X, Y: CertifiedRadiusTransformer(model).fit(X, Y),
    ],
)
def test_what_speaks_of_one_class_refuses_by_name(small, samples, function):
    X, Y = samples[0][:5], samples[1][:5]
    with pytest.raises(
        UnsupportedModelError, match="multilabel sklip.*RegularizedMLPClassifier"
    ):
        function(small, X, Y)


def test_a_certificate_of_all_logits_is_no_radius_of_a_label(small, samples):
    with pytest.raises(ValueError, match="name of a method"):
        certified_radius(small, samples[0][:5], method=small.certificate_)


def test_the_radius_of_a_set_is_drawn(small, samples):
    display = CertifiedRadiusDisplay.from_estimator(
        small, samples[0][:9], method="pairwise"
    )
    radii = certified_radius(small, samples[0][:9], method="pairwise").min(axis=1)
    np.testing.assert_allclose(np.sort(display.radii[0]), np.sort(radii))


def test_matrices_of_every_kind_are_the_same_target(samples):
    X, Y = samples
    model = LipschitzRegularizedMLPClassifier((4,), max_iter=3, random_state=0)
    first = clone(model).fit(X, Y).coefs_[0]
    for other in (Y.astype(bool), Y.astype(float), sparse.csr_array(Y), Y.tolist()):
        np.testing.assert_array_equal(clone(model).fit(X, other).coefs_[0], first)


def test_streams_early_stopping_and_searches(samples):
    X, Y = samples
    model = LipschitzRegularizedMLPClassifier(
        (4,), penalty="none", batch_size=150, max_iter=3, random_state=0
    )
    stream = clone(model)
    for _ in range(3):
        stream.partial_fit(X, Y)
    np.testing.assert_array_equal(stream.coefs_[0], clone(model).fit(X, Y).coefs_[0])
    stopped = clone(model).set_params(batch_size=9, early_stopping=True).fit(X, Y)
    assert 0.0 <= stopped.best_validation_score_ <= 1.0
    search = GridSearchCV(model, {"batch_size": [30, 50]}, cv=2).fit(X, Y)
    assert certified_radius(search, X[:2], method="pairwise").shape == (2, 3)


@pytest.mark.parametrize(
    "options, Y, match",
    [
        ({}, [[0, 2], [1, 0]], "MultiOutputClassifier"),
        ({}, [[-1, 1], [1, -1]], "0 and 1 alone"),
        ({"class_weight": "balanced"}, [[0, 1], [1, 1]], "class_weight"),
        ({"module": "cnn"}, [[0, 1], [1, 1]], "module=None"),
        ({"ratio_space": "proba"}, [[0, 1], [1, 1]], "ratio_space"),
    ],
)
def test_what_is_not_supported_is_named(options, Y, match):
    model = NoiseLipschitzClassifier(max_iter=1, **options)
    with pytest.raises(ValueError, match=match):
        model.fit(np.eye(64)[:2], Y)


def test_the_kind_of_y_cannot_change_in_a_warm_start(samples):
    X, Y = samples
    model = LipschitzRegularizedMLPClassifier((4,), warm_start=True, max_iter=2)
    model.fit(X, Y)
    with pytest.raises(ValueError, match="column for each of the 3 labels"):
        model.fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="classes must be the positions"):
        clone(model).partial_fit(X, Y, classes=[1, 2, 3])
    model = clone(model).fit(X, Y.sum(axis=1) % 3)
    with pytest.raises(ValueError, match="as in the first fit"):
        model.fit(X, Y)
    with pytest.raises(ValueError, match="MultiOutputClassifier"):
        CertifiedRejectClassifier(model, radius=0.1).fit(X, Y)
