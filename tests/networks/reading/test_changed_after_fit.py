# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What predict reads after fit is what is read: each attribute and parameter changed.

Every attribute of every object inside a fitted model is replaced by something else. If
predict still answers, the view answers as it does, or refuses the model.
"""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, SVR

from sklip import (
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    LipschitzScaler,
)
from sklip.networks import FeedForward, network_view

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3))
Y = X @ [1.0, 2.0, -1.0] + 0.3 * RNG.normal(size=24) + 0.5
BINARY = np.where(Y > 0.4, "b", "a")
THREE = np.digitize(Y, [-0.5, 1.0])

LOGISTIC = LogisticRegression()
MLP = MLPClassifier((3,), max_iter=10, random_state=0)
OWN = LipschitzRegularizedMLPClassifier(
    (3,), max_iter=3, random_state=0, certificate=None
)
NAMED = [("p", LOGISTIC), ("q", MLP)]
BINARIES = {
    "logistic": LOGISTIC,
    "ridge": RidgeClassifier(),
    "lda": LinearDiscriminantAnalysis(),
    "sgd": SGDClassifier(loss="log_loss", random_state=0),
    "mlp": MLP,
    "svc": SVC(kernel="linear"),
    "own": OWN,
    "votes": VotingClassifier(NAMED, voting="soft", weights=[1.0, 2.0]),
    "bag": BaggingClassifier(LOGISTIC, 2, max_features=0.7, random_state=0),
    "threshold": FixedThresholdClassifier(MLP, threshold=0.4),
    "on a score": FixedThresholdClassifier(
        BaggingClassifier(LOGISTIC, 2, random_state=0),
        threshold=0.4,
        pos_label="a",
        response_method="decision_function",
    ),
    "tuned": TunedThresholdClassifierCV(LOGISTIC, scoring="accuracy", cv=2),
    "search": GridSearchCV(LOGISTIC, {"C": [1.0]}, cv=2),
}
REGRESSORS = {
    "ridge": Ridge(),
    "mlp": MLPRegressor(hidden_layer_sizes=(3,), max_iter=10, random_state=0),
    "svr": SVR(kernel="linear"),
    "own": LipschitzRegularizedMLPRegressor((3,), max_iter=3, random_state=0),
    "votes": VotingRegressor([("p", Ridge()), ("q", SVR(kernel="linear"))]),
    "bag": BaggingRegressor(Ridge(), 2, max_features=0.7, random_state=0),
    "target": TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
}
STEPS = {
    "standard": StandardScaler(),
    "minmax": MinMaxScaler(),
    "maxabs": MaxAbsScaler(),
    "robust": RobustScaler(),
    "pca": PCA(2, whiten=True),
    "svd": TruncatedSVD(2, random_state=0),
    "select": SelectKBest(k=2),
    "imputer": SimpleImputer(),
    "tolerance": LipschitzScaler(tolerance=[1.0, 2.0, 3.0]),
    "union": FeatureUnion(
        [("a", StandardScaler()), ("b", PCA(2))], transformer_weights={"a": 2.0}
    ),
    "columns": ColumnTransformer(
        [("a", StandardScaler(), [0]), ("b", "passthrough", [2])],
        transformer_weights={"b": 3.0},
    ),
}
ENCODERS = {
    "one-hot": OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    "dropped": OneHotEncoder(drop="first"),
    "rare": OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=4),
    "ordinal": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
}
WORDS = (
    *("auto", "identity", "tanh", "softmax", "rbf", "log_loss", "hard", "a"),
    *("predict_proba", "decision_function", "drop", "first"),
)


def changed_values(value):
    """Other values of the same kind, a few of them."""
    if isinstance(value, bool | np.bool_):
        return [not value]
    if isinstance(value, str):
        return [word for word in WORDS if word != value]
    if isinstance(value, int | np.integer):
        return [value + 1, value - 1]
    if isinstance(value, float):
        return [2.5 * value + 0.7, -value]
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return [2.5 * value + 0.7, value[::-1].copy(), value[:1].copy()]
    if isinstance(value, np.ndarray) and value.dtype.kind in "iuU":
        return [value[::-1].copy(), value[:-1].copy()]
    if isinstance(value, np.ndarray) and value.dtype.kind == "b":
        return [~value]
    if isinstance(value, list | tuple) and len(value):
        return [value[::-1], value[:-1]]
    if isinstance(value, dict) and value:
        scaled = {k: 2.5 * v for k, v in value.items() if isinstance(v, float)}
        return [{}, scaled]
    if value is None:
        return [1, True, [1.0, 2.0]]
    return []


def is_safe(name, value, other):
    """Whether libsvm, which trusts its arrays' sizes, survives the change."""
    if name in ("support_", "shape_fit_", "_n_support", "_num_iter", "_impl"):
        return False
    return np.shape(value) == np.shape(other) and value is not None


