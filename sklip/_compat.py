# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The only imports of scikit-learn's private names; a new version breaks them here.

Where scikit-learn lets pass what sklip refuses, its names stand for stricter ones.
"""

from numbers import Integral

import numpy as np
from sklearn._loss.link import IdentityLink, LogLink
from sklearn.base import _fit_context as fit_context
from sklearn.calibration import _CalibratedClassifier as CalibratedMember
from sklearn.calibration import _SigmoidCalibration as SigmoidCalibration
from sklearn.calibration import _TemperatureScaling as TemperatureScaling
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

# Experimental: sklearn.model_selection has them once the user enables them.
from sklearn.model_selection._search_successive_halving import (
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
)
from sklearn.utils import _param_validation as _validation
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.validation import _check_sample_weight

from sklip._arguments import is_number, refuse_masked

__all__ = [
    "SEARCHES",
    "CalibratedMember",
    "DocumentationLink",
    "HasMethods",
    "IdentityLink",
    "Interval",
    "LogLink",
    "Options",
    "RANDOM_STATE",
    "SigmoidCalibration",
    "StrOptions",
    "TemperatureScaling",
    "check_sample_weight",
    "fit_context",
]

SEARCHES = (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
)


class DocumentationLink:
    """The HTML representation of an estimator leads to its page."""

    _doc_link_module = "sklip"
    _doc_link_template = (
        "https://sklip.readthedocs.io/en/latest/api/generated/{page}.html"
    )

    def _doc_link_url_param_generator(self):
        package = ".".join(type(self).__module__.split(".")[:2])
        return {"page": f"{package}.{type(self).__name__}"}


class Interval(_validation.Interval):
    """scikit-learn's, without true and false and integers beyond int64."""

    def is_satisfied_by(self, val):
        """Whether a value lies in it."""
        return is_number(val) and super().is_satisfied_by(val)


class Options(_validation.Options):
    """scikit-learn's, without true for 1."""

    def is_satisfied_by(self, val):
        """Whether a value is one of them."""
        return is_number(val) and super().is_satisfied_by(val)


# What seeds a generator: scikit-learn's "random_state", without true for 1.
RANDOM_STATE = [
    Interval(Integral, 0, 2**32 - 1, closed="both"),
    np.random.RandomState,
    None,
]


def check_sample_weight(sample_weight, X, **options):
    """scikit-learn's, without masked arrays."""
    refuse_masked(sample_weight, "sample_weight")
    return _check_sample_weight(sample_weight, X, **options)
