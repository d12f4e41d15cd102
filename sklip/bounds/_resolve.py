# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""From a model to the network whose Lipschitz constant is meant."""

from dataclasses import replace
from numbers import Integral

import numpy as np

from sklip.bounds._modules import unwrap_module
from sklip.networks import FeedForward, is_exactly, logits_view

__all__ = ["is_whole", "resolve_network", "restricted_network"]


def is_whole(output):
    """Whether no single output is asked for."""
    return output is None or (isinstance(output, str) and output == "all")


def resolve_network(model, *, output=None, feature=None):
    """The network that a bound of a model speaks of, in its mutable coordinates.

    Parameters
    ----------
    model : FeedForward, NetworkView or fitted model
        The model.
    output : int, "all" or None
        Output of the network that is meant; "all" of them together; None for what
        ``decision_function``, or a regressor's ``predict``, gives: of two classes with
        two logits their difference, which is steeper than both together.
    feature : int, str or None
        Column of X that is meant; None for all.

    Returns
    -------
    network : FeedForward
        The model itself where it is a network and nothing else is asked for.
    """
    model = unwrap_module(model)
    if is_exactly(model, FeedForward) and is_whole(output) and feature is None:
        return model
    return restricted_network(logits_view(model), output=output, feature=feature)


def restricted_network(view, *, output=None, feature=None):
    """The same for a NetworkView."""
    if feature is not None:
        view = replace(view, mutable=_columns(view, feature))
    if output is None:
        view = view.as_score()
    # A binary model's own output is its single logit, not the pair made of it.
    network = replace(view, is_binary_logit=False).mutable_network()
    return network if is_whole(output) else _single_output(network, output)


def _columns(view, feature):
    if isinstance(feature, str):
        names = view.feature_names or []
        index = names.index(feature) if feature in names else -1
    elif isinstance(feature, Integral) and not isinstance(feature, bool | np.bool_):
        index = int(feature)
    else:
        index = -1
    if not 0 <= index < view.n_features:
        known = view.feature_names or f"the indices 0 to {view.n_features - 1}"
        raise ValueError(
            f"feature must be a column of X, got {feature!r}; known: {known}."
        )
    columns = view.mutable & (view.feature_index == index)
    frozen = (view.feature_index == index) & ~view.mutable
    if index in view.encoder.immutable or frozen.any():
        raise ValueError(
            f"feature {feature!r} is immutable (an encoder consumes it): the model has "
            "no slope in it."
        )
    return columns


def _single_output(network, output):
    n = network.n_outputs
    valid = isinstance(output, Integral) and not isinstance(output, bool | np.bool_)
    if not valid or not 0 <= output < n:
        raise ValueError(
            f"output must be an integer from 0 to {n - 1}, None or 'all', got "
            f"{output!r}."
        )
    last = network.weights[-1][[output]], network.biases[-1][[output]]
    return FeedForward(
        (*network.weights[:-1], last[0]),
        (*network.biases[:-1], last[1]),
        network.activation,
    )
