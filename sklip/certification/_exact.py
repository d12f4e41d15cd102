# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Exact verification of small ReLU networks by branch and bound."""

import time
from dataclasses import dataclass

import numpy as np

from sklip._threads import limit_threads
from sklip.bounds import Propagation, lower_by_multipliers, lower_over_parts
from sklip.certification._attacks import attack_points
from sklip.certification._balls import Ball
from sklip.certification._decisions import decide
from sklip.certification._linear_parts import linear_part
from sklip.certification._module_decisions import ModuleDecisions
from sklip.certification._pairs import norm_ratio
from sklip.certification._validation import check_norm, check_radius
from sklip.exceptions import UnsupportedModelError

__all__ = ["Verification", "verify_robustness"]

_BATCH = 128
_N_STEPS = 20


@dataclass(frozen=True, eq=False)
class Verification:
    """What is known of one sample's ball.

    Parameters
    ----------
    status : {"verified", "falsified", "unknown"}
        No point of the ball changes the prediction; one does; or it is not settled.
    point : ndarray of shape (n_coordinates,), default=None
        If falsified, such a point, in the coordinates of ``network_view(model)``.
    n_parts : int, default=0
        Parts of the ball that were bounded.

    Examples
    --------
    >>> from sklip.certification import verify_robustness
    >>> from sklip.networks import FeedForward
    >>> net = FeedForward([[[1.5, 2.0], [-1.5, -2.0]]])
    >>> verify_robustness(net, [[0.1, 0.0]], radius=0.1)[0].status
    'falsified'
    """

    status: str
    point: np.ndarray | None = None
    n_parts: int = 0


def verify_robustness(
    model, X, y=None, *, radius, norm=2, feature_eps=None, time_limit=10.0
):
    """Decide for each sample whether any point of its ball changes the prediction.

    Parameters
    ----------
    model : FeedForward, fitted classifier or Pipeline
        With ReLU in all hidden layers; some dozens of neurons can be settled.
    X : array-like or DataFrame of shape (n_samples, n_features)
        Samples, as the model takes them.
    y : array-like of shape (n_samples,), default=None
        True labels; without y the predicted ones.
    radius : float
        Size of the perturbations, in the units of X (or of feature_eps).
    norm : {1, 2, numpy.inf}, default=2
        Norm of the perturbation.
    feature_eps : dict, default=None
        Feature name or index to its tolerance; other features do not move.
    time_limit : float, default=10.0
        Seconds for each sample, after which its status is "unknown".

    Returns
    -------
    results : list of Verification
        One for each sample. "verified" is proven with rounding accounted for,
        "falsified" shown by a point inside the ball in exact arithmetic.

    Raises
    ------
    UnsupportedModelError
        If an activation is not relu.
    ValueError
        If the model is a regressor or an argument is out of range.

    Notes
    -----
    An attack first, then linear bounds with optimised slopes; what they leave open is
    split by the sign of one neuron after the other, the parts bounded as in beta-CROWN
    (Wang et al., NeurIPS 2021).

    Examples
    --------
    >>> from sklip.certification import verify_robustness
    >>> from sklip.networks import FeedForward
    >>> net = FeedForward([[[1.5, 2.0], [-1.5, -2.0]]])
    >>> found = verify_robustness(net, [[1.0, 0.5], [0.1, 0.0]], radius=0.9)
    >>> [result.status for result in found]
    ['verified', 'falsified']
    """
    norm, radius = check_norm(norm), check_radius(radius)
    if not isinstance(time_limit, int | float) or not time_limit > 0:
        raise ValueError(f"time_limit must be a positive number, got {time_limit!r}.")
    decisions = decide(model, X, y, feature_eps)
    _check_supported(decisions)
    verifier = _Verifier(decisions, norm, radius)
    with limit_threads(verifier.propagation.work):
        return [verifier.settle(i, time_limit) for i in range(len(decisions.target))]


def _check_supported(decisions):
    if isinstance(decisions, ModuleDecisions):
        raise UnsupportedModelError("verify_robustness takes no torch modules.")
    others = sorted({*decisions.network.activation} - {"relu"})
    if others:
        raise UnsupportedModelError(
            f"verify_robustness needs relu in every hidden layer, not {others}. Use "
            "certified_radius."
        )


