# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The argument feature_eps: how far each column may move, down and up."""

from collections.abc import Iterable, Mapping

import numpy as np

from sklip._arguments import check_number
from sklip.exceptions import InvalidArgumentError

__all__ = ["check_feature_eps"]


def check_feature_eps(feature_eps):
    """Columns and their tolerances, as they were written.

    Parameters
    ----------
    feature_eps : mapping or Series
        Name or index of a column to a tolerance, or to a pair (down, up) of them.

    Returns
    -------
    tolerances : list of (str or int, float, float)
        Column, largest move down and largest move up, not both zero.

    Raises
    ------
    InvalidArgumentError, ValueError
        If it is no mapping, empty, or a tolerance is no such number or pair. Whether
        there are such columns is asked once there is a model.
    """
    is_series = hasattr(feature_eps, "items") and hasattr(feature_eps, "index")
    if not (is_series or isinstance(feature_eps, Mapping)) or not len(feature_eps):
        raise InvalidArgumentError(
            "feature_eps must map at least one column of X to its tolerance, as a dict "
            f"or a Series of feature names or indices, got {feature_eps!r}."
        )
    found, seen = [], set()
    for key, eps in feature_eps.items():
        if key in seen:
            raise ValueError(f"feature_eps names column {key!r} twice.")
        seen.add(key)
        found.append((key, *_pair(key, eps)))
    return found


def _pair(key, eps):
    """Tolerances down and up."""
    is_pair = isinstance(eps, Iterable) and not isinstance(eps, str | bytes)
    pair = tuple(eps) if is_pair and np.ndim(eps) == 1 else (eps, eps)
    try:
        down, up = (check_number(value, "it") for value in pair)
        valid = 0.0 <= min(down, up) and 0.0 < max(down, up) < np.inf
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise ValueError(
            f"The tolerance of {key!r} in feature_eps must be a positive finite "
            "number, or a pair (down, up) of finite numbers >= 0 that are not both "
            f"zero, got {eps!r}."
        )
    return down, up
