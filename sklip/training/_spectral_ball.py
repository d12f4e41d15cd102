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
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg.lapack import dsyevr

__all__ = ["Point", "SpectralBall", "layer_scales"]

# Share of the eigenvectors from which all of them are found sooner.
_FEW = 0.25


def layer_scales(bound, multipliers, slopes):
    """Pairs (r_k, c_k) as columns; multipliers are d, slopes beta."""
    rows = [0.5 * b * d for b, d in zip(slopes, multipliers, strict=True)]
    columns = [np.array([bound]), *multipliers]
    return [
        (r[:, None], 1.0 / c[:, None])
        for r, c in zip([*rows, np.ones(1)], columns, strict=True)
    ]


class SpectralBall:
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
        L.
    """

    def __init__(self, targets, multipliers, slopes, bound):
        self.targets = targets
        self.scales = layer_scales(bound, multipliers, slopes)
        self.squares = [(r * r, c * c) for r, c in self.scales]
        self.blocks = [
            r * v * c.T for v, (r, c) in zip(targets, self.scales, strict=True)
        ]
        self.sizes = [targets[0].shape[1], *(len(v) for v in targets)]
        ends = np.cumsum([0, *self.sizes])
        self.layers = [slice(i, j) for i, j in zip(ends[:-1], ends[1:], strict=True)]
        self.n_units = int(ends[-1])
        self.is_dense = len(self.sizes) <= 3

    def outside(self, blocks, above=1.0, n_expected=None):
        """Singular values of Z from there on, and unit vectors of K, largest last."""
        z = _assemble(blocks, self.sizes)
        is_tall = len(z) > z.shape[1]
        small = z.T if is_tall else z
        squares, vectors = _eigen_above(small @ small.T, above**2, n_expected)
        values = np.sqrt(squares)
        others = (small.T @ vectors) / values
        odd, even = (others, vectors) if is_tall else (vectors, others)
        directions = np.empty((self.n_units, len(values)))
        for layers, vectors in ((self.layers[::2], even), (self.layers[1::2], odd)):
            ends = np.cumsum([layer.stop - layer.start for layer in layers])
            for layer, part in zip(layers, np.split(vectors, ends[:-1]), strict=True):
                directions[layer] = part
        return values, directions / np.sqrt(2.0)


def _assemble(blocks, sizes):
    """Z with the odd layers as rows, the even ones as columns."""
    starts = [sum(sizes[k % 2 : k : 2]) for k in range(len(sizes))]
    z = np.zeros((sum(sizes[1::2]), sum(sizes[0::2])))
    for k, block in enumerate(blocks):
        odd, even = (k + 1, k) if k % 2 == 0 else (k, k + 1)
        rows = slice(starts[odd], starts[odd] + sizes[odd])
        columns = slice(starts[even], starts[even] + sizes[even])
        z[rows, columns] = block if k % 2 == 0 else block.T
    return z


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


@dataclass(eq=False)
class Point:
    """A factor P of the multiplier, with what follows from it.

    Attributes
    ----------
    factor : ndarray of shape (n_units, rank)
        P.
    gradient : ndarray of shape (n_units, rank)
        (I - K) P.
    value : float
        f(P) less its value at 0; the dual value is its negative.
    blocks : list of ndarray
        Scaled weights, the blocks of Z.
    step_square, pull : float
        ||G||^2 and <G, W>; the latter is ||P||^2 / 2 at the optimum.
    """

    problem: SpectralBall
    factor: np.ndarray

    def __post_init__(self):
        problem, factor = self.problem, self.factor
        self.gradient = factor.copy()
        self.blocks, self._terms = [], []
        self.step_square = self.pull = 0.0
        for k, (target, (r2, c2)) in enumerate(
            zip(problem.blocks, problem.squares, strict=True)
        ):
            own, below = problem.layers[k + 1], problem.layers[k]
            a, b = factor[own], factor[below]
            left, right = r2 * a, c2 * b
            a_gram, b_gram = a.T @ left, b.T @ right
            block = target - left @ right.T
            product = block @ b
            self.gradient[own] -= product
            self.gradient[below] -= block.T @ a
            self.pull += np.vdot(a, product)
            self.step_square += np.vdot(a_gram, b_gram)
            self.blocks.append(block)
            self._terms.append((left, right, a_gram, b_gram))
        self.square = np.vdot(factor, factor)
        self.value = 0.5 * self.square - self.pull - 0.5 * self.step_square

    @cached_property
    def diagonal(self):
        """Diagonal of I + J^T J, J the derivative of G: a preconditioner."""
        diagonal = np.ones_like(self.factor)
        for k, (_, _, a_gram, b_gram) in enumerate(self._terms):
            r2, c2 = self.problem.squares[k]
            diagonal[self.problem.layers[k + 1]] += r2 * np.diagonal(b_gram)
            diagonal[self.problem.layers[k]] += c2 * np.diagonal(a_gram)
        return diagonal

    def curvature(self, direction):
        """Second derivative of f times a direction."""
        result = direction.copy()
        for k, (left, right, a_gram, b_gram) in enumerate(self._terms):
            own, below = self.problem.layers[k + 1], self.problem.layers[k]
            r2, c2 = self.problem.squares[k]
            da, db = direction[own], direction[below]
            block = self.blocks[k]
            result[own] += r2 * (da @ b_gram) + left @ (db.T @ right) - block @ db
            result[below] += c2 * (db @ a_gram) + right @ (da.T @ left) - block.T @ da
        return result

    def overshoot(self):
        """How far the norm of Z exceeds one on the columns of P (Ritz value)."""
        if not self.factor.size:
            return 0.0
        squares, rotation = np.linalg.eigh(self.factor.T @ self.factor)
        kept = squares > 1e-12 * squares[-1]
        if not np.any(kept):
            return 0.0
        basis = rotation[:, kept] / np.sqrt(squares[kept])
        ritz = basis.T @ (self.factor.T @ self.gradient) @ basis
        return float(-np.linalg.eigvalsh(0.5 * (ritz + ritz.T))[0])

    @cached_property
    def weights(self):
        """W_k = V_k - G_k, not feasible before convergence."""
        parts = [self.factor[layer] for layer in self.problem.layers]
        return [
            v - (r * parts[k + 1]) @ (c * parts[k]).T
            for k, (v, (r, c)) in enumerate(
                zip(self.problem.targets, self.problem.scales, strict=True)
            )
        ]

    def distance_square(self, norm):
        """Squared distance of the weights divided by norm from the targets."""
        e = 1.0 - 1.0 / norm
        square = sum(np.vdot(w, w) for w in self.weights) if e else 0.0
        return self.step_square + 2.0 * e * self.pull + e * e * square

    def gap(self, norm):
        """Half the squared distance of the weights over norm, less the dual value."""
        inexact = 0.5 * self.square - self.pull
        return inexact + 0.5 * (self.distance_square(norm) - self.step_square)

    def first_layer(self):
        """||P_0||^2, <W_0, G_0> and ||G_0||^2."""
        below, own = (self.factor[layer] for layer in self.problem.layers[:2])
        _, _, a_gram, b_gram = self._terms[0]
        inner = np.vdot(own, self.blocks[0] @ below)
        return np.vdot(below, below), inner, np.vdot(a_gram, b_gram)