class _Verifier:
    """Branch and bound over the signs of neurons, one sample and class at a time."""

    def __init__(self, decisions, norm, radius):
        self.decisions, self.norm, self.radius = decisions, norm, radius
        mutable = decisions.view.mutable
        self.propagation = Propagation(decisions.network, norm, mutable)
        error, growth = decisions.rounding()
        ratio = norm_ratio(2, norm, decisions.n_mutable) if decisions.n_mutable else 0.0
        # What a computed margin may lack of the exact one, anywhere in the ball.
        self.lost = 1.5 * (error + growth * radius * ratio)
        radii = np.full(len(error), radius)
        self.points, self.flipped = attack_points(
            decisions, radii, norm, 20, 5, np.random.default_rng(0)
        )
        self.moving = np.flatnonzero(decisions.view.attackable)

    def settle(self, i, time_limit):
        """Verification of sample i."""
        if self.flipped[i]:
            return Verification("falsified", self.points[i])
        deadline = time.monotonic() + time_limit
        others = np.argsort(self.decisions.gaps()[i])[:-1]
        n_parts, status = 0, "verified"
        for other in others:
            result = self._settle_pair(i, int(other), deadline)
            n_parts += result.n_parts
            if result.status == "falsified":
                return Verification("falsified", result.point, n_parts)
            if result.status == "unknown":
                status = "unknown"
        return Verification(status, None, n_parts)

    def _settle_pair(self, i, other, deadline):
        network = self.decisions.network
        row = np.zeros(network.n_outputs)
        row[self.decisions.target[i]], row[other] = 1.0, -1.0
        row = self.propagation.tensor(row)[None, None]
        sizes = network.layer_sizes[1:-1]
        queue = [(-np.inf, [np.zeros((1, n)) for n in sizes])]
        n_parts = 0
        while queue:
            if time.monotonic() > deadline:
                return Verification("unknown", None, n_parts)
            queue.sort(key=lambda part: part[0])
            chosen, queue = queue[:_BATCH], queue[_BATCH:]
            signs = [
                np.concatenate(parts)
                for parts in zip(*(p[1] for p in chosen), strict=True)
            ]
            n_parts += len(chosen)
            bounds = lower_over_parts(
                *self._parts(i, row, signs),
                n_steps=_N_STEPS,
                enough=float(self.lost[i]),
            )
            point = self._attack(i, bounds)
            if point is not None:
                return Verification("falsified", point, n_parts)
            left = np.flatnonzero(~(bounds.lower.numpy() > self.lost[i]))
            # Without hidden layers there is nothing to split.
            gains = np.zeros((len(signs[0]) if signs else 1, 0))
            gains = np.concatenate([gains, *(g.numpy() for g in bounds.gains)], 1)
            gains = gains[left]
            split = gains.max(axis=1, initial=0.0) > 0.0
            for part in left[~split]:
                lower, point = self._linear_lower(i, row, bounds, signs, part)
                if point is not None:
                    return Verification("falsified", point, n_parts)
                if not lower > self.lost[i]:
                    return Verification("unknown", None, n_parts)
            queue += _halves(bounds, signs, left[split], gains[split])
        return Verification("verified", None, n_parts)

    def _parts(self, i, row, signs):
        """Arguments of the bounds over parts."""
        n = len(signs[0]) if signs else 1
        inputs = np.repeat(self.decisions.inputs[[i]], n, axis=0)
        return (
            self.propagation,
            self.propagation.balls(inputs, np.full(n, self.radius)),
            row.expand(n, -1, -1),
            [self.propagation.tensor(s) for s in signs],
        )

    def _linear_lower(self, i, row, bounds, signs, part):
        """Bound and flip, or None, in a part without open neurons."""
        signs = [s[[part]] for s in signs]
        linear = linear_part(
            self.decisions.network,
            row[0, 0].numpy(),
            self.decisions.inputs[i],
            self.moving,
            [active[part].numpy() for active in bounds.active],
            [s[0] for s in signs],
        )
        multipliers, step = linear.minimum(self.radius, self.norm)
        spread = map(self.propagation.tensor, _spread(signs, multipliers))
        lower = lower_by_multipliers(*self._parts(i, row, signs), list(spread))
        return max(float(lower[0]), float(bounds.lower[part])), self._flip(
            i, step[None]
        )

    def _attack(self, i, bounds):
        """A flip at the points where the bounds are attained, if there is one."""
        if len(self.moving) == 0:
            return None
        first = self.decisions.network.weights[0][:, self.moving]
        downhill = -bounds.directions.numpy() @ first
        downhill = downhill[downhill.any(axis=1)]
        if len(downhill) == 0:
            return None
        ball = Ball(self.norm, np.full((len(downhill), 1), self.radius))
        if self.norm == 1:
            step = np.zeros_like(downhill)
            best = np.abs(downhill).argmax(axis=1)[:, None]
            np.put_along_axis(
                step, best, np.sign(np.take_along_axis(downhill, best, 1)), 1
            )
        else:
            step = ball.steepest(downhill)
        return self._flip(i, self.radius * step)

    def _flip(self, i, steps):
        """The first of some steps, cut to the ball, that changes the prediction."""
        ball = Ball(self.norm, np.full((len(steps), 1), self.radius))
        points = np.repeat(self.decisions.inputs[[i]], len(steps), axis=0)
        points[:, self.moving] = ball.move(points[:, self.moving], steps)
        wrong = self.decisions.network.forward(points).argmax(axis=1)
        hit = np.flatnonzero(wrong != self.decisions.target[i])
        return points[hit[0]] if len(hit) else None


def _halves(bounds, signs, open_parts, gains):
    """Both signs of the neuron that promises most, of each open part."""
    ends = np.cumsum([0, *(s.shape[1] for s in signs)])
    children = []
    if len(open_parts) == 0:
        return children
    for part, neuron in zip(open_parts, gains.argmax(axis=1), strict=True):
        k = np.searchsorted(ends, neuron, side="right") - 1
        for sign in (1.0, -1.0):
            child = [s[[part]].copy() for s in signs]
            child[k][0, neuron - ends[k]] = sign
            children.append((float(bounds.lower[part]), child))
    return children


def _spread(signs, multipliers):
    """Multipliers of the constrained neurons, put in their places."""
    found, start = [], 0
    for sign in signs:
        beta = np.zeros_like(sign)
        some = sign != 0.0
        end = start + np.count_nonzero(some)
        beta[some], start = multipliers[start:end], end
        found.append(beta)
    return found
