# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Projected gradient ascent on a regressor: the attack that intervals are held to."""

import warnings
from dataclasses import replace
from functools import partial

import numpy as np

from sklip._arguments import (
    as_generator,
    check_count,
    check_flag,
    check_norm,
    check_radius,
    refuse_ambiguous,
)
from sklip._blocks import (
    SOME_ROWS,
    by_blocks,
    check_jobs,
    joined,
    seeds,
)
from sklip._copies import own_copy
from sklip._documentation import documented
from sklip._shared_docs import SHARED
from sklip.bounds import is_bare, row_check
from sklip.certification._attacks.balls import Ball
from sklip.certification._attacks.pgd import linearise
from sklip.certification._decisions import checked_inputs, model_view
from sklip.networks import RowWriter

__all__ = ["adversarial_interval"]

_BLOCK_ROWS = 1024


@documented(SHARED)
def adversarial_interval(
    model,
    X,
    *,
    radius,
    norm=2,
    feature_eps=None,
    n_steps=20,
    n_restarts=5,
    random_state=None,
    return_points=False,
    n_jobs=None,
    verbose=0,
):
    """Smallest and largest prediction that an attack reaches within a radius.

    Parameters
    ----------
    model : FeedForward, fitted regressor, Pipeline or TransformedTargetRegressor
        As for :func:`certified_interval`.
    {X, radius, norm, feature_eps}
    n_steps : int, default=20
        Gradient steps from each start.
    n_restarts : int, default=5
        Starts for each output and direction: the sample itself, then random points.
    {random_state}
    return_points : bool, default=False
        Return the points as well.
    {n_jobs, verbose}

    Returns
    -------
    lower, upper : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Predictions reached, in the units of y: the least that a certified interval
        must contain. They prove nothing.
    lower_rows, upper_rows : ndarray of shape (n_samples, n_features) or (n_samples, \
            n_features, n_outputs), or DataFrame or list of them
        Where ``model.predict`` gives these values, as rows of the table X; only with
        ``return_points=True``. Of several outputs arrays have an axis more, and tables
        come in a list, one for each. Columns of whole numbers may get fractions.

    Raises
    ------
    ValueError
        If the model is a classifier or an argument is out of range.

    See Also
    --------
    certified_interval : What no attack can leave.

    Notes
    -----
    Madry et al., Towards deep learning models resistant to adversarial attacks, ICLR
    2018, with the output itself as loss. The points are inside the ball; the values are
    what predict gives there.

    Examples
    --------
    >>> from sklip.certification import adversarial_interval
    >>> from sklip.networks import FeedForward
    >>> net = FeedForward([[[3.0, 4.0]]], [[1.0]])
    >>> lower, upper = adversarial_interval(net, [[1.0, 1.0]], radius=0.5)
    >>> lower.round(6), upper.round(6)
    (array([5.5]), array([10.5]))
    """
    norm, radius = check_norm(norm), check_radius(radius)
    n_steps = check_count(n_steps, "n_steps")
    n_restarts = check_count(n_restarts, "n_restarts")
    rng = as_generator(random_state)
    check_flag(return_points, "return_points")
    check_jobs(n_jobs, verbose)
    refuse_ambiguous(feature_eps, X, "feature_eps")
    check = row_check(model, feature_eps)
    ask = partial(_reached, model, feature_eps, radius, norm, (n_steps, n_restarts))
    jobs = {"n_jobs": n_jobs, "verbose": verbose, "more": seeds(rng)}
    parts = by_blocks(ask, check, X, step=SOME_ROWS, **jobs)
    found = tuple(map(_joined, zip(*parts, strict=True)))
    return found if return_points else found[:2]


def _joined(parts):
    """What blocks found, put together; of several outputs tables come in lists."""
    if not isinstance(parts[0], list):
        return joined(parts)
    return [joined(tables) for tables in zip(*parts, strict=True)]


