# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Operator norms of a matrix, rounded upward with a proof."""

import math

import numpy as np
from numpy.linalg import LinAlgError
from scipy.linalg.lapack import dsyevr

from sklip._arguments import check_norm, check_numbers
from sklip._floats import frobenius, gamma, norms
from sklip.bounds._chain import Chain
from sklip.bounds._proof import prove

__all__ = [
    "DIFFERENCE_NORM",
    "largest_eigenvalue",
    "layer_norms",
    "operator_norm_bound",
    "product_up",
    "scale_up",
    "spectral_norm_bound",
    "vector_norms",
]

# 2^((p-1)/p), the dual norm of e_t - e_j, rounded up.
DIFFERENCE_NORM = {1.0: 1.0, 2.0: np.nextafter(np.sqrt(2.0), 2.0), np.inf: 2.0}


def largest_eigenvalue(matrix, *, lower=0):
    """Largest eigenvalue of a symmetric matrix, as LAPACK finds it (no proof).

    The matrix is overwritten; only the triangle below the diagonal is read, or above
    it for lower = 1 (in row order).
    """
    n = len(matrix)
    # Symmetric, so its transpose spares LAPACK a copy to column order.
    values, _, _, _, info = dsyevr(
        matrix.T, compute_v=0, range="I", il=n, iu=n, lower=lower, overwrite_a=True
    )
    if info:
        raise LinAlgError("LAPACK found no largest eigenvalue.")
    return float(values[0])


def spectral_norm_bound(matrix):
    """Bound the largest singular value from above, with a proof.

    Parameters
    ----------
    matrix : array-like of shape (n_rows, n_columns)
        Any finite float64 matrix.

    Returns
    -------
    bound : float
        At least the norm in exact arithmetic of the stored matrix, and larger by no
        more than rounding can explain (about 1e-14 for small matrices, 1e-10 for
        thousands of rows); 0 for a zero matrix.

    Raises
    ------
    ValueError
        If the matrix does not have two axes or an entry is not finite.
    OverflowError
        If the norm exceeds the largest float64.

    Notes
    -----
    LAPACK's singular value is only a guess here. It is increased until the Cholesky
    factorisation of [[I, -W^T / s], [-W / s, I]] proves it, the residual of the
    factorisation and all roundings bounded.

    Examples
    --------
    >>> from sklip.bounds import spectral_norm_bound
    >>> 5.0 <= spectral_norm_bound([[3.0, 0.0], [4.0, 0.0]]) < 5.0 + 1e-12
    True
    """
    matrix = _finite_matrix(matrix)
    largest = np.max(np.abs(matrix), initial=0.0)
    if largest == 0.0:
        return 0.0
    exponent = math.frexp(largest)[1]
    scaled = np.ldexp(matrix, -exponent)
    if len(scaled) > scaled.shape[1]:
        scaled = scaled.T
    try:
        guess = math.sqrt(largest_eigenvalue(scaled @ scaled.T))
    except LinAlgError:  # happens where all singular values are nearly the same
        guess = float(np.linalg.norm(scaled, 2))
    chain = Chain((scaled,), (None,), ())
    proven = prove(chain, guess, ())
    # ||W||_2 <= ||W||_F always holds; it is needed only if LAPACK failed us.
    bound = proven[0] if proven else frobenius(scaled) * (1.0 + 1e-6)
    return scale_up(bound, exponent)


def operator_norm_bound(matrix, p=2, q=None):
    """Bound the norm of a matrix as a map from l_p to l_q from above.

    Parameters
    ----------
    matrix : array-like of shape (n_rows, n_columns)
        Any finite float64 matrix.
    p, q : {1, 2, inf}
        Norms of its input and of its output; q is p by default.

    Returns
    -------
    bound : float
        Rounded upward: (1, q) is the largest q-norm of a column, (p, inf) the largest
        dual norm of a row, (2, 2) the largest singular value.

    Raises
    ------
    ValueError
        For (2, 1), (inf, 1) and (inf, 2), which are hard to compute.

    Examples
    --------
    >>> from sklip.bounds import operator_norm_bound
    >>> round(operator_norm_bound([[1.0, -2.0], [0.5, 1.0]], 1), 10)
    3.0
    """
    p = check_norm(p, "p")
    q = p if q is None else check_norm(q, "q")
    matrix = _finite_matrix(matrix)
    if p == q == 2.0:
        return spectral_norm_bound(matrix)
    if p == 1.0:
        vectors, norm = matrix.T, q
    elif q == np.inf:
        vectors, norm = matrix, {1.0: np.inf, 2.0: 2.0, np.inf: 1.0}[p]
    else:
        raise ValueError(f"The norm from l_{p:g} to l_{q:g} has no closed form.")
    return float(np.max(vector_norms(vectors, norm), initial=0.0))


def vector_norms(rows, norm):
    """Norms of the rows of an array, rounded upward."""
    found = norms(rows, norm)
    if norm == np.inf:
        return found
    with np.errstate(over="ignore"):
        sums = found * (1.0 + 2.0 * gamma(rows.shape[1]))
    if not np.all(np.isfinite(sums)):
        raise OverflowError("A norm of the weights exceeds the largest float64.")
    # Results below the normal range were rounded by up to half a smallest float.
    below_normal = (sums > 0.0) & (sums < 2.0**-1020)
    return np.where(below_normal, np.nextafter(sums, np.inf), sums)


def layer_norms(network, norm=2):
    """Bound the operator norm of every weight matrix from above.

    Parameters
    ----------
    network : FeedForward
        Its matrices are taken as they are, without activations.
    norm : {1, 2, inf}, default=2
        Norm of both the input and the output of each layer.

    Returns
    -------
    norms : tuple of float
        One for each matrix, rounding accounted for.

    Examples
    --------
    >>> import numpy as np
    >>> from sklip.bounds import layer_norms
    >>> from sklip.networks import FeedForward
    >>> layer_norms(FeedForward([[[1.0, -2.0]], [[3.0]]]), np.inf)[1] >= 3.0
    True
    """
    norm = check_norm(norm)
    return tuple(operator_norm_bound(w, norm) for w in network.weights)


def product_up(factors):
    """Product of nonnegative floats, rounded upward; OverflowError if too large."""
    mantissa, exponent = 1.0, 0
    for factor in factors:
        if factor == 0.0:
            return 0.0
        m, e = math.frexp(factor)
        mantissa, carry = math.frexp(math.nextafter(mantissa * m, math.inf))
        exponent += e + carry
    return scale_up(mantissa, exponent)


def scale_up(value, exponent):
    try:
        result = math.ldexp(value, exponent)
    except OverflowError:
        raise OverflowError(
            "The bound exceeds the largest float64: rescale the weights."
        ) from None
    return math.nextafter(result, math.inf) if result < 2.0**-1020 else result


def _finite_matrix(matrix):
    matrix = check_numbers(matrix, "matrix")
    if matrix.ndim != 2:
        raise ValueError(f"matrix must have two axes, got {matrix.ndim}.")
    if not np.all(np.isfinite(matrix)):
        raise ValueError("matrix contains NaN or infinity: it has no norm.")
    return matrix
