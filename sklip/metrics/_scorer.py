# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the scorers share: a callable around a score, and checks of arguments."""

import copy
import inspect
import math

from sklearn.utils.metadata_routing import MetadataRequest

from sklip._arguments import check_count, check_option
from sklip._blocks import check_jobs
from sklip._tolerances import check_feature_eps

__all__ = ["SCORER_DOCS", "Scorer", "checked_eps", "told"]

# Two whole sections: what they give and refuse.
SCORER_DOCS = {
    "returns_and_raises": inspect.cleandoc(
        """
        Returns
        -------
        scorer : callable
            ``scorer(estimator, X, y, sample_weight=None)`` for ``scoring=``.

        Raises
        ------
        TypeError, ValueError
            If an argument is out of range.
        """
    ),
    "worst_class": inspect.cleandoc(
        """
        groups : None or "class", default=None
            "class" takes the score of the true class that has the smallest.
        """
    ),
}


class Scorer:
    """A picklable ``scorer(estimator, X, y)`` around one score function."""

    def __init__(self, factory, score, kwargs, *, weighted=True):
        self._factory, self._score, self._kwargs = factory, score, kwargs
        self._weighted = weighted
        # Scikit-learn's displays label their axes with it.
        self.__name__ = factory.removeprefix("make_").removesuffix("_scorer")
        self._request = MetadataRequest(owner=repr(self))
        if weighted:
            self._request.score.add_request(param="sample_weight", alias=None)

    def __call__(self, estimator, X=None, y=None, sample_weight=None):
        kwargs = self._kwargs
        if self._weighted:
            kwargs = {**kwargs, "sample_weight": sample_weight}
        return float(_smallest(self._score(estimator, X, y, **kwargs)))

    def __repr__(self):
        arguments = ", ".join(f"{k}={v!r}" for k, v in self._kwargs.items())
        return f"{self._factory}({arguments})"

    def __eq__(self, other):
        return isinstance(other, Scorer) and repr(self) == repr(other)

    def __hash__(self):
        return hash(repr(self))

    def set_score_request(self, *, sample_weight):
        """Ask for sample_weight when metadata routing is enabled."""
        if not self._weighted:
            raise TypeError(
                f"{self!r} does not depend on samples: it takes no weights."
            )
        self._request.score.add_request(param="sample_weight", alias=sample_weight)
        return self

    def get_metadata_routing(self):
        """What this scorer requests, for scikit-learn's metadata routing."""
        return copy.deepcopy(self._request)

    def _accept_sample_weight(self):
        # Asked by GridSearchCV.fit(..., sample_weight=...) without routing. A bound
        # does not depend on samples, hence not on their weights.
        return True


def told(groups, n_jobs, verbose):
    """Arguments that are left out of a scorer's name where they are the defaults."""
    if groups is not None:
        # Labels belong to samples, which a scorer does not know yet.
        check_option(groups, "groups", ("class",))
    check_jobs(n_jobs, verbose)
    arguments = {"groups": groups, "n_jobs": n_jobs, "verbose": verbose}
    return {name: value for name, value in arguments.items() if value}


def _smallest(score):
    """A score itself, or that of the worst class; NaN if no class has samples."""
    if not isinstance(score, dict):
        return score
    known = [value for value in score.values() if not math.isnan(value)]
    return min(known, default=math.nan)


def checked_eps(feature_eps):
    """A copy of the tolerances; names are checked once there is a model."""
    if feature_eps is None:
        return None
    tolerances = {}
    for key, down, up in check_feature_eps(feature_eps):
        if not isinstance(key, str):
            check_count(key, f"feature_eps: the index {key!r}", minimum=0)
        tolerances[key] = (down, up)
    return tolerances
