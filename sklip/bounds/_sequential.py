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
"""

import math
import warnings
from dataclasses import replace

import numpy as np
from scipy.linalg import LinAlgError, cholesky, qr, solve_triangular

from sklip.bounds._certificate import lmi_certificate, product_certificate
from sklip.bounds._chain import chain_of
from sklip.bounds._norms import largest_eigenvalue
from sklip.bounds._proof import prove
from sklip.exceptions import CertificationWarning

__all__ = ["sequential_bound", "sequential_passes"]

# Keeps S_k positive definite where a + b = 0 (as for leaky_relu(-1)).
_SMALLEST_ROOM = 1e-6


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
    product = product_certificate(network, 2, method="sequential")
    if product.value == 0.0:
        return product
    chain = chain_of(network)
    for lipschitz, multipliers in sequential_passes(chain):
        proven = prove(chain, lipschitz, multipliers)
        if proven is None:
            continue
        if proven[0] > product.value:
            return product
        return lmi_certificate(network, *proven, "sequential", solved=lipschitz)
    warnings.warn(
        "The sequential bound could not be proven in float64 (extreme weights, or a "
        "slope sector of almost no width): the product of norms is returned.",
        CertificationWarning,
        stacklevel=2,
    )
    return replace(product, method="product")


def sequential_passes(chain):
    """(L, multipliers) of both passes, the smaller L first; floats without a proof."""
    exponents = [math.frexp(np.max(np.abs(w)))[1] for w in chain.weights]
    weights = [np.ldexp(w, -e) for w, e in zip(chain.weights, exponents, strict=True)]
    if weights[0].shape[1] > len(weights[0]):
        weights[0] = _square_root(weights[0])
    if len(weights[-1]) > weights[-1].shape[1]:
        weights[-1] = _square_root(weights[-1].T).T
    passes = []
    for direction in (_backward, _forward):
        try:
            passes.append(direction(weights, chain.sectors))
        except LinAlgError:
            continue
    passes.sort(key=lambda result: result[0])
    return [_unscale(*result, exponents, chain) for result in passes]


def _square_root(wide):
    """Square R with ``R R^T = W W^T``: all that a bound sees of a wide input."""
    return qr(wide.T, mode="r", check_finite=False)[0][: len(wide)].T


def _backward(weights, sectors):
    """(L, [d_1 ... d_l]) with one float a layer."""
    k_matrix = weights[-1].T @ weights[-1]
    scales = []
    for weight, (a, b) in zip(weights[-2::-1], sectors[::-1], strict=True):
        room = max(abs(a + b) / (b - a), _SMALLEST_ROOM)
        t = 0.5 * largest_eigenvalue(k_matrix.copy()) * (1.0 + room)
        s_matrix = 2.0 * t * np.eye(len(k_matrix)) - k_matrix
        lower = cholesky(s_matrix, lower=True, check_finite=False)
        x = solve_triangular(lower, ((a + b) * t) * weight, lower=True)
        k_matrix = x.T @ x
        if a * b:
            k_matrix -= (2.0 * a * b * t) * (weight.T @ weight)
        scales.append(math.sqrt(2.0 * t))
    return math.sqrt(largest_eigenvalue(k_matrix)), scales[::-1]


def _forward(weights, sectors):
    lipschitz, mirrored = _backward([w.T for w in weights[::-1]], sectors[::-1])
    scales = [
        2.0 * lipschitz / ((b - a) * d)
        for d, (a, b) in zip(mirrored[::-1], sectors, strict=True)
    ]
    return lipschitz, scales


def _unscale(lipschitz, scales, exponents, chain):
    """Undo the normalisation of the weights; one array a hidden layer."""
    tails = np.cumsum(exponents[::-1])[::-1]
    with np.errstate(over="ignore", under="ignore"):
        multipliers = tuple(
            np.full(len(w), np.ldexp(d, tail))
            for w, d, tail in zip(chain.weights, scales, tails[1:], strict=False)
        )
        return float(np.ldexp(lipschitz, tails[0])), multipliers
