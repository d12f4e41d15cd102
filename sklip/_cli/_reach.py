# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The radius that a bounded classifier is trained for, in the units of its inputs."""

import math
import warnings

import numpy as np
from scipy.spatial.distance import cdist

from sklip._cli._models import preparation

__all__ = ["trained_radius"]

# Rows that are pushed to just the radius asked lie short of it every second time.
_BEYOND = 1.4
_SQUARED = 1e-100, 1e100  # lengths whose squares are floats
_MOST_ROWS = 1000


def trained_radius(table, threat, radii):
    """A little more than the largest radius, where the classes are that far apart.

    Parameters
    ----------
    table : Table
        Of a classification.
    threat : Threat
        What the radii are measured in.
    radii : list of float
        Of the report, sorted.

    Returns
    -------
    radius : float
        An l2 length of standardised numbers. No larger than half the way from the
        median row to its nearest row of another class, beyond which hardly any
        classifier is right, and no smaller than the smallest of the radii.
    """
    unit = _length(table, threat)
    most = max(_half_way(table), unit * radii[0])
    radius = np.clip(min(_BEYOND * unit * radii[-1], most), *_SQUARED)
    # Three digits, so that reports and model cards say the value itself.
    return float(f"{radius:.3g}")


def _length(table, threat):
    """The longest change of standardised numbers at radius 1; 1 without tolerances."""
    spread = table.spread
    sizes = [np.max(eps) / spread[name] for name, eps in threat.eps.items()]
    sizes = np.clip(sizes, *_SQUARED)
    return float(np.linalg.norm(sizes) if threat.norm == math.inf else max(sizes))


def _half_way(table):
    rows = np.random.default_rng(0).permutation(len(table.X_train))[:_MOST_ROWS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # columns that these few rows leave empty
        X = preparation(table).fit_transform(table.X_train.iloc[rows])
    distances, y = cdist(X, X), table.y_train[rows]
    distances[y[:, None] == y] = np.inf
    return 0.5 * float(np.median(distances.min(axis=1)))
