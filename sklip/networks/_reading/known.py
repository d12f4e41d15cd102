# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn's models that are read, by their exact type."""

from sklearn import linear_model, svm
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import (
    FixedThresholdClassifier,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline

from sklip._compat import SEARCHES

__all__ = [
    "GENERALISED",
    "KERNEL_MACHINES",
    "LINEAR_CLASSIFIERS",
    "LINEAR_REGRESSORS",
    "MODELS",
    "SIGMOID_OF_LOGIT",
    "THRESHOLD_MODELS",
    "WRAPPERS",
]


def _existing(*names):
    return frozenset(
        getattr(linear_model, name) for name in names if hasattr(linear_model, name)
    )


# Exact types whose predictions are those of coef_ and intercept_ and nothing else.
LINEAR_CLASSIFIERS = _existing(
    "LogisticRegression",
    "LogisticRegressionCV",
    "PassiveAggressiveClassifier",
    "Perceptron",
    "RidgeClassifier",
    "RidgeClassifierCV",
    "SGDClassifier",
) | {LinearDiscriminantAnalysis, svm.LinearSVC}
LINEAR_REGRESSORS = _existing(
    "ARDRegression",
    "BayesianRidge",
    "ElasticNet",
    "ElasticNetCV",
    "HuberRegressor",
    "Lars",
    "LarsCV",
    "Lasso",
    "LassoCV",
    "LassoLars",
    "LassoLarsCV",
    "LassoLarsIC",
    "LinearRegression",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "OrthogonalMatchingPursuit",
    "OrthogonalMatchingPursuitCV",
    "PassiveAggressiveRegressor",
    "QuantileRegressor",
    "Ridge",
    "RidgeCV",
    "SGDRegressor",
    "TheilSenRegressor",
) | {svm.LinearSVR}
# Linear in what their link maps to predictions.
GENERALISED = _existing("GammaRegressor", "PoissonRegressor", "TweedieRegressor")
KERNEL_MACHINES = frozenset({svm.SVC, svm.NuSVC, svm.SVR, svm.NuSVR})
MODELS = (
    LINEAR_CLASSIFIERS
    | LINEAR_REGRESSORS
    | GENERALISED
    | KERNEL_MACHINES
    | {MLPClassifier, MLPRegressor}
)
# Of two classes their predict_proba is the sigmoid of the logit.
SIGMOID_OF_LOGIT = frozenset(
    {
        LinearDiscriminantAnalysis,
        LogisticRegression,
        LogisticRegressionCV,
        MLPClassifier,
    }
)
THRESHOLD_MODELS = (FixedThresholdClassifier, TunedThresholdClassifierCV)
# Models around others.
WRAPPERS = frozenset(
    {
        *SEARCHES,
        *THRESHOLD_MODELS,
        BaggingClassifier,
        BaggingRegressor,
        CalibratedClassifierCV,
        FrozenEstimator,
        OneVsRestClassifier,
        Pipeline,
        TransformedTargetRegressor,
        VotingClassifier,
        VotingRegressor,
    }
)
