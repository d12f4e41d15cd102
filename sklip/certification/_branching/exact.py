# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Exact verification of small piecewise linear networks by branch and bound."""

import time
from dataclasses import replace
from functools import partial
from itertools import chain

import numpy as np

from sklip._arguments import (
    check_effort,
    check_norm,
    check_radius,
    check_time_limit,
)
from sklip._blocks import FEW_ROWS, by_blocks, check_jobs
from sklip._documentation import documented
from sklip._shared_docs import SHARED
from sklip._threads import limit_threads
from sklip.bounds import row_check
from sklip.certification._attacks import Counterexamples, attack_points
from sklip.certification._branching.branches import unsplittable
from sklip.certification._branching.queue import Effort
from sklip.certification._branching.radius import limits
from sklip.certification._branching.ranges import branching_of
from sklip.certification._branching.table import LEVELS, Clock, Level, Table
from sklip.certification._branching.unsplit import (
    bounded_verifications,
    margins_at_once,
    margins_by_constants,
)
from sklip.certification._branching.verification import Verification
from sklip.certification._decisions import decide
from sklip.certification._module_decisions import ModuleDecisions
from sklip.certification._module_radii import as_network
from sklip.exceptions import UnsupportedModelError

__all__ = ["check_splittable", "verify_coordinates", "verify_robustness"]


@documented(SHARED)
def verify_robustness(
    model,
    X,
    y=None,
    *,
    radius,
    norm=2,
    feature_eps=None,
    time_limit=10.0,
    effort=None,
    n_jobs=None,
    verbose=0,
):
    """Decide for each sample whether any point of its ball changes the prediction.

    Parameters
    ----------
    model : FeedForward, torch module, fitted classifier or Pipeline
        Of any activations; with "relu", "leaky_relu" or "abs" in the hidden layers
        some hundreds of neurons can be settled, of others some dozens.
    {X}
    y : array-like of shape (n_samples,), default=None
        True labels; without y the predicted ones.
    {radius, norm, feature_eps}
    time_limit : float, default=10.0
        Seconds for the whole table, after which the status of what is open is
        "unknown". Samples that take many parts come last.
    effort : {"low", "normal", "high"} or int, default=None
        Limit of the work as well: what :func:`certified_accuracy_score` may spend, or
        the number of parts for each sample. None sets no limit but time.
    {n_jobs, verbose}

    Returns
    -------
    results : list of Verification
        One for each sample. "verified" is proven with rounding accounted for,
        "falsified" shown by a point inside the ball at which ``model.predict`` gives
        another class: a DataFrame of one row where X is a DataFrame, a row of shape
        (n_features,) where X is an array. In a column of whole numbers it may have a
        fraction, as points of the ball do; the column is float64 then.

    Raises
    ------
    ValueError
        If the model is a regressor or an argument is out of range.

    Notes
    -----
    An attack first, then constants of pairs of classes, as of ``method="pairwise"``,
    then linear bounds with optimised slopes; what they leave open is split by the sign
    of one neuron after the other, the parts bounded as in beta-CROWN (Wang et al.,
    NeurIPS 2021): of the six neurons that cost the bound most the one that leaves one
    of its halves nearly done. What takes some hundred parts is begun again with planes
    over the inputs above the first layer, if that has at most 16,384 weights: the hull
    of each neuron over the ball; what takes a thousand, of at most 400 inputs and
    neurons, by semidefinite bounds (Raghunathan et al., NeurIPS 2018) that a handful of
    parts suffice for. Activations other than these three are split by ranges of their
    inputs, where they bend or else in the middle, of ten neurons at the one whose
    halves gain most. A torch module whose convolutions
    have at most 4096 neurons behind them is split as the network that it is; of other
    modules bounds and the attack alone decide.

    Examples
    --------
    >>> from sklip.certification import verify_robustness
    >>> from sklip.networks import FeedForward
    >>> net = FeedForward([[[1.5, 2.0], [-1.5, -2.0]]])
    >>> found = verify_robustness(net, [[1.0, 0.5], [0.1, 0.0]], radius=0.9)
    >>> [result.status for result in found]
    ['verified', 'falsified']
    """
    norm, radius = check_norm(norm), check_radius(radius)
    time_limit = check_time_limit(time_limit, none=False)
    effort = None if effort is None else check_effort(effort)
    check_jobs(n_jobs, verbose)
    check = row_check(model, feature_eps)
    ask = partial(_verifications, model, feature_eps, norm, radius, effort)
    limits = {"time_limit": time_limit, "n_jobs": n_jobs, "verbose": verbose}
    return [*chain(*by_blocks(ask, check, X, y, step=FEW_ROWS, **limits))]


