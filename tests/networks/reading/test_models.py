# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Every model that has a view, and those that are refused by name.

Also tests of ``networks/_entry.py``, ``networks/_network_view.py``,
``networks/_folding/affine.py``, ``networks/_folding/encode.py``,
``networks/_reading/known.py`` and ``networks/_reading/resolve.py``.
"""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse
from sklearn import linear_model
from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_iris, make_classification, make_regression
from sklearn.ensemble import RandomForestClassifier, VotingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC, LinearSVR

from sklip import adversarial_interval, certified_interval, lipschitz_bound
from sklip.exceptions import UnsupportedModelError
from sklip.networks import FeedForward, NetworkView, network_view, random_network
from sklip.networks._reading.known import LINEAR_CLASSIFIERS, LINEAR_REGRESSORS
from sklip.networks._reading.models import extract_leaf

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
by_name = {"key": lambda kind: kind.__name__}


def classification(n_classes):
    X, y = make_classification(
        120, 6, n_informative=5, n_redundant=0, n_classes=n_classes, random_state=0
    )
    return X, np.array(["a", "b", "c"])[y]


def regression(n_targets=1):
    X, y = make_regression(120, 6, n_targets=n_targets, noise=5.0, random_state=0)
    return X, y / 50.0 + 3.0


def fit_quietly(model, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", sorted(LINEAR_CLASSIFIERS, **by_name))
def test_linear_classifiers(kind, n_classes, assert_parity):
    X, y = classification(n_classes)
    view = assert_parity(fit_quietly(kind(), X, y), X)
    assert view.is_binary_logit == (n_classes == 2)
    assert view.classes.tolist() == ["a", "b", "c"][:n_classes]


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("kind", [LinearSVC, LinearSVR, RidgeClassifier, Ridge])
def test_without_intercept(kind, fit_intercept, assert_parity):
    X, y = regression() if kind in LINEAR_REGRESSORS else classification(2)
    assert_parity(fit_quietly(kind(fit_intercept=fit_intercept), X, y), X)


@pytest.mark.parametrize("kind", sorted(LINEAR_REGRESSORS, **by_name))
def test_linear_regressors(kind, assert_parity):
    X, y = regression(2 if kind.__name__.startswith("MultiTask") else 1)
    view = assert_parity(fit_quietly(kind(), X, y), X)
    assert view.classes is None
    assert not view.is_binary_logit
    assert view.decision_network() is view.network


@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_mlp_regressor(activation, n_targets, assert_parity):
    X, y = regression(n_targets)
    model = MLPRegressor(
        hidden_layer_sizes=(7, 5), activation=activation, max_iter=5, random_state=0
    )
    view = assert_parity(model.fit(X, y), X)
    assert view.network.layer_sizes[1:-1] == (7, 5)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_mlp_classifier(activation, n_classes, assert_parity):
    X, y = classification(n_classes)
    model = MLPClassifier((7, 5), activation=activation, max_iter=20, random_state=0)
    view = assert_parity(model.fit(X, y), X)
    assert view.network.n_outputs == (1 if n_classes == 2 else 3)


def test_sparse_and_single_precision_coefficients(assert_parity):
    X, y = classification(3)
    assert_parity(linear_model.SGDClassifier(random_state=0).fit(X, y).sparsify(), X)
    model = MLPClassifier((5,), max_iter=5, random_state=0).fit(X.astype("f4"), y)
    view = network_view(model)
    assert view.network.weights[0].dtype == np.float64
    predicted = view.classes[view.network.forward(view.encode(X)).argmax(axis=1)]
    np.testing.assert_array_equal(predicted, model.predict(X))


class Fitted(BaseEstimator):
    """A class of the user's own that states its network."""

    def __init__(self, network=None, classes=None):
        self.network, self.classes = network, classes

    def fit(self, X=None, y=None):
        self.network_ = self.network
        if self.classes is not None:
            self.classes_ = np.array(self.classes)
        return self

    def __sklip_network__(self):
        return self.network_


def test_estimators_with_a_network():
    net = random_network([4, 5, 2], random_state=0)
    view = network_view(Fitted(net, ["no", "yes"]).fit())
    assert view.network is net
    assert not view.is_binary_logit
    assert network_view(Fitted(net).fit()).classes is None
    single = random_network([4, 5, 1], random_state=0)
    assert network_view(Fitted(single, [0, 1]).fit()).is_binary_logit
    with pytest.raises(NotFittedError):
        network_view(Fitted(net))
    with pytest.raises(UnsupportedModelError, match="2 outputs for the classes"):
        network_view(Fitted(net, [0, 1, 2]).fit())
    with pytest.raises(UnsupportedModelError, match="Fitted"):
        network_view(Fitted("a string").fit())


def test_bare_network_is_a_classifier_if_it_has_several_outputs():
    view = network_view(random_network([4, 5, 3], random_state=0))
    assert view.classes.tolist() == [0, 1, 2]
    view = network_view(random_network([4, 5, 1], random_state=0))
    assert view.classes is None
    assert view.feature_index.tolist() == [0, 1, 2, 3]
    assert view.mutable.all()
    assert network_view(view) is view


def test_frozen_models_are_looked_through(assert_parity):
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=500).fit(X, y)
    assert_parity(FrozenEstimator(FrozenEstimator(model)), X)
    with pytest.raises(NotFittedError):
        network_view(FrozenEstimator(LogisticRegression()))


