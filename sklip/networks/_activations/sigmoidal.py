# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Activations whose slope rises or falls once: logistic, tanh, softplus, elu."""

import numpy as np
from scipy.special import expit

from sklip.networks._activations.activation import Activation, Pieces

__all__ = ["SIGMOIDAL", "elu"]

_RISE_AND_FALL = Pieces((0.0,), (1, -1))


def _softplus(z, out=None):
    tail = np.log1p(np.exp(-np.abs(z)))
    return np.add(np.maximum(z, 0.0), tail, out=out)


def elu(scale):
    """The identity above 0, scale (exp(z) - 1) below."""

    if scale < 0:
        raise ValueError(
            f"The parameter of the activation elu must be >= 0, got {scale!r}."
        )

    def function(z, out=None):
        negative = scale * np.expm1(np.minimum(z, 0.0))
        return np.add(np.maximum(z, 0.0), negative, out=out)

    return Activation(
        f"elu({scale!r})",
        function,
        lambda z: np.where(z > 0.0, 1.0, scale * np.exp(np.minimum(z, 0.0))),
        (0.0, max(1.0, scale)),
        Pieces((0.0,), (1, 0), ((0.0, scale, 1.0),)),
        ("ELU", {"alpha": scale}),
        parameter=scale,
    )


SIGMOIDAL = (
    Activation(
        "logistic",
        lambda z, out=None: expit(z, out=out),
        lambda z: expit(z) * expit(-z),
        (0.0, 0.25),
        _RISE_AND_FALL,
        ("Sigmoid", {}),
    ),
    Activation(
        "tanh",
        lambda z, out=None: np.tanh(z, out=out),
        lambda z: 1.0 - np.tanh(z) ** 2,
        (0.0, 1.0),
        _RISE_AND_FALL,
        ("Tanh", {}),
        "Tanh",
    ),
    Activation(
        "softplus",
        _softplus,
        expit,
        (0.0, 1.0),
        Pieces((), (1,)),
        # At its threshold of 20 torch's switch to the identity shows in float64.
        ("Softplus", {"threshold": 40.0}),
        "Softplus",
    ),
)
