# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Shares of samples that are proven, or withstand an attack, over a grid of radii."""

import numpy as np

from sklip._arguments import check_numbers
from sklip.certification import certified_accuracy_curve, certified_radius, pgd_attack

__all__ = [
    "attacked_curve",
    "certified_curves",
    "as_curves",
    "default_radii",
    "distances",
    "proven_shares",
]

_N_RADII = 26


def as_curves(curves):
    return None if curves is None else [np.asarray(c, dtype=float) for c in curves]


def distances(values, name, n_samples):
    """One number >= 0 for each sample, infinity included."""
    values = check_numbers(values, name, ndim=1)
    if len(values) != n_samples or not (values >= 0).all():
        raise ValueError(
            f"{name} must hold a number >= 0 for each of the {n_samples} samples of "
            "y_true."
        )
    return values


def certified_curves(models, X, y, radii, clean, how):
    """Radii, and each model's share of samples that is proven at them."""
    if radii is not None:
        # Each radius is asked once, which is less than to find each sample's own.
        return radii, [certified_accuracy_curve(m, X, y, radii, **how) for m in models]
    sample_weight = how["sample_weight"]
    how = {name: value for name, value in how.items() if name != "sample_weight"}
    proven = [certified_radius(m, X, y, **how) for m in models]
    radii = default_radii(proven)
    return radii, [
        proven_shares(found, radii, sample_weight, at_zero)
        for found, at_zero in zip(proven, clean, strict=True)
    ]


def default_radii(proven):
    """From 0 to where 2 % of the samples of the best estimator are certified still."""
    ends = [
        np.quantile(r[np.isfinite(r)], 0.98) for r in proven if np.isfinite(r).any()
    ]
    end = max(ends, default=0.0)
    return np.linspace(0.0, end if end > 0 else 1.0, _N_RADII)


def proven_shares(proven, radii, sample_weight, at_zero):
    """Share of samples proven at each radius; at 0 that is the accuracy."""
    shares = np.average(proven >= radii[:, None], axis=1, weights=sample_weight)
    return np.where(radii == 0.0, at_zero, shares)


def attacked_curve(model, X, y, radii, sample_weight, kwargs):
    """Accuracy left at each radius; a flip stays one at larger radii."""
    fallen, left = False, []
    for radius in radii:
        fallen = fallen | pgd_attack(model, X, y, radius=float(radius), **kwargs)[1]
        left.append(np.average(~fallen, weights=sample_weight))
    return left
