# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Which classes and objects are believed to compute what is read from them.

Also tests of ``networks/_reading/stated.py``.
"""

import copy
import dataclasses

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, VotingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_regression
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklip import (
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    LipschitzScaler,
    NoiseLipschitzClassifier,
    certified_radius,
    lipschitz_bound,
)
from sklip.exceptions import UnsupportedModelError
from sklip.networks import FeedForward, NetworkView, network_view
from sklip.networks._trust import _HARMLESS, is_own, statement_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).normal(size=(40, 3))
Y = X @ [1.0, 2.0, -1.0]
LABELS = np.where(Y > 0.3, "b", "a")
SMALL = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0}


class Own(LipschitzRegularizedMLPClassifier):
    """Overrides nothing."""


class Defaults(LipschitzRegularizedMLPClassifier):
    """Other defaults, another fit, and a function of its own."""

    def __init__(self, hidden_layer_sizes=(3,), max_iter=2, random_state=0):
        super().__init__(
            hidden_layer_sizes, max_iter=max_iter, random_state=random_state
        )

    def fit(self, X, y, sample_weight=None):
        return super().fit(*self._clean(X, y), sample_weight)

    def _clean(self, X, y):
        return X, y

    def explain(self):
        return "nothing"


@pytest.mark.parametrize("model", [Own(**SMALL), Defaults()])
def test_subclasses_that_override_nothing_are_their_parents(model):
    model.fit(X, LABELS)
    view = network_view(model)
    assert view.network is model.network_
    assert is_own(model, "__sklip_network__")
    # Probabilities are theirs too.
    threshold = FixedThresholdClassifier(model, threshold=0.7).fit(X, LABELS)
    assert network_view(threshold).is_binary_logit


def twice(self, X):
    return super(type(self), self).predict(2.0 * np.asarray(X))


OVERRIDES = {
    "predict": twice,
    "decision_function": lambda self, X: self._outputs(X)[:, 0],
    "predict_proba": lambda self, X: self._outputs(X),
    "_outputs": lambda self, X: self.network_.forward(2.0 * np.asarray(X)),
    "_fitted": lambda self, name: vars(self)[name],
    "network_": property(lambda self: vars(self)["network_"]),
    "classes_": property(lambda self: vars(self)["classes_"][::-1]),
    "n_outputs_": property(lambda self: 2),
    "__getattr__": lambda self, name: 1.0,
    "__getattribute__": lambda self, name: object.__getattribute__(self, name),
}


@pytest.mark.parametrize("name", OVERRIDES)
def test_subclasses_that_override_what_decides_are_refused(name):
    fitted = Own(**SMALL).fit(X, LABELS)
    model = copy.deepcopy(fitted)
    model.__class__ = type("Mine", (Own,), {name: OVERRIDES[name]})
    said = rf"test_trust.Mine overrides {name} of .*classifier.LipschitzReg.*Pass what"
    for call in (network_view, lipschitz_bound, lambda m: certified_radius(m, X)):
        with pytest.raises(UnsupportedModelError, match=said):
            call(model)
        with pytest.raises(UnsupportedModelError, match=said):
            call(Pipeline([("model", model)]))


def test_all_that_predict_uses_of_its_class_is_guarded():
    """Every name of the class that predict looks up may not be overridden."""
    for kind, y in (
        (LipschitzRegularizedMLPClassifier, LABELS),
        (LipschitzRegularizedMLPRegressor, Y),
        (NoiseLipschitzClassifier, LABELS),
    ):
        seen = set()
        model = kind(**SMALL).fit(X, y)

        def look(self, name, seen=seen):
            seen.add(name)
            return object.__getattribute__(self, name)

        spy = type("Spy", (kind,), {"__getattribute__": look})
        model.__class__ = spy
        for method in ("predict", "decision_function", "predict_proba"):
            if hasattr(kind, method):
                getattr(model, method)(X)
        model.__class__ = kind
        used = {n for n in seen if hasattr(kind, n) and not n.startswith("__")}
        assert {"predict", "_outputs"} <= used
        # That there is a fit is all that is asked of it.
        assert used & _HARMLESS <= {"fit"}
        for name in used - {"fit"}:
            value = kind.__dict__.get(name, getattr(kind, name))
            model.__class__ = type("Mine", (kind,), {name: _another(value)})
            with pytest.raises(UnsupportedModelError, match=f"overrides {name}"):
                statement_of(model, "__sklip_network__")
            model.__class__ = kind


def _another(value):
    """The same once more, as another object."""
    if isinstance(value, property):
        return property(value.fget)
    return lambda self, *args, **kwargs: value(self, *args, **kwargs)


class Scaled(StandardScaler):
    def transform(self, X, copy=None):
        return 2.0 * super().transform(X, copy)


class Tolerance(LipschitzScaler):
    """Overrides nothing."""


class Halved(LipschitzScaler):
    def transform(self, X):
        return 0.5 * super().transform(X)


class Back(LipschitzScaler):
    def inverse_transform(self, X):
        return 0.5 * super().inverse_transform(X)


class Best(SelectKBest):
    """Overrides no part of how columns are selected."""


class Other(SelectKBest):
    def get_support(self, indices=False):
        return np.array([2, 1]) if indices else super().get_support()


def test_subclasses_of_transformers():
    for step in (Tolerance(tolerance=2.0), Best(f_regression, k=2)):
        network_view(make_pipeline(step, Ridge()).fit(X, Y))
    for step, name in (
        (Scaled(), "Scaled"),
        (Halved(tolerance=2.0), "Halved overrides transform"),
        (Other(f_regression, k=2), "Other"),
    ):
        with pytest.raises(UnsupportedModelError, match=name):
            network_view(make_pipeline(step, Ridge()).fit(X, Y))
    target = TransformedTargetRegressor(Ridge(), transformer=Back(tolerance=2.0))
    target.check_inverse = False
    with pytest.raises(UnsupportedModelError, match="Back"):
        network_view(target.fit(X, Y))


class ScaledSearch(GridSearchCV):
    def predict(self, X):
        return super().predict(100.0 * np.asarray(X))


class Piped(Pipeline):
    pass


class Found(RegressorMixin, BaseEstimator):
    """A search of another package."""

    def fit(self, X, y):
        self.best_estimator_, self.cv_results_ = Ridge().fit(X, y), {}
        return self


class Delegates(BaseEstimator):
    """Hands attributes on to the model inside, but not its rows."""

    def fit(self, X, y):
        self.estimator_ = LipschitzRegularizedMLPRegressor(**SMALL).fit(X, y)
        return self

    def predict(self, X):
        return self.estimator_.predict(100.0 * X)

    def __getattr__(self, name):
        if name.startswith("__") or name == "estimator_":
            raise AttributeError(name)
        return getattr(self.estimator_, name)


@pytest.mark.parametrize(
    "model, said",
    [
        (
            ScaledSearch(Ridge(), {"alpha": [1.0]}, cv=2),
            r"test_trust.ScaledSearch is a subclass of sklearn\S+GridSearchCV",
        ),
        (
            Piped([("ridge", Ridge())]),
            "test_trust.Piped is a subclass of sklearn.pipeline.Pipeline",
        ),
        (
            Found(),
            "test_trust.Found: pass the model that it found, its best_",
        ),
        (
            Delegates(),
            "No bound is known for .*Delegates.*method __sklip_network__",
        ),
    ],
)
def test_other_classes_are_refused_by_their_full_name(model, said):
    model.fit(X, Y)
    for call in (network_view, lipschitz_bound):
        with pytest.raises(UnsupportedModelError, match=said):
            call(model)


MODELS = {
    "model": lambda: (m := Ridge().fit(X, Y), m),
    "own": lambda: (m := Own(**SMALL).fit(X, LABELS), m),
    "pipeline": lambda: (m := make_pipeline(Ridge()).fit(X, Y), m),
    "last step": lambda: (m := make_pipeline(Ridge()).fit(X, Y), m[-1]),
    "search": lambda: (m := GridSearchCV(Ridge(), {"alpha": [1.0]}).fit(X, Y), m),
    "frozen": lambda: (m := FrozenEstimator(Ridge().fit(X, Y)), m),
    "in a frozen one": lambda: (m := FrozenEstimator(Ridge().fit(X, Y)), m.estimator),
    "vote": lambda: (m := VotingRegressor([("a", Ridge())]).fit(X, Y), m),
    "voter": lambda: (
        m := VotingRegressor([("a", Ridge())]).fit(X, Y),
        m.estimators_[0],
    ),
    "member": lambda: (m := BaggingRegressor(Ridge(), 2).fit(X, Y), m.estimators_[1]),
    "target": lambda: (m := TransformedTargetRegressor(Ridge()).fit(X, Y), m),
    "inside": lambda: (
        m := FixedThresholdClassifier(LogisticRegression()).fit(X, LABELS),
        m.estimator_,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_method_put_on_one_object_is_refused(name):
    model, part = MODELS[name]()
    network_view(model)
    part.predict = lambda X: np.zeros(len(X))
    with pytest.raises(UnsupportedModelError, match="predict of its own.*del model"):
        network_view(model)
    with pytest.raises(UnsupportedModelError, match="predict of its own"):
        lipschitz_bound(model)
    del part.predict
    network_view(model)


@pytest.mark.parametrize(
    "step",
    [
        StandardScaler(),
        VarianceThreshold(),
        Best(f_regression, k=2),
        FunctionTransformer(),
    ],
)
def test_a_method_put_on_one_step_is_refused(step):
    model = make_pipeline(step, Ridge()).fit(X, Y)
    for name in ("transform", "_validate_data", "get_feature_names_out"):
        if not hasattr(type(step), name):
            continue
        setattr(model[0], name, lambda X: 2.0 * X)
        with pytest.raises(UnsupportedModelError, match=f"{name} of its own"):
            network_view(model)
        delattr(model[0], name)
    target = TransformedTargetRegressor(Ridge(), transformer=StandardScaler())
    target.fit(X, Y).transformer_.inverse_transform = lambda X: 2.0 * X
    with pytest.raises(UnsupportedModelError, match="inverse_transform of its own"):
        network_view(target)


def test_a_fit_that_failed_leaves_a_model_unfitted():
    model = NoiseLipschitzClassifier((3,))
    model.n_features_in_ = X.shape[1]  # checked, and no further
    with pytest.raises(NotFittedError, match="not fitted yet"):
        lipschitz_bound(model)


def test_a_method_replaced_on_a_class_is_refused(monkeypatch):
    ridge, own = Ridge().fit(X, Y), Own(**SMALL).fit(X, LABELS)
    monkeypatch.setattr(Ridge, "predict", lambda self, X: np.zeros(len(X)))
    with pytest.raises(UnsupportedModelError, match="Ridge.predict was replaced by"):
        network_view(ridge)
    name = "decision_function"
    monkeypatch.setattr(LipschitzRegularizedMLPClassifier, name, twice)
    monkeypatch.undo()
    network_view(ridge)
    network_view(own)


class Stated(ClassifierMixin, BaseEstimator):
    """States what it predicts as."""

    def __init__(self, stated=None):
        self.stated = stated

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[self.stated.forward(np.asarray(X)).argmax(axis=1)]

    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)

    def __sklip_network__(self):
        return self.stated


class StatedAgain(Stated):
    """Overrides predict and says so."""

    def predict(self, X):
        return self.classes_[self.stated.forward(-np.asarray(X)).argmax(axis=1)]

    def __sklip_network__(self):
        return self.stated.with_input_map(-np.eye(3))


class NotStated(Stated):
    def predict(self, X):
        return super().predict(3.0 * X)


def test_what_dataclasses_give_to_a_class_replaces_nothing(monkeypatch):
    """They do so from Python 3.13 on."""
    network = FeedForward([np.eye(2)])
    given = dataclasses.replace
    monkeypatch.setattr(FeedForward, "__replace__", given, raising=False)
    assert float(lipschitz_bound(network, method="product")) >= 1.0
    monkeypatch.setattr(FeedForward, "__call__", given)
    with pytest.raises(UnsupportedModelError, match="__call__ was replaced"):
        lipschitz_bound(network, method="product")


def test_a_class_of_the_users_own_states_its_network():
    network = FeedForward([np.vstack([np.ones(3), [2.0, -1.0, 0.0]])])
    for kind in (Stated, StatedAgain):
        model = kind(network).fit(X, LABELS)
        view = network_view(model)
        codes = view.network.forward(X).argmax(axis=1)
        np.testing.assert_array_equal(view.classes[codes], model.predict(X))
        assert (certified_radius(model, X) > 0).all()
        # predict_proba was not stated.
        threshold = FixedThresholdClassifier(model, threshold=0.4).fit(X, LABELS)
        threshold.estimator_ = model
        with pytest.raises(UnsupportedModelError, match="predict_proba of Stated"):
            network_view(threshold)
    with pytest.raises(UnsupportedModelError, match="NotStated overrides predict"):
        network_view(NotStated(network).fit(X, LABELS))
    with pytest.raises(UnsupportedModelError, match="gave str: a FeedForward"):
        network_view(Stated("a string").fit(X, LABELS))
    model = Stated().fit(X, LABELS)
    model.stated = model
    with pytest.raises(UnsupportedModelError, match="gave the model itself"):
        network_view(model)


def test_a_wrapper_states_the_model_that_it_predicts_as():
    inner = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, LABELS)
    model = Stated(inner).fit(X, LABELS)
    for wrapped in (model, FrozenEstimator(model)):
        assert network_view(wrapped).network.hash == network_view(inner).network.hash
        assert float(lipschitz_bound(wrapped)) == float(lipschitz_bound(inner))
    assert network_view(Stated(model).fit(X, LABELS)).n_features == 3


class Wider(NetworkView):
    def encode(self, X):
        return 2.0 * super().encode(X)


def test_a_network_is_a_network_itself():
    network = FeedForward([np.eye(3)])
    view = network_view(network)
    wider = Wider(**{f.name: getattr(view, f.name) for f in dataclasses.fields(view)})
    altered = FeedForward([np.eye(3)])
    object.__setattr__(altered, "forward", lambda X: 2.0 * X)
    for model, said in (
        (wider, "test_trust.Wider is a subclass of NetworkView"),
        (altered, "FeedForward has forward of its own"),
        (Stated(altered).fit(X, LABELS), "forward of its own"),
    ):
        for call in (network_view, lipschitz_bound, lambda m: certified_radius(m, X)):
            with pytest.raises(UnsupportedModelError, match=said):
                call(model)
    assert float(lipschitz_bound(view)) == float(lipschitz_bound(network))
