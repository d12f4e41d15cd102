# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Every argument of every public function acts, or is refused by name.

For each public function and kind of model (see conftest.py) the result is compared with
and without each argument. It must change, or the argument must be refused; where it
provably may stay the same, the pair stands in ``MAY_STAY`` and the argument is still
read: nonsense is refused. A new function, kind or keyword is covered by adding its name
to a table, and a test says which names are missing.
"""

import inspect
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from matplotlib import pyplot
from sklearn.frozen import FrozenEstimator

import sklip
from sklip.bounds import cached_bound
from sklip.certification import is_certified, pgd_attack


def _around(wrapper, method):
    """A meta-estimator or transformer as a function of the fitted model inside."""

    def answers(model, X, y, **arguments):
        around = wrapper(FrozenEstimator(model), **arguments).fit(X, y)
        return getattr(around, method)(X)

    return answers


def _drawn(display):
    """What a display shows, as a function of the model."""

    def draw(model, **arguments):
        figure = pyplot.figure()
        try:
            return display.from_estimator(model, ax=figure.gca(), **arguments)
        finally:
            pyplot.close(figure)

    draw.__signature__ = inspect.signature(display.from_estimator)
    return draw


def _scored(make, name="scorer"):
    def score(model, X, y, **arguments):
        return make(**arguments)(model, X, y)

    return score


def _written(model, *, dtype="float64", X=None):
    return sklip.to_onnx(model, dtype=dtype, X=X).SerializeToString()


@dataclass(frozen=True)
class Row:
    """One line of the table: a function, its arguments, and what is given besides."""

    call: object
    arguments: str
    base: dict = field(default_factory=dict)
    group: str = "all"
    n_rows: int = 5


_JOBS = " n_jobs verbose"
_CERTIFY = "X norm method feature_eps categorical device effort time_limit" + _JOBS
_PGD = "X y radius norm feature_eps n_steps n_restarts random_state"
_QUICK = {"method": "product"}
_BALL = {"radius": "typical"}
_ONCE = {"n_restarts": 1}
_SHORT = {"n_steps": 8, "n_restarts": 1}
_CURVE = {"radii": np.geomspace(1e-3, 3.0, 60)}

SAFE = sklip.Specification.output_between([0] * 3, [1] * 3, -9, 9, n_outputs=3)

# A new function is covered by one line here.
TABLE = {
    "certified_radius": Row(
        sklip.certified_radius, _CERTIFY + " y", _QUICK, "classifiers"
    ),
    "is_certified": Row(
        is_certified, _CERTIFY + " radius", _BALL | _QUICK, "classifiers", 60
    ),
    "certified_accuracy_score": Row(
        sklip.certified_accuracy_score,
        _CERTIFY + " radius y sample_weight groups",
        _BALL | _QUICK,
        "classifiers",
        60,
    ),
    "certified_accuracy_curve": Row(
        sklip.certified_accuracy_curve,
        _CERTIFY + " radii y sample_weight groups",
        _CURVE | _QUICK,
        "classifiers",
        60,
    ),
    "margins": Row(sklip.margins, "X y", group="classifiers"),
    "verify_robustness": Row(
        sklip.verify_robustness,
        "X y radius norm feature_eps time_limit effort" + _JOBS,
        _BALL,
        "classifiers",
    ),
    "verify_specification": Row(
        sklip.verify_specification,
        "specification time_limit",
        {"specification": SAFE},
        "network",
    ),
    "robustness_bracket": Row(
        sklip.robustness_bracket,
        "X y norm feature_eps rtol time_limit random_state effort" + _JOBS,
        group="two",
        n_rows=2,
    ),
    "pgd_attack": Row(pgd_attack, _PGD + _JOBS, _BALL | _SHORT, "classifiers"),
    "adversarial_accuracy_score": Row(
        sklip.adversarial_accuracy_score,
        _PGD + _JOBS + " sample_weight groups",
        _BALL | _SHORT,
        "classifiers",
        60,
    ),
    "minimum_norm_attack": Row(
        sklip.minimum_norm_attack,
        "X y norm feature_eps n_steps n_restarts random_state" + _JOBS,
        {"n_steps": 20, "n_restarts": 1},
        group="few",
        n_rows=2,
    ),
    "nearest_flip": Row(
        sklip.nearest_flip,
        "X norm feature_eps bounds integer" + _JOBS,
        group="few",
        n_rows=2,
    ),
    "certification_report": Row(
        sklip.certification_report,
        "X y norm method feature_eps attack time_limit effort" + _JOBS,
        _QUICK,
        "few",
        4,
    ),
    "noise_accuracy_curve": Row(
        sklip.noise_accuracy_curve,
        "X y noise_stds n_repeats sample_weight groups random_state" + _JOBS,
        {"noise_stds": [0.0, 1.0]},
        "classifiers",
        60,
    ),
    "certified_interval": Row(
        sklip.certified_interval,
        "X radius norm method feature_eps" + _JOBS,
        _BALL | _QUICK,
        "regressors",
    ),
    "certified_error_score": Row(
        sklip.certified_error_score,
        "X y radius loss norm feature_eps sample_weight groups" + _JOBS,
        _BALL,
        "regressors",
    ),
    "adversarial_interval": Row(
        sklip.adversarial_interval,
        "X radius norm feature_eps n_steps n_restarts random_state return_points"
        + _JOBS,
        _BALL | _SHORT,
        "regressors",
    ),
    "lipschitz_bound": Row(
        sklip.lipschitz_bound, "norm method output feature tol time_limit device"
    ),
    "lipschitz_lower_bound": Row(
        sklip.lipschitz_lower_bound, "X n_restarts random_state", _ONCE, "few"
    ),
    "lipschitz_bracket": Row(
        sklip.lipschitz_bracket,
        "X method n_restarts random_state tol time_limit device",
        _ONCE,
        "few",
    ),
    "local_lipschitz_bound": Row(
        sklip.local_lipschitz_bound, "X radius norm device" + _JOBS, _BALL
    ),
    "feature_slopes": Row(sklip.feature_slopes, "output method"),
    "jacobian_diagnostic": Row(sklip.jacobian_diagnostic, "X random_state"),
    "to_onnx": Row(_written, "dtype X"),
    "measured_gain": Row(sklip.measured_gain, ""),
    "cached_bound": Row(cached_bound, "method"),
    "make_certified_accuracy_scorer": Row(
        _scored(sklip.make_certified_accuracy_scorer),
        "X y radius norm method feature_eps categorical effort groups" + _JOBS,
        _BALL | _QUICK,
        "classifiers",
        60,
    ),
    "make_certified_error_scorer": Row(
        _scored(sklip.make_certified_error_scorer),
        "X y radius loss norm feature_eps" + _JOBS,
        _BALL,
        "regressors",
    ),
    "make_lipschitz_scorer": Row(_scored(sklip.make_lipschitz_scorer), "method"),
    "make_adversarial_accuracy_scorer": Row(
        _scored(sklip.make_adversarial_accuracy_scorer),
        _PGD + " groups" + _JOBS,
        _BALL | _SHORT,
        "few",
        60,
    ),
    "make_noise_accuracy_scorer": Row(
        _scored(sklip.make_noise_accuracy_scorer),
        "X y noise_std n_repeats random_state groups" + _JOBS,
        {"noise_std": 1.0},
        "classifiers",
        60,
    ),
    "CertifiedRejectClassifier": Row(
        _around(sklip.CertifiedRejectClassifier, "predict"),
        "radius norm reject_label method feature_eps effort",
        _BALL | _QUICK,
        "classifiers",
        60,
    ),
    "CertifiedIntervalRegressor": Row(
        _around(sklip.CertifiedIntervalRegressor, "predict_interval"),
        "radius norm conformal coverage method feature_eps calibration_fraction "
        "random_state",
        _BALL | _QUICK | {"conformal": True},
        "regressors",
        60,
    ),
    "CertifiedRadiusTransformer": Row(
        _around(sklip.CertifiedRadiusTransformer, "transform"),
        "norm",
        group="two",
    ),
    "LocalLipschitzTransformer": Row(
        _around(sklip.LocalLipschitzTransformer, "transform"),
        "radius",
        _BALL,
        "estimators",
    ),
    "CertifiedAccuracyDisplay": Row(
        _drawn(sklip.CertifiedAccuracyDisplay),
        "X y radii norm method effort feature_eps adversarial n_steps n_restarts "
        "random_state sample_weight n_jobs verbose",
        {"radii": [0.1, 0.5], "n_restarts": 1} | _QUICK,
        "two",
        30,
    ),
    "CertifiedRadiusDisplay": Row(
        _drawn(sklip.CertifiedRadiusDisplay),
        "X y norm method feature_eps groups sample_weight effort" + _JOBS,
        _QUICK,
        "two",
        30,
    ),
    "CertifiedConfusionMatrixDisplay": Row(
        _drawn(sklip.CertifiedConfusionMatrixDisplay),
        "X y radius norm method feature_eps normalize sample_weight effort" + _JOBS,
        _BALL | _QUICK,
        "two",
        60,
    ),
    "FeatureSlopesDisplay": Row(
        _drawn(sklip.FeatureSlopesDisplay),
        "X feature_eps output method",
        group="few",
    ),
    "JacobianDiagnosticDisplay": Row(
        _drawn(sklip.JacobianDiagnosticDisplay), "X random_state", group="two"
    ),
    "LipschitzBoundsDisplay": Row(
        _drawn(sklip.LipschitzBoundsDisplay),
        "X methods norm random_state",
        {"methods": ["product", "sequential"]},
        "two",
    ),
    "NoiseRobustnessDisplay": Row(
        _drawn(sklip.NoiseRobustnessDisplay),
        "X y noise_stds n_repeats sample_weight random_state",
        {"noise_stds": [0.0, 1.0]},
        "two",
        30,
    ),
    "RiskCoverageDisplay": Row(
        _drawn(sklip.RiskCoverageDisplay),
        "X y norm method effort feature_eps sample_weight" + _JOBS,
        _QUICK,
        "two",
        30,
    ),
}


# Where the result provably may stay: functions (None: all), keywords, kinds.
def _every(kind):
    return True


def _no_encoder(kind):
    return "categories" not in kind


def _linear(kind):
    # Layers without a slope to lose: orthonormal ones, or none but the last.
    return kind.startswith("linear") or kind == "bounded"


def _single(kind):
    plain = ("bag", "target", "interval", "threshold", "vote")
    return "regressor" in kind or kind in plain


MAY_STAY = [
    # There is no category to flip.
    (None, "categorical", _no_encoder),
    # Searches may find the same flips.
    (None, "n_steps n_restarts random_state", _every),
    # Three answers, or counts over rows: often the same ones.
    ("verify_robustness", "X norm feature_eps time_limit", _every),
    ("adversarial_accuracy_score", "X norm", _every),
    ("make_adversarial_accuracy_scorer", "X norm", _every),
    ("noise_accuracy_curve", "X noise_stds", _every),
    ("make_noise_accuracy_scorer", "X noise_std n_repeats", _every),
    ("certified_accuracy_score make_certified_accuracy_scorer", "X", _single),
    ("pgd_attack", "norm feature_eps", _every),
    ("verify_specification", "specification", _every),
    # It compares on these rows.
    ("to_onnx", "X", _every),
    # Only the order of the radii counts, or what is drawn of them.
    ("RiskCoverageDisplay", "norm method feature_eps", _every),
    # Closed forms and products of norms need no iteration; others stop in time.
    (None, "tol rtol time_limit effort", _every),
    # The rows are the same, whoever computes them.
    (None, "n_jobs verbose", _every),
    (None, "method", _linear),
    ("local_lipschitz_bound LocalLipschitzTransformer", "X radius", _every),
    ("lipschitz_lower_bound lipschitz_bracket", "X", _every),
    # Every pair of a linear model is as steep, but for the last digit.
    ("LipschitzBoundsDisplay", "X", _linear),
    # Of a frozen estimator all rows serve to calibrate.
    ("CertifiedIntervalRegressor", "calibration_fraction", _every),
    # The only output.
    (None, "output", _single),
    # A GPU computes the same.
    (None, "device" if torch.cuda.is_available() else "", _every),
]


def _may_stay(name, keyword, kind):
    return any(
        (functions is None or name in functions.split())
        and keyword in keywords.split()
        and applies(kind)
        for functions, keywords, applies in MAY_STAY
    )


@pytest.mark.filterwarnings("ignore")
def test_acts_or_is_refused(name, kind, asker):
    """Each argument changes the result, or is refused by its name."""
    row = TABLE[name]
    ask = asker(row, kind)
    before = ask()
    if isinstance(before, Exception):
        # The model as a whole is refused.
        assert len(str(before)) > 20
        return
    wrong = {}
    for keyword in row.arguments.split():
        complaint = ask.complaint(keyword, before, _may_stay(name, keyword, kind))
        if complaint:
            wrong[keyword] = complaint
    assert not wrong


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.filterwarnings("ignore")
def test_some_kind_is_accepted(name, asker, kinds):
    """A line of which every model is refused tests nothing."""
    row = TABLE[name]
    answers = (asker(row, kind)() for kind in kinds[row.group])
    assert any(not isinstance(answer, Exception) for answer in answers)


# What a display asks: it draws every model that this function takes.
ASKS = {
    "CertifiedAccuracyDisplay": "certified_accuracy_curve",
    "CertifiedRadiusDisplay": "certified_radius",
    "CertifiedConfusionMatrixDisplay": "certified_accuracy_score",
    "FeatureSlopesDisplay": "feature_slopes",
    "JacobianDiagnosticDisplay": "jacobian_diagnostic",
    "LipschitzBoundsDisplay": "lipschitz_bound",
    "NoiseRobustnessDisplay": "noise_accuracy_curve",
    "RiskCoverageDisplay": "certified_radius",
}


@pytest.mark.parametrize("display", ASKS)
@pytest.mark.filterwarnings("ignore")
def test_displays_draw_every_model_that_their_function_takes(display, asker, kinds):
    """By itself or in a dict; an error of another kind than these two is no refusal."""
    base = TABLE[display].base
    base = base | {"methods": ["product"]} if "methods" in base else base
    drawn = replace(TABLE[display], call=_closed(display), base=base, n_rows=4)
    asked = replace(TABLE[ASKS[display]], n_rows=4)
    for k, kind in enumerate(kinds[asked.group if asked.group != "few" else "all"]):
        ask = asker(drawn, kind)
        if "X" in drawn.arguments.split():
            ask.base["X"] = ask.X
        if k % 2:
            ask.model = {"one": ask.model}
        picture = ask()
        if isinstance(picture, Exception):
            assert isinstance(asker(asked, kind)(), Exception), (kind, picture)


def _closed(display):
    """``from_estimator`` of a display with figures of its own, which it closes."""
    draw = getattr(sklip, display).from_estimator

    def drawn(model, **arguments):
        try:
            return bool(draw(model, **arguments))
        finally:
            pyplot.close("all")

    drawn.__signature__ = inspect.signature(draw)
    return drawn


# They take a model alone, or their arguments on behalf of functions in the table.
_BARE = {"split_steps", "stated_module", "unwrap_any_module"}
_BARE |= {"module_from_onnx", "network_from_onnx", "row_check"}
_BARE |= {"is_bare", "predicted_labels", "subject_of", "view_in_front", "view_of"}
# The model, and what is drawn or written of the answer.
_FREE = {
    "model",
    "path",
    "estimator",
    "name",
    "ax",
    "line_kwargs",
    "bar_kwargs",
    "image_kwargs",
    "n_features",
}


def _public():
    """Functions of a model, scorers and meta-estimators, with their arguments."""
    for part in (sklip, sklip.bounds, sklip.certification, sklip.metrics):
        for name in part.__all__:
            thing = getattr(part, name)
            if not callable(thing):
                continue
            names = list(inspect.signature(thing).parameters)
            drawn = getattr(thing, "from_estimator", None)
            if drawn is not None and name in TABLE:
                yield name, list(inspect.signature(drawn).parameters)
            of_model = inspect.isfunction(thing) and names[:1] == ["model"]
            around = inspect.isclass(thing) and hasattr(thing, "fit")
            around = around and "estimator" in names
            if of_model or around or name.startswith("make_"):
                yield name, names


@pytest.mark.parametrize(("name", "arguments"), sorted(dict(_public()).items()))
def test_no_public_argument_is_missing(name, arguments):
    """A new function or keyword needs a line in the table."""
    if name in _BARE:
        return
    assert name in TABLE, f"add {name} to TABLE"
    missing = set(arguments) - _FREE - set(TABLE[name].arguments.split())
    assert not missing, f"add {missing} to the line of {name}, with a value in VALUES"
