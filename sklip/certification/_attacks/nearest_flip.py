# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The nearest row with another prediction that the user's table allows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sklip._arguments import (
    as_numbers,
    check_norm,
    is_integer,
    refuse_ambiguous,
)
from sklip._blocks import SOME_ROWS, by_blocks, check_jobs, joined
from sklip._documentation import documented
from sklip._shared_docs import SHARED
from sklip.bounds import row_check
from sklip.certification._attacks.found import Counterexamples, predictions
from sklip.certification._attacks.minimum_norm import found_flips
from sklip.certification._decisions import decide
from sklip.certification._tables import column_labels, described, labels_or_none, table

__all__ = ["NearestFlips", "nearest_flip"]

_N_STEPS, _N_RESTARTS = 100, 5


@dataclass(frozen=True, eq=False)
class NearestFlips:
    """The nearest rows with another prediction, beside those that they came from.

    ``rows, distances = nearest_flip(model, X)`` takes it apart.

    Parameters
    ----------
    rows : ndarray, sparse matrix or DataFrame of shape (n_samples, n_features)
        The flips, as rows of the table X that ``model.predict`` takes: its kind, names,
        order, index and types. Where none was found, the row of X as it is.
    distances : ndarray of shape (n_samples,)
        In units of X, or of feature_eps; inf where none was found.
    table : DataFrame
        One line for each row of X, with its index: ``prediction``, ``flips_to`` (None
        where no flip was found), ``distance``, ``changes`` in words, and each column
        that some flip changes, before and after: ``age`` and ``age (flip)``. In polars
        where X is a polars DataFrame.

    Examples
    --------
    >>> from sklip.certification import nearest_flip
    >>> from sklip.networks import FeedForward
    >>> net = FeedForward([[[1.5, 2.0], [-1.5, -2.0]]])
    >>> flips = nearest_flip(net, [[1.0, 0.5]], integer=[0, 1])
    >>> flips.table["changes"].tolist()
    ['x0: 1 → 0, x1: 0.5 → -0.5']
    """

    rows: Any
    distances: np.ndarray
    table: Any

    def __iter__(self):
        yield from (self.rows, self.distances)

    def _repr_html_(self):
        return self.table._repr_html_()


@documented(SHARED)
def nearest_flip(
    model,
    X,
    *,
    norm=2,
    feature_eps=None,
    bounds=None,
    integer=None,
    n_jobs=None,
    verbose=0,
):
    """Find for each row the nearest one that the model predicts otherwise.

    Parameters
    ----------
    {model, X}
    norm : {1, 2, numpy.inf}, default=2
        Norm of the distance, in the units of X (or of feature_eps). With 1 few columns
        change.
    feature_eps : dict or Series, default=None
        Feature name or index to what a step of one is worth in it; other features do
        not move.
    bounds : dict, default=None
        Feature name or index to (low, high), between which the flips stay; either may
        be infinite. Rows must lie between them.
    integer : list, default=None
        Names or indices of features that change by whole numbers. Columns whose type
        holds whole numbers only always do.
    {n_jobs, verbose}

    Returns
    -------
    flips : NearestFlips
        ``rows``, ``distances`` and a ``table`` of both sides. ``model.predict(rows)``
        gives another class wherever the distance is finite.

    Raises
    ------
    ValueError
        If a column is unknown, takes no numbers, or lies outside of its bounds.

    See Also
    --------
    minimum_norm_attack : The search alone, with labels and a stated effort.
    robustness_bracket : How near a flip can be at most.

    Notes
    -----
    The search is that of :func:`minimum_norm_attack`, cut to the bounds. Whole steps
    come from rounding its flips, and are drawn in one by one; where all columns that
    move take whole steps and the grid has at most 20,000 points nearer than that (fewer
    for more than 100 rows), all of them are tried, and no nearer flip is left.
    Otherwise a nearer one may exist. Categories and missing entries stay.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklip.certification import nearest_flip
    >>> X = pd.DataFrame({"age": [30, 40, 50, 60], "visits": [0, 3, 1, 4]})
    >>> model = LogisticRegression().fit(X, ["no", "yes", "no", "yes"])
    >>> flips = nearest_flip(model, X[:2], bounds={"visits": (0, 9)})
    >>> flips.rows
       age  visits
    0   30       3
    1   40       2
    >>> model.predict(flips.rows).tolist()
    ['yes', 'no']
    """
    norm = check_norm(norm)
    bounds, integer = _checked_bounds(bounds), _checked_names(integer)
    for argument, name in ((bounds, "bounds"), (integer, "integer")):
        refuse_ambiguous(argument, X, name)
    check_jobs(n_jobs, verbose)
    check = row_check(model, feature_eps)
    ask = partial(_flips, model, feature_eps, norm, bounds, integer)
    parts = by_blocks(
        ask,
        check,
        X,
        step=SOME_ROWS,
        n_jobs=n_jobs,
        verbose=verbose,
    )
    rows = joined([part[0] for part in parts])
    data = {key: joined([part[1][key] for part in parts]) for key in parts[0][1]}
    labels = parts[0][2]
    return NearestFlips(rows, data["distance"], _table(X, data, *labels))


