# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Projected gradient ascent: the attack that certified scores are held against."""

from functools import partial

import numpy as np
from scipy.special import softmax

from sklip._arguments import (
    as_generator,
    check_count,
    check_norm,
    check_radius,
    check_sample_weight,
)
from sklip._blocks import (
    SOME_ROWS,
    by_blocks,
    check_jobs,
    joined,
    seeds,
)
from sklip._documentation import documented
from sklip._floats import norms
from sklip._shared_docs import SHARED
from sklip.bounds import ModuleNetwork, row_check
from sklip.certification._attacks.balls import Ball
from sklip.certification._attacks.found import Counterexamples
from sklip.certification._decisions import decide
from sklip.certification._groups import averages, members_of

__all__ = [
    "adversarial_accuracy_score",
    "attack_points",
    "flipped_values",
    "linearise",
    "pgd_attack",
    "tangent_distances",
]

_BLOCK_ROWS = 1024


@documented(SHARED)
def pgd_attack(
    model,
    X,
    y=None,
    *,
    radius,
    norm=2,
    feature_eps=None,
    n_steps=20,
    n_restarts=10,
    random_state=None,
    n_jobs=None,
    verbose=0,
):
    """Search each sample's ball for a point with another prediction.

    Parameters
    ----------
    {model, X}
    y : array-like of shape (n_samples,), default=None
        True labels; without y the predicted ones.
    {radius, norm, feature_eps}
    n_steps : int, default=20
        Gradient steps from each start.
    n_restarts : int, default=10
        Starts: the sample itself with the margin and with the cross-entropy as loss,
        then random points of the ball, each against another runner-up class.
    {random_state, n_jobs, verbose}

    Returns
    -------
    rows : ndarray, sparse matrix or DataFrame of shape (n_samples, n_features)
        The adversarial points found, else the samples, as rows of the table X: its
        kind, names, index and types.
    flipped : ndarray of shape (n_samples,)
        Whether ``model.predict(rows)`` is not the label. Samples that are wrong from
        the start are flipped by themselves.

    Notes
    -----
    Madry et al., Towards deep learning models resistant to adversarial attacks, ICLR
    2018. The points are inside the ball, columns that cannot move stay as they are bit
    for bit, an entry that is missing stays missing, and a column whose type holds whole
    numbers only takes whole steps.

    Examples
    --------
    >>> from sklip.certification import pgd_attack
    >>> from sklip.networks import FeedForward
    >>> net = FeedForward([[[1.5, 2.0], [-1.5, -2.0]]])
    >>> X = [[1.0, 0.5], [0.1, 0.0]]
    >>> pgd_attack(net, X, radius=0.5, random_state=0)[1]
    array([False,  True])
    """
    norm, radius = check_norm(norm), check_radius(radius)
    *effort, rng = _effort(n_steps, n_restarts, random_state)
    check_jobs(n_jobs, verbose)
    check = row_check(model, feature_eps)
    ask = partial(_attacked, model, feature_eps, radius, norm, effort, False)
    jobs = {"n_jobs": n_jobs, "verbose": verbose, "more": seeds(rng)}
    parts = by_blocks(ask, check, X, y, step=SOME_ROWS, **jobs)
    rows, flipped = map(joined, zip(*parts, strict=True))
    return rows, flipped


