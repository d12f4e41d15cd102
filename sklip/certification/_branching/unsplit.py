# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Verification by an attack and by bounds alone, before or without any split."""

import numpy as np

from sklip._floats import rounded_down, rounded_up
from sklip.certification._attacks import attack_points
from sklip.certification._branching.verification import Verification
from sklip.certification._local_margins import LocalMargins
from sklip.certification._module_radii import module_radii
from sklip.certification._pair_constants import Margins, PairConstants
from sklip.certification._pairs import rules

__all__ = ["bounded_verifications", "margins_at_once", "margins_by_constants"]

_N_STEPS, _N_RESTARTS = 20, 5


def bounded_verifications(decisions, norm, radius):
    """What an attack falsifies and what bounds verify; the rest is unknown.

    Parameters
    ----------
    decisions : Decisions
        Of the samples around which the balls lie.
    norm : {1, 2, numpy.inf}
        Norm of the balls.
    radius : float
        Of the balls.

    Returns
    -------
    results : list of Verification
        One for each sample.
    """
    radii = np.full(len(decisions.target), radius)
    effort = _N_STEPS, _N_RESTARTS, np.random.default_rng(0)
    points, flipped = attack_points(decisions, radii, norm, *effort)
    proven = module_radii(decisions, norm, "best", radius)
    verified = (proven >= radius) & (proven > 0.0)
    results = []
    for point, hit, safe in zip(points, flipped, verified, strict=True):
        if hit:
            results.append(Verification("falsified", point))
        elif safe:
            results.append(Verification("verified", None, 0.0))
        else:
            results.append(Verification("unknown"))
    return results


def margins_at_once(decisions, norm, radius, results):
    """Pairs (sample, least margin) of what bounds of the whole ball verify.

    The samples are those without a result, by the bounds that scores take.
    """
    margins = LocalMargins(decisions, norm)
    rows = np.flatnonzero([result is None for result in results] & margins.possible)
    others = np.arange(decisions.network.n_outputs) != decisions.target[rows, None]
    lower = margins.lower(rows, np.full(len(rows), radius), "best")
    least = np.min(lower, axis=1, where=others, initial=np.inf)
    some = least > 0.0
    return zip(rows[some].tolist(), least[some].tolist(), strict=True)


def margins_by_constants(decisions, norm, radius, results):
    """As :func:`margins_at_once`, by constants of pairs of classes.

    They hold in all of space and cost next to nothing; for networks that are bounded by
    construction they are nearly exact, where bounds inside the ball are not.
    """
    network = decisions.view.mutable_network()
    constants = PairConstants(decisions, Margins(decisions, norm))
    if decisions.n_mutable:
        constants.tighten(rules("pairwise", norm, network)[0], radius)
    proven = constants.radii.min(axis=1)
    wanted = [result is None for result in results] & (proven > radius)
    rows = np.flatnonzero(wanted)
    if len(rows) == 0:
        return []
    error, _ = decisions.rounding()
    # At the distance d at most the share d / proven of a margin is used up.
    left = (decisions.gaps().min(axis=1) - 3.0 * error)[rows]
    left = rounded_down(left * (1.0 - rounded_up(radius / proven[rows])))
    return zip(rows.tolist(), np.maximum(left, 0.0).tolist(), strict=True)
