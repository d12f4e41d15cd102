# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""From a fitted model to its NetworkView."""

import numpy as np

from sklip._documentation import documented
from sklip._shared_docs import EXAMPLES
from sklip.exceptions import UnsupportedModelError
from sklip.networks._entry import entry_of, first_met
from sklip.networks._feedforward import FeedForward
from sklip.networks._folding import (
    Coordinates,
    Folder,
    FoldRounding,
    InputEncoder,
    Storage,
    column_names,
    raw_columns,
)
from sklip.networks._formats import stored_network
from sklip.networks._named_tolerances import named_tolerances
from sklip.networks._reading import (
    Resolved,
    Unwrapped,
    is_multilabel,
    refused_multilabel,
    resolve_unwrapped,
    unwrap,
)
from sklip.networks._trust import full_name, is_exactly
from sklip.networks._view import NetworkView

__all__ = ["label_views", "logits_view", "network_view", "prediction_view"]


@documented(EXAMPLES)
def network_view(model, X=None, *, feature_eps=None):
    """View a fitted model as one network of the columns of X.

    Parameters
    ----------
    model : object
        A FeedForward, an ONNX model that :meth:`FeedForward.from_onnx` reads (or the
        name of its file, which ends in ".onnx"), a fitted sklip estimator, a fitted MLP
        or linear model of scikit-learn, or a Pipeline or TransformedTargetRegressor of
        these, or a model of a class of your own (see Notes). A bare FeedForward is a
        classifier if it has several outputs, else a regressor.
    X : {array-like, DataFrame} of shape (n_samples, n_features), default=None
        Samples whose types decide in which arithmetic the model computes: what rounding
        may do in float32 is allowed for by radii and intervals. None stands for
        float64.
    feature_eps : dict or Series, default=None
        As for ``with_feature_eps``, whose result is returned. A
        transformer that sees none of these columns is evaluated at the rows of X,
        whatever it is: what it hands on does not move.

    Returns
    -------
    view : NetworkView
        The network in the units of X and y, with the map from X to its inputs.

    Raises
    ------
    NotFittedError
        If the model, or a step of it, is not fitted.
    UnsupportedModelError
        If the model or a transformer in front of it is of a type for which no bound is
        proven.

    Notes
    -----
    A transformer z = A(x - b) in front of a network makes one network with first matrix
    W_0 A, so a bound on it speaks of the user's own columns. The product is rounded to
    float64: a Lipschitz bound of a Pipeline is proven for the network with the rounded
    matrix, while certified radii and intervals also allow for the rounding of the fold
    and for that of the Pipeline's own steps.

    Types are taken as they are: a subclass may predict otherwise than its parent, so
    one of a scikit-learn class is refused, and one of a sklip estimator is taken only
    if it overrides nothing that predict uses. So is an object whose methods were
    replaced. A class of your own says what it predicts by a method
    ``__sklip_network__(self)``. It returns a FeedForward f, and ``predict(X)`` must be
    ``f.forward(X)`` for a regressor; for a classifier the entry of ``classes_`` where
    the row of ``f.forward(X)`` is largest, or with a single output the second of two
    classes where that is positive. Or it returns another fitted model that predicts the
    same. Nothing checks the statement: certificates are as true as it is. A
    transformer that maps each column by itself says so by ``__sklip_affine__(self)``,
    which returns scale and offset of each.

    Float32 input is cast to float64 first. scikit-learn's scalers round their output to
    the type of X, and a PCA or an MLP fitted on float32 computes in it, so that the
    model itself agrees with the network to float32 precision only. Its roundings are
    counted for the types of the X given: a radius or an interval holds for rows of that
    type, and for float64. Where the types leave nothing to prove (float16, integers
    that wrap around) the step is refused by name.

    Examples
    --------
    {scaled_iris}
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklip.networks import network_view
    >>> model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    >>> view = network_view(model)
    >>> bool(abs(view.network.forward(X) - model.decision_function(X)).max() < 1e-10)
    True
    """
    view = prediction_view(model, X, feature_eps)
    if view.target is not None:
        raise _curved_target(view, model)
    return view


def _curved_target(view, model):
    return UnsupportedModelError(
        f"{full_name(_unwrapped(model).outer)} predicts through "
        f"{view.target.name}: in the units of y its slope has no bound. "
        "certified_interval, adversarial_interval, certified_error_score and "
        "CertifiedIntervalRegressor map the ends of intervals through it. For what "
        "comes before it pass model.regressor_ of a TransformedTargetRegressor, or "
        "model.network_ of an estimator of sklip."
    )


def _unwrapped(model):
    return model if isinstance(model, Unwrapped) else unwrap(model)


