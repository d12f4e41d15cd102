# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Averages over all samples, or over each class or group of them."""

import numpy as np

from sklip._arguments import check_groups, check_labels

__all__ = ["averages", "members_of"]


def members_of(groups, y):
    """Masks of the members of each group of the samples with labels y; None for all."""
    if groups is None:
        return None
    return check_groups(groups, y, len(check_labels(y)))


def averages(members, weight, average):
    """What ``average`` makes of the weights: of all, or a dict with that of each group.

    A group without any weight has NaN.
    """
    if members is None:
        return average(weight)
    found = {}
    for label, member in members.items():
        own = np.where(member, weight, 0.0)
        found[label] = average(own) if own.any() else np.nan
    return found
