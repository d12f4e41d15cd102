# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The network inside a fitted model, without what stands in front of it."""

from dataclasses import replace

import numpy as np
from scipy import sparse
from sklearn.neural_network import MLPClassifier, MLPRegressor

from sklip._compat import IdentityLink, LogLink
from sklip.exceptions import UnsupportedModelError
from sklip.networks._feedforward import FeedForward
from sklip.networks._folding import FoldRounding, coarseness, common_type
from sklip.networks._reading.known import (
    GENERALISED,
    KERNEL_MACHINES,
    LINEAR_CLASSIFIERS,
    LINEAR_REGRESSORS,
)
from sklip.networks._reading.stated import extract_stated, unknown_model
from sklip.networks._trust import full_name, makes_statement

__all__ = [
    "extract_network",
    "extract_rounding",
    "is_multilabel",
    "need_equal_labels",
    "read_network",
    "refused_multilabel",
    "support_sizes",
]

# Terms of this size are rounded when a softmax, or a sigmoid near one half, is computed
# and compared: a few units of roundoff of logits, with room to spare.
_TIED_PROBABILITY = 4.0


def is_multilabel(model):
    """Whether a fitted classifier decides every label of a set by its own output."""
    if type(model) is MLPClassifier:
        return model._label_binarizer.y_type_.startswith("multilabel")
    own = makes_statement(model, "__sklip_network__")
    return own and getattr(model, "_is_multilabel", False)


def extract_network(model, *, multilabel=False):
    """Network and class labels of a fitted model.

    Parameters
    ----------
    model : object
        A scikit-learn MLP, linear model or linear support vector machine, or an object
        that states a FeedForward by ``__sklip_network__``, as sklip's estimators do.
    multilabel : bool, default=False
        Whether its classes may be the labels of a set: an output for each, whose sign
        decides.

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
    network, classes, are_labels = read_network(model)
    if are_labels and not multilabel:
        raise refused_multilabel(model)
    return network, classes


def read_network(model):
    """Network, classes, and whether these are the labels of a set."""
    kind = type(model)
    if kind is MLPClassifier or kind is MLPRegressor:
        network, classes = _extract_mlp(model)
    elif kind in LINEAR_CLASSIFIERS | LINEAR_REGRESSORS | GENERALISED:
        _check_link(model)
        network, classes = _extract_linear(model)
    elif kind in KERNEL_MACHINES:
        network, classes = _extract_kernel_machine(model)
    elif makes_statement(model, "__sklip_network__"):
        network, classes = extract_stated(model)
    else:
        raise unknown_model(model)
    if is_multilabel(model):
        return network, np.arange(network.n_outputs), True
    if classes is not None:
        classes = _checked_classes(kind.__name__, network.n_outputs, classes)
    return network, classes, False


def refused_multilabel(model):
    """The error of functions that speak of one class of each sample."""
    return UnsupportedModelError(
        f"A multilabel {full_name(model)} is not supported here: margins, "
        "certified_radius, certified_accuracy_score, certified_accuracy_curve and "
        "lipschitz_bound take it. For one label pass a classifier of that label, "
        "such as those of MultiOutputClassifier(...).estimators_."
    )


def _extract_mlp(model):
    layers = len(model.coefs_), len(model.intercepts_), model.n_layers_ - 1
    if len(set(layers)) > 1:
        raise UnsupportedModelError(
            f"{type(model).__name__} has {layers[0]} coefs_ and {layers[1]} "
            f"intercepts_, but n_layers_ = {model.n_layers_}: it was changed after fit."
        )
    network = FeedForward(
        [w.T for w in model.coefs_], model.intercepts_, model.activation
    )
    # Of counts the exponential is what predict makes of the outputs.
    expected = "exp" if getattr(model, "loss", None) == "poisson" else "identity"
    classes = None
    if type(model) is MLPClassifier:
        single = network.n_outputs == 1 or is_multilabel(model)
        expected = "logistic" if single else "softmax"
        classes = _binarized_classes(model, network)
    if model.out_activation_ != expected or model.n_outputs_ != network.n_outputs:
        raise UnsupportedModelError(
            f"{type(model).__name__} with {model.n_outputs_} outputs and the output "
            f"activation {model.out_activation_!r} has no known bound: its slopes are "
            f"unbounded, or it was changed after fit ({expected!r} has one)."
        )
    return network, classes


def _binarized_classes(model, network):
    """Labels that predict gives: those of the binarizer, which also has a threshold."""
    binarizer = model._label_binarizer
    kind = "binary" if network.n_outputs == 1 else "multiclass"
    kind = "multilabel-indicator" if is_multilabel(model) else kind
    if (binarizer.neg_label, binarizer.pos_label) != (0, 1) or (
        binarizer.y_type_ != kind and len(binarizer.classes_) > 1
    ):
        raise UnsupportedModelError(
            f"The label binarizer of {type(model).__name__} was changed after fit."
        )
    return need_equal_labels(model, binarizer.classes_)


def need_equal_labels(model, classes):
    """The labels that predict gives, if they are those of ``classes_``."""
    if not np.array_equal(classes, model.classes_):
        raise UnsupportedModelError(
            f"{type(model).__name__} has classes_ {np.asarray(model.classes_).tolist()}"
            f", but predict gives {np.asarray(classes).tolist()}: it was changed after "
            "fit."
        )
    return classes


def _extract_linear(model):
    coef = model.coef_.toarray() if sparse.issparse(model.coef_) else model.coef_
    coef = np.atleast_2d(np.asarray(coef, dtype=np.float64))
    intercept = np.broadcast_to(np.ravel(model.intercept_), len(coef))
    if type(model) not in LINEAR_CLASSIFIERS:
        return FeedForward([coef], [intercept]), None
    _refuse_multilabel(model)
    return FeedForward([coef], [intercept]), model.classes_


def _check_link(model):
    """Of a generalised linear model: predictions are its outputs, or their exp."""
    link = getattr(getattr(model, "_base_loss", None), "link", None)
    if type(model) in GENERALISED and type(link) not in (IdentityLink, LogLink):
        raise UnsupportedModelError(
            f"{full_name(model)} with the link {full_name(link)} has no known bound."
        )


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
    # The public coef_, dual_coef_ and intercept_ are copies that predict never reads;
    # libsvm has the sign of the first class.
    sign = 1.0 if classes is None else -1.0
    dual, vectors = _support(model)
    return FeedForward([sign * dual @ vectors], [sign * model._intercept_]), classes


def _support(model):
    """Dual coefficients and support vectors, dense, as predict uses them."""
    dual, vectors = model._dual_coef_, model.support_vectors_
    return tuple(a.toarray() if sparse.issparse(a) else a for a in (dual, vectors))


def support_sizes(machine):
    """Largest sum of absolute terms of a kernel machine's weight, largest weight."""
    dual, vectors = _support(machine)
    return np.max(np.abs(dual) @ np.abs(vectors)), np.max(np.abs(dual @ vectors))


