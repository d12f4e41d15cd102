# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The sequential bound: multipliers layer by layer, in one pass.

Eliminating the blocks of LipSDP's condition from the output backwards leaves

    S_l = 2 T_l - W_l^T W_l,    S_k = 2 T_k - K_k,
    K_k = W_k^T ((a+b)^2 T_{k+1} S_{k+1}^-1 T_{k+1} - 2 a b T_{k+1}) W_k

with [a, b] the sector between W_k and W_{k+1}, and L^2 = lambda_max(K_0). With
T_k = t_k I the scale t_k = lambda_max(K_k) (1 + |a+b| / (b-a)) / 2 is best where K_k is
a multiple of I, and then costs no more than the product of norms. The same pass over
the transposed network eliminates from the input forwards (for a = 0, b = 1 it is
ECLipsE-Fast); its multipliers d' give d_k = 2 L / ((b-a) d'_k) for the network itself.

Both passes are optimal step by step and lie on the edge of feasibility. Convex
combinations of their T lie inside, and undercut them by some 20 % where there are
several hidden layers, for the price of another elimination without eigenvalues; it
ends at the narrower of input and output. The backward pass serves for this alone, so
that rough eigenvalues do for it.

The passes also tell by how much the product of norms is undercut, so that the product
itself, which costs as much again, is proven only where they nearly agree.
"""

import math
import warnings
from itertools import accumulate

import numpy as np
from numpy.linalg import LinAlgError

from sklip.bounds._chain import chain_of
from sklip.bounds._evidence import Evidence
from sklip.bounds._lipsdp.elimination import eliminate, square_root
from sklip.bounds._product import product_bound
from sklip.bounds._proof import prove
from sklip.exceptions import CertificationWarning

__all__ = [
    "SequentialPasses",
    "normalised",
    "sequential_bound",
    "sequential_passes",
    "unscale",
]

# Where the forward pass leaves more than this of the squared product, the network looks
# trained, not random, and other combinations of the passes are good.
_TRAINED = 0.75
# Share of the backward pass: trained; random; random with one or two hidden layers.
_SHARES = (0.3, 0.04, 0.3)
# The same for the transposed network, where these points lie elsewhere.
_TRANSPOSED_SHARES = (0.55, 0.98, 0.95)
# Rounding, or a rough pass, may cost feasibility; half the share is tried then.
_SMALLEST_SHARE = 0.01
# Undercutting the product by this much cannot be a matter of rounding.
_CLEAR = 1e-6


def sequential_bound(network, passes=None):
    """Bound the l2 Lipschitz constant by the sequential bound, with a proof.

    Parameters
    ----------
    network : FeedForward
        What is bounded.
    passes : SequentialPasses, default=None
        Of its chain, where they are known.

    Returns
    -------
    evidence : Evidence
        The smallest of the forward pass (ECLipsE-Fast), a combination with the
        backward pass, and the product of norms. Where the product is the smallest, or
        the passes cannot be proven in floating point, the product is what it
        carries.

    Notes
    -----
    One scale a layer in LipSDP (Theorem 1 of paper 001, P7), found without a solver.

    Examples
    --------
    >>> from sklip.bounds import product_bound, sequential_bound
    >>> from sklip.networks import random_network
    >>> network = random_network([4, 16, 16, 1], random_state=0)
    >>> sequential_bound(network).value < product_bound(network)
    True
    """
    passes = SequentialPasses(chain_of(network)) if passes is None else passes
    product = None
    if not passes.undercut_product:
        product = Evidence(product_bound(network), 2.0, "sequential")
        if product.value == 0.0:
            return product
    for lipschitz, multipliers in passes:
        proven = prove(passes.chain, lipschitz, multipliers)
        if proven is None:
            continue
        if product is not None and proven[0] > product.value:
            return product
        return Evidence.of_multipliers(*proven, "sequential", solved=lipschitz)
    warnings.warn(
        "The sequential bound could not be proven in float64 (extreme weights, or a "
        "slope sector of almost no width): the product of norms is returned.",
        CertificationWarning,
        stacklevel=2,
    )
    return Evidence(product_bound(network), 2.0, "product")


class SequentialPasses:
    """What the passes over a chain find, computed once and carried.

    Iterates over pairs (L, multipliers), the smallest L first; floats without a proof.

    Attributes
    ----------
    undercut_product : bool
        Whether the first L is clearly below the product of norms.
    """

    def __init__(self, chain):
        self.chain, self._known = chain, []
        self._rest, self.undercut_product = iter(()), False
        if all(w.any() for w in chain.weights):
            self._rest, self.undercut_product = _candidates(chain)

    def __iter__(self):
        yield from self._known
        for found in self._rest:
            self._known.append(found)
            yield found


def sequential_passes(chain):
    """Pairs (L, multipliers), the smallest L first; floats without a proof."""
    return list(SequentialPasses(chain))


def normalised(chain, *, reduced=True):
    """Weights with largest entries near one, wide ends reduced, and their exponents."""
    exponents = [math.frexp(max(w.max(), -w.min()))[1] for w in chain.weights]
    weights = [_halved(w, e) for w, e in zip(chain.weights, exponents, strict=True)]
    if reduced and weights[0].shape[1] > len(weights[0]):
        weights[0] = square_root(weights[0])
    if reduced and len(weights[-1]) > weights[-1].shape[1]:
        weights[-1] = square_root(weights[-1].T).T
    return weights, exponents


def _halved(weight, times):
    """``weight / 2**times``; a product with a power of two is faster than ldexp."""
    return weight * 2.0**-times if abs(times) < 1000 else np.ldexp(weight, -times)


def unscale(lipschitz, multipliers, exponents):
    """Undo the normalisation of the weights."""
    tails = list(accumulate(exponents[::-1]))[::-1]
    with np.errstate(over="ignore", under="ignore"):
        multipliers = tuple(
            np.ldexp(d, tail) for d, tail in zip(multipliers, tails[1:], strict=True)
        )
        return float(np.ldexp(lipschitz, tails[0])), multipliers


def _candidates(chain):
    """The pairs of sequential_passes, and whether the first undercuts the product."""
    # With a b = 0 a pass sees the wide ends through their small Gram matrices only.
    sectors = chain.sectors
    weights, exponents = normalised(chain, reduced=any(a * b for a, b in sectors))
    gram = weights[0] @ weights[0].T
    try:
        forward = eliminate(*_transposed(weights, sectors), grams=(None, gram))
    except LinAlgError:
        return iter(()), False
    own_scales = _transposed_scales(forward.squared, forward.scales, sectors)
    found, is_clear = [(forward.squared, own_scales)], False
    try:
        backward = eliminate(weights, sectors, is_rough=True)
        found += _mixtures(weights, sectors, forward, backward, gram)
        found.sort(key=lambda pair: pair[0])
        is_clear = found[0][0] < forward.rest * backward.start * (1.0 - _CLEAR)
    except LinAlgError:
        pass
    return (_in_units(chain, pair, exponents) for pair in found), is_clear


def _transposed(weights, sectors):
    return [w.T for w in weights[::-1]], sectors[::-1]


def _transposed_scales(squared, scales, sectors):
    """Scales from those of the transposed network, where L^2 is squared."""
    return [
        squared / ((b - a) ** 2 * t)
        for t, (a, b) in zip(scales[::-1], sectors, strict=True)
    ]


def _in_units(chain, pair, exponents):
    """(L, d_1 ... d_l) in the chain's units, from L^2 and one t a layer."""
    squared, scales = pair
    d = [
        np.full(len(w), math.sqrt(2.0 * t))
        for w, t in zip(chain.weights, scales, strict=False)
    ]
    return unscale(math.sqrt(squared), d, exponents)


