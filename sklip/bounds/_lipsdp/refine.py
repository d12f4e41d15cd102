# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Multipliers that fit a dual point of the sweeps to second order.

Near the optimum S(x) F = 0, but the multipliers of a sweep miss it by as much as the
sweep still moves. Changed by the least relative amounts for which S(x) vanishes on the
strong directions V of F, they miss definiteness by the square of that: S(x) is then
[[0, C], [C^T, P]] in V and its complement, P definite. That is measured where it shows,
on F and C together.
"""

import numpy as np

__all__ = ["refined"]

# Shares of the strongest direction above which one counts; the rest is still fading.
_STRONG = (0.1, 0.02)
# Largest relative change of a multiplier.
_LARGEST_CHANGE = 0.5


def refined(sweeps, swept, basis, strengths):
    """Points near the multipliers of a sweep that are nearly feasible.

    Parameters
    ----------
    sweeps : Sweeps
        Of the network.
    swept : Swept
        What a sweep found.
    basis, strengths : ndarray
        Range of its F, as ``sweeps.range_of`` gives it.

    Yields
    ------
    squared : float
        L^2.
    scales : list
        t_1 ... t_l.
    factor : float
        By what the weights have to be divided, as far as seen.
    """
    ranks = {int(np.count_nonzero(strengths > s * strengths[0])) for s in _STRONG}
    for rank in sorted(ranks):
        found = _fitted(sweeps, swept, basis[:, :rank])
        if found is None:
            continue
        scale = sweeps.scale(*found)
        leaks = sweeps.times(basis[:, :rank], *found) / scale**2
        wide = np.linalg.qr(scale * np.hstack([basis, leaks]))[0] / scale
        yield *found, sweeps.inflation(wide, *found)


def _fitted(sweeps, swept, v):
    """L^2 and scales for which V^T S(x) V vanishes, nearest in relative terms; None."""
    forms, given = sweeps.forms(v, swept.squared, swept.scales)
    upper = np.triu_indices(len(given))
    weights = np.where(upper[0] == upper[1], 1.0, np.sqrt(2.0))
    forms = forms[:, upper[0], upper[1]] * weights
    missing = given[upper] * weights - forms.sum(0)
    change = forms @ np.linalg.lstsq(forms.T @ forms, missing, rcond=1e-12)[0]
    if not np.abs(change).max() < _LARGEST_CHANGE:
        return None
    ends = np.cumsum([1, *(len(t) for t in swept.scales)])
    scales = [
        t * (1.0 + part)
        for t, part in zip(swept.scales, np.split(change, ends)[1:-1], strict=True)
    ]
    return swept.squared * (1.0 + max(change[0], 0.0)), scales