class Doubled(LogisticRegression):
    def decision_function(self, X):
        return 2 * super().decision_function(X)


class Forest(MLPClassifier):
    pass


@pytest.mark.parametrize(
    "model",
    [RandomForestClassifier(2), SVC(), Doubled(), Forest((2,), max_iter=2)],
    ids=lambda model: type(model).__name__,
)
def test_other_models_are_refused_by_name(model):
    X, y = classification(2)
    model.fit(X, y)
    with pytest.raises(UnsupportedModelError, match=type(model).__name__):
        network_view(model)
    with pytest.raises(UnsupportedModelError, match=type(model).__name__):
        network_view(make_pipeline(StandardScaler(), model).fit(X, y))


@pytest.mark.parametrize("model", [MLPClassifier((3,), max_iter=2), RidgeClassifier()])
def test_multilabel_is_refused(model):
    X, _ = classification(2)
    Y = np.column_stack([X[:, 0] > 0, X[:, 1] > 0, X[:, 2] > 0]).astype(int)
    with pytest.raises(UnsupportedModelError, match="[Mm]ultilabel"):
        network_view(model.fit(X, Y))


LOG_LINKS = {
    "network": MLPRegressor("poisson", (3,), max_iter=40, random_state=0),
    "poisson": linear_model.PoissonRegressor(alpha=0.01),
    "gamma": linear_model.GammaRegressor(alpha=0.01),
    "tweedie": linear_model.TweedieRegressor(power=1.5),
    "linked": linear_model.TweedieRegressor(power=0, link="log"),
}


@pytest.mark.parametrize("model", LOG_LINKS.values(), ids=LOG_LINKS)
def test_the_log_link_maps_the_ends_of_intervals(model):
    X, y = regression()
    model = make_pipeline(StandardScaler(), model).fit(X, np.abs(y) / 10 + 0.1)
    lower, upper = certified_interval(model, X, radius=0.3)
    assert ((lower <= model.predict(X)) & (model.predict(X) <= upper)).all()
    low, high = adversarial_interval(model, X, radius=0.3, random_state=0)
    assert ((lower <= low) & (high <= upper)).all()
    if len(getattr(model[-1], "coefs_", [0])) == 1:
        # A linear score reaches both ends.
        np.testing.assert_allclose([low, high], [lower, upper], rtol=1e-6)
    for refused in (network_view, lipschitz_bound):
        with pytest.raises(UnsupportedModelError, match="exponential.*has no bound"):
            refused(model)
    averaged = VotingRegressor([("a", model), ("b", model)]).fit(X, np.abs(y) + 0.1)
    with pytest.raises(UnsupportedModelError, match="averages predictions behind"):
        certified_interval(averaged, X, radius=0.3)


def test_links_in_float32_and_without_a_logarithm():
    X, y = regression()
    linear = linear_model.TweedieRegressor(power=0).fit(X, y)
    np.testing.assert_allclose(
        network_view(linear).network.forward(X)[:, 0], linear.predict(X)
    )
    single = X.astype(np.float32)
    poisson = LOG_LINKS["network"].fit(single, np.abs(y).astype(np.float32))
    with pytest.raises(UnsupportedModelError, match="exponential in float32"):
        certified_interval(poisson, single, radius=0.1)


def test_one_class_is_refused():
    model = MLPClassifier((3,), max_iter=2, random_state=0)
    model.fit(np.eye(4), np.zeros(4))
    with pytest.raises(UnsupportedModelError, match="at least two classes"):
        network_view(model)


@pytest.mark.parametrize(
    "model",
    [
        MLPClassifier(),
        RandomForestClassifier(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_unfitted_models(model):
    with pytest.raises(NotFittedError):
        network_view(model)


@pytest.mark.parametrize(
    "model, name",
    [
        (LogisticRegression, "LogisticRegression"),
        (None, "NoneType"),
        (SimpleNamespace(coef_=1), "SimpleNamespace"),
        (np.eye(2), "ndarray"),
        (sparse.eye_array(2), "dia_array"),
    ],
)
def test_what_is_no_model_is_refused(model, name):
    with pytest.raises(UnsupportedModelError, match=name):
        network_view(model)


def test_transformer_without_model_is_refused():
    X, y = regression()
    with pytest.raises(UnsupportedModelError, match="StandardScaler"):
        network_view(make_pipeline(StandardScaler()).fit(X, y))
    model = make_pipeline(FunctionTransformer(), FeedForwardHolder()).fit(X, y)
    assert isinstance(network_view(model), NetworkView)


class FeedForwardHolder(Fitted):
    def fit(self, X, y=None):
        self.network_ = FeedForward([np.ones((1, X.shape[1]))])
        return self


def test_probabilities_of_perceptrons_are_compared_with_four_units_to_spare():
    """Softmax, or a sigmoid near one half: beside the bias of the last layer."""
    X = np.random.default_rng(0).normal(size=(30, 2))
    model = MLPClassifier((3,), max_iter=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, np.arange(30) % 3)
    leaf = extract_leaf(model)
    found, _ = leaf.rounding((np.dtype("float64"),) * 2)
    expected = np.abs(leaf.network.biases[-1]) + 4.0
    np.testing.assert_array_equal(found.last_bias, expected)