def _mixtures(weights, sectors, forward, backward, gram):
    """L^2 and scales of a convex combination of the two passes' scales, if worth it.

    The condition is linear in (L^2, T), so that every combination is feasible; inside,
    where neither pass is, L^2 is far smaller. So is the transposed network's.
    """
    undercut = forward.squared / (forward.rest * backward.start)
    if undercut > _TRAINED and len(sectors) == 1:
        return []  # not a thousandth would be gained
    kind = 0 if undercut > _TRAINED else 1 + (len(sectors) <= 2)
    is_transposed = min(weights[0].shape) > min(weights[-1].shape)
    scales, grams, shares = [forward.scales, backward.scales], (None, gram), _SHARES
    if is_transposed:
        (weights, sectors), shares = _transposed(weights, sectors), _TRANSPOSED_SHARES
    elif len(gram) <= weights[0].shape[1]:
        grams = gram, None
    else:
        grams = None, None
    other = int(is_transposed)
    scales[other] = _transposed_scales(forward.squared, scales[other], sectors)
    squared, combined = _combined(weights, sectors, scales, shares[kind], grams)
    if is_transposed:
        combined = _transposed_scales(squared, combined, sectors[::-1])
    return [(squared, combined)]


def _combined(weights, sectors, ends, share, grams):
    """L^2 and scales with this share of the second end, or less of it."""
    while True:
        scales = [(1.0 - share) * f + share * b for f, b in zip(*ends, strict=True)]
        try:
            squared = eliminate(weights, sectors, scales, grams=grams).squared
        except LinAlgError:
            if share < _SMALLEST_SHARE:
                raise
            share *= 0.5
        else:
            return squared, scales
