# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the ADMM estimators refuse before any work is done."""

import numpy as np

from sklip._arguments import check_numbers
from sklip.networks import FeedForward, get_activation

__all__ = [
    "check_given",
    "check_multipliers",
    "check_sectors",
    "check_unused",
    "given_network",
]

# lipschitz_weight where none is asked for; the number was the default once.
_NO_WEIGHT = ("auto", 1e-2)


def check_sectors(activations):
    """Refuse activations whose slope sector does not begin at 0 (Remark 2)."""
    for name in activations:
        low, high = get_activation(name).sector
        if low != 0.0:
            raise ValueError(
                f"activation={name!r} has slopes in [{low:g}, {high:g}]. The condition "
                "that ADMM enforces is convex in the weights only where the slopes "
                "begin at 0 (Remark 2 of paper 001): use 'relu', 'tanh', 'logistic', "
                "'softplus' or 'elu', or LipschitzRegularizedMLP, which takes any."
            )


def check_multipliers(multipliers, hidden_layer_sizes):
    """Given multipliers: one positive vector for each hidden layer."""
    if isinstance(multipliers, str):
        return
    if len(multipliers) != len(hidden_layer_sizes):
        raise ValueError(
            f"multipliers has {len(multipliers)} arrays, but there are "
            f"{len(hidden_layer_sizes)} hidden layers: one for each is needed."
        )
    for k, (given, size) in enumerate(
        zip(multipliers, hidden_layer_sizes, strict=True)
    ):
        t = check_numbers(given, f"multipliers[{k}]")
        if t.shape != (size,):
            raise ValueError(
                f"multipliers[{k}] must have shape ({size},), the diagonal of T of "
                f"that hidden layer, got {t.shape}."
            )
        if not (np.isfinite(t).all() and (t > 0).all()):
            raise ValueError(f"multipliers[{k}] must be positive and finite.")


def check_unused(bound, weight, multipliers, refresh):
    """Refuse what another parameter leaves without effect."""
    if bound is not None and weight not in _NO_WEIGHT:
        raise ValueError(
            f"lipschitz_weight={weight:g} has no effect where lipschitz_bound={bound:g}"
            " is enforced: leave it at 'auto', or set lipschitz_bound=None."
        )
    if not isinstance(multipliers, str) and refresh not in ("auto", 0):
        raise ValueError(
            f"refresh_multipliers={refresh} has no effect with given multipliers, "
            "which stay: leave it at 'auto', or let multipliers be 'lipsdp' or 'layer'."
        )


def given_network(estimator, coef_init, intercept_init):
    """Network of coef_init and intercept_init; None without them."""
    if coef_init is None:
        if intercept_init is not None:
            raise ValueError("intercept_init needs coef_init.")
        return None
    if not isinstance(coef_init, list | tuple):
        raise TypeError(
            "coef_init must be a list of arrays, one for each layer, got "
            f"{type(coef_init).__name__}."
        )
    weights = [check_numbers(w, "coef_init", ndim=2).T for w in coef_init]
    try:
        return FeedForward(weights, intercept_init, estimator.activation)
    except (TypeError, ValueError) as error:
        raise ValueError(f"coef_init and intercept_init: {error}") from error


def check_given(network, layer_sizes):
    """Sizes of a given start."""
    if network.layer_sizes != layer_sizes:
        wanted = [
            f"({m}, {n})" for m, n in zip(layer_sizes, layer_sizes[1:], strict=False)
        ]
        got = [f"{w.T.shape}" for w in network.weights]
        raise ValueError(
            f"coef_init must have the shapes {', '.join(wanted)}, got {', '.join(got)}."
        )
