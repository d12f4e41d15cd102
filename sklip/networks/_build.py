# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""From a fitted model to its NetworkView."""

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils.validation import check_is_fitted

from sklip.exceptions import UnsupportedModelError
from sklip.networks._columns import raw_columns
from sklip.networks._encode import InputEncoder
from sklip.networks._extract import extract_network
from sklip.networks._feedforward import FeedForward
from sklip.networks._fold import (
    Folder,
    coordinatewise_map,
    is_drop,
    is_identity,
    unfreeze,
)
from sklip.networks._fold_rounding import FoldRounding
from sklip.networks._view import NetworkView

__all__ = ["network_view"]


def network_view(model):
    """View a fitted model as one network of the columns of X.

    Parameters
    ----------
    model : object
        A FeedForward, a fitted sklip estimator, a fitted MLP or linear model of
        scikit-learn, or a Pipeline or TransformedTargetRegressor of these. A bare
        FeedForward is a classifier if it has several outputs, else a regressor.

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

    Float32 input is cast to float64 first. scikit-learn's scalers round their output to
    the type of X, and its MLPs compute in the type they were fitted on, so with float32
    the model itself agrees with the network to float32 precision only, and what is
    proven speaks of the network.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklip.networks import network_view
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    >>> view = network_view(model)
    >>> bool(abs(view.network.forward(X) - model.decision_function(X)).max() < 1e-10)
    True
    """
    if isinstance(model, NetworkView):
        return model
    if isinstance(model, FeedForward):
        classes = np.arange(model.n_outputs) if model.n_outputs > 1 else None
        return _assemble(model, FoldRounding.of(model), classes, [], model)
    transformers, target_transformers, final = _unwrap(model)
    network, classes = extract_network(final)
    if target_transformers and classes is not None:
        raise UnsupportedModelError(
            f"TransformedTargetRegressor around the classifier {type(final).__name__} "
            "is not supported."
        )
    rounding = FoldRounding.of(network)
    for transformer in reversed(target_transformers):
        network, rounding = _undo_target(network, rounding, transformer)
    return _assemble(network, rounding, classes, transformers, final)


def _unwrap(model):
    """Transformers in front, target transformers behind, and the final model."""
    transformers, target_transformers = [], []
    while True:
        _check_fitted(model)
        model = unfreeze(model)
        if type(model) is Pipeline:
            transformers += [step for _, step in model.steps[:-1]]
            model = model.steps[-1][1]
        elif type(model) is TransformedTargetRegressor:
            target_transformers.append(model.transformer_)
            model = model.regressor_
        else:
            return transformers, target_transformers, model


def _check_fitted(model):
    if isinstance(model, type) or not hasattr(model, "fit"):
        what = model.__name__ if isinstance(model, type) else type(model).__name__
        raise UnsupportedModelError(
            f"No bound is known for {what}: a fitted estimator or a FeedForward is "
            "needed."
        )
    check_is_fitted(model)


def _undo_target(network, rounding, transformer):
    """The network behind the inverse of a fitted target transformer."""
    transformer = unfreeze(transformer)
    if is_identity(transformer):
        return network, rounding
    if type(transformer) is Pipeline:
        for _, step in reversed(transformer.steps):
            network, rounding = _undo_target(network, rounding, step)
        return network, rounding
    n = network.n_outputs
    try:
        scale, offset = coordinatewise_map(transformer, n)
    except UnsupportedModelError:
        raise UnsupportedModelError(
            f"The target transformer {type(transformer).__name__} of a "
            "TransformedTargetRegressor cannot be folded into the network. Those that "
            "can be: MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler (without "
            "clip)."
        ) from None
    scale, offset = 1.0 / scale, -offset / scale
    network = network.with_output_map(np.diag(scale), offset)
    return network, rounding.behind(scale, offset)


def _assemble(network, rounding, classes, transformers, final):
    """Fold the transformers into the network and note what encode() has to do."""
    n_features, names, by_name = _entry(network, transformers, final)
    folder = Folder(n_features)
    columns = raw_columns(n_features)
    for transformer in transformers:
        columns = folder.fold(transformer, columns)
    folder.need_affine(columns, final)
    folder.forbid_missing(columns)
    used = sorted(frozenset().union(*columns.sources))
    n_encoded = folder.n_coordinates - n_features
    chosen = [*used, *range(n_features, folder.n_coordinates)]
    if transformers:
        matrix = columns.matrix.copy()
        matrix.resize((len(columns), folder.n_coordinates))
        network = network.with_input_map(matrix[:, chosen], columns.offset)
        rounding = rounding.in_front(columns, chosen)
    immutable = frozenset(folder.immutable)
    encoder = InputEncoder(
        n_features,
        names,
        by_name,
        tuple(used),
        tuple(_fill_value(folder, j) for j in used),
        tuple(folder.paths),
        immutable,
    )
    return NetworkView(
        network=network,
        mutable=np.array([j not in immutable for j in used] + [False] * n_encoded),
        feature_index=np.array([*used, *[-1] * n_encoded], dtype=int),
        feature_names=None if names is None else list(names),
        n_features=n_features,
        classes=classes,
        is_binary_logit=classes is not None and network.n_outputs < len(classes),
        encoder=encoder,
        rounding=rounding,
        units=np.ones(len(chosen)),
    )


def _entry(network, transformers, final):
    """Number and names of the columns of X, and whether they are taken by name."""
    first = next((t for t in _flatten(transformers) if not is_identity(t)), final)
    names = getattr(first, "feature_names_in_", None)
    return (
        getattr(first, "n_features_in_", network.n_inputs),
        None if names is None else tuple(map(str, names)),
        type(first) is ColumnTransformer,
    )


def _flatten(transformers):
    for transformer in map(unfreeze, transformers):
        if type(transformer) is Pipeline:
            yield from _flatten(step for _, step in transformer.steps)
        elif type(transformer) is FeatureUnion:
            steps = [step for _, step in transformer.transformer_list]
            yield from _flatten(step for step in steps if not is_drop(step))
        else:
            yield transformer


def _fill_value(folder, j):
    """What replaces a missing value of column j; NaN if no single value does."""
    fills = folder.fills.get(j, [])
    if not fills or j in folder.bare:
        return np.nan
    value, error = fills[0]
    agree = all(abs(other - value) <= error + slack for other, slack in fills)
    return value if agree else np.nan
