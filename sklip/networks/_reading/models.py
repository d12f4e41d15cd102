# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The network inside a fitted model, without what stands in front of it."""

from dataclasses import replace

import numpy as np
from scipy import sparse
from sklearn import linear_model, svm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neural_network import MLPClassifier, MLPRegressor

from sklip.exceptions import UnsupportedModelError
from sklip.networks._feedforward import FeedForward
from sklip.networks._folding import FoldRounding

__all__ = ["extract_network", "extract_rounding"]


def _existing(*names):
    return frozenset(
        getattr(linear_model, name) for name in names if hasattr(linear_model, name)
    )


# Exact types whose predictions are those of coef_ and intercept_ and nothing else.
_LINEAR_CLASSIFIERS = _existing(
    "LogisticRegression",
    "LogisticRegressionCV",
    "PassiveAggressiveClassifier",
    "Perceptron",
    "RidgeClassifier",
    "RidgeClassifierCV",
    "SGDClassifier",
) | {LinearDiscriminantAnalysis, svm.LinearSVC}
_LINEAR_REGRESSORS = _existing(
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
_KERNEL_MACHINES = frozenset({svm.SVC, svm.NuSVC, svm.SVR, svm.NuSVR})


def extract_network(model):
    """Network and class labels of a fitted model.

    Parameters
    ----------
    model : object
        A fitted sklip estimator (anything with a FeedForward as ``network_``), or a
        scikit-learn MLP or linear model.

    Returns
    -------
    network : FeedForward
        Logits of a classifier, predictions of a regressor.
    classes : ndarray or None
        Labels; None for a regressor. Two labels and one output: the output is the logit
        of the second label.

    Raises
    ------
    UnsupportedModelError
        If the type is not known, or the model is multilabel.
    """
    kind = type(model)
    if isinstance(getattr(model, "network_", None), FeedForward):
        network, classes = model.network_, getattr(model, "classes_", None)
    elif kind is MLPClassifier or kind is MLPRegressor:
        network, classes = _extract_mlp(model)
    elif kind in _LINEAR_CLASSIFIERS or kind in _LINEAR_REGRESSORS:
        network, classes = _extract_linear(model)
    elif kind in _KERNEL_MACHINES:
        network, classes = _extract_kernel_machine(model)
    elif hasattr(kind, "module_") and hasattr(model, "module_"):
        raise UnsupportedModelError(
            f"This {kind.__name__} holds a torch module, which is no FeedForward: "
            "lipschitz_bound, certified_radius with method='product' and "
            "certified_interval take it as it is."
        )
    else:
        raise UnsupportedModelError(
            f"No bound is known for {kind.__name__}. Models that have one: the "
            "estimators of sklip, MLPClassifier, MLPRegressor, the linear models of "
            "scikit-learn and SVMs with kernel='linear', also inside a Pipeline, a "
            "TransformedTargetRegressor, a search, and averages of them."
        )
    if classes is not None:
        classes = _check_classes(model, network, classes)
    return network, classes


def _extract_mlp(model):
    network = FeedForward(
        [w.T for w in model.coefs_], model.intercepts_, model.activation
    )
    expected = ("identity",)
    if type(model) is MLPClassifier:
        _refuse_multilabel(model)
        expected = ("logistic", "softmax")
    if model.out_activation_ not in expected:
        raise UnsupportedModelError(
            f"{type(model).__name__} with output activation {model.out_activation_!r} "
            "has no global bound: its slopes are unbounded."
        )
    return network, getattr(model, "classes_", None)


def _extract_linear(model):
    coef = model.coef_.toarray() if sparse.issparse(model.coef_) else model.coef_
    coef = np.atleast_2d(np.asarray(coef, dtype=np.float64))
    intercept = np.broadcast_to(np.ravel(model.intercept_), len(coef))
    if type(model) not in _LINEAR_CLASSIFIERS:
        return FeedForward([coef], [intercept]), None
    _refuse_multilabel(model)
    return FeedForward([coef], [intercept]), model.classes_


def _extract_kernel_machine(model):
    name = type(model).__name__
    if model.kernel != "linear":
        raise UnsupportedModelError(
            f"{name}(kernel={model.kernel!r}) has no known bound; with kernel='linear' "
            "it has one."
        )
    classes = getattr(model, "classes_", None)
    if classes is not None and len(classes) != 2:
        raise UnsupportedModelError(
            f"{name} of {len(classes)} classes counts votes of pairs, which jump. Use "
            "LinearSVC, or two classes."
        )
    coef = model.coef_.toarray() if sparse.issparse(model.coef_) else model.coef_
    return FeedForward([coef], [np.ravel(model.intercept_)]), classes


def extract_rounding(model, network):
    """How far the model's own arithmetic may be from the network.

    Parameters
    ----------
    model : object
        The model.
    network : FeedForward
        What :func:`extract_network` made of it.

    Returns
    -------
    rounding : FoldRounding
        Sizes of the terms that the model adds up: for a kernel machine one for each
        support vector.
    """
    rounding = FoldRounding.of(network)
    if type(model) not in _KERNEL_MACHINES:
        return rounding
    dual, vectors = model.dual_coef_, model.support_vectors_
    if sparse.issparse(dual):
        dual, vectors = dual.toarray(), vectors.toarray()
    size = np.abs(dual) @ np.abs(vectors)
    count = len(vectors) + 8
    return replace(rounding, first=size, last_size=size, n_first=count, n_last=count)


def _refuse_multilabel(model):
    binarizer = getattr(model, "_label_binarizer", None)
    if str(getattr(binarizer, "y_type_", "")).startswith("multilabel"):
        raise UnsupportedModelError(
            f"Multilabel {type(model).__name__} is not supported: certify one "
            "classifier for each label."
        )


def _check_classes(model, network, classes):
    classes = np.array(classes)
    binary = network.n_outputs == 1 and len(classes) == 2
    if classes.ndim != 1 or not (binary or network.n_outputs == len(classes) > 1):
        raise UnsupportedModelError(
            f"{type(model).__name__} has {network.n_outputs} outputs for the classes "
            f"{classes.tolist()}: one output for each of at least two classes, or a "
            "single logit for two, is needed."
        )
    classes.flags.writeable = False
    return classes
