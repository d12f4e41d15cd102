# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Estimators of orthonormal layers: what they promise, for any data."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, EarlyStopping

from sklip import (
    LipschitzBoundedMLPClassifier,
    LipschitzBoundedMLPRegressor,
    LipschitzHistory,
    certified_accuracy_score,
    certified_radius,
    check_certificate,
    lipschitz_bound,
    minimum_norm_attack,
    verify_robustness,
)
from sklip.certification import certified_interval
from sklip.exceptions import DivergedTrainingError

SMALL = {"hidden_layer_sizes": (16, 16), "max_iter": 10, "random_state": 0}


def _classifier(**parameters):
    return LipschitzBoundedMLPClassifier(**{**SMALL, **parameters})


def _regressor(**parameters):
    return LipschitzBoundedMLPRegressor(**{**SMALL, **parameters})


@pytest.fixture(scope="module")
def digits():
    """Pixels over 16, in float32: training and test part."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    return train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)


@pytest.fixture(scope="module")
def fitted(digits):
    """Fitted with fewer epochs than the default."""
    X, _, y, _ = digits
    return LipschitzBoundedMLPClassifier((64,), max_iter=30, random_state=0).fit(X, y)


def test_digits_are_certified_far_out(fitted, digits):
    _, X, _, y = digits
    assert fitted.score(X, y) > 0.97
    for radius, least in [(0.141, 0.93), (0.5, 0.65)]:
        score = certified_accuracy_score(fitted, X, y, radius=radius, method="pairwise")
        assert score > least
    # A margin of the radius is worth about four logits.
    pairwise = certified_radius(fitted, X, method="pairwise")
    logits = np.sort(fitted.decision_function(X), axis=1)
    ratio = (logits[:, -1] - logits[:, -2]) / (8.0 * pairwise)
    assert 0.7 < np.median(ratio) < 1.4


def test_nothing_is_found_inside_the_certified_balls(fitted, digits):
    _, X, _, _ = digits
    X = X[:40].astype(float)
    radii = certified_radius(fitted, X, method="pairwise")
    _, attacked = minimum_norm_attack(fitted, X, random_state=0)
    assert (radii <= attacked).all()
    assert np.median(radii / attacked) > 0.75  # and they are nearly exact
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(100, *X.shape))
    steps *= radii[:, None] / np.linalg.norm(steps, axis=2, keepdims=True)
    moved = fitted.predict((X + steps).reshape(-1, 64)).reshape(100, -1)
    assert (moved == fitted.predict(X)).all()


def test_exact_verification_agrees():
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), PCA(6), _classifier(radius=1.0)).fit(X, y)
    rows = model[:-1].transform(X[:12])
    radii = certified_radius(model[-1], rows, method="pairwise")
    found = [
        verify_robustness(model[-1], row[None], radius=0.999 * r)[0].status
        for row, r in zip(rows, radii, strict=True)
        if r > 0
    ]
    assert set(found) == {"verified"}
    # Folded: radii of the pipeline are in the units of the raw columns.
    raw = certified_radius(model, X[:12], method="pairwise")
    assert (raw > 0).all() and not np.allclose(raw, radii)


def test_radii_are_margins_over_the_distance_of_the_last_rows(fitted, digits):
    X = digits[1].astype(float)
    logits, head = fitted.decision_function(X), fitted.coefs_[-1].T
    top = logits.argmax(axis=1)
    gaps = logits[np.arange(len(X)), top][:, None] - logits
    distances = np.linalg.norm(head[top][:, None] - head[None], axis=2)
    distances[np.arange(len(X)), top] = np.inf
    ratios = gaps / distances
    ratios[np.arange(len(X)), top] = np.inf
    found = certified_radius(fitted, X, method="pairwise")
    assert_allclose(found, ratios.min(axis=1), rtol=1e-6, atol=1e-9)


def test_the_certificate_is_that_of_the_deployed_weights(fitted):
    weights = fitted.network_.weights
    for weight in weights[:-1]:
        short = weight if len(weight) < weight.shape[1] else weight.T
        assert_allclose(short @ short.T, np.eye(len(short)), atol=1e-13)
    assert fitted.certificate_.method == "product"
    assert fitted.certificate_.verify(fitted)
    assert check_certificate(weights, fitted.certificate_, "abs")
    assert fitted.lipschitz_bound_ == pytest.approx(np.linalg.norm(weights[-1], 2))


@pytest.mark.parametrize("certificate", ["lipsdp", "sequential", "pairwise", None])
def test_other_certificates_never_prove_less(certificate, classification):
    X, y = classification
    model = _classifier(certificate=certificate).fit(X, y)
    product = float(lipschitz_bound(model, method="product"))
    if certificate is None:
        assert model.certificate_ is None and model.lipschitz_bound_ is None
    else:
        assert model.lipschitz_bound_ <= product
        assert model.certificate_.verify(model)


@pytest.mark.parametrize("bound", [1e-8, 0.1, 1.0, 1 / 3, 7.7, 1e8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("multi", [False, True])
def test_the_bound_is_never_exceeded(bound, dtype, multi, regression):
    X, y = regression
    y = np.stack([y, y**2], axis=1) if multi else y
    for certificate in ("auto", "sequential"):
        model = _regressor(
            hidden_layer_sizes=(9,), lipschitz_bound=bound, certificate=certificate
        )
        model.fit(X.astype(dtype), y)
        assert model.lipschitz_bound_ <= bound
        assert model.certificate_.verify(model)
        assert float(lipschitz_bound(model, method="product")) <= bound


def test_a_tight_bound_is_used_up(regression):
    X, y = regression
    model = _regressor(lipschitz_bound=0.05).fit(X, y)
    assert model.lipschitz_bound_ > 0.9 * 0.05
    lower, upper = certified_interval(model, X[:5], radius=1.0)
    assert (upper - lower <= 0.1 * (1.0 + 1e-9)).all()
    # The last layer is the best there is: no residual is left to its bias.
    assert np.mean(model.predict(X) - y) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("make", [_classifier, _regressor])
@pytest.mark.parametrize("scale", [1e-150, 1e-6, 1e6, 1e150])
def test_the_units_of_x_do_not_matter(make, scale, classification):
    X, y = classification
    name = "radius" if make is _classifier else "lipschitz_bound"
    sizes = (scale if make is _classifier else 1 / scale), 1.0
    scaled = make(**{name: sizes[0]}).fit(scale * X, y)
    plain = make(**{name: sizes[1]}).fit(X, y)
    assert_allclose(scaled.predict(scale * X), plain.predict(X), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("radius", [1e160, 1e300])
def test_a_radius_far_beyond_the_data_is_a_radius(radius, classification):
    model = _classifier(radius=radius, max_iter=2).fit(*classification)
    assert 0.0 < model.lipschitz_bound_ < 1e3 / radius


@pytest.mark.parametrize("make", [_classifier, _regressor])
def test_a_shift_of_x_hardly_matters(make, classification):
    X, y = classification
    shifted = make().fit(X + 1e4, y).score(X + 1e4, y)
    assert shifted == pytest.approx(make().fit(X, y).score(X, y), abs=0.02)


@pytest.mark.parametrize("hidden", [(), (1,), (2,), (40,), (3, 30, 5)])
@pytest.mark.parametrize("n_features", [1, 4])
def test_any_sizes_of_layers(hidden, n_features):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, n_features))
    y = (X[:, 0] > 0).astype(int)
    classifier = _classifier(hidden_layer_sizes=hidden).fit(X, y)
    assert classifier.network_.layer_sizes == (n_features, *hidden, 2)
    assert np.isfinite(certified_radius(classifier, X, method="pairwise")).all()
    regressor = _regressor(hidden_layer_sizes=hidden, lipschitz_bound=2.0)
    assert regressor.fit(X, 3.0 * X[:, 0]).lipschitz_bound_ <= 2.0
    if hidden == ():
        assert classifier.set_params(max_iter=80).fit(X, y).score(X, y) > 0.9


@pytest.mark.parametrize("kind", ["constant", "one constant", "equal rows", "zeros"])
def test_columns_that_say_nothing(kind):
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = np.repeat([0, 1], 20)
    if kind == "constant":
        X[:] = [1.0, -2.0, 1e6]
    elif kind == "one constant":
        X[:, 1] = 1e6
    elif kind == "equal rows":
        X[:] = X[0]
    else:
        X[:] = 0.0
    for model in (_classifier(), _regressor()):
        model.fit(X, y)
        assert np.isfinite(model.predict(X)).all()
        assert np.isfinite(model.lipschitz_bound_)
    constant = _regressor(max_iter=80).fit(X, np.full(40, 7.0))
    assert constant.predict(X) == pytest.approx(7.0, rel=0.01)


def test_many_classes():
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(60, 5))
    y = np.repeat(np.arange(60), 5)
    X = centers[y] + 0.05 * rng.normal(size=(300, 5))
    model = _classifier(hidden_layer_sizes=(32,), radius=0.3, max_iter=60).fit(X, y)
    assert model.score(X, y) > 0.6
    assert certified_radius(model, X, y, method="pairwise").shape == (300,)


def test_more_radius_trades_accuracy_near_by_for_certificates_far_out(classification):
    X, y = classification
    scores = []
    for radius in (0.05, 2.0):
        model = _classifier(radius=radius, max_iter=40).fit(X, y)
        scores.append(
            [
                certified_accuracy_score(model, X, y, radius=r, method="pairwise")
                for r in (0.01, 1.0)
            ]
        )
    assert scores[0][0] >= scores[1][0] and scores[0][1] < scores[1][1]


@pytest.mark.parametrize("make", [_classifier, _regressor])
@pytest.mark.parametrize("pickled", [False, True])
def test_a_stream_goes_on_exactly(make, pickled, classification):
    X, y = classification
    model, other = make(input_noise=0.1), make(input_noise=0.1)
    first = {"classes": np.unique(y)} if make is _classifier else {}
    for epoch in range(6):
        for m in (model, other):
            m.partial_fit(X, y, **(first if epoch == 0 else {}))
        if pickled:
            other = pickle.loads(pickle.dumps(other))
        assert_array_equal(model.coefs_[0], other.coefs_[0])
        assert_array_equal(model.coefs_[-1], other.coefs_[-1])
    assert model.n_iter_ == 1 and len(model.loss_curve_) == 6
    assert model.loss_curve_[-1] < model.loss_curve_[0]


@pytest.mark.parametrize("make", [_classifier, _regressor])
def test_after_a_fit_its_pickle_goes_on_alike(make, classification):
    X, y = classification
    model = make().fit(X, y)
    other = pickle.loads(pickle.dumps(model))
    assert_array_equal(model.predict(X), other.predict(X))
    model.partial_fit(X, y)
    other.partial_fit(X, y)
    assert_array_equal(model.coefs_[0], other.coefs_[0])


@pytest.mark.parametrize("make", [_classifier, _regressor])
def test_a_warm_start_begins_where_the_fit_ended(make, classification):
    X, y = classification
    model = make(warm_start=True, learning_rate_init=1e-9).fit(X, y)
    before = model.network_
    model.fit(X, y)
    assert len(model.history_) == 20 and model.n_iter_ == 10
    for a, b in zip(before.weights, model.network_.weights, strict=True):
        assert_allclose(a, b, atol=1e-6)
    model.set_params(hidden_layer_sizes=(4,))
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        model.fit(X, y)


def test_a_warm_start_takes_another_bound(regression):
    X, y = regression
    model = _regressor(warm_start=True, lipschitz_bound=2.0).fit(X, y)
    assert model.set_params(lipschitz_bound=0.3).fit(X, y).lipschitz_bound_ <= 0.3
    assert (
        model.set_params(lipschitz_bound=0.1).partial_fit(X, y).lipschitz_bound_ <= 0.1
    )


@pytest.mark.parametrize("make", [_classifier, _regressor])
def test_early_stopping_keeps_the_best_average(make, classification):
    X, y = classification
    model = make(early_stopping=True, max_iter=60, n_iter_no_change=3).fit(X, y)
    scores = [record["valid_score"] for record in model.history_]
    assert len(scores) < 60 or max(scores) == scores[-1]
    # The history speaks of the averages, so the best of them is what was deployed.
    deployed = model.net_.validation_step
    assert callable(deployed) and max(scores) >= scores[-1]
    assert model.score(X, y) == pytest.approx(max(scores), abs=0.15)


def test_callbacks_see_the_network_that_would_be_deployed(classification):
    X, y = classification
    seen = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            network = net.module_.to_feedforward()
            seen.append(float(lipschitz_bound(network, method="product")))

    history = LipschitzHistory(X, y, radius=0.1, method="product")
    model = _classifier(callbacks=[Watch(), history], max_iter=4).fit(X, y)
    assert [record["lipschitz_bound"] for record in model.history_] == seen
    assert seen[-1] == pytest.approx(model.lipschitz_bound_, rel=1e-6)
    stop = EarlyStopping(monitor="train_loss", patience=2, threshold=10.0)
    assert _classifier(callbacks=[stop], max_iter=50).fit(X, y).n_iter_ <= 4


def test_class_weights_and_sample_weights(classification):
    X, y = classification
    weight = np.where(y == 0, 3.0, 1.0)
    by_sample = _classifier().fit(X, y, sample_weight=weight)
    by_class = _classifier(class_weight={0: 3.0}).fit(X, y)
    assert_array_equal(by_sample.coefs_[0], by_class.coefs_[0])
    share = np.mean(by_sample.predict(X) == 0)
    assert share >= np.mean(_classifier().fit(X, y).predict(X) == 0)


def test_float32_is_trained_in_float32(classification):
    X, y = classification
    model = _classifier().fit(X.astype(np.float32), y)
    assert str(model.net_.module_.flat.dtype) == "torch.float32"
    assert model.network_.weights[0].dtype == np.float64


@pytest.mark.parametrize(
    "parameters, match",
    [
        ({"radius": 0.0}, "radius"),
        ({"radius": np.inf}, "radius"),
        ({"radius": 1e-310}, "radius"),
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": "cold"}, "temperature"),
        ({"averaging": 1.0}, "averaging"),
        ({"input_noise": -0.1}, "input_noise"),
        ({"certificate": "ibp"}, "certificate"),
    ],
)
def test_what_is_not_allowed_is_named(parameters, match, classification):
    with pytest.raises(ValueError, match=match):
        _classifier(**parameters).fit(*classification)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_training_that_diverges_names_parameters_that_there_are():
    X, y = load_breast_cancer(return_X_y=True)
    model = _classifier(learning_rate_init=1e300)
    with pytest.raises(
        DivergedTrainingError, match="Lower learning_rate_init,"
    ) as told:
        model.fit(StandardScaler().fit_transform(X), y)
    assert "init_gain" not in str(told.value)
    assert "lipschitz_weight" not in str(told.value)
