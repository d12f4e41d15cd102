# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Rules for the constants of output differences: each gives a function of pairs."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from sklip._floats import FLOOR, SAFETY, UNIT, gamma, lengths
from sklip.bounds._chain import chain_of
from sklip.bounds._lipsdp import LipSDPPairs, sequential_passes
from sklip.bounds._norms import (
    DIFFERENCE_NORM,
    layer_norms,
    product_up,
    spectral_norm_bound,
    vector_norms,
)
from sklip.bounds._product import product_bound
from sklip.bounds._proof import output_factor, prove

__all__ = ["lipsdp_rule", "pairwise_rule", "product_rule", "sequential_rule"]

_DUAL = {1.0: np.inf, 2.0: 2.0, np.inf: 1.0}


def product_rule(network, norm):
    """2^((p-1)/p) times the product of norms, the same for all pairs."""
    constant = product_up([DIFFERENCE_NORM[norm], product_bound(network, norm)])
    return lambda pairs: np.full(len(pairs), constant)


def pairwise_rule(network, norm):
    """Norm of the difference of two last rows times the other layers' product."""
    slopes = [activation.lipschitz for activation in network.activations]
    rest = product_up([*layer_norms(network, norm)[:-1], *slopes])
    last = network.weights[-1]

    def constants(pairs):
        difference = last[pairs[:, 0]] - last[pairs[:, 1]]
        norms = vector_norms(difference, _DUAL[norm])
        # The difference, both products and this factor round once each.
        with np.errstate(over="ignore", under="ignore"):
            upward = np.nextafter(norms * rest * (1.0 + 8.0 * UNIT), np.inf)
        return np.where((norms == 0.0) | (rest == 0.0), 0.0, upward)

    return constants


def sequential_rule(network, norm):
    """LipSDP with the multipliers of the sequential passes; l2 only."""
    pairwise = pairwise_rule(network, norm)
    chain = chain_of(network)
    if not all(np.any(w) for w in chain.weights):
        return pairwise
    if len(chain) == 1:
        return _linear_rule(chain.weights[0], chain.radii[0])
    rest = product_up(
        [
            spectral_norm_bound(np.abs(w) + radius if radius is not None else w)
            for w, radius in zip(chain.weights[:-1], chain.radii[:-1], strict=True)
        ]
        + [max(abs(a), abs(b)) for a, b in chain.sectors]
    )
    shared = [_share(chain, *found, rest) for found in sequential_passes(chain)]
    rules = [rule for rule in shared if rule is not None]

    def constants(pairs):
        return np.min([pairwise(pairs), *(rule(pairs) for rule in rules)], axis=0)

    return constants


def lipsdp_rule(network, norm):
    """A LipSDP of its own for each pair; l2 only."""
    return LipSDPPairs(network, sequential_rule(network, norm))


def _linear_rule(weight, radius):
    def constants(pairs):
        t, j = pairs.T
        norms = vector_norms(weight[t] - weight[j], 2.0)
        if radius is not None:
            norms = norms + vector_norms(radius[t] + radius[j], 2.0)
        # The difference, the sum of radii and that of the norms round once each.
        return np.nextafter(norms * (1.0 + 8.0 * UNIT), np.inf)

    return constants


@dataclass(frozen=True, eq=False)
class _Shared:
    """Proof that y = R a has constant lipschitz, a being the last hidden layer.

    With w = R^T v + r an output w^T a has the constant ||v|| lipschitz + ||r|| rest, so
    one proof serves every pair.
    """

    factor: np.ndarray  # R
    lipschitz: float
    rest: float  # constant of a itself
    last: np.ndarray
    radius: np.ndarray | None

    def __call__(self, pairs):
        t, j = pairs.T
        w = (self.last[t] - self.last[j]).T
        transposed = self.factor.T
        v = solve_triangular(transposed, w, lower=True, check_finite=False)
        residual = lengths(w - transposed @ v, axis=0)
        size = np.abs(transposed) @ np.abs(v) + np.abs(w) + FLOOR
        residual += gamma(len(w)) * lengths(size, axis=0)
        if self.radius is not None:
            residual += lengths(self.radius[t] + self.radius[j])
        total = vector_norms(v.T, 2.0) * self.lipschitz
        total = total + SAFETY * residual * self.rest
        return np.nextafter(total * (1.0 + 8.0 * UNIT), np.inf)


def _share(chain, lipschitz, multipliers, rest):
    factor = output_factor(chain, lipschitz, multipliers)
    if factor is None:
        return None
    proven = prove(chain.with_last(factor), lipschitz, multipliers)
    if proven is None:
        return None
    return _Shared(factor, proven[0], rest, chain.weights[-1], chain.radii[-1])