def prediction_view(model, X=None, feature_eps=None):
    """The same for a regressor that predicts through monotone maps of its outputs.

    Only who maps the ends of intervals by ``view.target`` may ask for it.
    """
    view = outputs_view(model, X, feature_eps)
    if view.is_multilabel:
        raise refused_multilabel(_unwrapped(model).last)
    return view


def outputs_view(model, X=None, feature_eps=None):
    """The same for multilabel classifiers too.

    Only who speaks of outputs, or of :meth:`NetworkView.of_label`, may ask for it.
    """
    view = _view(model, X, feature_eps)
    return view if feature_eps is None else view.with_feature_eps(feature_eps)


def label_views(model, X=None, feature_eps=None):
    """Views of the classifiers of every label; None unless the model is multilabel."""
    if not _decides_labels(model):
        return None
    view = outputs_view(model, X, feature_eps)
    return [view.of_label(k) for k in range(view.network.n_outputs)]


def _decides_labels(model):
    is_fitted_one = hasattr(model, "fit") and not isinstance(model, type)
    return is_fitted_one and is_multilabel(_unwrapped(model).last)


def logits_view(model):
    """The view of a model for bounds of its outputs, whatever is decided by them.

    What :func:`unwrap` made of the model is taken as well.
    """
    whole = isinstance(model, Unwrapped)
    view = _view_of_parts(model) if whole else _view(model, None, None)
    if view.target is not None:
        raise _curved_target(view, model)
    return view


def _view(model, X, feature_eps):
    """The view in the units of X; what is not in feature_eps need not have slopes."""
    if is_exactly(model, NetworkView):
        return model
    model = stored_network(model)
    if is_exactly(model, FeedForward):
        classes = np.arange(model.n_outputs) if model.n_outputs > 1 else None
        columns = raw_columns(model.n_inputs)
        resolved = Resolved(model, FoldRounding.of(model), classes, columns)
        return _assemble(resolved, Folder(model.n_inputs), None, False)
    return _view_of_parts(_unwrapped(model), X, feature_eps)


def _view_of_parts(parts, X=None, feature_eps=None):
    n_features, names, by_name = entry_of(first_met(parts))
    moving = None
    if feature_eps is not None:
        known = named_tolerances(feature_eps, names, n_features)
        moving = frozenset(j for _, j, _ in known)
    folder = Folder(n_features, X, moving)
    storage = Storage.of(X, n_features, _positions(names, X))
    columns = raw_columns(n_features, storage)
    return _assemble(resolve_unwrapped(parts, folder, columns), folder, names, by_name)


def _positions(names, X):
    """Where the columns of fit are in X; None if both have no names."""
    given = column_names(X)
    if names is None or given is None:
        return None
    place = {name: i for i, name in enumerate(given)}
    # encode() says what is missing.
    return [place.get(name, len(given)) for name in names]


def _assemble(resolved, folder, names, by_name):
    """Fold the columns into the network and note what encode() has to do."""
    found, columns = Coordinates(folder, resolved.columns), resolved.columns
    network, rounding = _in_front(resolved.network, resolved.rounding, columns, found)
    decision = resolved.decision
    encoder = InputEncoder(
        folder.n_features,
        names,
        by_name,
        tuple(found.used),
        tuple(folder.fill(j) for j in found.used),
        tuple(found.paths),
        tuple(found.outputs),
        frozenset(folder.immutable),
        tuple(folder.fill(folder.n_features + k) for k in found.encoded),
    )
    classes = resolved.classes
    return NetworkView(
        network=network,
        mutable=found.mutable,
        feature_index=found.feature_index,
        feature_names=None if names is None else list(names),
        n_features=folder.n_features,
        classes=classes,
        is_binary_logit=classes is not None and network.n_outputs < len(classes),
        encoder=encoder,
        rounding=rounding.checked(),
        units=found.units,
        base_units=found.units,
        faithful=found.faithful,
        groups=found.groups,
        score=decision and (lambda: _in_front(*decision(), columns, found)),
        ties=resolved.ties,
        target=resolved.target,
        is_multilabel=resolved.is_multilabel,
    )


def _in_front(network, rounding, columns, found):
    """The network of the coordinates instead of the columns, and its rounding."""
    if found.is_plain:
        return network, rounding
    rounding = rounding.in_front(columns, found.chosen, network.weights[0])
    network = network.with_input_map(found.matrix(columns), columns.offset)
    if not np.all(found.units == 1.0):
        network = network.with_input_map(np.diag(found.units))
        rounding = rounding.measured_in(found.units)
    return network, rounding
