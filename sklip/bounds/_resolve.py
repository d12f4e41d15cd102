# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""From a model to the network whose Lipschitz constant is meant."""

from dataclasses import replace
from numbers import Integral

import numpy as np

from sklip.bounds._modules import unwrap_module
from sklip.networks import FeedForward, network_view

__all__ = ["resolve_network", "restricted_network"]


def resolve_network(model, *, output=None, feature=None):
    """The network of a model's outputs as functions of its mutable coordinates."""
    model = unwrap_module(model)
    if isinstance(model, FeedForward) and output is None and feature is None:
        return model
    return restricted_network(network_view(model), output=output, feature=feature)


def restricted_network(view, *, output=None, feature=None):
    """The same for a NetworkView."""
    if feature is not None:
        view = replace(view, mutable=_columns(view, feature))
    # A binary model's own output is its single logit, not the pair made of it.
    network = replace(view, is_binary_logit=False).mutable_network()
    return network if output is None else _single_output(network, output)


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
            f"output must be an integer from 0 to {n - 1}, got {output!r}."
        )
    last = network.weights[-1][[output]], network.biases[-1][[output]]
    return FeedForward(
        (*network.weights[:-1], last[0]),
        (*network.biases[:-1], last[1]),
        network.activation,
    )
