# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What bad input gets: every public callable, every argument, values refused by name.

A new function is covered by adding its name to ``FUNCTIONS``: its arguments find good
and bad values by their own names, in ``GOOD`` and ``BAD``.

Also tests of ``_arguments/arrays.py`` and ``_arguments/scalars.py``.
"""

import inspect
import re

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

import sklip
from sklip.networks import random_network

pytestmark = pytest.mark.filterwarnings("ignore:.*epochs allowed")

X, Y = load_iris(return_X_y=True)
X, Y = X[40:70:3], Y[40:70:3]
N = len(X)
MASKED = np.ma.masked_array(X, mask=X > 6.0)
NET = random_network([4, 3, 2], random_state=0)
CERTIFICATE = sklip.lipschitz_bound(NET)
ESTIMATE = sklip.LipschitzEstimate(1.0)
LINEAR = LogisticRegression(max_iter=1000).fit(X, Y)
HUGE = 10**400  # beyond every float
BOX = sklip.Specification(np.zeros(4), np.ones(4), ((np.eye(2), np.zeros(2)),))


# --- what is none --------------------------------------------------------------------


def masked(values):
    """A masked array, some of it hidden."""
    values = np.asarray(values)
    return np.ma.masked_array(values, mask=np.arange(values.size) == 0)


def numbers(*more):
    """What is no finite number."""
    bad = [True, np.True_, "0.1", 1j, [0.1], np.array([0.1]), {}, None, 2**63, HUGE]
    return [*bad, np.nan, np.inf, -np.inf, *more]


def vectors(*more):
    """What is no vector of finite numbers, or an empty one."""
    bad = [masked([0.1, 0.2]), [masked([0.1])], 0.1, "0.1", ["0.1"], [1j], [True], {}]
    return [*bad, [None], [[0.1]], [[0.1], [0.1, 0.2]], [2**70], [HUGE], [], *more]


def counts(*more):
    """What is no integer >= 1."""
    return [0, -1, 1.5, 2.0, True, "3", None, 2**63, HUGE, np.nan, np.inf, 1j, *more]


def options(*more):
    """What is no name among those allowed."""
    return ["guess", "", 3, True, 1j, ["best"], {}, np.nan, *more]


FLAGS = ["yes", None, 2, 1j]
MODELS = [None, 3.0, "relu", object(), LogisticRegression(), LinearRegression]
LABELS = [masked(Y), Y[:-1], np.column_stack([Y, Y]), 0, "labels"]
LABELS += [[None] * N, np.full(N, np.nan)]
TABLES = [
    *(MASKED, list(MASKED), X.astype(complex), np.full((N, 4), "red"), 3.0, "X"),
    *([["a", 1.0, 2.0, 3.0]] * N, X[0], X[None], X[:, :3], X[:0]),
    *(np.where(X > 6.0, np.nan, X), np.where(X > 6.0, np.inf, X)),
]
WEIGHTS = [
    *(masked(np.ones(N)), np.ones(N - 1), np.ones((N, 2)), -np.ones(N), np.zeros(N)),
    *(np.full(N, np.nan), np.full(N, "1"), 1.0, "1", np.full(N, 1j), [True] * N),
    *([2**70] * N, [HUGE] * N),
]
KEYS = [[], {}, 3, "a", True, [0.1], {-1: 1.0}, {1.5: 1.0}, {True: 1.0}, {None: 1.0}]
TOLERANCES = [*KEYS, *({0: bad} for bad in numbers(0.0, -1.0))]
UNKNOWN = [{99: 1.0}, {"no": 1.0}]
NORMS = [
    *(3, 0, -1, -2, True, False, "l3", "2", "L2", "", None, 2j, [2], {}, HUGE, np.nan),
]
SEEDS = [-1, 1.5, "0", True, 2**32, HUGE, [1], np.nan, 1j]
ACTIVATIONS = ["guess", "", 3, None, True, ["relu"] * 3, ["guess"], {}, "relu(2)"]
SIZES = [
    *(
        [],
        [3],
        [3, 0],
        [3, -1],
        [3, 2.5],
        [True, 3],
        "34",
        3,
        None,
        [[3, 4]],
        [HUGE, 2],
    ),
]
OUTPUTS = [3, -1, True, "first", 1.0, 1j, HUGE, [0]]
MATRICES = [
    *([], 3, "w", None, {}, [[]], [3.0], [[[]]], [np.ones((0, 3))], [np.ones((3, 0))]),
    *([np.ones(3)], [np.ones((2, 2, 2))], [np.ones((2, 3)), np.ones((2, 3))]),
    *([np.ones((2, 2), dtype=bool)], [[[1j]]], [[["1.0"]]], [[[2**70]]], [[[None]]]),
    *([[[1.0], [1.0, 2.0]]], [MASKED], masked([np.eye(2)]), [masked(np.eye(2))]),
]
JSON = ["", "no", "[1]", "{}", "3", "null", '{"kind": "upper"}']

# --- arguments by their names; "callable.argument" is for one callable alone ---------

GOOD = {
    "model": NET,
    "adversarial_interval.model": random_network([4, 3, 1], random_state=0),
    "certified_error_score.model": random_network([4, 3, 1], random_state=0),
    "certified_interval.model": random_network([4, 3, 1], random_state=0),
    "noise_accuracy_curve.model": LINEAR,
    "estimator": LINEAR,
    "CertifiedIntervalRegressor.estimator": Ridge(),
    "JacobianDiagnosticDisplay.from_estimator.estimator": NET,
    "search": GridSearchCV(Ridge(), {"alpha": [1.0, 2.0]}, cv=2).fit(X, Y),
    "X": X,
    "y": Y,
    "y_true": Y,
    "y_pred": Y,
    "radius": 0.1,
    "risk_coverage_curve.radius": np.ones(N),
    "from_predictions.radius": np.ones(N),
    "radii": [0.0, 0.1],
    "noise_std": 0.1,
    "noise_stds": [0.0, 0.1],
    "layer_sizes": [4, 3, 2],
    "weights": NET.weights,
    "certificate": CERTIFICATE,
    "specification": BOX,
    "text": CERTIFICATE.to_json(),
    "tolerance": 1.0,
    "max_bound": 5.0,
    "metric": "score",
    "metrics": ["score"],
    "value": 2.0,
    "lower": 1.0,
    "norm": 2,
    "LipschitzCertificate.method": "product",
    "network": NET,
    "module": torch.nn.Linear(4, 2),
    "matrix": np.eye(2),
    "pairs": [[0, 1]],
    "get_activation.name": "relu",
}
BAD = {
    **dict.fromkeys(("model", "estimator"), MODELS),
    **dict.fromkeys(("y", "y_true", "y_pred"), LABELS),
    **dict.fromkeys(("n_steps", "n_restarts", "n_repeats", "n_features"), counts()),
    **dict.fromkeys(("return_points", "return_X_y", "adversarial", "conformal"), FLAGS),
    **dict.fromkeys(("coverage", "calibration_fraction"), numbers(0.0, 1.0)),
    **dict.fromkeys(("network_hash", "seal"), [None, 3]),
    **dict.fromkeys(("LipschitzCertificate.method", "LipschitzEstimate.method"), [3]),
    "search": [None, 3, "search"],
    "X": TABLES,
    "CertifiedIntervalRegressor.y": [LABELS[0], LABELS[1], *LABELS[3:5]],
    "norm": NORMS,
    "radius": numbers(-1.0, -1e-300),
    "risk_coverage_curve.radius": vectors(-np.ones(N), np.ones(N - 1)),
    "from_predictions.radius": vectors(-np.ones(N), np.ones(N - 1)),
    "distance": vectors(-np.ones(N), np.ones(N - 1))[1:],
    "radii": vectors([-0.1], [np.nan], [np.inf]),
    "noise_std": numbers(-1.0),
    "noise_stds": vectors([-0.1], [np.nan], [np.inf]),
    "method": options(None, 2.0, ESTIMATE),
    "methods": [[], "product", ["guess"], [3], 3, ["product", "guess"]],
    "device": options("gpu", "cuda:99", "meta", "mps", None, 0),
    "tol": numbers(0.0, -1.0),
    "rtol": [value for value in numbers(0.0, -1.0) if value is not None],
    "n_jobs": [0, True, 1.5, "2", 1j, [1], {}, np.nan, HUGE],
    "verbose": [-1, 1.5, "1", None, 1j, [1], {}, np.nan, HUGE],
    "time_limit": [0, -1.0, np.nan, True, "1", 1j, [1.0], 2**70, HUGE],
    # None: as far as the time goes.
    "verify_robustness.effort": ["most", "", True, 1.5, -1, 1j, [3], {}, np.nan, HUGE],
    "effort": ["most", "", None, True, 1.5, -1, 1j, [3], {}, np.nan, HUGE],
    "random_state": SEEDS,
    "feature_eps": [*TOLERANCES, *UNKNOWN],
    "categorical": options(None),
    "bounds": [3, "a", [(0, 1)], {0: 3}, {0: (2, 1)}, {0: (0, np.nan)}, {99: (0, 1)}],
    "integer": [2.5, True, {0: 1}, [99], ["no"], [None], [True]],
    "attack": FLAGS,
    "groups": ["label", 3, [0] * (N - 1), [[0, 1]] * N, masked(Y)],
    "normalize": options("pred", None)[:-1],
    "loss": options(None),
    "sample_weight": WEIGHTS,
    "output": OUTPUTS,
    "feature": ["age", *OUTPUTS[1:]],
    "weights": MATRICES,
    "biases": [3, "b", {}, [], [np.ones(2)] * 3, [np.ones((3, 1)), np.ones(2)]],
    "activation": ACTIVATIONS,
    "certificate": [3.0, None, {}, ESTIMATE, *JSON],
    "text": [None, 3, b"{}", {}, *JSON],
    "layer_sizes": SIZES,
    "gain": ["1", 1j, 0.0, -1.0, np.nan, np.inf, [1.0] * 5, True, HUGE, {}],
    "input_rms": numbers(0.0, -1.0),
    "split": options(),
    "path": [3, 1j, ["a"]],
    "to_onnx.dtype": options("float16", np.float64, "double"),
    "metrics": [None, "score", [], 3, ["guess"], [3]],
    "metric": [None, 3, ["a"]],
    "sensitivity_table.metric": options(None),
    "bound": [3, True, ["a"]],
    "nominal": [3, "alpha", {"guess": 1.0}, {"alpha": 77.0}],
    "max_bound": [True, "5", 1j, None, 2**70, HUGE, np.nan, -np.inf, 0.0, -1.0],
    "tolerance": [
        "a",
        1j,
        True,
        [1.0],
        -1.0,
        0.0,
        np.nan,
        np.inf,
        HUGE,
        *TOLERANCES[6:],
    ],
    "value": numbers(-1.0),
    "LipschitzEstimate.value": [True, "1", 1j, None, HUGE],
    "lower": numbers(-1.0, 9.0),
    "slack": numbers(-1.0),
    "LipschitzCertificate.kind": ["lower", "", None, 3],
    "LipschitzEstimate.kind": ["upper", "", None, 3],
    "multipliers": [3, "abc", {}, [["a"]], [[1j]], [masked([1.0])], [[HUGE]]],
    "reject_label": [None, 1.5, 0, 1, "no"],
    "certification": options(ESTIMATE),
    "every": counts(),
    "classes": [masked([0, 1]), 0, "01", [[0, 1]], [1, 0], [0, 0, 1], [0], []],
    "specification": [None, 3, "box", X],
    "module": [None, 3, "cnn", NET],
    "input_shape": [3, "34", [0, 4], [2.5], [True, 4], [HUGE], 1j],
    "matrix": [3, "w", [[1j]], [["1"]], [[True]], masked(np.eye(2)), [1.0], [[np.nan]]],
    "p": NORMS,
    "q": [norm for norm in NORMS if norm is not None],
    "pairs": [3, "01", [[0, 2]], [[-1, 0]], [[0.0, 1.0]], [0, 1], [[0, 1, 1]]],
    "start": [
        3.0,
        "abc",
        {},
        (1.0,),
        (0.0, [[1.0]]),
        (1.0, [["a"]]),
        (1.0, [1.0] * 99),
    ],
    "per_layer": FLAGS,
    "clip": [3, "01", [0.0], [0.0, 1.0, 2.0], [1j, 2.0], [2.0, 1.0], ["0", "1"]],
    "add_gaussian_noise.X": [MASKED, X.astype(complex), [["a"]], [[True]], "X"],
}
if not torch.cuda.is_available():
    BAD["device"].append("cuda")
for factory in ("adversarial_accuracy", "certified_accuracy", "certified_error"):
    # Which columns there are is not known before there is a model.
    BAD[f"make_{factory}_scorer.feature_eps"] = TOLERANCES

FUNCTIONS = [name for name in sklip.__all__ if inspect.isfunction(getattr(sklip, name))]
CLASSES = [
    "FeedForward",
    "LipschitzBudget",
    "LipschitzCertificate",
    "LipschitzEstimate",
]
CLASSES += ["OneStandardError", "LipschitzCertificate.from_json"]
# Functions with a docstring's example behind the doors of the packages.
BOUNDS = "cached_bound layer_norms lipsdp_bound module_bound operator_norm_bound"
BOUNDS += " output_difference_bounds path_bound product_bound spectral_norm_bound"
INSIDE = [f"bounds.{name}" for name in BOUNDS.split()]
INSIDE += ["certification.is_certified", "certification.pgd_attack"]
INSIDE += ["datasets.add_gaussian_noise", "datasets.load_paper_toy"]
INSIDE += ["networks.get_activation", "networks.random_network"]
DISPLAYS = [name for name in sklip.__all__ if name.endswith("Display")]
DRAWN = [f"{name}.from_estimator" for name in DISPLAYS]
DRAWN += [
    "CertifiedAccuracyDisplay.from_predictions",
    "RiskCoverageDisplay.from_predictions",
]
AROUND = ["CertifiedIntervalRegressor", "CertifiedRadiusTransformer"]
AROUND += ["CertifiedRejectClassifier", "LipschitzScaler", "LocalLipschitzTransformer"]
# Looked at in the first epoch of a fit, which begins with its ``initialize``.
AROUND += ["LipschitzHistory"]
# tests/estimators/test_bad_parameters.py has them.
MLPS = [n for n in sklip.__all__ if "MLP" in n or n.startswith("NoiseLipschitz")]
# They hold what a function found.
RECORDS = ["JacobianDiagnostic", "NearestFlips", "Verification", "Specification"]
# Whatever is given is drawn, or looked at and said to be unusable later.
FREE = {"name", "ax", "line_kwargs", "bar_kwargs", "image_kwargs", "network"}


def resolve(name):
    """The callable behind a name; for an estimator or callback, with its beginning."""
    found = sklip
    for part in name.split("."):
        found = getattr(found, part)
    if inspect.isclass(found) and issubclass(found, BaseEstimator | Callback):
        return fitting(found)
    return found


def fitting(cls):
    def fit(X, y, **params):
        if issubclass(cls, Callback):
            return cls(X, y, **params).initialize()
        return cls(**params).fit(X, y)

    first = dict(list(inspect.signature(fit).parameters.items())[:2])
    own = dict(inspect.signature(cls).parameters)
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [p.replace(kind=kind) for p in {**own, **first}.values()]
    fit.__signature__ = inspect.Signature(parameters)
    return fit


def look_up(table, name, argument):
    """What a table says about an argument, of this callable or of all."""
    for key in (f"{name}.{argument}", f"{name.split('.')[-1]}.{argument}", argument):
        if key in table:
            return table[key]
    raise KeyError(f"say in the table what {argument} of {name} may be")


def good_arguments(name):
    """What a callable needs."""
    parameters = inspect.signature(resolve(name)).parameters.values()
    return {
        p.name: look_up(GOOD, name, p.name)
        for p in parameters
        if p.default is p.empty and p.kind is not p.VAR_KEYWORD
    }


def assert_refused(name, argument, bad, **replaced):
    """Each bad value is refused by the argument's name, or the model's class."""
    call, good = resolve(name), {**good_arguments(name), **replaced}
    for value in bad:
        said = rf"\b{argument}\b"
        if argument in ("model", "estimator", "module"):
            kind = value if isinstance(value, type) else type(value)
            said = rf"{said}|\b{kind.__name__}\b"
        elif argument in ("X", "y") and name in AROUND:
            said = f"{said}|sample|array|dim|data|label|float"  # scikit-learn's words
        with pytest.raises((TypeError, ValueError)) as caught:
            call(**{**good, argument: value})
        assert re.search(said, str(caught.value)), (argument, str(caught.value))


def arguments(names):
    pairs = ((name, inspect.signature(resolve(name)).parameters) for name in names)
    return [
        (name, argument)
        for name, own in pairs
        for argument in own
        if argument not in FREE
    ]


@pytest.mark.parametrize("name, argument", arguments(FUNCTIONS + CLASSES + INSIDE))
def test_functions_refuse_by_name(name, argument):
    assert_refused(name, argument, look_up(BAD, name, argument))


@pytest.mark.parametrize("name, argument", arguments(DRAWN))
def test_displays_refuse_by_name(name, argument):
    pytest.importorskip("matplotlib")
    if (name, argument) != ("TrainingCurveDisplay.from_estimator", "estimator"):
        assert_refused(name, argument, look_up(BAD, name, argument))


@pytest.mark.parametrize("name, argument", arguments(AROUND))
def test_estimators_around_a_model_refuse_by_name(name, argument):
    bad = look_up(BAD, name, argument)
    if argument == "X":  # any number of columns, and missing values, may be meant
        bad = [value for value in bad if np.shape(value) != (N, 3)][:-2]
    if argument == "estimator":
        bad = [value for value in bad if not hasattr(value, "fit")]
    if (name, argument) != ("LipschitzScaler", "y"):
        assert_refused(name, argument, bad)


class Untouched:
    """A model that no function may look at before its arguments are right."""

    def __getattr__(self, name):
        raise AssertionError(f"looked at the model's {name}")


LATER = {"model", "X", "y", "feature_eps", "output", "feature", "sample_weight"}
# Which columns there are is not known before there is a model.
LATER |= {"bounds", "integer"}


@pytest.mark.parametrize("name, argument", arguments(FUNCTIONS))
def test_arguments_are_checked_before_the_model_is_looked_at(name, argument):
    if "model" in good_arguments(name) and argument not in LATER:
        bad = look_up(BAD, name, argument)
        assert_refused(name, argument, bad, model=Untouched())


@pytest.mark.parametrize("name", FUNCTIONS + CLASSES + AROUND + INSIDE)
def test_good_arguments_are_good(name):
    if name != "load_mnist":
        resolve(name)(**good_arguments(name))


def test_every_public_callable_is_in_the_table():
    known = {name.split(".")[0] for name in FUNCTIONS + CLASSES + DRAWN + AROUND + MLPS}
    public = {name for name in sklip.__all__ if callable(getattr(sklip, name))}
    assert public == known | {*RECORDS}
    for name in public - {*RECORDS}:
        for member, _ in inspect.getmembers(getattr(sklip, name), inspect.ismethod):
            # What reads a format has tests of its own, of what is none of that format.
            own = member in ("from_onnx", "from_torch")
            if member.startswith("from_") and not own:
                assert f"{name}.{member}" in CLASSES + DRAWN
