# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Points of the dual of the spectral ball: a factor P, and what follows from it."""

from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np

__all__ = ["BallPoint", "BlockPoint", "MatrixPoint"]


class BallPoint(ABC):
    """A factor P of the multiplier.

    Attributes
    ----------
    problem : SpectralBall
        The problem.
    factor : ndarray of shape (n_units, rank)
        P.
    gradient : ndarray of shape (n_units, rank)
        (I - K) P; where L is free, its part along the sphere.
    square : float
        ||P||^2.
    value : float
        f(P) less its value at 0; the dual value is its negative.
    excess : float
        By how much the best L^2 for this multiplier exceeds the ball's, in units of it.
    step_square, pull : float
        ||G||^2 and <G, W>; the latter is ||P||^2 / 2 at the optimum.
    z : ndarray
        Z of the weights W.
    """

    def __init__(self, problem, factor):
        self.problem, self.factor = problem, factor
        self.square = np.vdot(factor, factor)
        self._evaluate()
        self.value = 0.5 * self.square - self.pull - 0.5 * self.step_square
        self.excess, paid = 0.0, problem.paid
        if paid is not None:
            # The multiplier of the sphere ||P_0||^2 = 2 paid is L^2, less the ball's.
            first = factor[problem.first]
            force = self.gradient[problem.first]
            self.excess = -0.5 * float(np.vdot(first, force)) / paid
            force += self.excess * first

    @abstractmethod
    def _evaluate(self):
        """Set gradient, pull and step_square."""

    @property
    @abstractmethod
    def diagonal(self):
        """Diagonal of I + J^T J, J the derivative of G: a preconditioner."""

    @abstractmethod
    def curvature(self, direction):
        """Second derivative of f times a direction."""

    @property
    @abstractmethod
    def weights(self):
        """W_k = V_k - G_k, not feasible before convergence."""

    def hessian(self, direction):
        """Second derivative of f, on the sphere where L is free, along a direction."""
        product = self.curvature(direction)
        if self.excess:
            first = self.problem.first
            product[first] += self.excess * direction[first]
        return product

    @cached_property
    def _inverse(self):
        diagonal = self.diagonal
        if self.excess:
            diagonal = diagonal.copy()
            diagonal[self.problem.first] += max(self.excess, -0.5)
        return 1.0 / diagonal

    @cached_property
    def _normal(self):
        """The sphere's preconditioned normal, over its square."""
        first = self.problem.first
        normal = self._inverse[first] * self.factor[first]
        return normal / np.vdot(normal, self.factor[first])

    def preconditioned(self, residual):
        """A residual over the diagonal, along the sphere where L is free."""
        scaled = self._inverse * residual
        if self.problem.paid is not None:
            first = self.problem.first
            along = float(np.vdot(self._normal, residual[first]))
            scaled[first] -= along * (self._inverse[first] * self.factor[first])
        return scaled

    @cached_property
    def multiplier(self):
        """Odd rows of P times the transposed even ones: the multiplier of Z."""
        n_even = self.problem.n_even
        return self.factor[n_even:] @ self.factor[:n_even].T

    def overshoot(self):
        """How far the norm of Z exceeds one on the columns of P (Ritz value)."""
        if not self.factor.size:
            return 0.0
        # An orthonormal basis of the columns of P by their Gram matrix; directions that
        # are lost in rounding are left out.
        squares, rotation = np.linalg.eigh(self.factor.T @ self.factor)
        kept = squares > 1e-12 * squares[-1]
        if not np.any(kept):
            return 0.0
        basis = rotation[:, kept] / np.sqrt(squares[kept])
        ritz = basis.T @ (self.factor.T @ self.gradient) @ basis
        # P^T (I - K) P on that basis: its least eigenvalue is one less the largest Ritz
        # value.
        return float(-np.linalg.eigvalsh(0.5 * (ritz + ritz.T))[0])

    def distance_square(self, norm):
        """Squared distance of the weights divided by norm from the targets."""
        # W / norm - V = -(G + e W): the square multiplies out, and two of its terms are
        # known.
        e = 1.0 - 1.0 / norm
        square = sum(np.vdot(w, w) for w in self.weights) if e else 0.0
        return self.step_square + 2.0 * e * self.pull + e * e * square

    def gap(self, norm):
        """Half the squared distance of the weights over norm, less the dual value."""
        inexact = 0.5 * self.square - self.pull
        return inexact + 0.5 * (self.distance_square(norm) - self.step_square)