@documented(SHARED)
def adversarial_accuracy_score(
    model,
    X,
    y,
    *,
    radius,
    norm=2,
    feature_eps=None,
    n_steps=20,
    n_restarts=10,
    random_state=None,
    sample_weight=None,
    groups=None,
    n_jobs=None,
    verbose=0,
):
    """Share of samples classified correctly at every point an attack tries.

    Parameters
    ----------
    {model, X, y, radius, norm, feature_eps}
    n_steps, n_restarts : int, default=20, 10
        Effort of :func:`pgd_attack`.
    {random_state, sample_weight, groups, n_jobs, verbose}

    Returns
    -------
    score : float
        At most the accuracy, at least the certified accuracy. It proves nothing: a
        better attack may find more.
        With ``groups`` a dict from each class or label to this; NaN without weight.

    Examples
    --------
    >>> from sklip.certification import adversarial_accuracy_score
    >>> from sklip.networks import FeedForward
    >>> net = FeedForward([[[1.5, 2.0], [-1.5, -2.0]]])
    >>> X = [[1.0, 0.5], [0.1, 0.0]]
    >>> adversarial_accuracy_score(net, X, [0, 0], radius=0.5, random_state=0)
    np.float64(0.5)
    """
    norm, radius = check_norm(norm), check_radius(radius)
    *effort, rng = _effort(n_steps, n_restarts, random_state)
    check_jobs(n_jobs, verbose)
    members = members_of(groups, y)
    check = row_check(model, feature_eps)
    ask = partial(_attacked, model, feature_eps, radius, norm, effort, True)
    jobs = {"n_jobs": n_jobs, "verbose": verbose, "more": seeds(rng)}
    flipped = joined(by_blocks(ask, check, X, y, step=SOME_ROWS, **jobs))
    weight = check_sample_weight(sample_weight, len(flipped))
    return averages(members, weight, lambda w: np.average(~flipped, weights=w))


def _attacked(model, feature_eps, radius, norm, effort, is_score, X, y, block, rng):
    """Rows found about a block and whether they flip; for a score the second alone."""
    decisions = decide(model, X, y, feature_eps, unseen=is_score, block=block)
    radii = np.full(len(decisions.target), radius)
    points, flipped = attack_points(decisions, radii, norm, *effort, rng)
    found = Counterexamples(model, X, decisions, norm, keep_whole=not is_score)
    values, flipped = flipped_values(found, points, flipped, radii)
    return flipped if is_score else (found.rows(values), flipped)


def _effort(n_steps, n_restarts, random_state):
    """Steps, restarts and generator of an attack, checked."""
    return (
        check_count(n_steps, "n_steps"),
        check_count(n_restarts, "n_restarts"),
        as_generator(random_state),
    )


def flipped_values(found, points, flipped, radii):
    """Values of the moving columns, and whether predict flips or was wrong before."""
    values, outcome = found.writer.origin.copy(), ~found.decisions.correct
    samples = np.flatnonzero(flipped & ~outcome)
    there, good = found.inside(points[samples], samples, radii[samples])
    values[samples[good]] = there[good]
    outcome[samples[good]] = True
    return values, outcome


def attack_points(decisions, radii, norm, n_steps, n_restarts, rng):
    """Points found and whether they flip; each sample has its own radius."""
    points = decisions.inputs.copy()
    flipped = ~decisions.correct
    ball = Ball.around(decisions.view, norm, radii[:, None])
    attackable = (radii > 0.0) & decisions.movable().any(axis=1)
    for restart in range(n_restarts):
        rows = np.flatnonzero(~flipped & attackable)
        for start in range(0, len(rows), _BLOCK_ROWS):
            block = rows[start : start + _BLOCK_ROWS]
            found, hit = _ascend(
                decisions, block, ball.of(block), n_steps, restart, rng
            )
            points[block[hit]] = found[hit]
            flipped[block[hit]] = True
    return points, flipped


