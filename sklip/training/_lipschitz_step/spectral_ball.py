# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Projection of weights onto those whose matrix Z has a spectral norm of one at most.

The primal problem is min 1/2 sum ||W_k - V_k||_F^2 subject to ||Z(W)||_2 <= 1, Z being
block bidiagonal with blocks r_k W_k c_k (rows and columns scaled). With K the symmetric
matrix that has the blocks of Z beside its diagonal, the condition is K <= I; the
multiplier P P^T of it, P with one row for each unit of the network, gives

    W_k = V_k - G_k,    G_k = r_k P_{k+1} (c_k P_k)^T,

and the dual problem is min f(P) = 1/2 sum ||V_k - G_k||^2 + 1/2 ||P||^2 with gradient
(I - K(W)) P. It needs as many columns as singular values of Z end up at one, which in
training are about as many as the network has outputs. A stationary P with K(W) <= I is
optimal, and at any P the gap between W / ||Z(W)|| and the dual value is

    1/2 <P, (I - K) P> + e <G, W> + 1/2 e^2 ||W||^2,    e = 1 - 1 / ||Z(W)||.

Where L is free and costs price L^2, the dual has ||P_0||^2 <= 2 price L^2 in the place
of the square of P's rows P_0 at the inputs, in units of any L: a sphere, since the best
L is positive, and the sphere's multiplier is the square of the best L, in those units.

Rows of P are ordered as in Z: see ParityLayout.
"""

import math
from functools import cached_property

import numpy as np
from scipy.linalg.lapack import dsyevr

from sklip.bounds import ParityLayout, Z
from sklip.training._lipschitz_step.points import BlockPoint, MatrixPoint

__all__ = ["SpectralBall"]

# Share of the eigenvectors from which all of them are found sooner.
_FEW = 0.25
# Entries of Z up to which one product with all of it beats several with its blocks.
_SMALL = 2**15


class SpectralBall(ParityLayout):
    """The problem for one set of targets.

    Parameters
    ----------
    targets : sequence of ndarray
        V_0 ... V_l.
    multipliers : sequence of ndarray
        d_1 ... d_l.
    slopes : sequence of float
        beta of each hidden layer, alpha being 0.
    bound : float
        L, or what it is measured with where it is free.
    price : float, default=None
        What L^2 costs; None where L is fixed.
    """

    def __init__(self, targets, multipliers, slopes, bound, price=None):
        self.targets, self.bound, self.price = targets, bound, price
        self._rest = multipliers, slopes
        self.paid = None if price is None else price * bound**2
        self.scales = Z(bound, multipliers, [(0.0, b) for b in slopes]).scales
        super().__init__([targets[0].shape[1], *(len(v) for v in targets)])
        n_entries = self.n_even * (self.n_units - self.n_even)
        self.is_small = self.is_dense and n_entries <= _SMALL
        self.first = slice(self.sizes[0])

    @cached_property
    def squares(self):
        """Squares of the scales."""
        return [(r * r, c * c) for r, c in self.scales]

    @cached_property
    def blocks(self):
        """Scaled targets."""
        return [
            r * v * c.T for v, (r, c) in zip(self.targets, self.scales, strict=True)
        ]

    @cached_property
    def scale(self):
        """What the entries of Z are in units of the weights; for dense ones."""
        return self.assemble([r * c.T for r, c in self.scales])

    @cached_property
    def scale_square(self):
        """Squares of the scale."""
        return self.scale**2

    @cached_property
    def cost(self):
        """Squared weight of a squared unit of each entry of Z."""
        return 1.0 / self.scale_square

    @cached_property
    def z(self):
        """The targets' Z."""
        if self.is_dense:
            return self.scale * self.assemble(self.targets)
        return self.assemble(self.blocks)

    def moved(self, bound, *, free=True):
        """The ball of another L."""
        price = self.price if free else None
        return SpectralBall(self.targets, *self._rest, bound, price)

    def point(self, factor):
        """The point of a factor, which is put on the sphere where L is free."""
        if self.paid is not None:
            first = factor[self.first]
            scale = math.sqrt(2.0 * self.paid / np.vdot(first, first))
            factor = factor.copy()
            factor[self.first] *= scale
        return (MatrixPoint if self.is_small else BlockPoint)(self, factor)

    def outside(self, z, above=1.0, n_expected=None):
        """Singular values of Z from there on, and unit vectors of K, largest last."""
        is_tall = len(z) > z.shape[1]
        small = z.T if is_tall else z
        squares, vectors = _eigen_above(small @ small.T, above**2, n_expected)
        values = np.sqrt(squares)
        others = small.T @ vectors
        others /= values
        odd, even = (others, vectors) if is_tall else (vectors, others)
        directions = np.concatenate([even, odd])
        directions *= np.sqrt(0.5)
        return values, directions


def _eigen_above(gram, low, n_expected):
    """Eigenvalues above low of a symmetric matrix, and their vectors."""
    if n_expected is None or n_expected > _FEW * len(gram):
        values, vectors = np.linalg.eigh(gram)
        n_below = np.searchsorted(values, low, side="right")
        return values[n_below:], vectors[:, n_below:]
    top = 2.0 + np.max(np.sum(np.abs(gram), axis=1))
    values, vectors, n_found, _, info = dsyevr(
        gram.T, range="V", vl=low, vu=top, overwrite_a=True
    )
    if info:
        raise np.linalg.LinAlgError("LAPACK found no eigenvalues.")
    return values[:n_found], vectors[:, :n_found]
