# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Steps that keep a matrix semi-orthogonal: orthonormal rows if wide, columns if tall.

No factorisation and no autograd through one: a step is a few products of matrices, and
its errors are of second order in its length.
"""

import numpy as np
import torch

__all__ = ["move", "polar_direction", "polar_factor", "tangent"]

# Steps X <- (a + b S + c S^2) X, S = X X^T, each the best for the singular values that
# the one before leaves (Amsel, Persson, Musco and Gower, "The Polar Express", 2025). A
# direction needs no more than three: from 1/500 to 1 all end between 0.18 and 1.87.
_POLYNOMIALS = (
    (8.28721, -23.5959, 17.3004),
    (4.1071, -2.9478, 0.5448),
    (3.9487, -2.9089, 0.5518),
)
# Sides of one matrix, longer over shorter, from which products of the shorter one's
# size pay. Singular values count squared there, so that the smallest lose digits.
_ELONGATED = 2.0
# Gradients below it have died out; squares of smaller ones would underflow in float32.
_DEAD = 1e-12


def polar_factor(matrix):
    """Nearest semi-orthogonal matrix, by an SVD in float64.

    Parameters
    ----------
    matrix : ndarray of shape (n_out, n_in)
        Any finite matrix.

    Returns
    -------
    factor : ndarray of shape (n_out, n_in)
        With orthonormal rows or columns, whichever are fewer.
    """
    u, _, vt = np.linalg.svd(np.asarray(matrix, dtype=np.float64), full_matrices=False)
    return u @ vt


def tangent(weight, matrix):
    """Part of a matrix that is tangent to the manifold at a weight.

    For a tall weight W with W^T W = I it is G - W sym(W^T G), sym(A) = (A + A^T) / 2;
    mirrored for a wide one.
    """
    tall = weight.shape[0] >= weight.shape[1]
    product = weight.t() @ matrix if tall else matrix @ weight.t()
    symmetric = product + product.t()
    if tall:
        return torch.addmm(matrix, weight, symmetric, alpha=-0.5)
    return torch.addmm(matrix, symmetric, weight, alpha=-0.5)


def polar_direction(matrix):
    """Approximate polar factor of a matrix, whatever its size; small if it is dead."""
    x = matrix / torch.linalg.vector_norm(matrix).clamp_min(_DEAD)
    tall = x.shape[0] > x.shape[1]
    if max(x.shape) >= _ELONGATED * min(x.shape):
        polynomial = _polynomial(x.t() @ x if tall else x @ x.t())
        return x @ polynomial if tall else polynomial @ x
    for a, b, c in _POLYNOMIALS:
        s = x.t() @ x if tall else x @ x.t()
        polynomial = torch.addmm(s, s, s, beta=b, alpha=c)
        x = torch.addmm(x, *((x, polynomial) if tall else (polynomial, x)), beta=a)
    return x


def _polynomial(s):
    """What all steps together multiply a matrix by whose Gram matrix is s.

    They are polynomials in s alone, so that only the first and the last product have
    the size of the longer side.
    """
    product = None
    for k, (a, b, c) in enumerate(_POLYNOMIALS):
        polynomial = torch.addmm(s, s, s, beta=b, alpha=c)
        polynomial.diagonal().add_(a)
        product = polynomial if product is None else polynomial @ product
        if k + 1 < len(_POLYNOMIALS):
            s = polynomial @ (polynomial @ s)
    return product


def move(weight, direction, rate, longest=1.0):
    """Move a weight in place against a direction, and back onto the manifold.

    Parameters
    ----------
    weight : tensor of shape (n_out, n_in)
        Semi-orthogonal up to rounding.
    direction : tensor of shape (n_out, n_in)
        Any; its tangent part counts.
    rate : float
        Factor.
    longest : float, default=1.0
        Frobenius norm to which the step is cut.

    Notes
    -----
    With Y = W - s and s tangent, Y^T Y = I + s^T s. Where no singular value of s
    exceeds one, those of Y lie between 1 and sqrt(2), where 1.5 Y - 0.5 Y Y^T Y comes
    so near to 1 that the next steps' corrections, which square what is left, keep it
    there.
    """
    step = tangent(weight, direction).mul_(rate)
    step.div_((torch.linalg.vector_norm(step) / longest).clamp_min(1.0))
    y = weight - step
    if y.shape[0] >= y.shape[1]:
        torch.addmm(y, y, y.t() @ y, beta=1.5, alpha=-0.5, out=weight)
    else:
        torch.addmm(y, y @ y.t(), y, beta=1.5, alpha=-0.5, out=weight)