def extract_rounding(model, network, dtypes):
    """How far the model's own arithmetic may be from the network.

    Parameters
    ----------
    network : FeedForward
        What :func:`extract_network` made of it.
    dtypes : tuple of numpy.dtype
        Types of the columns that it is given.

    Returns
    -------
    rounding : FoldRounding
        Sizes of the terms that the model adds up: for a kernel machine one for each
        support vector.
    coarseness : int
        What one rounding of its arithmetic counts for: 1 in float64.
    """
    rounding = FoldRounding.of(network)
    if type(model) not in KERNEL_MACHINES:
        if type(model) is MLPClassifier:
            # Probabilities are compared: of logits that differ by less they are equal.
            rounding = rounding.mixed(np.eye(network.n_outputs), _TIED_PROBABILITY)
        coarse = 1  # what a network states of itself is computed in float64
        if not makes_statement(model, "__sklip_network__"):
            fitted = model.coefs_[0] if hasattr(model, "coefs_") else model.coef_
            dtype = common_type((*dtypes, fitted.dtype))
            coarse = coarseness(dtype, type(model).__name__)
        return rounding.computed(network, coarse), coarse
    dual, vectors = _support(model)
    size = np.abs(dual) @ np.abs(vectors)
    count = len(vectors) + 8
    # It casts what it is given to float64.
    return replace(rounding, first=size, last_size=size, n_first=count, n_last=count), 1


def _refuse_multilabel(model):
    binarizer = getattr(model, "_label_binarizer", None)
    if str(getattr(binarizer, "y_type_", "")).startswith("multilabel"):
        raise UnsupportedModelError(
            f"Multilabel {type(model).__name__} is not supported: certify one "
            "classifier for each label."
        )


def _checked_classes(name, n_outputs, classes):
    classes = np.array(classes)
    binary = n_outputs == 1 and len(classes) == 2
    if classes.ndim != 1 or not (binary or n_outputs == len(classes) > 1):
        raise UnsupportedModelError(
            f"{name} has {n_outputs} outputs for the classes "
            f"{classes.tolist()}: one output for each of at least two classes, or a "
            "single logit for two, is needed."
        )
    classes.flags.writeable = False
    return classes
