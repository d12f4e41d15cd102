# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Radii about decided targets: every rule, cheapest first, as far as it is needed."""

import numpy as np

from sklip.certification._branching import BranchedRadii
from sklip.certification._decisions import Decisions
from sklip.certification._local_margins import LocalMargins
from sklip.certification._local_radius import (
    best_radii,
    local_radii,
    settled_pairs,
)
from sklip.certification._pair_constants import Margins, PairConstants
from sklip.certification._pairs import LOCAL_METHODS, certificate_constant, rules

__all__ = ["proven_radii"]


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
    constants = PairConstants(decisions, margins)
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
