# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tolerances by the names of columns, and a network in units of them."""

import numpy as np

from sklip._arguments import is_integer
from sklip._tolerances import check_feature_eps
from sklip.networks._feedforward import FeedForward

__all__ = ["measured_in", "shares_of", "named_tolerances"]


def measured_in(network, rounding, ratio):
    """A network of coordinates in other units, and its rounding."""
    first = network.weights[0] * ratio
    network = FeedForward(
        (first, *network.weights[1:]), network.biases, network.activation
    )
    return network, rounding.measured_in(ratio)


def named_tolerances(feature_eps, names, n_features):
    """Each column that may move: as it was named, its position, and (down, up)."""
    found, seen = [], set()
    place = {}
    for i, name in enumerate(names or ()):
        place.setdefault(name, i)
    for key, *ends in check_feature_eps(feature_eps):
        j = _position(key, place, n_features)
        if j in seen:
            raise ValueError(f"feature_eps names column {key!r} twice.")
        seen.add(j)
        found.append((key, j, tuple(ends)))
    return found


def _position(key, place, n_features):
    """Index of a column of X given by name or index; place has those of the names."""
    if isinstance(key, str):
        if key in place:
            return place[key]
    elif is_integer(key) and 0 <= key < n_features:
        return int(key)
    known = list(place) if place else f"the indices 0 to {n_features - 1}"
    raise ValueError(f"feature_eps names the unknown column {key!r}; known: {known}.")


def shares_of(ends):
    """Moves down and up in units of the larger; a share is rounded up."""
    shares = np.array(ends) / max(ends)
    between = (shares > 0.0) & (shares < 1.0)
    return np.where(between, np.nextafter(shares, 1.0), shares)
