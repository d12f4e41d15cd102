# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The only imports of scikit-learn's private names; a new version breaks them here."""

from sklearn.base import _fit_context as fit_context
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

# Experimental: sklearn.model_selection has them once the user enables them.
from sklearn.model_selection._search_successive_halving import (
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
)
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

__all__ = [
    "SEARCHES",
    "HasMethods",
    "Interval",
    "Options",
    "StrOptions",
    "check_sample_weight",
    "fit_context",
]

SEARCHES = (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
)
