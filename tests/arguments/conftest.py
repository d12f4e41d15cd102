# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""One small fitted model of every kind, and values of every keyword.

A new kind or keyword is one more entry.
"""

import importlib
import inspect
import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, VotingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklip import (
    CertifiedIntervalRegressor,
    CertifiedRejectClassifier,
    LipschitzBoundedMLPClassifier,
    LipschitzCertificate,
    LipschitzEstimate,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    NoiseLipschitzClassifier,
    NoiseLipschitzRegressor,
    certified_radius,
)
from sklip.networks import random_network

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(60, 3))
FRAME = pd.DataFrame(NUMBERS[:, :2], columns=["u", "v"]).assign(
    c=RNG.choice(["a", "b", "c"], 60)
)
LABELS = np.digitize(NUMBERS[:, 0] + NUMBERS[:, 1] ** 2, [0.3, 1.5])
TARGETS = NUMBERS[:, 0] - np.abs(NUMBERS[:, 1])


def _stack(n_inputs, n_outputs):
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(n_inputs, 4), torch.nn.ReLU(), torch.nn.Linear(4, n_outputs)
    )


def _encoded():
    encoder = OneHotEncoder(sparse_output=False)
    return ColumnTransformer(
        [("n", StandardScaler(), ["u", "v"]), ("c", encoder, ["c"])]
    )


def _own(kind, **params):
    return kind((5,), max_iter=30, learning_rate_init=0.05, random_state=0, **params)


def _with_module(kind, n_inputs, n_outputs):
    module = _stack(n_inputs, n_outputs)
    options = {"learning_rate_init": 0.05, "lipschitz_weight": 0.0}
    return kind(module=module, max_iter=40, random_state=0, **options)


def _mlp(**params):
    return MLPClassifier((5,), max_iter=50, random_state=0, **params)


def _net(**params):
    sizes = {"hidden_layer_sizes": (5,)}
    return MLPRegressor(**sizes, max_iter=50, random_state=0, **params)


CLASSIFIERS = {
    "estimator": lambda: _own(LipschitzRegularizedMLPClassifier),
    "module estimator": lambda: _with_module(NoiseLipschitzClassifier, 3, 3),
    "bounded": lambda: LipschitzBoundedMLPClassifier(
        (4,), max_iter=5, random_state=0, certificate=None
    ),
    "linear": lambda: LogisticRegression(),
    "mlp": _mlp,
    "pipeline": lambda: make_pipeline(StandardScaler(), _mlp()),
    "categories": lambda: make_pipeline(_encoded(), _mlp()),
    "module pipeline": lambda: make_pipeline(
        StandardScaler(), _with_module(NoiseLipschitzClassifier, 3, 3)
    ),
    "module categories": lambda: make_pipeline(
        _encoded(), _with_module(NoiseLipschitzClassifier, 5, 3)
    ),
    "threshold": lambda: FixedThresholdClassifier(_mlp(), threshold=0.4),
    "vote": lambda: VotingClassifier(
        [("a", _mlp()), ("b", LogisticRegression())], voting="soft"
    ),
    "search": lambda: GridSearchCV(_mlp(), {"alpha": [1e-4]}, cv=2),
    "reject": lambda: CertifiedRejectClassifier(_mlp(), radius=0.01),
}
REGRESSORS = {
    "regressor": lambda: _own(LipschitzRegularizedMLPRegressor),
    "module regressor": lambda: _with_module(NoiseLipschitzRegressor, 3, 1),
    "linear regressor": lambda: Ridge(),
    "pipeline regressor": lambda: make_pipeline(StandardScaler(), _net()),
    "categories regressor": lambda: make_pipeline(_encoded(), _net()),
    "module categories regressor": lambda: make_pipeline(
        _encoded(), _with_module(NoiseLipschitzRegressor, 5, 1)
    ),
    "bag": lambda: BaggingRegressor(_net(), n_estimators=2, random_state=0),
    "target": lambda: TransformedTargetRegressor(_net(), transformer=StandardScaler()),
    "interval": lambda: CertifiedIntervalRegressor(_net(), radius=0.01),
}
BARE = {
    "network": lambda: random_network([3, 6, 3], random_state=0),
    "stack": lambda: random_network([3, 6, 3], random_state=0).to_torch(),
    "residual": lambda: torch.nn.Sequential(
        torch.nn.Conv1d(1, 2, 2),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(4, 3),
    ).eval(),
}
KINDS = {**CLASSIFIERS, **REGRESSORS, **BARE}


@cache
def fitted(kind):
    """The fitted model of a kind with all rows and their labels or targets."""
    X = FRAME if "categories" in kind else NUMBERS
    if kind in BARE:
        return KINDS[kind](), X, LABELS
    y = LABELS if kind in CLASSIFIERS else TARGETS
    if kind in ("threshold", "vote"):
        y = np.minimum(y, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return KINDS[kind]().fit(X, y), X, y


def _moved(X, y):
    if hasattr(X, "columns"):
        return X.assign(u=X["u"] + 0.3, v=X["v"] - 0.2)
    return X + [0.3, -0.2, 0.1]


# Another value of each keyword; functions are called with the rows and labels.
VALUES = {
    "X": _moved,
    "y": lambda X, y: y[::-1],
    "norm": np.inf,
    "method": "sequential",
    "feature_eps": lambda X, y: {"u" if hasattr(X, "columns") else 0: 0.5},
    "categorical": "flip",
    "output": 0,
    "feature": lambda X, y: "u" if hasattr(X, "columns") else 0,
    "bounds": lambda X, y: {"u" if hasattr(X, "columns") else 0: (-4.0, 1.0)},
    "integer": lambda X, y: ["u" if hasattr(X, "columns") else 0],
    "attack": False,
    "groups": "class",
    "normalize": "true",
    "tol": 0.5,
    "rtol": 0.5,
    "n_jobs": -1,
    "verbose": 1,
    "time_limit": 1e-9,
    "effort": 0,
    "device": "cuda",
    "dtype": "float32",
    "radius": 1.7,
    "radii": [0.05, 2.0],
    "loss": "absolute_error",
    "sample_weight": lambda X, y: np.arange(len(y)) ** 2,
    "random_state": 7,
    "n_restarts": 2,
    "n_steps": 1,
    "n_repeats": 2,
    "noise_stds": [0.5, 3.0],
    "noise_std": 3.0,
    "return_points": True,
    "adversarial": False,
    "methods": ["product"],
    "reject_label": -7,
    "conformal": False,
    "coverage": 0.5,
    "calibration_fraction": 0.5,
}
# What nobody can mean; "nonsense" where nothing else is said.
NONSENSE = {
    "X": [[1.0] * 7],
    "y": [["nonsense"]] * 2,
    "feature_eps": {"nonsense": 1.0},
    "sample_weight": lambda X, y: -np.ones(len(y)),
    "radii": [-1.0],
    "noise_stds": [-1.0],
    "reject_label": 0.5,
}


class Ask:
    """Calls of one function with one kind of model, with an argument changed or not."""

    def __init__(self, row, kind):
        self.call = row.call
        model, X, y = fitted(kind)
        self.model, self.X, self.y = model, X[: row.n_rows], y[: row.n_rows]
        self.base = dict(row.base)
        if self.base.get("radius") == "typical":
            self.base["radius"] = typical(kind)
        names = inspect.signature(row.call).parameters
        for name, rows in (("X", self.X), ("y", self.y)):
            if name in names and names[name].default is inspect.Parameter.empty:
                self.base.setdefault(name, rows)

    def __call__(self, keyword=None, values=VALUES):
        """What the call gives, as numbers; or the error."""
        given = dict(self.base)
        if keyword is not None:
            value = values.get(keyword, "nonsense")
            given[keyword] = value(self.X, self.y) if callable(value) else value
        try:
            return _numbers(self.call(self.model, **given))
        except (ValueError, TypeError) as error:
            return error

    def complaint(self, keyword, before, may_stay):
        """What is wrong with one argument; empty if nothing is."""
        after = self(keyword)
        if isinstance(after, Exception):
            return "" if keyword in str(after) else f"refused without its name: {after}"
        if not self.same(before, after):
            return ""
        if not may_stay:
            return "changes nothing"
        refused = self(keyword, NONSENSE)
        if not isinstance(refused, Exception):
            return "takes nonsense"
        return "" if keyword in str(refused) else f"nonsense is not named: {refused}"

    def same(self, first, second):
        """Whether two answers are equal, entry by entry."""
        if isinstance(first, list) and isinstance(second, list):
            pairs = zip(first, second, strict=False)
            return len(first) == len(second) and all(self.same(*pair) for pair in pairs)
        try:
            return np.array_equal(first, second, equal_nan=True)
        except TypeError:
            return np.array_equal(first, second)


def _numbers(result):
    """Everything in a result that can be compared."""
    if isinstance(result, list | tuple):
        return [_numbers(part) for part in result]
    if isinstance(result, dict):
        return [_numbers(part) for part in result.items()]
    if isinstance(result, LipschitzCertificate | LipschitzEstimate):
        return float(result)
    if hasattr(result, "__dict__"):
        shown = {k: v for k, v in vars(result).items() if not k.endswith("_")}
        return [_numbers(part) for part in shown.values()]
    return result


@cache
def typical(kind):
    """A radius that some rows have and others have not."""
    model, X, _ = fitted(kind)
    try:
        return float(np.median(certified_radius(model, X, method="product")))
    except (ValueError, TypeError):
        return 0.3


# What takes seconds and asks the model what the others ask.
_FEW = ["module pipeline", "categories", "linear", "regressor", "network", "stack"]
GROUPS = {
    "all": list(KINDS),
    "classifiers": [*CLASSIFIERS, "network", "stack"],
    "regressors": [*REGRESSORS, "network", "stack"],
    "estimators": [*CLASSIFIERS, *REGRESSORS],
    "few": _FEW,
    "network": ["network"],
    "two": ["module pipeline", "linear"],
}


def pytest_generate_tests(metafunc):
    """Every line of the table with each kind of model in its group."""
    if {"name", "kind"} <= set(metafunc.fixturenames):
        lines = metafunc.module.TABLE.items()
        cases = [(name, kind) for name, row in lines for kind in GROUPS[row.group]]
        metafunc.parametrize(("name", "kind"), cases)


@pytest.fixture(autouse=True)
def short_searches(monkeypatch):
    """What arguments do shows after few steps as well."""
    for module in ("_attacks.nearest_flip", "_report"):
        place = importlib.import_module(f"sklip.certification.{module}")
        monkeypatch.setattr(place, "_N_STEPS", 15)
        monkeypatch.setattr(place, "_N_RESTARTS", 1)


@pytest.fixture(autouse=True)
def text_as_it_falls(monkeypatch):
    """Pictures are not laid out, which is most of their time."""
    monkeypatch.setattr("sklip.inspection._text._lay_out", lambda ax: None)


@pytest.fixture(scope="session")
def asker():
    """``asker(line, kind)`` gives a function of a keyword and the table of values."""
    return Ask


@pytest.fixture(scope="session")
def kinds():
    """Names of all kinds, by group."""
    return GROUPS
