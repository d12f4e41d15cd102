# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Multipliers of a relaxation's products by a primal-dual interior-point method.

With multipliers x of the products c_k(y), not negative but for those of products that
are zero, the goal is at least g wherever goal - g - sum of x_k c_k is a positive
semidefinite form. The method of Helmberg, Kojima and Monteiro with Mehrotra's
corrector; products have two factors, so that the Schur complement comes from what the
two matrices make of the factors.
"""

import time
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigvalsh, solve_triangular
from scipy.sparse import csr_array

__all__ = ["MultiplierForm", "Solution", "multipliers_of"]

_MAX_STEPS = 40
# Share of the way to the boundary.
_DAMPING = 0.95
# Gap, relative to the size of the goal, at which to stop.
_TOLERANCE = 1e-5
# What the first multipliers are in units of the goal's size.
_START = 0.1
# Largest residual at which the matrix's goal tells that no more is reached.
_NEARLY_FEASIBLE = 1e-4
_RIDGE = 1e-13
# Above the target, in units of the goal's size, for what the proof loses.
_MORE = 1e-7


class MultiplierForm:
    """The quadratic form goal - g - sum of x_k c_k, linear in (g, x)."""

    def __init__(self, relaxation):
        self.relaxation, self.n = relaxation, relaxation.forms.shape[1]
        self.first = np.append(0, relaxation.first)
        self.second = np.append(0, relaxation.second)
        lengths = np.linalg.norm(relaxation.forms, axis=1)
        # Products of length about one.
        scale = lengths[self.first] * lengths[self.second]
        self.scale = 1.0 / np.maximum(scale, 1e-100)
        self.round = np.zeros(self.n)
        self.round[0], self.round[1 : 1 + relaxation.n_inputs] = 1.0, -1.0
        last = np.zeros(int(relaxation.is_round), dtype=bool)
        self.is_free = np.concatenate([[True], relaxation.is_zero, last])
        self.is_bound = np.concatenate([[False], relaxation.is_bound, ~last])

    def multipliers(self, x):
        """Of the products, with g in front."""
        return x[: len(self.scale)] * self.scale

    def matrix(self, x, goal=1.0):
        """Symmetric matrix of the form."""
        relaxation = self.relaxation
        forms, values = relaxation.forms, np.append(self.multipliers(x), -goal)
        at = np.append(self.first, relaxation.goal), np.append(self.second, 0)
        pairs = csr_array((values, at), shape=(len(forms), len(forms)))
        found = forms.T @ (pairs @ forms)
        found = -0.5 * (found + found.T)
        if relaxation.is_round:
            found[np.diag_indices(self.n)] -= x[-1] * self.round
        return found

    @cached_property
    def _factors(self):
        forms = self.relaxation.forms
        return forms[self.first], forms[self.second]

    def adjoint(self, matrix):
        """Inner products of a symmetric matrix with those of the products."""
        left, right = self._factors
        found = self.scale * np.einsum("ij,ij->i", left @ matrix, right)
        if self.relaxation.is_round:
            found = np.append(found, matrix.diagonal() @ self.round)
        return found

    def schur(self, X, Z):
        """The adjoint of X (matrix of x) Z, as a matrix that x is multiplied with."""
        forms, a, b = self.relaxation.forms, self.first, self.second
        of_X, of_Z = (forms @ matrix @ forms.T for matrix in (X, Z))
        aa, bb, ab = np.ix_(a, a), np.ix_(b, b), np.ix_(a, b)
        found = of_X[aa] * of_Z[bb]
        found += of_X[bb] * of_Z[aa]
        cross = of_X[ab] * of_Z[ab].T
        found += cross
        found += cross.T
        found *= 0.25 * self.scale
        found *= self.scale[:, None]
        if self.relaxation.is_round:
            row = self.adjoint(_symmetric((X * self.round) @ Z))
            found = np.vstack([np.hstack([found, row[:-1, None]]), row])
        return found

    def start(self):
        """Multipliers (g, x) and a matrix, both inside."""
        size = np.linalg.norm(self.relaxation.forms[self.relaxation.goal])
        matrix = np.full(self.n, 0.5)
        matrix[0] = 1.0
        if self.relaxation.is_round:
            matrix[1 : 1 + self.relaxation.n_inputs] /= self.relaxation.n_inputs
        matrix = np.diag(matrix)
        slack, x = np.maximum(self.adjoint(matrix), 0.1), np.zeros(len(self.is_free))
        x[~self.is_free] = _START * size / slack[~self.is_free]
        for _ in range(200):
            whole = self.matrix(x)
            try:
                factor = cho_factor(whole[1:, 1:], lower=True)
            except np.linalg.LinAlgError:
                x[self.is_bound] *= 2.0
                continue
            left = whole[0, 0] - whole[0, 1:] @ cho_solve(factor, whole[0, 1:])
            x[0] = left - _START * size
            return x, matrix, slack[~self.is_free]
        raise np.linalg.LinAlgError("No multipliers bound the goal.")


class Solution:
    """Iterate of the method.

    Attributes
    ----------
    x : ndarray
        Bound and multipliers, as :class:`MultiplierForm` takes them.
    X : ndarray of shape (n, n)
        About the moments of y where the relaxation is worst.
    """

    def __init__(self, form):
        self.form = form
        self.x, self.X, self.w = form.start()
        self._set_slack()

    @classmethod
    def of(cls, relaxation):
        """The first one of a relaxation."""
        return cls(MultiplierForm(relaxation))

    def _set_slack(self):
        self.M = self.form.matrix(self.x)
        self.factor = cho_factor(self.M, lower=True)[0]
        self.Z = cho_solve((self.factor, True), np.eye(len(self.M)))

    @property
    def gap(self):
        """Of the two sides, on what is feasible of both."""
        positive = self.x[~self.form.is_free]
        return float((self.X * self.M).sum() + self.w @ positive)

    def _residual(self):
        """What the matrix lacks of the products' signs, and of 1 in its corner."""
        found = -self.form.adjoint(self.X)
        found[0] += 1.0
        found[~self.form.is_free] += self.w
        return found

    def falls_short(self, target):
        """Whether the goal at the matrix says that no multipliers reach a target."""
        if np.isinf(target) or np.abs(self._residual()).max() > _NEARLY_FEASIBLE:
            return False
        relaxation = self.form.relaxation
        return bool(relaxation.forms[relaxation.goal] @ self.X[0] < target)

    def step(self):
        """One step, predictor and corrector."""
        form, some = self.form, ~self.form.is_free
        positive, solve = self.x[some], self._solver()
        order = form.n + some.sum()
        one = np.zeros(len(self.x))
        one[0] = 1.0
        dx, changes = self._direction(solve, one, 0.0, 0.0, 0.0)
        dM, dX, dw = changes
        p, q = self._lengths(dx, *changes)
        left = ((self.X + p * dX) * (self.M + q * dM)).sum()
        left += (self.w + p * dw) @ (positive + q * dx[some])
        mu = self.gap / order
        # More towards the middle where steps are short.
        power = max(1.0, 3.0 * min(p, q) ** 2)
        mu *= min(1.0, max(left / self.gap, 1e-3) ** power)
        second, cross = _symmetric(dX @ dM @ self.Z), dw * dx[some] / positive
        goal = one - mu * form.adjoint(self.Z) + form.adjoint(second)
        goal[some] += mu / positive - cross
        dx, changes = self._direction(solve, goal, mu, second, cross)
        p, q = self._lengths(dx, *changes)
        self.X, self.w = self.X + p * changes[1], self.w + p * changes[2]
        self.x = self.x + q * dx
        self._set_slack()

    def _solver(self):
        some = np.flatnonzero(~self.form.is_free)
        schur = self.form.schur(self.X, self.Z)
        schur[some, some] += self.w / self.x[some]
        unit = 1.0 / np.sqrt(schur.diagonal())
        schur *= unit
        schur *= unit[:, None]
        schur[np.diag_indices(len(unit))] += _RIDGE
        factor = cho_factor(schur, lower=True, overwrite_a=True)
        return lambda v: unit * cho_solve(factor, unit * v)

    def _direction(self, solve, goal, mu, second, cross):
        dx = solve(goal)
        change, positive = dx[~self.form.is_free], self.x[~self.form.is_free]
        dM = self.form.matrix(dx, 0.0)
        dX = mu * self.Z - self.X - _symmetric(self.X @ dM @ self.Z) - second
        dw = mu / positive - self.w - self.w / positive * change - cross
        return dx, (dM, dX, dw)

    def _lengths(self, dx, dM, dX, dw):
        some = ~self.form.is_free
        inner = cho_factor(self.X, lower=True)[0]
        sides = (inner, dX, self.w, dw), (self.factor, dM, self.x[some], dx[some])
        found = []
        for factor, change, values, moved in sides:
            change = solve_triangular(factor, change, lower=True)
            change = solve_triangular(factor, change.T, lower=True)
            least = eigvalsh(change, subset_by_index=[0, 0])[0]
            least = min(least, (moved / values).min(initial=0.0))
            found.append(min(1.0, _DAMPING / max(-least, 1e-300)))
        return found


def _symmetric(matrix):
    return 0.5 * (matrix + matrix.T)


def multipliers_of(relaxation, target, deadline=np.inf):
    """Multipliers that bound the goal by more than ``target``, or else about the best.

    The search ends where no multipliers seem to reach a finite target, or after
    ``deadline`` of the monotonic clock.

    Returns
    -------
    solution : Solution or None
        None if nothing was found.
    """
    x = None
    size = np.linalg.norm(relaxation.forms[relaxation.goal])
    try:
        solution = Solution.of(relaxation)
        for _ in range(_MAX_STEPS):
            if solution.x[0] > target + _MORE * size or time.monotonic() > deadline:
                break
            if solution.gap < _TOLERANCE * size or solution.falls_short(target):
                break
            x = solution.x
            solution.step()
    except (np.linalg.LinAlgError, ValueError):
        # What was known before the arithmetic failed is as good as it is.
        if x is None:
            return None
        solution.x = x
    return solution
