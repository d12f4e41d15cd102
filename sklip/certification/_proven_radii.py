# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Radii about decided targets: every rule, cheapest first, as far as it is needed."""

import numpy as np

from sklip._floats import rounded_down
from sklip.certification._attacks import attack_points
from sklip.certification._branching import BranchedRadii
from sklip.certification._decisions import Decisions
from sklip.certification._local_margins import LocalMargins
from sklip.certification._local_radius import (
    best_radii,
    local_radii,
    settled_pairs,
)
from sklip.certification._pairs import (
    LOCAL_METHODS,
    certificate_constant,
    norm_ratio,
    rules,
)

__all__ = ["Margins", "proven_radii"]

# Effort of the attack that spares solves for samples which no proof can save.
_ATTACK_STEPS, _ATTACK_RESTARTS = 10, 3


@Decisions.proven_by
def proven_radii(decisions, norm, method, needed=np.inf):
    """Radii about the targets, made no tighter than it takes to reach ``needed``."""
    if isinstance(method, str):
        apart = decisions.radii_apart(norm, method, needed)
        if apart is not None:
            return apart
    margins = Margins(decisions, norm)
    n_classes = decisions.network.n_outputs
    if not isinstance(method, str):
        value = certificate_constant(method, decisions.view, norm)
        return margins.radii(np.full((n_classes, n_classes), value)).min(axis=1)
    if decisions.n_mutable == 0:
        return margins.radii(np.zeros((n_classes, n_classes))).min(axis=1)
    constants = _Constants(decisions, margins)
    if method in LOCAL_METHODS:
        local = LocalMargins(decisions, norm)
        return local_radii(local, method, constants.radii, needed)
    cheap, dear = rules(method, norm, decisions.view.mutable_network())
    constants.tighten(cheap, needed)
    if method == "best":
        return _best(decisions, norm, constants, dear, needed)
    constants.tighten(dear, needed)
    return constants.radii.min(axis=1)


def _best(decisions, norm, constants, dear, needed):
    """Global rules, bounds inside the ball and in its parts: for each pair the best."""
    local = LocalMargins(decisions, norm)
    branched = BranchedRadii(local)
    block = decisions.block
    if not np.isfinite(needed):
        constants.tighten(dear, needed)
        return branched.rise(constants.radii, best_radii(local, constants.radii))
    # At a given radius local bounds are cheaper than semidefinite programs.
    for method in ("ibp", "best"):
        constants.admit(settled_pairs(local, method, constants.radii, needed))
    if block.is_late:
        return constants.radii.min(axis=1)
    if dear or branched.limits:
        constants.refute(decisions, norm, needed)
    rows = constants.still_open(needed)
    constants.admit(branched.reach(constants.radii, needed, rows))
    if dear and not block.is_late:
        settled = constants.radii >= needed
        constants.tighten(dear, needed)
        # Again where fewer pairs are left.
        rows = constants.still_open(needed)
        fewer = (constants.radii >= needed) & ~settled
        rows = rows[fewer[rows].any(axis=1)]
        constants.admit(branched.reach(constants.radii, needed, rows))
    return constants.radii.min(axis=1)


class _Constants:
    """Constants of the logit differences so far, and the radii they prove."""

    def __init__(self, decisions, margins):
        n_classes = decisions.network.n_outputs
        self.network = decisions.view.mutable_network()
        self.target, self.margins = decisions.target, margins
        self.constants = np.full((n_classes, n_classes), np.inf)
        self.radii = margins.radii(self.constants)
        self.admitted = np.zeros_like(self.radii)
        self.possible = margins.positive

    def admit(self, radii):
        """Take radii of pairs that were proven by other means."""
        self.admitted = np.maximum(self.admitted, radii)
        self.radii = np.maximum(self.radii, self.admitted)

    def refute(self, decisions, norm, needed):
        """Samples that an attack flips within the radius need no constants."""
        rows, radii = self.still_open(needed), np.zeros(len(self.radii))
        radii[rows] = needed
        effort = _ATTACK_STEPS, _ATTACK_RESTARTS, np.random.default_rng(0)
        _, flipped = attack_points(decisions, radii, norm, *effort)
        self.possible = self.possible & ~(flipped & (radii > 0.0))

    def still_open(self, needed):
        """Samples that nothing has settled yet."""
        return np.flatnonzero(self.possible & (self.radii < needed).any(axis=1))

    def tighten(self, rules, needed):
        """Apply rules, each to the pairs that keep some sample from ``needed``."""
        for rule in rules:
            pairs = _open_pairs(self.target, self.radii, self.possible, needed)
            if len(pairs) == 0:
                break
            t, j = pairs.T
            tighter = np.minimum(self.constants[t, j], rule(self.network, pairs))
            self.constants[t, j] = self.constants[j, t] = tighter
            self.radii = np.maximum(self.margins.radii(self.constants), self.admitted)


class Margins:
    """Logit differences that rounding cannot undo, and radii from them."""

    def __init__(self, decisions, norm):
        error, growth = decisions.rounding()
        # Two logits err by at most sqrt(2) times the l2 error, here and at the far end.
        # An error that overflows leaves NaN or -inf, so that no class is sure.
        with np.errstate(invalid="ignore"):
            self.gaps = decisions.gaps() - 3.0 * error[:, None]
        ratio = norm_ratio(2, norm, decisions.n_mutable) if decisions.n_mutable else 0.0
        self.growth = 1.5 * growth * ratio
        self.target = decisions.target
        self.positive = (self.gaps > 0.0).all(axis=1)

    def radii(self, constants):
        """Radius for each other class; 0 for samples whose class is not sure."""
        radii = np.zeros_like(self.gaps)
        sure = self.positive
        slopes = constants[self.target[sure]]
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            radii[sure] = self.gaps[sure] / (slopes + self.growth)
        radii[np.isposinf(self.gaps)] = np.inf
        return rounded_down(radii)


def _open_pairs(target, radii, possible, needed):
    """Class pairs t < j that keep a possible sample below the needed radius."""
    rows, others = np.nonzero((radii < needed) & possible[:, None])
    pairs = np.sort(np.column_stack([target[rows], others]), axis=1)
    return np.unique(pairs, axis=0)