def _reached(model, feature_eps, radius, norm, effort, X, y, block, rng):
    """Both ends for a block of the rows, and the rows where they are reached."""
    view = model_view(model, feature_eps, X, predicting=True)
    if view.classes is not None and not is_bare(model):
        raise ValueError(
            f"{type(model).__name__} is a classifier; adversarial_interval is for "
            "regressors. Use pgd_attack."
        )
    U = checked_inputs(view, X)
    n_steps, n_restarts = effort
    search = _Search(view, U, view.missing(X), radius, norm, n_steps, rng)
    ends = [search.reach(sign, n_restarts) for sign in (-1.0, 1.0)]
    writer, points = RowWriter(view, X), [points for _, points in ends]
    tables = [_tables(writer, each) for each in points]
    if hasattr(model, "predict"):
        # Rounding in predict, and in the table's own types, may make it another value.
        values = [_predicted(model, each) for each in tables]
        crossed = values[0] > values[1]
        if view.target is not None and crossed.any():
            # The map from outputs to predictions falls there.
            points = [
                np.where(crossed[:, None], *pair) for pair in (points[::-1], points)
            ]
            values = [np.minimum(*values), np.maximum(*values)]
            tables = [_tables(writer, each) for each in points]
    else:
        values = [value for value, _ in ends]
    if view.network.n_outputs == 1:
        values = [value[:, 0] for value in values]
        tables = [table for (table,) in tables]
    elif isinstance(tables[0][0], np.ndarray):
        tables = [np.stack(table, axis=2) for table in tables]
    return (*values, *tables)


def _tables(writer, points):
    """Rows of the table for points in coordinates, one table for each output."""
    samples = np.arange(len(points))
    tables = []
    for output in range(points.shape[2]):
        values = writer.values(points[:, :, output], samples)
        values = writer.storable(values, samples, keep_whole=False)
        tables.append(writer.rows(samples, values))
    return tables


def _predicted(model, tables):
    """What the model predicts for the output that each table is about."""
    with warnings.catch_warnings():
        # Of names that X lacks, as in the user's own calls.
        warnings.simplefilter("ignore")
        found = [np.asarray(model.predict(own_copy(table))) for table in tables]
    return np.column_stack(
        [each.reshape(len(each), -1)[:, k] for k, each in enumerate(found)]
    )


class _Search:
    """The farthest prediction found so far, for each sample and output."""

    def __init__(self, view, U, missing, radius, norm, n_steps, rng):
        self.network, self.inputs = view.network, U
        # Moves of X itself; an entry that is missing stays missing.
        self.mutable = np.flatnonzero(view.attackable)
        self.free = ~missing[:, self.mutable]
        self.radius, self.whole = radius, Ball.around(view, norm, None)
        self.n_steps, self.rng = n_steps, rng

    def reach(self, sign, n_restarts):
        """Extreme value of each output and the points where it is taken."""
        value = self.network.forward(self.inputs)
        points = np.repeat(self.inputs[:, :, None], value.shape[1], axis=2)
        if self.radius == 0.0 or len(self.mutable) == 0:
            return value, points
        for start in range(0, len(value), _BLOCK_ROWS):
            rows = slice(start, start + _BLOCK_ROWS)
            for output in range(value.shape[1]):
                for restart in range(n_restarts):
                    best = value[rows, output], points[rows, :, output]
                    self._ascend(rows, output, sign, restart > 0, *best)
        return value, points

    def _ascend(self, rows, output, sign, at_random, value, points):
        """One start; improves ``value`` and ``points`` in place."""
        origin, free = self.inputs[rows], self.free[rows]
        ball = replace(self.whole, radius=np.full((len(origin), 1), self.radius))
        delta = np.zeros((len(origin), len(self.mutable)))
        if at_random:
            delta = ball.sample(len(self.mutable), self.rng) * free
        direction = np.zeros((len(origin), self.network.n_outputs))
        direction[:, output] = sign
        for step in range(self.n_steps + 1):
            here = origin.copy()
            here[:, self.mutable] = ball.move(origin[:, self.mutable], delta)
            reached = self.network.forward(here)[:, output]
            better = sign * reached > sign * value
            value[better], points[better] = reached[better], here[better]
            _, pull_back = linearise(self.network, here)
            gradient = pull_back(direction)[:, self.mutable] * free
            flat = ~gradient.any(axis=1)
            noise = self.rng.standard_normal((np.count_nonzero(flat), delta.shape[1]))
            gradient[flat] = noise
            # The first step spans the radius: it solves a linear model at once.
            size = 0.5 * (1.0 + np.cos(np.pi * step / self.n_steps)) * self.radius
            delta = ball.project(delta + size * ball.steepest(gradient) * free)
