# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Activations of two linear pieces: identity, relu, abs, leaky_relu."""

import numpy as np

from sklip.networks._activations.activation import Activation, Pieces

__all__ = ["HINGES", "leaky_relu"]


def _hinge(left, right):
    return Pieces((0.0,), (0, 0), ((0.0, left, right),))


def _identity(z, out=None):
    if out is None or out is z:
        return z
    np.copyto(out, z)
    return out


def _relu(z, out=None):
    return np.maximum(z, 0.0, out=out)


def _abs_slope(z):
    one = np.ones_like(z)
    return np.where(z > 0.0, one, -one)


def leaky_relu(slope):
    """The larger of z and slope times z, the smaller where slope > 1."""

    larger = np.maximum if slope <= 1.0 else np.minimum

    def function(z, out=None):
        return larger(z, slope * z, out=out)

    return Activation(
        f"leaky_relu({slope!r})",
        function,
        lambda z: np.where(z > 0.0, 1.0, slope),
        (min(slope, 1.0), max(slope, 1.0)),
        _hinge(slope, 1.0),
        ("LeakyReLU", {"negative_slope": slope}),
        parameter=slope,
    )


HINGES = (
    Activation(
        "identity",
        _identity,
        np.ones_like,
        (1.0, 1.0),
        Pieces((), (0,)),
        ("Identity", {}),
        exact=True,
    ),
    Activation(
        "relu",
        _relu,
        lambda z: (z > 0.0).astype(z.dtype),
        (0.0, 1.0),
        _hinge(0.0, 1.0),
        ("ReLU", {}),
        "Relu",
        exact=True,
    ),
    Activation(
        "abs",
        lambda z, out=None: np.abs(z, out=out),
        _abs_slope,
        (-1.0, 1.0),
        _hinge(-1.0, 1.0),
        # Torch has no module of |z|; this one is it to the last bit.
        ("LeakyReLU", {"negative_slope": -1.0}),
        "Abs",
        exact=True,
    ),
)
