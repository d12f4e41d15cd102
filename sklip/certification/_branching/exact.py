# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Exact verification of small piecewise linear networks by branch and bound."""

import time

import numpy as np

from sklip._arguments import check_norm, check_radius, check_time_limit
from sklip._threads import limit_threads
from sklip.certification._attacks import Counterexamples, attack_points
from sklip.certification._branching.branches import Branching, unsplittable
from sklip.certification._branching.unsplit import bounded_verifications
from sklip.certification._branching.verification import Verification
from sklip.certification._decisions import decide
from sklip.certification._module_decisions import ModuleDecisions
from sklip.exceptions import UnsupportedModelError

__all__ = ["check_splittable", "verify_robustness"]


def verify_robustness(
    model, X, y=None, *, radius, norm=2, feature_eps=None, time_limit=10.0
):
    """Decide for each sample whether any point of its ball changes the prediction.

    Parameters
    ----------
    model : FeedForward, fitted classifier or Pipeline
        With "relu", "leaky_relu" or "abs" in the hidden layers; some dozens of neurons
        can be settled.
    X : array-like or DataFrame of shape (n_samples, n_features)
        Samples, as the model takes them.
    y : array-like of shape (n_samples,), default=None
        True labels; without y the predicted ones.
    radius : float
        Size of the perturbations, in the units of X (or of feature_eps).
    norm : {1, 2, numpy.inf}, default=2
        Norm of the perturbation.
    feature_eps : dict or Series, default=None
        Feature name or index to its tolerance, or to a pair (down, up); other
        features do not move.
    time_limit : float, default=10.0
        Seconds for each sample, after which its status is "unknown".

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
    UnsupportedModelError
        If an activation is another one.
    ValueError
        If the model is a regressor or an argument is out of range.

    Notes
    -----
    An attack first, then linear bounds with optimised slopes; what they leave open is
    split by the sign of one neuron after the other, the parts bounded as in beta-CROWN
    (Wang et al., NeurIPS 2021).

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
    decisions = decide(model, X, y, feature_eps)
    check_splittable(decisions, "verify_robustness", "Use certified_radius")
    results = {}
    for rows, part in decisions.by_missing():
        found = _verified(part, norm, radius, time_limit)
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
        return Verification("unknown", n_parts=result.n_parts)
    row = found.writer.rows(samples, values)
    row = row[0] if isinstance(row, np.ndarray) else row
    return Verification("falsified", row, n_parts=result.n_parts)


def check_splittable(decisions, name, instead, *, modules=True):
    """Refuse activations that are not linear on either side of zero, for ``name``."""
    if isinstance(decisions, ModuleDecisions):
        if not modules:
            raise UnsupportedModelError(
                f"{name} needs a fully connected network, not a torch module of other "
                f"layers. {instead}."
            )
        return
    others = unsplittable(decisions.network)
    if others:
        raise UnsupportedModelError(
            f"{name} needs relu, leaky_relu (slopes up to 1) or abs in every hidden "
            f"layer, not {others}. {instead}."
        )


def _verified(decisions, norm, radius, time_limit):
    """Verifications of samples that all move in the same coordinates."""
    if isinstance(decisions, ModuleDecisions):
        return bounded_verifications(decisions, norm, radius)
    branching = Branching(decisions, norm)
    radii = np.full(len(decisions.target), radius)
    points, flipped = attack_points(
        decisions, radii, norm, 20, 5, np.random.default_rng(0)
    )
    points = [
        point if hit else None for point, hit in zip(points, flipped, strict=True)
    ]
    with limit_threads(branching.propagation.work):
        return [
            _settled(branching, point, i, radius, time_limit)
            for i, point in enumerate(points)
        ]


def _settled(branching, point, i, radius, time_limit):
    """Verification of sample i; an attack's flip ends it at once."""
    if point is not None:
        return Verification("falsified", point)
    deadline = time.monotonic() + time_limit
    others = np.argsort(branching.decisions.gaps()[i])[:-1]
    question = branching.question(i, others, radius)
    branching.settle([question], deadline=deadline)
    if question.status == "falsified":
        return Verification("falsified", question.point, n_parts=question.n_parts)
    lower = float(question.lower - branching.lost(i, radius))
    return Verification(question.status, None, lower, question.n_parts)
