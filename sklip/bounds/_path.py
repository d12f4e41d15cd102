# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Path norms: a matrix that no Jacobian of the network exceeds in any entry.

Each slope lies in [a, b], hence is m + r c with m = (a+b)/2, r = (b-a)/2, |c| <= 1.
Multiplying out W_l D_l ... D_1 W_0 and cutting every term where a c stands leaves
products of m and weights, in which signs may cancel, between the cuts:

    |J| <= F = sum of r^cuts |W_l m ... W_j| |W_{j-1} m ... W_i| ... |... W_0|.

With m = 0 this is |W_l| b ... b |W_0|, the plain path norm, which in norms 1 and inf is
at most the product of norms. F never exceeds the plain one, in no entry.
"""

import math

import numpy as np

from sklip._arguments import check_norm
from sklip._floats import UNIT
from sklip.bounds._evidence import Evidence
from sklip.bounds._norms import scale_up

__all__ = ["path_bound"]

# Weights are scaled to row and column sums below one: what underflow may take away, in
# all operations together, is far less than this.
_UNDERFLOW = 2.0**-600


def path_bound(network, norm=np.inf):
    """Bound the Lipschitz constant by signed path norms, with a proof.

    Parameters
    ----------
    network : FeedForward
        What is bounded.
    norm : {1, 2, inf}, default=inf
        Norm of both the input and the output.

    Returns
    -------
    evidence : Evidence
        Norm of the matrix F above (for norm 2 the root of the product of its two
        others), rounding accounted for. In norms 1 and inf it is no
        worse than the product of norms, but for rounding, and exact for a monotone
        network (nonnegative weights and slopes); in norm 2 the sequential bound is
        nearly always better.

    Notes
    -----
    The plain form is the entrywise refinement of (28)-(31) of paper 000 (A28).

    Examples
    --------
    >>> import numpy as np
    >>> from sklip.bounds import path_bound, product_bound
    >>> from sklip.networks import random_network
    >>> network = random_network([4, 16, 16, 2], random_state=0)
    >>> path_bound(network, np.inf).value < product_bound(network, np.inf)
    True
    """
    norm = check_norm(norm)
    return Evidence(_path_norm(network, norm), norm, "path")


def _path_norm(network, norm):
    exponents = [_exponent(w) for w in network.weights]
    weights = [np.ldexp(w, -e) for w, e in zip(network.weights, exponents, strict=True)]
    sectors = [activation.sector for activation in network.activations]
    # Twice what the roundings need: check_certificate may round differently.
    gamma = 8.0 * UNIT * sum(w.shape[1] + len(weights) + 8 for w in weights)
    sums = []
    if norm != 1.0:
        sums.append(_largest_sum(weights, sectors, gamma))
    if norm != np.inf:
        mirrored = [w.T for w in weights[::-1]]
        sums.append(_largest_sum(mirrored, sectors[::-1], gamma))
    # ||F||_2^2 <= ||F||_1 ||F||_inf.
    value = sums[0] if len(sums) == 1 else math.sqrt(sums[0] * sums[1])
    return scale_up(value * (1.0 + gamma) + _UNDERFLOW, sum(exponents))


def _exponent(weight):
    """Power of two above all row and column sums of magnitudes."""
    return math.frexp(np.max(np.abs(weight)))[1] + max(weight.shape).bit_length()


def _largest_sum(weights, sectors, gamma):
    """Largest row sum of F, from above up to a few relative roundings."""
    ones = np.ones(weights[0].shape[1])
    runs = [(weights[0], ones)]
    total = plain = np.abs(weights[0]) @ ones
    for w, (a, b) in zip(weights[1:], sectors, strict=True):
        m, r = 0.5 * (a + b), 0.5 * (b - a)
        runs = [(m * (w @ product), f) for product, f in runs if m]
        if r:
            runs.append((w, r * total))
        total = sum(np.abs(product) @ f for product, f in runs)
        plain = (abs(m) + r) * (np.abs(w) @ plain)
    # The products' rounding errors are relative to their terms, not to their sums.
    return float(np.max(total + gamma * plain))
