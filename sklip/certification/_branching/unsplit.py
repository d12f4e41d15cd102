# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Verification by an attack and by bounds alone, of models that are not split."""

import numpy as np

from sklip.certification._attacks import attack_points
from sklip.certification._branching.verification import Verification
from sklip.certification._local_margins import LocalMargins

__all__ = ["bounded_verifications", "margins_at_once"]

_N_STEPS, _N_RESTARTS = 20, 5


def bounded_verifications(decisions, norm, radius):
    """What an attack falsifies and what bounds verify; the rest is unknown.

    Parameters
    ----------
    decisions : Decided
        The samples.
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
    proven = decisions.radii(norm, "best", radius)
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
