# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""LipSDP from its dual's side: sweeps with momentum until both ends of it meet.

The sweeps of sweeps.py need no matrix but the weights, and optimal dual matrices have a
rank of a dozen, however wide the network: some tens of sweeps reach a thousandth, some
hundreds all digits. Momentum (Nesterov's, begun anew where the value falls) squares the
rate. The primal point that a sweep gives is inflated by what it misses, and proven.
"""

import math
import time
from dataclasses import dataclass

import numpy as np

from sklip.bounds._lipsdp.refine import refined
from sklip.bounds._lipsdp.sequential import unscale
from sklip.bounds._lipsdp.sweeps import Sweeps
from sklip.bounds._proof import prove
from sklip.bounds._z import Z

__all__ = [
    "LowRank",
    "ascent",
    "balanced",
    "is_point_of",
    "low_rank_method",
    "sweep_work",
]

# Columns of F at first and at most.
_RANK, _MOST_RANK = 16, 96
# Columns whose share of F is below this are left out, but for a few.
_NEGLIGIBLE, _SPARE = 1e-7, 2
# Momentum with which a network nearby is begun.
_NEARBY = 3.0
# Size of columns that are added, over those of the others.
_SMALL = 1e-3
# Sweeps between two looks at the primal point: so many, or this share of all so far.
_LOOK, _LOOK_NEARBY, _LOOK_SHARE = 8, 2, 0.12
# Rows of F above which a proof that fails costs more than a look at its surroundings.
_DEAR_PROOF = 1000
# Columns that are added after such a look, and their size, over F's strongest one.
_MORE, _SHARE = 8, 0.05
# Gap below which multipliers are refined.
_REFINED = 1e-4
# Sweeps at most, and those within which the gap has to fall by half.
_MOST_SWEEPS, _PATIENCE = 4000, 400
# Factors of the inflation that are tried, the largest one that is of use, and proofs
# that may fall short of the tolerance.
_ATTEMPTS, _LARGEST, _MOST_PROOFS = (1.0, 2.0, 8.0), 1.5, 6


@dataclass(frozen=True, eq=False)
class LowRank:
    """What the sweeps found."""

    lipschitz: float  # L that the solver's numbers give
    value: float  # the proven bound
    multipliers: tuple  # of ndarray: d_1 ... d_l that prove it
    lower: float  # root of the largest dual value
    point: np.ndarray  # where they ended: a start for networks nearby
    is_closed: bool  # whether value and lower are within tol


def low_rank_method(
    chain,
    tol,
    deadline=math.inf,
    *,
    point=None,
    n_sweeps=math.inf,
    rank=_RANK,
    prepared=None,
):
    """Bracket LipSDP's optimum by sweeps over its dual's factors.

    Parameters
    ----------
    chain : Chain
        At least two matrices, none of them zero.
    tol : float
        Relative gap at which to stop.
    deadline : float
        Value of time.monotonic() at which to begin the proof at the latest.
    point : ndarray, default=None
        That of a network nearby.
    n_sweeps : int
        Sweeps after which to stop.
    rank : int
        Of the dual matrix, at first.
    prepared : tuple, default=None
        What :func:`balanced` gives, where it is known.

    Returns
    -------
    found : LowRank or None
        None where nothing could be proven.
    """
    weights, exponents = balanced(chain.weights) if prepared is None else prepared
    best = None
    with np.errstate(all="ignore"):
        run = _Run(Sweeps(weights, chain.sectors), tol, deadline, n_sweeps, point, rank)
        for _ in range(_MOST_PROOFS):
            run.ascend()
            proven = None if run.best is None else _prove(chain, run, exponents)
            if proven is not None and (best is None or proven[1] < best[1]):
                best = proven
            lower = float(np.ldexp(math.sqrt(run.squared), sum(exponents)))
            is_closed = best is not None and lower >= best[1] * (1.0 - tol)
            if is_closed or run.is_over:
                break
            run.go_on(wider=proven is None)
    if best is None:
        return None
    return LowRank(*best, min(lower, best[1]), run.x.copy(), is_closed)


def ascent(weights, sectors, tol, point=None):
    """The best dual point of balanced weights that sweeps reach, without a proof.

    Returns
    -------
    swept : Swept or None
        None where there is no positive value.
    point : ndarray
        For the next one.
    """
    with np.errstate(all="ignore"):
        run = _Run(Sweeps(weights, sectors), tol, math.inf, math.inf, point, _RANK)
        run.ascend()
        return run.last, run.x


def is_point_of(chain, point):
    """Whether an array is one that the sweeps of a chain's sizes end at."""
    weights = chain.weights
    order = min(weights[0].shape) + sum(len(w) for w in weights[:-1])
    fits = point.ndim == 2 and len(point) == order and point.dtype == np.float64
    return fits and bool(np.isfinite(point).all())


def sweep_work(chain):
    """Multiply-adds of a sweep."""
    return 2.0 * _RANK * sum(w.size for w in chain.weights)


def balanced(weights, *, has_input=True, has_output=True):
    """Weights with singular values near one, wide ends reduced, and their exponents.

    Of a network's matrices, or of some of them, without its input or its output.
    """
    weights = list(weights)
    if has_input and weights[0].shape[1] > len(weights[0]):
        weights[0] = np.linalg.qr(weights[0].T, mode="r").T
    if has_output and len(weights[-1]) > weights[-1].shape[1]:
        weights[-1] = np.linalg.qr(weights[-1], mode="r")
    exponents = []
    for w in weights:
        largest = max(w.max(), -w.min())
        size = largest * np.linalg.norm(w / largest) / math.sqrt(min(w.shape))
        exponents.append(math.frexp(size)[1])
    weights = [np.ldexp(w, -e) for w, e in zip(weights, exponents, strict=True)]
    return weights, exponents


class _Run:
    """An ascent: where it is, and the best ends of the bracket so far."""

    def __init__(self, sweeps, tol, deadline, n_sweeps, point, rank):
        self._sweeps, self._tol, self._deadline = sweeps, tol, deadline
        self._most_sweeps = min(n_sweeps, _MOST_SWEEPS)
        self._n_matrices = len(sweeps.sizes)
        self.squared, self.best, self._gap = 0.0, None, math.inf
        self.is_over, self._n_sweeps, self.last = False, 0, None
        rank = min(rank, sum(sweeps.sizes))
        self._momentum, self._last, self._value = 1.0, None, 0.0
        self._first_look = _LOOK
        if point is None:
            self.x = sweeps.random_point(rank)
        else:
            self.x, self._momentum, self._first_look = point, _NEARBY, _LOOK_NEARBY
            self._add_columns(rank - point.shape[1])

    def ascend(self):
        """Sweep until the bracket is closed, or time or patience is used up."""
        looked = progress = self._n_sweeps
        aim = math.inf
        while not self.is_over:
            swept = self._sweeps(self.x)
            self._n_sweeps += 1
            is_late = time.monotonic() > self._deadline
            self.is_over = is_late or self._n_sweeps >= self._most_sweeps
            if not swept.squared > 0.0:
                self.is_over = True
                return
            has_fallen = swept.squared < self._value
            if has_fallen and not self.is_over:
                self._begin_anew(self._last)
                continue
            self.squared, self.last = max(self.squared, swept.squared), swept
            since = self._n_sweeps - looked
            is_due = since >= max(self._first_look, _LOOK_SHARE * self._n_sweeps)
            turn = None
            if is_due or self.is_over:
                looked = self._n_sweeps
                turn = self._look(swept)
                if self._gap < 0.5 * aim:
                    aim, progress = self._gap, looked
                self.is_over = self.is_over or looked - progress > _PATIENCE
                if self._gap <= self._tol or self.is_over:
                    missed = self._look_around(swept)
                    if self._gap <= self._tol or self.is_over:
                        return
                    self._widen(swept, missed)
                    continue
            self._move(swept, turn)

    def _begin_anew(self, x):
        self.x, self._last = x, None
        self._momentum, self._value = 1.0, 0.0

    def _move(self, swept, turn):
        image, self._value = swept.image, swept.squared
        last = image if self._last is None else self._last
        if turn is not None:
            image, last = (self._sweeps.on_spheres(y @ turn) for y in (image, last))
        momentum = 0.5 + math.sqrt(0.25 + self._momentum**2)
        share = (self._momentum - 1.0) / momentum
        self._momentum, self._last = momentum, image
        self.x = self._sweeps.on_spheres(image + share * (image - last))

    def _look(self, swept):
        """Measure the primal point; returns the turn that sheds columns, or None."""
        basis, turn, strengths = self._sweeps.range_of(swept)
        point = swept.squared, swept.scales
        factor = self._sweeps.inflation(basis, *point)
        if not factor < _LARGEST:
            return None
        self._keep(*point, factor)
        if self._tol < self._gap < _REFINED:
            for found in refined(self._sweeps, swept, basis, strengths):
                self._keep(*found)
        kept = np.count_nonzero(strengths > _NEGLIGIBLE * strengths[0]) + _SPARE
        return turn[:, :kept] if kept < len(turn) else None

    def _keep(self, squared, scales, factor):
        """Keep a primal point if it is the best one that may be feasible."""
        lipschitz = math.sqrt(squared) * factor**self._n_matrices
        lower = math.sqrt(self.squared)
        # What lies below the dual value is infeasible outside the range of F.
        if self.best is None or not lower <= self.best[0] <= lipschitz:
            self.best = lipschitz, math.sqrt(squared), factor, scales
        self._gap = math.log(self.best[0] / lower)

    def _look_around(self, swept):
        """Measure the best point outside the range of F too, where a proof is dear.

        Returns where definiteness is missed, or None.
        """
        if len(self.x) < _DEAR_PROOF or self.best is None:
            return None
        _, root, factor, scales = self.best
        point = root**2, scales
        basis, _, strengths = self._sweeps.range_of(swept)
        wide = self._sweeps.surroundings(basis, *point)
        factor = max(factor, self._sweeps.inflation(wide, *point))
        self.best = root * factor**self._n_matrices, root, factor, scales
        self._gap = math.log(self.best[0] / math.sqrt(self.squared))
        if not factor < _LARGEST:
            self.best, self._gap = None, math.inf
        n_more = min(_MORE, max(_MOST_RANK - self.x.shape[1], 0))
        return _SHARE * strengths[0] * self._sweeps.missed(wide, *point, n_more)

    def _widen(self, swept, missed):
        """Give F columns where definiteness is missed, and look for a better point."""
        more = self._sweeps.along(swept, missed)
        self.x = self._sweeps.on_spheres(np.hstack([self.x, more]))
        self.best, self._gap = None, math.inf
        self._begin_anew(self.x)

    def go_on(self, *, wider):
        """Look for a better point, the last one being no proof of what it promised.

        In more dimensions if definiteness is missed outside the range of F.
        """
        self.best, self._gap = None, math.inf
        if wider:
            rank = self.x.shape[1]
            self._add_columns(min(rank, _MOST_RANK - rank, len(self.x) - rank))
            self._begin_anew(self.x)

    def _add_columns(self, n):
        more = self._sweeps.random_point(max(n, 0))
        self.x = self._sweeps.on_spheres(np.hstack([self.x, _SMALL * more]))


def _prove(chain, run, exponents):
    """L as the solver has it, and what proves it: a bound and its d; None."""
    _, root, factor, scales = run.best
    point = unscale(root, [np.sqrt(2.0 * t) for t in scales], exponents)
    z = Z.of(chain, *point)
    for attempt in _ATTEMPTS:
        solved, d = z.inflated(1.0 + attempt * (factor - 1.0))
        # A larger inflation is tried sooner than all that rounding may need.
        n_attempts = {} if attempt == _ATTEMPTS[-1] else {"n_attempts": 2}
        proven = prove(chain, solved, d, **n_attempts)
        if proven is not None:
            return solved, *proven
    return None