def objects_inside(model, seen=None):
    """The model and all objects with attributes that it holds, each once."""
    seen = {} if seen is None else seen
    if id(model) in seen:
        return
    if isinstance(model, list | tuple):
        for one in model:
            yield from objects_inside(one, seen)
    elif hasattr(model, "__dict__") and not isinstance(model, type):
        if type(model).__module__.split(".")[0] not in ("sklearn", "sklip"):
            return
        seen[id(model)] = model
        yield model
        for value in vars(model).values():
            yield from objects_inside(value, seen)


def changes(model):
    """Change one thing in the model after the other, and say what it is."""
    for found in list(objects_inside(model)):
        if isinstance(found, FeedForward):
            continue
        for name, value in list(vars(found).items()):
            for other in changed_values(value):
                if name == "copy" and value:
                    # Branches that write into their input: see the tests of folding.
                    continue
                if isinstance(found, SVC | SVR) and not is_safe(name, value, other):
                    continue
                vars(found)[name] = other
                yield f"{type(found).__name__}.{name} = {other!r}"
            vars(found)[name] = value


def answer(model, rows):
    """What the model predicts; None if it does not."""
    try:
        predicted = np.asarray(model.predict(rows.copy()))
    except Exception:
        return None
    wrong = predicted.shape != (len(rows),) or predicted.dtype.kind == "O"
    return None if wrong else predicted


def disagrees(model, rows):
    """Whether there is a view of the model that does not predict as it does."""
    predicted = answer(model, rows)
    if predicted is None:
        return False
    try:
        view = network_view(model)
        inputs = view.encode(rows.copy())
    except Exception:
        return False
    if view.classes is None:
        values = view.network.forward(inputs)[:, 0]
        return not np.allclose(values, predicted, rtol=1e-8, atol=1e-8)
    logits = view.decision_network().forward(inputs)
    sure = np.ptp(np.sort(logits, axis=1)[:, -2:], axis=1) > 1e-9
    claimed = view.classes[view.decided(logits)]
    return bool((claimed[sure] != predicted[sure]).any())


def wrongly_read(model, rows, y):
    """Changes that the view does not see, as sentences."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        model = clone(model).fit(rows, y)
        assert not disagrees(model, rows)
        return [what for what in changes(model) if disagrees(model, rows)]


@pytest.mark.parametrize("name", BINARIES)
def test_classifiers(name):
    assert wrongly_read(BINARIES[name], X, BINARY) == []


@pytest.mark.parametrize("name", ["logistic", "ridge", "lda", "sgd", "mlp", "own"])
def test_three_classes(name):
    assert wrongly_read(BINARIES[name], X, THREE) == []


@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors(name):
    assert wrongly_read(REGRESSORS[name], X, Y) == []


@pytest.mark.parametrize("name", STEPS)
def test_steps(name):
    assert wrongly_read(make_pipeline(STEPS[name], Ridge()), X, Y) == []


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders(name):
    rows = np.column_stack([RNG.integers(0, 4, 24), RNG.integers(0, 3, 24)])
    assert wrongly_read(make_pipeline(ENCODERS[name], Ridge()), rows, Y) == []


def test_a_change_that_is_not_seen_is_found(monkeypatch):
    """The search itself: a view that reads another attribute than predict does."""
    read = "sklip.networks._reading.models._support"
    monkeypatch.setattr(read, lambda model: (model.dual_coef_, model.support_vectors_))
    missed = wrongly_read(SVR(kernel="linear"), X, Y)
    assert any("dual_coef_ =" in what for what in missed)