def _ascend(decisions, rows, ball, n_steps, restart, rng):
    """One start of the attack at some samples; those that flip are left alone."""
    network, mutable = decisions.network, np.flatnonzero(decisions.view.attackable)
    origin, target = decisions.inputs[rows], decisions.target[rows]
    loss = _loss_slopes(decisions.logits[rows], target, restart)
    points, hit = origin.copy(), np.zeros(len(rows), dtype=bool)
    # An entry that is missing stays missing.
    free = decisions.movable()[rows]
    delta = np.zeros((len(rows), len(mutable)))
    if restart >= 2:
        delta = ball.sample(len(mutable), rng) * free
    for step in range(n_steps + 1):
        alive = np.flatnonzero(~hit)
        here = origin[alive]
        here[:, mutable] = ball.of(alive).move(here[:, mutable], delta[alive])
        points[alive] = here
        logits, pull_back = linearise(network, here)
        # The verdict is the network's own forward pass, never this one's.
        near = np.flatnonzero(logits.argmax(axis=1) != target[alive])
        wrong = decisions.flips(here[near], rows[alive[near]])
        hit[alive[near[wrong]]] = True
        if step == n_steps or hit.all():
            break
        gradient = pull_back(loss(logits, alive))[:, mutable] * free[alive]
        flat = ~gradient.any(axis=1)
        noise = rng.standard_normal((np.count_nonzero(flat), len(mutable)))
        gradient[flat] = noise * free[alive][flat]
        size = 0.5 * (1.0 + np.cos(np.pi * step / n_steps)) * ball.radius[alive]
        moved = delta[alive] + size * ball.of(alive).steepest(gradient)
        delta[alive] = ball.of(alive).project(moved)
    return points, hit


def _loss_slopes(clean, target, restart):
    """Derivative of the attack's loss by the logits, for some of the samples."""
    n_classes = clean.shape[1]
    one_hot = np.eye(n_classes)
    others = np.where(one_hot[target] > 0, -np.inf, clean)
    # Later starts go for one class each: runner-up, third, ...
    ranked = np.argsort(-others, axis=1)[:, max(0, restart - 2) % (n_classes - 1)]
    # In units of the clean margin: cross-entropy alone saturates on large logits.
    gap = np.abs(clean.max(axis=1) - others.max(axis=1))
    scale = np.maximum(gap, 1e-9 * np.abs(clean).max(axis=1) + 1e-30)[:, None]

    def slopes(logits, rows):
        if restart == 1:
            return softmax(logits / scale[rows], axis=1) - one_hot[target[rows]]
        if restart == 0:
            rest = np.where(one_hot[target[rows]] > 0, -np.inf, logits)
            return one_hot[rest.argmax(axis=1)] - one_hot[target[rows]]
        return one_hot[ranked[rows]] - one_hot[target[rows]]

    return slopes


def linearise(network, U):
    """Outputs at U, and the function that pulls output slopes back to the inputs."""
    if isinstance(network, ModuleNetwork):
        return network.linearise(U)
    a, slopes = U, []
    hidden = zip(network.weights, network.biases, network.activations, strict=False)
    for weight, bias, activation in hidden:
        z = a @ weight.T + bias
        slopes.append(activation.derivative(z))
        a = activation.function(z)
    outputs = a @ network.weights[-1].T + network.biases[-1]

    def pull_back(gradient):
        gradient = gradient @ network.weights[-1]
        for weight, slope in zip(
            reversed(network.weights[:-1]), reversed(slopes), strict=True
        ):
            gradient = (gradient * slope) @ weight
        return gradient

    return outputs, pull_back


def tangent_distances(decisions, norm):
    """Distance to the runner-up by the tangent: the scale at which to start; or 0."""
    gaps = decisions.gaps()
    runner_up = gaps.argmin(axis=1)
    one_hot = np.eye(gaps.shape[1])
    _, pull_back = linearise(decisions.network, decisions.inputs)
    slope = pull_back(one_hot[decisions.target] - one_hot[runner_up])
    moving = decisions.view.mutable
    shares = tuple(share[moving] for share in decisions.view.shares)
    # Down the gap, in units of what each direction is worth.
    slope = Ball(norm, None, shares).scaled(-slope[:, moving])
    length = norms(slope, {1: np.inf, 2: 2, np.inf: 1}[norm])
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = gaps.min(axis=1) / length
    return np.where(np.isfinite(distance), distance, 0.0)
