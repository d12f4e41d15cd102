# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Rules for ``GridSearchCV(refit=...)`` that weigh scores against bounds."""

import warnings
from collections.abc import Mapping

import numpy as np

from sklip._arguments import check_number
from sklip.exceptions import CertificationWarning

__all__ = ["LipschitzBudget", "OneStandardError", "pareto_front"]


class _RefitRule:
    """A rule by the name of a score and of a bound; private.

    It equals the name of its metric, and has its hash: ``search.score`` looks the
    scorer up by ``refit``.
    """

    metric = bound = None

    def __call__(self, cv_results):
        """Index of the chosen candidate.

        Parameters
        ----------
        cv_results : dict
            ``cv_results_`` of a search.

        Returns
        -------
        index : int
            Row of the chosen candidate.
        """
        return self._choose(cv_results)

    def __eq__(self, other):
        if isinstance(other, str):
            return other == self.metric
        if type(other) is not type(self):
            return NotImplemented
        return vars(other) == vars(self)

    def __hash__(self):
        return hash(self.metric)


class LipschitzBudget(_RefitRule):
    """Refit rule: the best score among the candidates whose bound fits a budget.

    Parameters
    ----------
    max_bound : float
        Largest mean Lipschitz bound that is accepted, in the units of the scorer.
    metric : str
        Name of the score in ``scoring`` that is maximised.
    bound : str, default="neg_lipschitz"
        Name in ``scoring`` of :func:`sklip.metrics.make_lipschitz_scorer`, the negated
        bound.

    Raises
    ------
    TypeError, ValueError
        If max_bound is not a positive number, or a name is no string.

    Notes
    -----
    Of equal scores the smaller bound wins. If no candidate fits, the one with the
    smallest bound is taken, with a CertificationWarning. A candidate whose score or
    bound is NaN, because a fold failed, is never taken. The bound is the mean over the
    folds: that of the refitted model is another one, near it but not promised.

    ``search.score`` of a search refitted by the rule is the score called ``metric``.

    Halving searches (HalvingGridSearchCV, HalvingRandomSearchCV) take one score only
    and never call a callable ``refit``: use GridSearchCV or RandomizedSearchCV, or give
    a halving search a single score that holds the bound's meaning already, such as
    :func:`sklip.metrics.make_certified_accuracy_scorer`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklip.model_selection import LipschitzBudget
    >>> results = {
    ...     "mean_test_accuracy": np.array([0.9, 0.95, 0.99]),
    ...     "mean_test_neg_lipschitz": np.array([-1.0, -4.0, -20.0]),
    ... }
    >>> LipschitzBudget(5.0, metric="accuracy")(results)
    1
    """

    def __init__(self, max_bound, *, metric, bound="neg_lipschitz"):
        self.max_bound = check_number(max_bound, "max_bound")
        if not self.max_bound > 0:
            raise ValueError(f"max_bound must be > 0, got {max_bound!r}.")
        self.metric = _check_name(metric, "metric")
        self.bound = _check_name(bound, "bound")

    def _choose(self, cv_results):
        score = _mean_score(cv_results, self.metric)
        bound = -_mean_score(cv_results, self.bound)
        if np.any(bound < 0.0):
            raise ValueError(
                f"{self.bound!r} has positive scores: it must be the negated bound, as "
                "make_lipschitz_scorer gives it."
            )
        scored = ~(np.isnan(score) | np.isnan(bound))
        if not scored.any():
            raise ValueError(
                f"All candidates failed: {self.metric!r} or {self.bound!r} is NaN."
            )
        rows = np.flatnonzero(scored & (bound <= self.max_bound))
        if len(rows):
            return int(rows[np.lexsort((bound[rows], -score[rows]))[0]])
        rows = np.flatnonzero(scored)
        index = int(rows[np.argmin(bound[rows])])
        n_failed = np.count_nonzero(~scored)
        others = f" ({n_failed} failed: a score or bound is NaN)" if n_failed else ""
        warnings.warn(
            f"No candidate{others} has a mean bound up to {self.max_bound:g}: the "
            f"smallest, {bound[index]:g}, is taken.",
            CertificationWarning,
            stacklevel=2,
        )
        return index

    def __repr__(self):
        return (
            f"LipschitzBudget({self.max_bound!r}, metric={self.metric!r}, "
            f"bound={self.bound!r})"
        )


