# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""LipSDP of one hidden layer, as a matrix of the size of input and output.

With s = 2 t and the hidden block eliminated in the place of the output's, the condition
for slopes in [0, b] is

    F(x_0, s) = [ x_0 I - b^2/4 W_0^T diag(s) W_0     -b/2 W_0^T W_1^T         ]
                [ -b/2 W_1 W_0                         I - W_1 diag(1/s) W_1^T ]  >= 0,

and log det S = log det F + sum log s_i: the barrier, its derivatives and its dual value
are those of barrier.py. What is factorised in a step is F and the Hessian; networks of
a hundred neurons take some milliseconds, in numpy, which has less to do for each call
than torch.
"""

import math

import numpy as np
import torch
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs

from sklip.bounds._lipsdp.barrier import DAMPING, SHORTEST_STEP, Newton, follow
from sklip.bounds._lipsdp.interior_point import Optimum

__all__ = ["is_one_layer", "one_layer_method"]

# Relative gap of the point on the path that is steered for first.
_GAP = 0.08
# Newton steps to get there, at most, and what is added to the curvature in each log s:
# there is next to none where a neuron passes little on, and the step would have no end.
_MOST_CENTRINGS, _CURVATURE = 30, 0.01
# How far above the least x_0 of its multipliers a start is.
_ROOM = 0.1
# Size beside the largest one below which weights do not tell where to start.
_SMALL = 1e-3
# Share of the tolerance that all neurons left out may pass on.
_NEGLIGIBLE = 1e-3
# What a step that leads outside is multiplied by.
_CUT = 0.6
# What a norm of zero counts as, beside the largest.
_ZERO = 1e-15
# Neurons up to which its products cost less than those of the primal-dual method.
_UP_TO = 400


def is_one_layer(problem):
    """Whether :func:`one_layer_method` is the fastest one for a program."""
    ends = problem.n_inputs + len(problem.weights[-1])
    return (
        len(problem.sectors) == 1
        and problem.sectors[0][0] == 0.0
        and not problem.per_layer
        and problem.weights[0].device.type == "cpu"
        and problem.n_neurons <= _UP_TO
        and ends <= 2 * problem.n_neurons
    )


def one_layer_method(problem, tol, deadline):
    """Minimise x_0 as barrier_method does, from the problem's initial point.

    Parameters
    ----------
    problem : LipSDPProblem
        Of one hidden layer with slopes from 0 on, on the CPU.
    tol : float
        Relative gap of the root of x_0 at which to stop.
    deadline : float
        Value of time.monotonic() at which to stop.

    Returns
    -------
    optimum : Optimum or None
        The best of all iterates, without a dual matrix; None if the initial point is
        infeasible.
    """
    first, last = (w.numpy() for w in problem.weights)
    first = problem.sectors[0][1] * first
    x = problem.initial().numpy()
    x[1:] *= 2.0
    if not _OneLayerPath(first, last).begin(x):
        return None
    neurons = _Neurons(first, last, _NEGLIGIBLE * tol)
    path = _OneLayerPath(first[neurons.busy], last[:, neurons.busy])
    x = path.balanced()
    if not path.begin(x):
        return None
    mu = _GAP * x[0] / path.order
    found = follow(path, path.centred(x, mu), mu, tol, deadline)
    best, central = (_halved(neurons.whole(x)) for x in (found.x, found.central))
    return Optimum(best, None, found.lower, central)


class _Neurons:
    """Which neurons pass something on, and multipliers of the others.

    A neuron whose weights are all but zero has its multiplier at infinity on the path,
    and Newton's method does no more than double it in a step. Without it the optimum is
    no larger, and smaller by less than what it passes on.

    Parameters
    ----------
    first, last : ndarray
        W_0, multiplied by b, and W_1.
    negligible : float
        What all neurons left out may pass on together, beside x_0 = 1.
    """

    def __init__(self, first, last, negligible):
        into, out = np.linalg.norm(first, axis=1), np.linalg.norm(last, axis=0)
        into, out = into + _ZERO * into.max(), out + _ZERO * out.max()
        passed = into * out
        # At least one stays: the path needs a neuron.
        self.busy = passed > min(negligible / len(passed), 0.5 * passed.max())
        self._idle = out[~self.busy] / into[~self.busy]
        self._passed = passed[~self.busy].sum()

    def whole(self, x):
        """A point with all neurons, from one with the busy ones."""
        found = np.empty(1 + len(self.busy))
        found[0] = x[0] + self._passed
        found[1:][self.busy], found[1:][~self.busy] = x[1:], self._idle
        return found


def _halved(x):
    """The point by t, from that by s."""
    point = torch.from_numpy(x.copy())
    point[1:] *= 0.5
    return point


class _OneLayerPath:
    """The barrier of F, for weights W_0 that are multiplied by b."""

    def __init__(self, first, last):
        self._first = np.ascontiguousarray(first)
        # A neuron's weights in a row, as in W_0.
        self._last = np.ascontiguousarray(last.T)
        self._cross = -0.5 * (self._first.T @ self._last)
        self._n = first.shape[1]
        # That of S.
        self.order = first.shape[1] + len(first)
        self._factor, self._last_length = None, 1.0

    def balanced(self):
        """A feasible point at which each neuron weighs on both ends alike."""
        sizes = [np.sqrt(np.square(w).sum(1)) for w in (self._last, self._first)]
        above, below = (size + _SMALL * size.max() for size in sizes)
        s = above / below
        # Half of the output's block is used up, which is best where a neuron counts.
        s *= 2.0 * np.linalg.norm(self._last.T / np.sqrt(s), 2) ** 2
        rest = np.eye(self._last.shape[1]) - (self._last.T / s) @ self._last
        needed = self._cross @ np.linalg.solve(rest, self._cross.T)
        needed += 0.25 * (self._first.T * s) @ self._first
        return np.append((1.0 + _ROOM) * np.linalg.eigvalsh(needed)[-1], s)

    def begin(self, x):
        """Start at a point; False if it is infeasible."""
        self._factor = self._cholesky(x)
        return self._factor is not None

    def _cholesky(self, x):
        """Factor of F; None if s or F is not positive definite."""
        n, s = self._n, x[1:]
        if not s.min() > 0.0:
            return None
        size = n + self._last.shape[1]
        F = np.empty((size, size))
        np.multiply((self._first.T * s) @ self._first, -0.25, out=F[:n, :n])
        F[:n, n:], F[n:, :n] = self._cross, self._cross.T
        np.negative((self._last.T / s) @ self._last, out=F[n:, n:])
        diagonal = F.reshape(-1)[:: size + 1]
        diagonal[:n] += x[0]
        diagonal[n:] += 1.0
        factor, info = dpotrf(F.T, lower=1, overwrite_a=1)
        return None if info else factor

    def _derivatives(self, x):
        """What grad and Hessian of log det F consist of.

        Returns
        -------
        rises, falls : ndarray of shape (n_neurons,)
            The parts of its derivative in s, that of the output's block and that of
            the input's.
        trace : float
            Its derivative in x_0.
        hessian : ndarray of shape (1 + n_neurons, 1 + n_neurons)
            Of minus it, but for the bending of F.
        """
        n, s = self._n, x[1:]
        half, _ = dpotri(self._factor, lower=1)
        inverse = half + half.T
        np.fill_diagonal(inverse, half.diagonal())
        # dF / ds_i = -1/4 w_i w_i^T in the input's block, v_i v_i^T in the output's.
        w, v = self._first, self._last / s[:, None]
        to_input, across = w @ inverse[:n, :n], v @ inverse[n:, :n]
        first, mixed, last = to_input @ w.T, across @ w.T, (v @ inverse[n:, n:]) @ v.T
        rises, falls = last.diagonal().copy(), 0.25 * first.diagonal()
        hessian = np.empty((len(x), len(x)))
        hessian[0, 0] = np.vdot(inverse[:n, :n], inverse[:n, :n])
        border = np.square(across).sum(1) - 0.25 * np.square(to_input).sum(1)
        hessian[0, 1:] = hessian[1:, 0] = border
        neurons = hessian[1:, 1:]
        np.multiply(np.square(first, out=first), 0.0625, out=neurons)
        neurons += np.square(last, out=last)
        np.multiply(np.square(mixed, out=mixed), 0.25, out=mixed)
        neurons -= mixed
        neurons -= mixed.T
        return rises, falls, inverse.diagonal()[:n].sum(), hessian

    def centred(self, x, mu):
        """A point near the minimiser for mu, by Newton's method in log s.

        Some neurons' s are wrong by orders of magnitude at first, and Newton's method
        in s itself would no more than double them in a step. In log s the Hessian is
        positive definite as well.
        """
        for _ in range(_MOST_CENTRINGS):
            s = x[1:]
            rises, falls, trace, hessian = self._derivatives(x)
            hessian[1:] *= s[:, None]
            hessian[:, 1:] *= s
            _add_to_neurons(hessian, s * (rises + falls) + _CURVATURE)
            slope = np.append(trace, s * (rises - falls) + 1.0)
            newton = _solved(hessian, slope)
            if newton is None or newton.decrement(mu) < 1.0:
                break
            moved = self._move_in_logs(x, newton.direction(mu))
            if moved is None:
                break
            x = moved
        return x

    def _move_in_logs(self, x, direction):
        def at(length):
            step = length * direction
            return np.append(x[0] + step[0], x[1:] * np.exp(np.minimum(step[1:], 30.0)))

        length = self._length(at)
        return at(length) if length else None

    def newton(self, x, mu):
        """The equations at the present point; None where they cannot be solved."""
        s = x[1:]
        rises, falls, trace, hessian = self._derivatives(x)
        # F bends in s, and log s in itself.
        _add_to_neurons(hessian, (2.0 * rises + 1.0 / s) / s)
        return _solved(hessian, np.append(trace, rises - falls + 1.0 / s))

    def move(self, x, dx):
        """Length of the step; 0 if none is left."""
        return self._length(lambda length: x + length * dx)

    def _length(self, at):
        """Length up to one of a step that keeps its distance from the boundary."""
        # Steps that are cut at first grow from one to the next.
        length = min(1.0, 2.0 * self._last_length)
        while length > SHORTEST_STEP:
            if self._cholesky(at(length / DAMPING)) is not None:
                factor = self._cholesky(at(length))
                if factor is not None:
                    self._factor, self._last_length = factor, length
                    return length
            length *= _CUT
        return 0.0


def _add_to_neurons(hessian, values):
    hessian.reshape(-1)[len(hessian) + 1 :: len(hessian) + 1] += values


def _solved(hessian, slope):
    """Newton's equations for a Hessian, which is overwritten."""
    diagonal = hessian.diagonal()
    if not (diagonal.min() > 0.0 and diagonal.max() < math.inf):
        return None
    scale = 1.0 / np.sqrt(diagonal)
    hessian *= scale
    hessian *= scale[:, None]
    factor, info = dpotrf(hessian.T, lower=1, overwrite_a=1)
    if info:
        return None
    sides = np.zeros((len(slope), 2), order="F")
    sides[:, 0], sides[0, 1] = slope * scale, scale[0]
    found, _ = dpotrs(factor, sides, lower=1)
    found *= scale[:, None]
    return Newton(slope, found[:, 0], found[:, 1])
