# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pre-activations of a wide random network: normal, layer by layer.

A layer with independent weights of variance v, fed with outputs of mean square s, has
pre-activations close to N(0, v * n_in * s). That gives the law of every slope.
"""

from dataclasses import dataclass

import numpy as np

from sklip._arguments import check_layer_sizes, check_numbers, check_positive
from sklip.networks import activation_names, get_activation

__all__ = ["Architecture", "SlopeLaw", "normal_expectation_rule"]

_LEGENDRE = np.polynomial.legendre.leggauss(24)
# Beyond 9 standard deviations lies less than 1e-18 of the mass.
_STANDARD = np.array([0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.5, 6.0, 9.0])
# Where activations have kinks (0 and 3) or bend.
_ABSOLUTE = np.array([0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0])


def normal_expectation_rule(scale):
    """Nodes and weights of E[f(z)], z ~ N(0, scale**2), for f smooth but at 0 and 3."""
    inside = _ABSOLUTE[_ABSOLUTE < _STANDARD[-1] * scale]
    ends = np.unique(np.concatenate([inside, _STANDARD * scale]))
    half = 0.5 * np.diff(ends)[:, None]
    nodes = (ends[:-1, None] + half * (1.0 + _LEGENDRE[0])).ravel()
    weights = (half * _LEGENDRE[1]).ravel() * np.exp(-0.5 * (nodes / scale) ** 2)
    weights *= 0.5 / weights.sum()
    return np.concatenate([-nodes[::-1], nodes]), np.concatenate(
        [weights[::-1], weights]
    )


@dataclass(frozen=True)
class SlopeLaw:
    """Squared slopes of one hidden layer, a discrete law."""

    size: int  # number of units
    squares: np.ndarray  # of shape (n_nodes,): values that the squared slope takes
    weights: np.ndarray  # of shape (n_nodes,): their probabilities

    @property
    def mean(self):
        """E[slope**2], q**2 of the corrected formula."""
        return float(self.weights @ self.squares)


class Architecture:
    """Sizes, variances and slopes of a random network, checked.

    Parameters
    ----------
    layer_sizes : sequence of int
        Number of units, input and output included.
    gain : float or sequence of float
        Xavier gain, one for all or one for each weight matrix.
    activation : str or sequence of str
        One name for all hidden layers, or one for each.
    input_rms : float
        Root mean square of the entries of an input.
    """

    def __init__(self, layer_sizes, gain, activation, input_rms):
        self.sizes = check_layer_sizes(layer_sizes)
        n_layers = len(self.sizes) - 1
        self.gains = _check_gains(gain, n_layers)
        names = activation_names(activation, n_layers - 1)
        self.activations = [get_activation(name) for name in names]
        self.input_rms = check_positive(input_rms, "input_rms")
        pairs = np.add(self.sizes[:-1], self.sizes[1:])
        self.log_variances = np.log(2.0) + 2.0 * np.log(self.gains) - np.log(pairs)

    def slope_laws(self):
        """Law of the squared slopes of each hidden layer, for a typical input."""
        laws = []
        mean_square = self.input_rms**2
        for k, activation in enumerate(self.activations):
            variance = np.exp(self.log_variances[k]) * self.sizes[k] * mean_square
            # Deep saturated or exploding networks: the laws no longer change there.
            scale = float(np.clip(np.sqrt(variance), 1e-12, 1e12))
            nodes, weights = normal_expectation_rule(scale)
            squares = activation.derivative(nodes) ** 2
            laws.append(SlopeLaw(self.sizes[k + 1], squares, weights))
            mean_square = float(weights @ activation.function(nodes.copy()) ** 2)
        return laws

    def log_variance(self):
        """Logarithm of the variance of the Jacobian's entries."""
        laws = self.slope_laws()
        units = sum(np.log(law.size) + _log(law.mean) for law in laws)
        return float(self.log_variances.sum() + units)


def _log(value):
    with np.errstate(divide="ignore"):
        return np.log(value)


def _check_gains(gain, n_layers):
    gains = np.atleast_1d(check_numbers(gain, "gain"))
    gains = np.repeat(gains, n_layers) if gains.shape == (1,) else gains
    if gains.shape != (n_layers,) or not np.all(np.isfinite(gains) & (gains > 0)):
        raise ValueError(
            "gain must be a positive number, or one for each of the "
            f"{n_layers} weight matrices, got {gain!r}."
        )
    return gains