class OneStandardError(_RefitRule):
    """Refit rule: the smallest bound among the scores that are as good as the best.

    Parameters
    ----------
    metric : str
        Name of the score in ``scoring`` that is maximised; ``"score"`` where scoring
        is a single one.
    bound : str or None, default="neg_lipschitz"
        Name in ``scoring`` of the negated bound by which the simplest candidate is
        chosen. None, or a search without it: the first candidate of the grid.

    Notes
    -----
    A candidate is as good as the best if its mean score is at most one standard error
    of the best one below it (Breiman et al., Classification and Regression Trees,
    1984, section 3.4.3); the standard error is that of the mean over the folds, and 0
    where the best score is infinite. ``search.score`` of a search refitted by the rule
    is the score called ``metric``. Halving searches never call a callable ``refit``:
    use GridSearchCV or RandomizedSearchCV.

    Examples
    --------
    >>> import numpy as np
    >>> from sklip.model_selection import OneStandardError
    >>> results = {
    ...     "mean_test_accuracy": np.array([0.9, 0.96, 0.97]),
    ...     "mean_test_neg_lipschitz": np.array([-1.0, -4.0, -20.0]),
    ...     "split0_test_accuracy": np.array([0.9, 0.94, 0.95]),
    ...     "split1_test_accuracy": np.array([0.9, 0.98, 0.99]),
    ... }
    >>> OneStandardError("accuracy")(results)
    1
    """

    def __init__(self, metric, *, bound="neg_lipschitz"):
        self.metric = _check_name(metric, "metric")
        self.bound = None if bound is None else _check_name(bound, "bound")

    def _choose(self, cv_results):
        score = _mean_score(cv_results, self.metric)
        if np.isnan(score).all():
            raise ValueError(f"All candidates failed: {self.metric!r} is NaN.")
        best = int(np.nanargmax(score))
        error = _standard_error(_split_scores(cv_results, self.metric)[:, best])
        good = np.flatnonzero(score >= score[best] - error)
        key = f"mean_test_{self.bound}"
        if self.bound is None or key not in cv_results:
            return int(good[0])
        bound = -np.asarray(cv_results[key], dtype=np.float64)[good]
        return int(good[np.lexsort((-score[good], bound))[0]])

    def __repr__(self):
        return f"OneStandardError({self.metric!r}, bound={self.bound!r})"


def pareto_front(search, metrics):
    """Candidates of a search that no other candidate beats in all metrics.

    Parameters
    ----------
    search : fitted search or dict
        GridSearchCV or another search of scikit-learn, or its ``cv_results_``.
    metrics : sequence of str
        Names in ``scoring``, all of them greater-is-better.

    Returns
    -------
    indices : ndarray of int of shape (n_front,)
        Rows of ``cv_results_``, best first in the first metric. Of candidates with the
        same scores the first is kept; those that failed are left out.

    Raises
    ------
    ValueError
        If a metric is unknown or none is given.

    Examples
    --------
    >>> from sklip.model_selection import pareto_front
    >>> results = {
    ...     "mean_test_accuracy": [0.9, 0.95, 0.99, 0.94],
    ...     "mean_test_neg_lipschitz": [-1.0, -4.0, -20.0, -5.0],
    ... }
    >>> pareto_front(results, ["accuracy", "neg_lipschitz"])
    array([2, 1, 0])
    """
    results = getattr(search, "cv_results_", search)
    if not isinstance(metrics, list | tuple) or not len(metrics):
        raise ValueError(f"metrics must be a list of names, got {metrics!r}.")
    scores = [_mean_score(results, _check_name(name, "metrics")) for name in metrics]
    scores = np.column_stack(scores)
    order = np.lexsort(-scores.T[::-1])
    front = []
    for row in order:
        if np.isnan(scores[row]).any():
            continue
        # Whoever beats this row comes before it in this order.
        if not any(np.all(scores[other] >= scores[row]) for other in front):
            front.append(row)
    return np.array(front, dtype=int)


def _check_name(name, argument):
    if not isinstance(name, str):
        raise TypeError(
            f"{argument} must be a name in scoring, got {type(name).__name__}."
        )
    return name


def _standard_error(scores):
    if len(scores) < 2 or not np.isfinite(scores).all():
        return 0.0
    return np.std(scores, ddof=1) / np.sqrt(len(scores))


def _mean_score(cv_results, name):
    if not isinstance(cv_results, Mapping):
        raise TypeError(
            "search must be a fitted search of scikit-learn or its cv_results_, got "
            f"{type(cv_results).__name__}."
        )
    key = f"mean_test_{name}"
    if key not in cv_results:
        known = [k.removeprefix("mean_test_") for k in cv_results if "mean_test_" in k]
        raise ValueError(
            f"The search has no score {name!r}; its scoring has the metrics {known}. "
            "Give scoring as a dict of names."
        )
    return np.asarray(cv_results[key], dtype=np.float64)


def _split_scores(cv_results, name):
    """Scores of shape (n_splits, n_candidates)."""
    rows, k = [], 0
    while f"split{k}_test_{name}" in cv_results:
        rows.append(cv_results[f"split{k}_test_{name}"])
        k += 1
    if not rows:
        raise ValueError(f"cv_results has no scores of {name!r} by split.")
    return np.asarray(rows, dtype=np.float64)