class BlockPoint(BallPoint):
    """A point of any problem, computed layer by layer."""

    def _evaluate(self):
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
            # The block of Z at the weights W = V - G.
            block = target - left @ right.T
            product = block @ b
            self.gradient[own] -= product
            self.gradient[below] -= block.T @ a
            self.pull += np.vdot(a, product)
            # ||G||^2 by two small Gram matrices, without forming G.
            self.step_square += np.vdot(a_gram, b_gram)
            self.blocks.append(block)
            self._terms.append((left, right, a_gram, b_gram))

    @cached_property
    def z(self):
        """Z of the weights."""
        return self.problem.assemble(self.blocks)

    @cached_property
    def diagonal(self):
        """Diagonal of I + J^T J."""
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
            # The first two terms are J^T J, the last is how the block weighs on the
            # direction.
            result[own] += r2 * (da @ b_gram) + left @ (db.T @ right) - block @ db
            result[below] += c2 * (db @ a_gram) + right @ (da.T @ left) - block.T @ da
        return result

    @cached_property
    def weights(self):
        """W_k = V_k - G_k."""
        parts = [self.factor[layer] for layer in self.problem.layers]
        return [
            v - (r * parts[k + 1]) @ (c * parts[k]).T
            for k, (v, (r, c)) in enumerate(
                zip(self.problem.targets, self.problem.scales, strict=True)
            )
        ]


class MatrixPoint(BallPoint):
    """A point of a problem with at most one hidden layer, computed with all of Z."""

    def _evaluate(self):
        problem = self.problem
        n_even = problem.n_even
        even, odd = self.factor[:n_even], self.factor[n_even:]
        self.multiplier = odd @ even.T
        # One product for all layers: with one hidden layer Z has no zero blocks to
        # skip.
        step = problem.scale_square * self.multiplier
        self.step_square = np.vdot(step, self.multiplier)
        self.z = np.subtract(problem.z, step, out=step)
        gradient = np.empty_like(self.factor)
        np.matmul(self.z, even, out=gradient[n_even:])
        np.matmul(self.z.T, odd, out=gradient[:n_even])
        self.pull = np.vdot(odd, gradient[n_even:])
        self.gradient = np.subtract(self.factor, gradient, out=gradient)

    @cached_property
    def diagonal(self):
        """Diagonal of I + J^T J."""
        n_even, squares = self.problem.n_even, self.factor**2
        diagonal = np.empty_like(squares)
        scale_square = self.problem.scale_square
        np.matmul(scale_square, squares[:n_even], out=diagonal[n_even:])
        np.matmul(scale_square.T, squares[n_even:], out=diagonal[:n_even])
        diagonal += 1.0
        return diagonal

    def curvature(self, direction):
        """Second derivative of f times a direction."""
        n_even = self.problem.n_even
        even, odd = self.factor[:n_even], self.factor[n_even:]
        even_step, odd_step = direction[:n_even], direction[n_even:]
        # The multiplier is odd even^T, so its change has the two terms of a product
        # rule.
        change = odd_step @ even.T
        change += odd @ even_step.T
        change *= self.problem.scale_square
        result = np.empty_like(direction)
        np.matmul(change.T, odd, out=result[:n_even])
        np.matmul(change, even, out=result[n_even:])
        result[:n_even] -= self.z.T @ odd_step
        result[n_even:] -= self.z @ even_step
        result += direction
        return result

    @cached_property
    def weights(self):
        """W_k = V_k - G_k."""
        steps = self.problem.split(self.problem.scale * self.multiplier)
        return [v - g for v, g in zip(self.problem.targets, steps, strict=True)]
