# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Radii by constants of pairs of classes, which hold in all of space."""

import numpy as np

from sklip._floats import rounded_down
from sklip.certification._attacks import attack_points
from sklip.certification._pairs import norm_ratio

__all__ = ["Margins", "PairConstants"]

# Effort of the attack that spares solves for samples which no proof can save.
_ATTACK_STEPS, _ATTACK_RESTARTS = 10, 3


class PairConstants:
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
