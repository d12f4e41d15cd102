# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""How a score depends on each parameter of a finished search."""

from collections.abc import Mapping

import numpy as np
from sklearn.utils.validation import check_is_fitted

__all__ = ["sensitivity_table"]


def sensitivity_table(search, *, nominal=None, metric="score"):
    """Change of the score with each numeric parameter of a finished grid search.

    Parameters
    ----------
    search : fitted GridSearchCV or like object
        Anything with ``cv_results_``.
    nominal : dict, default=None
        Values of the parameters around which to look; those that it does not name, and
        all for None, are those of the best candidate.
    metric : str, default="score"
        The score: ``mean_test_<metric>`` of ``cv_results_``.

    Returns
    -------
    table : DataFrame
        One line for each other value that a numeric parameter takes in the grid, all
        else nominal. Columns: ``parameter``; ``nominal`` and ``value`` of it;
        ``nominal_score`` and ``score``; ``slope``, the change of the score divided by
        that of the parameter, positive where a larger parameter is better; and
        ``elasticity``, the relative change of the score divided by that of the
        parameter, which has no unit (NaN where the nominal value or score is 0).

    Raises
    ------
    ValueError
        If the grid does not hold the nominal point, or there is no such metric.

    Notes
    -----
    Section 7 of paper 002 (U15) gives the slopes 87.20, 2.55 and -28.89 for noise,
    weight and threshold around (.25, 5, .01). Two of them follow from its tables, the
    third does not: there the slope of the threshold is +147.22, a larger threshold is
    better. Slopes of parameters with different units cannot be compared; elasticities
    can, and by them the threshold matters least of the three.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklip.inspection import sensitivity_table
    >>> X, y = load_iris(return_X_y=True)
    >>> search = GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 3]}).fit(X, y)
    >>> table = sensitivity_table(search, nominal={"max_depth": 1})
    >>> table["slope"].round(2).tolist()
    [0.15]
    """
    import pandas

    if not hasattr(search, "cv_results_"):
        if not hasattr(search, "fit"):
            raise TypeError(
                f"search must be a fitted search, got {type(search).__name__}."
            )
        check_is_fitted(search, "cv_results_")
    if nominal is not None and not isinstance(nominal, Mapping):
        raise TypeError(
            f"nominal must be a dict of parameters, got {type(nominal).__name__}."
        )
    results = search.cv_results_
    key = f"mean_test_{metric}"
    if key not in results:
        known = [n.removeprefix("mean_test_") for n in results if "mean_test_" in n]
        raise ValueError(f"metric must be one of {known}, got {metric!r}.")
    scores, candidates = np.asarray(results[key], dtype=float), results["params"]
    point = dict(candidates[int(np.nanargmax(scores))])
    unknown = set(nominal or {}) - set(point)
    if unknown:
        raise ValueError(f"nominal names {sorted(unknown)}, not in the grid.")
    point.update(nominal or {})
    here = [k for k, candidate in enumerate(candidates) if candidate == point]
    if not here:
        raise ValueError(f"The grid has no candidate {point}: choose another nominal.")
    lines = []
    for name in point:
        for k, value in _along(candidates, point, name):
            score = float(scores[here[0]]), float(scores[k])
            rates = _rates(point[name], value, *score)
            lines.append([name, point[name], value, *score, *rates])
    columns = ["parameter", "nominal", "value", "nominal_score", "score"]
    return pandas.DataFrame(lines, columns=[*columns, "slope", "elasticity"])


def _along(candidates, point, name):
    """(index, value) of the candidates that differ from the point in one number."""
    if not _is_number(point[name]):
        return
    for k, candidate in enumerate(candidates):
        value = candidate.get(name)
        same = {**candidate, name: point[name]} == point
        if same and _is_number(value) and value != point[name]:
            yield k, value


def _is_number(value):
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _rates(nominal, value, nominal_score, score):
    slope = (score - nominal_score) / (value - nominal)
    if nominal == 0 or nominal_score == 0:
        return slope, np.nan
    return slope, slope * nominal / nominal_score
