# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a bound sees of a network: matrices, and a slope sector between each two.

Identity layers are merged into their neighbours first: their sector [1, 1] has no
interior, and the product of two matrices may have a far smaller norm than the two.
"""

from dataclasses import dataclass

import numpy as np

from sklip._floats import SAFETY, gamma

__all__ = ["Chain", "chain_of", "dense_work", "transposed"]

# Entries may lose this much to underflow; see MAX_EXPONENT in _proof.
_UNDERFLOW = 2.0**-1050


@dataclass(frozen=True, eq=False)
class Chain:
    """Matrices with slope sectors between them."""

    weights: tuple  # of ndarray: Float64 matrices W_0 ... W_l.
    # Of (ndarray or None): the exact matrix is within this of the stored one, entry by
    # entry; None if it is the stored one.
    radii: tuple
    # Of (float, float): (alpha, beta) between W_k and W_{k+1}; alpha < beta.
    sectors: tuple

    def __len__(self):
        return len(self.weights)

    def with_last(self, weight, radius=None):
        """The chain with another last matrix."""
        return Chain(
            (*self.weights[:-1], weight), (*self.radii[:-1], radius), self.sectors
        )


def chain_of(network):
    """Chain of a FeedForward, identity layers merged."""
    weights, radii, sectors = [network.weights[0]], [None], []
    for weight, activation in zip(
        network.weights[1:], network.activations, strict=True
    ):
        if activation.sector == (1.0, 1.0):
            weights[-1], radii[-1] = _merge(weight, weights[-1], radii[-1])
        else:
            weights.append(weight)
            radii.append(None)
            sectors.append(activation.sector)
    return Chain(tuple(weights), tuple(radii), tuple(sectors))


def transposed(chain):
    """The chain of the transposed matrices, the last one first."""
    weights = tuple(w.T for w in chain.weights[::-1])
    radii = tuple(None if r is None else r.T for r in chain.radii[::-1])
    return Chain(weights, radii, chain.sectors[::-1])


def _merge(left, right, radius):
    """``left @ right`` and a bound of its distance from the exact product."""
    merged = left @ right
    if not np.all(np.isfinite(merged)):
        raise OverflowError(
            "The product of the weights around an identity layer exceeds the largest "
            "float64: no bound can be given. Rescale the weights."
        )
    size = np.abs(left) @ np.abs(right)
    inherited = 0.0 if radius is None else np.abs(left) @ radius
    radius = gamma(left.shape[1]) * size + inherited
    return merged, SAFETY * radius + _UNDERFLOW


def dense_work(network):
    """Multiply-adds of one factorisation of LipSDP's condition, for its threads."""
    sizes = network.layer_sizes
    order = sum(sizes[1:-1]) + min(sizes[:2])
    return order**3 / 3
