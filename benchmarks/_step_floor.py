# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a Lipschitz step costs without any Python around it.

The operations of LAPACK and BLAS that one warm step cannot do without, on arrays of its
sizes: the eigenvectors of Z's Gram matrix, a few products with the dual's second
derivative, and the factorisation with its residual that proves the weights.
"""

import time

import numpy as np
from scipy.linalg.blas import dtrmm, dtrsm
from scipy.linalg.lapack import dpotrf

__all__ = ["floor"]

_REPEATS = 200


def floor(sizes, rank, n_products):
    """CPU seconds of these operations, the median of many calls.

    Parameters
    ----------
    sizes : sequence of int
        Units of the three layers.
    rank : int
        Columns of the step's factor.
    n_products : int
        Products with the second derivative.

    Returns
    -------
    eigenvectors, products, proof : float
        Seconds of each.
    """
    n_odd, n_even = sizes[1], sizes[0] + sizes[2]
    rng = np.random.default_rng(0)
    z = rng.standard_normal((n_odd, n_even)) / np.sqrt(n_odd + n_even)
    small = z.T if n_odd > n_even else z
    odd, even = rng.standard_normal((n_odd, rank)), rng.standard_normal((n_even, rank))
    block = z[:, : sizes[0]].copy()
    last = rng.standard_normal((sizes[2], n_odd)) / np.sqrt(n_odd)

    def eigenvectors():
        np.linalg.eigh(small @ small.T)

    def products():
        for _ in range(n_products):
            change = odd @ even.T
            change += odd @ even.T
            change *= z
            _ = change @ even - z @ even
            _ = change.T @ odd - z.T @ odd

    def proof():
        for rows in (block, last):
            gram = rows @ rows.T
            gram.flat[:: len(gram) + 1] += 1.0
            factor, _ = dpotrf(gram.T, lower=1)
            _ = gram - factor @ factor.T
            if rows is block:
                left = dtrsm(1.0, factor, last, side=1, lower=1, trans_a=1)
                _ = last - dtrmm(1.0, factor, left, side=1, lower=1, trans_a=1)

    return tuple(_median(part) for part in (eigenvectors, products, proof))


def _median(function):
    seconds = []
    for _ in range(_REPEATS):
        start = time.process_time_ns()
        function()
        seconds.append(time.process_time_ns() - start)
    return 1e-9 * float(np.median(seconds))
