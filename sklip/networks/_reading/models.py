# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The network inside a fitted model, without what stands in front of it.

Each family of models has one function that reads all there is to know of a member.
"""

from dataclasses import replace

import numpy as np
from scipy import sparse
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor

from sklip._compat import IdentityLink, LogLink
from sklip.exceptions import UnsupportedModelError
from sklip.networks._feedforward import FeedForward
from sklip.networks._folding import FoldRounding
from sklip.networks._reading.known import (
    GENERALISED,
    KERNEL_MACHINES,
    LINEAR_CLASSIFIERS,
    LINEAR_REGRESSORS,
    SIGMOID_OF_LOGIT,
)
from sklip.networks._reading.leaf import Leaf
from sklip.networks._reading.stated import read_stated, unknown_model
from sklip.networks._trust import full_name, makes_statement, statement_of

__all__ = [
    "extract_leaf",
    "is_multilabel",
    "need_equal_labels",
    "read_leaf",
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


def extract_leaf(model):
    """All that is read of a fitted model that speaks of one class of each sample.

    Parameters
    ----------
    model : object
        A scikit-learn MLP, linear model or linear support vector machine, or an object
        that states a FeedForward by ``__sklip_network__``, as sklip's estimators do.

    Returns
    -------
    leaf : Leaf
        Two labels and one output: the output is the logit of the second label.

    Raises
    ------
    UnsupportedModelError
        If the type is not known, or the model is multilabel.
    """
    leaf = read_leaf(model, statement_of(model, "__sklip_network__"))
    if leaf.is_multilabel:
        raise refused_multilabel(model)
    return leaf


def read_leaf(model, stated):
    """The same of any; ``stated`` is what its ``__sklip_network__`` gave, or None."""
    kind = type(model)
    if kind is MLPClassifier or kind is MLPRegressor:
        leaf = _read_mlp(model)
    elif kind in LINEAR_CLASSIFIERS | LINEAR_REGRESSORS | GENERALISED:
        leaf = _read_linear(model)
    elif kind in KERNEL_MACHINES:
        leaf = _read_kernel_machine(model)
    elif stated is not None or makes_statement(model, "__sklip_network__"):
        leaf = read_stated(model, stated)
    else:
        raise unknown_model(model)
    return leaf.checked()


def refused_multilabel(model):
    """The error of functions that speak of one class of each sample."""
    return UnsupportedModelError(
        f"A multilabel {full_name(model)} is not supported here: margins, "
        "certified_radius, certified_accuracy_score, certified_accuracy_curve and "
        "lipschitz_bound take it. For one label pass a classifier of that label, "
        "such as those of MultiOutputClassifier(...).estimators_."
    )


def _read_mlp(model):
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
    loss = getattr(model, "loss", None)
    expected = "exp" if loss == "poisson" else "identity"
    leaf = Leaf(type(model), network, dtype=model.coefs_[0].dtype)
    if type(model) is MLPClassifier:
        leaf = _read_classes(model, leaf)
        single = network.n_outputs == 1 or leaf.is_multilabel
        expected = "logistic" if single else "softmax"
    if model.out_activation_ != expected or model.n_outputs_ != network.n_outputs:
        raise UnsupportedModelError(
            f"{type(model).__name__} with {model.n_outputs_} outputs and the output "
            f"activation {model.out_activation_!r} has no known bound: its slopes are "
            f"unbounded, or it was changed after fit ({expected!r} has one)."
        )
    return replace(leaf, exponential_of=loss) if expected == "exp" else leaf


def _read_classes(model, leaf):
    """Labels that predict gives: those of the binarizer, which also has a threshold."""
    binarizer = model._label_binarizer
    are_labels = is_multilabel(model)
    kind = "binary" if leaf.network.n_outputs == 1 else "multiclass"
    kind = "multilabel-indicator" if are_labels else kind
    if (binarizer.neg_label, binarizer.pos_label) != (0, 1) or (
        binarizer.y_type_ != kind and len(binarizer.classes_) > 1
    ):
        raise UnsupportedModelError(
            f"The label binarizer of {type(model).__name__} was changed after fit."
        )
    classes = need_equal_labels(model, binarizer.classes_)
    return replace(
        leaf,
        classes=np.arange(leaf.network.n_outputs) if are_labels else classes,
        is_multilabel=are_labels,
        ties="softmax",
        has_sigmoid=len(classes) == 2 and not are_labels,
        # Probabilities are compared: of logits that differ by less they are equal.
        tied=_TIED_PROBABILITY,
    )


def need_equal_labels(model, classes):
    """The labels that predict gives, if they are those of ``classes_``."""
    if not np.array_equal(classes, model.classes_):
        raise UnsupportedModelError(
            f"{type(model).__name__} has classes_ {np.asarray(model.classes_).tolist()}"
            f", but predict gives {np.asarray(classes).tolist()}: it was changed after "
            "fit."
        )
    return classes


def _read_linear(model):
    _check_link(model)
    kind = type(model)
    coef = model.coef_.toarray() if sparse.issparse(model.coef_) else model.coef_
    coef = np.atleast_2d(np.asarray(coef, dtype=np.float64))
    intercept = np.broadcast_to(np.ravel(model.intercept_), len(coef))
    leaf = Leaf(kind, FeedForward([coef], [intercept]), dtype=model.coef_.dtype)
    if kind in GENERALISED and type(model._base_loss.link) is LogLink:
        return replace(leaf, exponential_of="")
    if kind not in LINEAR_CLASSIFIERS:
        return leaf
    _refuse_multilabel(model)
    two = len(model.classes_) == 2
    sigmoid = kind in SIGMOID_OF_LOGIT
    if kind is SGDClassifier:
        sigmoid = model.loss == "log_loss"
    return replace(
        leaf, classes=model.classes_, has_logit=two, has_sigmoid=two and sigmoid
    )


def _check_link(model):
    """Of a generalised linear model: predictions are its outputs, or their exp."""
    link = getattr(getattr(model, "_base_loss", None), "link", None)
    if type(model) in GENERALISED and type(link) not in (IdentityLink, LogLink):
        raise UnsupportedModelError(
            f"{full_name(model)} with the link {full_name(link)} has no known bound."
        )


def _read_kernel_machine(model):
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
    network = FeedForward([sign * dual @ vectors], [sign * model._intercept_])
    size = np.abs(dual) @ np.abs(vectors)
    count = len(vectors) + 8  # a term for each support vector
    sums = replace(
        FoldRounding.of(network),
        first=size,
        last_size=size,
        n_first=count,
        n_last=count,
    )
    return Leaf(
        type(model),
        network,
        classes,
        # libsvm gives the second class unless its value for the first is positive.
        ties="last",
        has_logit=classes is not None,
        sums=sums,
    )


def _support(model):
    """Dual coefficients and support vectors, dense, as predict uses them."""
    dual, vectors = model._dual_coef_, model.support_vectors_
    return tuple(a.toarray() if sparse.issparse(a) else a for a in (dual, vectors))


def support_sizes(machine):
    """Largest sum of absolute terms of a kernel machine's weight, largest weight."""
    dual, vectors = _support(machine)
    return np.max(np.abs(dual) @ np.abs(vectors)), np.max(np.abs(dual @ vectors))


def _refuse_multilabel(model):
    binarizer = getattr(model, "_label_binarizer", None)
    if str(getattr(binarizer, "y_type_", "")).startswith("multilabel"):
        raise UnsupportedModelError(
            f"Multilabel {type(model).__name__} is not supported: certify one "
            "classifier for each label."
        )