def _verifications(model, feature_eps, norm, radius, effort, X, y, block):
    """What is known of each row of a block."""
    told = {"effort": "normal" if effort is None else effort, "block": block}
    decisions = decide(model, X, y, feature_eps, **told)
    results, clock = {}, Clock(block.start_of_call, block.deadline)
    for rows, part in decisions.by_missing():
        found = _verified(part, norm, radius, clock, effort is not None)
        results |= dict(zip(rows.tolist(), found, strict=True))
    found = Counterexamples(model, X, decisions, norm, keep_whole=False)
    return [_as_row(found, results[i], i, radius) for i in range(len(results))]


def _as_row(found, result, sample, radius):
    """The verification with its point as a row of X that predict was asked about."""
    if result.status != "falsified":
        return result
    samples, radii = np.array([sample]), np.array([radius])
    values, flipped = found.inside(result.point[None], samples, radii)
    if not flipped[0] and found.decisions.correct[sample]:
        # A flip of the network on its boundary alone, which rounding undoes in predict.
        return replace(result, status="unknown", point=None)
    row = found.writer.rows(samples, values)
    row = row[0] if isinstance(row, np.ndarray) else row
    return replace(result, point=row)


def check_splittable(decisions, name, instead):
    """Refuse torch modules that are no stack of linear layers, for ``name``."""
    if isinstance(decisions, ModuleDecisions):
        raise UnsupportedModelError(
            f"{name} needs a fully connected network, not a torch module of other "
            f"layers. {instead}."
        )


def verify_coordinates(decisions, norm, radius, time_limit):
    """As :func:`verify_robustness`, about the network: points are its inputs."""
    start = time.monotonic()
    clock = Clock(start, start + time_limit)
    return _verified(decisions, norm, radius, clock, False)


def _verified(decisions, norm, radius, clock, is_limited):
    """Verifications of samples that all move in the same coordinates."""
    if isinstance(decisions, ModuleDecisions):
        return _verified_module(decisions, norm, radius, clock, is_limited)
    n_samples = len(decisions.target)
    points, flipped = attack_points(
        decisions, np.full(n_samples, radius), norm, 20, 5, np.random.default_rng(0)
    )
    results = [
        Verification("falsified", point, seconds=clock.seconds) if hit else None
        for point, hit in zip(points, flipped, strict=True)
    ]
    bounds = [margins_by_constants]
    if unsplittable(decisions.network):
        # Ranges are bounded with fewer steps than the whole ball.
        bounds.append(margins_at_once)
    for margins in bounds:
        for row, lower in margins(decisions, norm, radius, results):
            found = Verification("verified", None, lower, 1, clock.seconds)
            results[row] = found
    levels = _levels(decisions) if is_limited else LEVELS
    table = Table(branching_of(decisions, norm), radius, results, clock)
    with limit_threads(table.branching.propagation.work):
        for n, level in enumerate(levels):
            table.run(level, is_last=n + 1 == len(levels))
    return table.results


def _verified_module(decisions, norm, radius, clock, is_limited):
    """By bounds alone; what they leave open as the network that the module is."""
    found = bounded_verifications(decisions, norm, radius)
    results = [replace(result, seconds=clock.seconds) for result in found]
    rows = [i for i, result in enumerate(results) if result.status == "unknown"]
    network = as_network(decisions.some(rows), at_length=True) if rows else None
    if network is not None:
        rest = _verified(network, norm, radius, clock, is_limited)
        for i, result in zip(rows, rest, strict=True):
            results[i] = result
    return results


def _levels(decisions):
    """The one level of a stated effort."""
    size = len(decisions.target), decisions.block.n_table
    found = limits(decisions.effort, decisions.network, *size, ranges=True)
    return (Level(found.at_one_radius if found else Effort(0)),)
