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

The two passes also tell by how much they undercut the product of norms, so that the
product itself, which costs as much again, is proven only where they nearly agree.
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.linalg import LinAlgError
from scipy.linalg import qr
from scipy.linalg.blas import dtrsm
from scipy.linalg.lapack import dpotrf

from sklip.bounds._certificate import lmi_certificate, product_certificate
from sklip.bounds._chain import chain_of
from sklip.bounds._norms import largest_eigenvalue
from sklip.bounds._proof import prove
from sklip.exceptions import CertificationWarning

__all__ = ["normalised", "sequential_bound", "sequential_passes", "unscale"]

# Keeps S_k positive definite where a + b = 0 (as for leaky_relu(-1)).
_SMALLEST_ROOM = 1e-6
# Undercutting the product by this much cannot be a matter of rounding.
_CLEAR = 1e-6


def sequential_bound(network):
    """Bound the l2 Lipschitz constant by the sequential bound, with a proof.

    Parameters
    ----------
    network : FeedForward
        The network.

    Returns
    -------
    certificate : LipschitzCertificate
        The smallest of the backward pass, the forward pass (ECLipsE-Fast) and the
        product of norms. Where the product is the smallest, or the passes cannot be
        proven in floating point, the product is what the certificate carries.

    Notes
    -----
    One scale a layer in LipSDP (Theorem 1 of paper 001, P7), found without a solver.

    Examples
    --------
    >>> from sklip.bounds import product_bound, sequential_bound
    >>> from sklip.networks import random_network
    >>> network = random_network([4, 16, 16, 1], random_state=0)
    >>> certificate = sequential_bound(network)
    >>> certificate.value < product_bound(network) and certificate.verify(network)
    True
    """
    chain = chain_of(network)
    found, is_clear = [], False
    if all(np.any(w) for w in chain.weights):
        found, is_clear = _both_passes(chain)
    if not is_clear:
        product = product_certificate(network, 2, method="sequential")
        if product.value == 0.0:
            return product
    for lipschitz, multipliers in found:
        proven = prove(chain, lipschitz, multipliers)
        if proven is None:
            continue
        if not is_clear and proven[0] > product.value:
            return product
        return lmi_certificate(network, *proven, "sequential", solved=lipschitz)
    warnings.warn(
        "The sequential bound could not be proven in float64 (extreme weights, or a "
        "slope sector of almost no width): the product of norms is returned.",
        CertificationWarning,
        stacklevel=2,
    )
    return product_certificate(network, 2)


def sequential_passes(chain):
    """(L, multipliers) of both passes, the smaller L first; floats without a proof."""
    return _both_passes(chain)[0]


def normalised(chain, *, reduced=True):
    """Weights with largest entries near one, wide ends reduced, and their exponents."""
    exponents = [math.frexp(np.max(np.abs(w)))[1] for w in chain.weights]
    weights = [np.ldexp(w, -e) for w, e in zip(chain.weights, exponents, strict=True)]
    if reduced and weights[0].shape[1] > len(weights[0]):
        weights[0] = _square_root(weights[0])
    if reduced and len(weights[-1]) > weights[-1].shape[1]:
        weights[-1] = _square_root(weights[-1].T).T
    return weights, exponents


def unscale(lipschitz, multipliers, exponents):
    """Undo the normalisation of the weights."""
    tails = np.cumsum(exponents[::-1])[::-1]
    with np.errstate(over="ignore", under="ignore"):
        multipliers = tuple(
            np.ldexp(d, tail) for d, tail in zip(multipliers, tails[1:], strict=True)
        )
        return float(np.ldexp(lipschitz, tails[0])), multipliers


@dataclass(frozen=True, eq=False)
class _Pass:
    """What one pass found."""

    squared: float  # L^2
    scales: list  # t_1 ... t_l
    start: float  # squared norm of the matrix that it started from
    rest: float  # times the squared norm of the last one: at most the product


def _both_passes(chain):
    """The pairs of sequential_passes, and whether the first undercuts the product."""
    # With a b = 0 a pass sees the wide ends through their small Gram matrices only.
    weights, exponents = normalised(chain, reduced=any(a * b for a, b in chain.sectors))
    mirrored = [w.T for w in weights[::-1]]
    try:
        backward = _pass(weights, chain.sectors)
        forward = _pass(mirrored, chain.sectors[::-1])
    except LinAlgError:
        return [], False
    lipschitz = math.sqrt(forward.squared)
    found = [
        (math.sqrt(backward.squared), [math.sqrt(2.0 * t) for t in backward.scales]),
        (
            lipschitz,
            [
                math.sqrt(2.0 / t) * lipschitz / (b - a)
                for t, (a, b) in zip(forward.scales[::-1], chain.sectors, strict=True)
            ],
        ),
    ]
    found.sort(key=lambda pair: pair[0])
    products = backward.rest * forward.start, forward.rest * backward.start
    is_clear = found[0][0] ** 2 < min(products) * (1.0 - _CLEAR)
    sizes = [len(w) for w in chain.weights]
    return [
        unscale(
            value,
            [np.full(n, d) for n, d in zip(sizes, scales, strict=False)],
            exponents,
        )
        for value, scales in found
    ], is_clear


def _pass(weights, sectors):
    """Eliminate from the last matrix backwards."""
    last = weights[-1]
    start = top = _squared_norm(last)
    k_matrix = last.T @ last
    scales, rest = [], 1.0
    for k in range(len(sectors) - 1, -1, -1):
        weight, (a, b) = weights[k], sectors[k]
        room = max(abs(a + b) / (b - a), _SMALLEST_ROOM)
        t = 0.5 * top * (1.0 + room)
        k_matrix *= -1.0
        k_matrix.flat[:: len(k_matrix) + 1] += 2.0 * t
        lower, info = dpotrf(k_matrix.T, lower=1, overwrite_a=1)
        if info:
            raise LinAlgError("A layer's multiplier is too small.")
        xt = dtrsm((a + b) * t, lower, weight.T, side=1, lower=1, trans_a=1)
        scales.append(t)
        rest = top * max(abs(a), abs(b)) ** 2
        if k == 0 and not a * b:
            top = _squared_norm(xt)
            continue
        k_matrix = xt @ xt.T
        if a * b:
            k_matrix -= (2.0 * a * b * t) * (weight.T @ weight)
        top = largest_eigenvalue(k_matrix.copy())
    return _Pass(top, scales[::-1], start, rest)


def _squared_norm(matrix):
    short = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    return largest_eigenvalue(short @ short.T)


def _square_root(wide):
    """Square R with ``R R^T = W W^T``: all that a bound sees of a wide input."""
    return qr(wide.T, mode="r", check_finite=False)[0][: len(wide)].T