def _flips(model, feature_eps, norm, bounds, integer, X, y, block):
    """The nearest flips of a block of the rows, and what a table tells of them."""
    decisions = decide(model, X, y, feature_eps, block=block)
    found = Counterexamples(model, X, decisions, norm)
    view, writer = decisions.view, found.writer
    columns = view.feature_index[writer.moving]
    found.limits = _limits(found.limits, writer, columns, view, (bounds, block.start))
    whole = writer.whole.copy()
    for key in integer:
        whole |= columns == _position(key, view, "integer")
    # A fixed seed: the same rows give the same flips.
    effort = _N_STEPS, _N_RESTARTS, np.random.default_rng(0)
    values, distances = found_flips(found, effort, whole)
    rows = found.rows(values)
    codes = np.where(np.isfinite(distances), predictions(model, view, rows), -1)
    names = column_labels(view)
    data = {
        "target": decisions.target,
        "code": codes,
        "distance": distances,
        "before": writer.origin,
        "after": values,
    }
    return rows, data, (view.classes, [names[j] for j in columns], writer.units)


def _table(X, data, classes, names, units):
    """Both sides of each flip in words and numbers."""
    before, after = data["before"], data["after"]
    shown = {
        "prediction": classes[data["target"]],
        "flips_to": labels_or_none(classes, data["code"]),
        "distance": data["distance"],
        "changes": [
            described(names, *pair, units) for pair in zip(before, after, strict=True)
        ],
    }
    for k in np.flatnonzero((after != before).any(axis=0)):
        shown[names[k]] = before[:, k]
        shown[f"{names[k]} (flip)"] = after[:, k]
    return table(X, shown)


def _limits(limits, writer, columns, view, bounds):
    """Least and largest values of the moving columns; rows must lie between.

    ``bounds`` come with the number of the first row.
    """
    bounds, first = bounds
    low, high = (limit.copy() for limit in limits)
    given = view.encoder.raw
    raw = None
    for key, (least, most) in bounds.items():
        j = _position(key, view, "bounds")
        if j not in given:  # the model drops it
            continue
        raw = writer.numbers if raw is None else raw
        entries = raw[:, given.index(j)]
        with np.errstate(invalid="ignore"):
            outside = np.flatnonzero((entries < least) | (entries > most))
        if len(outside):
            raise ValueError(
                f"bounds of {key!r} are ({least:g}, {most:g}), but row "
                f"{first + outside[0]} of "
                f"X has {entries[outside[0]]:g}."
            )
        # Tolerances limit the values already: both hold.
        low[columns == j] = np.maximum(low[columns == j], least)
        high[columns == j] = np.minimum(high[columns == j], most)
    return low, high


def _checked_bounds(bounds):
    """Pairs (low, high) of floats by column; {} for None."""
    if bounds is None:
        return {}
    if not isinstance(bounds, Mapping):
        raise TypeError(
            "bounds must map columns to pairs (low, high), got "
            f"{type(bounds).__name__}."
        )
    checked = {}
    for key, pair in bounds.items():
        try:
            least, most = as_numbers(pair, "bounds", 1).astype(float)
            valid = bool(least <= most)
        except (TypeError, ValueError):
            valid = False
        if not valid:
            raise ValueError(
                f"bounds of {key!r} must be a pair (low, high) of numbers with low <= "
                f"high, got {pair!r}."
            )
        checked[key] = float(least), float(most)
    return checked


def _checked_names(integer):
    """A list of names or indices; [] for None."""
    if integer is None:
        return []
    if isinstance(integer, str) or is_integer(integer):
        return [integer]
    if not isinstance(integer, Iterable) or isinstance(integer, Mapping):
        raise TypeError(
            "integer must be a list of names or indices of columns, got "
            f"{type(integer).__name__}."
        )
    return list(integer)


def _position(key, view, argument):
    """Index of a column of X that an argument names; it must hold numbers."""
    names, j = view.feature_names, None
    if isinstance(key, str):
        if names is not None and key in names:
            j = list(names).index(key)
    elif is_integer(key) and 0 <= key < view.n_features:
        j = int(key)
    if j is None:
        known = list(names) if names else f"the indices 0 to {view.n_features - 1}"
        raise ValueError(
            f"{argument} names the unknown column {key!r}; known: {known}."
        )
    if j in view.encoder.immutable:
        raise ValueError(
            f"{argument} names column {key!r}, which does not move: an encoder of "
            "categories consumes it, or it is not used as a number."
        )
    return j
