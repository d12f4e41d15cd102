# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""One line for each sample: what is predicted, proven and attacked."""

from functools import partial

import numpy as np

from sklip._arguments import check_effort, check_flag, check_norm, check_time_limit
from sklip._blocks import (
    MANY_ROWS,
    SOME_ROWS,
    by_blocks,
    check_jobs,
    joined,
    step_for,
)
from sklip._documentation import documented
from sklip._shared_docs import SHARED
from sklip.bounds import row_check
from sklip.certification._attacks import Counterexamples, found_flips, predictions
from sklip.certification._categories import radii_for
from sklip.certification._decisions import decide
from sklip.certification._pairs import check_method
from sklip.certification._tables import column_labels, labels_or_none, table

__all__ = ["certification_report"]

_N_STEPS, _N_RESTARTS = 100, 3


@documented(SHARED)
def certification_report(
    model,
    X,
    y=None,
    *,
    norm=2,
    feature_eps=None,
    method="best",
    attack=True,
    effort="normal",
    time_limit=None,
    n_jobs=None,
    verbose=0,
):
    """Tabulate what is predicted of each sample, and how far that is proven to hold.

    Parameters
    ----------
    {model, X}
    y : array-like of shape (n_samples,), default=None
        True labels; one that the model does not know counts as a wrong prediction.
    norm : {1, 2, numpy.inf}, default=2
        Norm of the radii, in the units of X (or of feature_eps).
    {feature_eps}
    method : str or LipschitzCertificate, default="best"
        What proves the radii, as for :func:`certified_radius`.
    attack : bool, default=True
        Look for the nearest flips as well.
    {effort}
    time_limit : float, default=None
        Seconds for the proofs of the whole table. What is not reached by then keeps
        what is proven so far, by the product of norms ("pairwise") at least.
    {n_jobs, verbose}

    Returns
    -------
    report : DataFrame
        With the index of X; of polars where X is a polars DataFrame.

        prediction
            The class that is predicted.
        correct
            Whether it is the label; only with ``y``.
        margin
            Logit of the class in question, the label or else the prediction, minus the
            largest other one.
        certified_radius
            No smaller perturbation changes the prediction: proven; 0 where it is wrong.
        attacked_radius
            Distance of the nearest flip that was found, 0 where the prediction is wrong
            and inf where none was found; only with ``attack``, like what follows.
        flips_to
            The class that ``model.predict`` gives there, or None.
        moves_most
            Name of the column that moves most on the way, in its tolerance, or None.

    Raises
    ------
    TypeError, ValueError
        As for :func:`certified_radius`. A regressor has no classes to flip:
        :func:`certified_interval` says how far its predictions can move.

    See Also
    --------
    robustness_bracket : Both radii as arrays, as near to each other as is asked for.
    nearest_flip : The rows that are predicted otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> from sklip.certification import certification_report
    >>> from sklip.networks import FeedForward
    >>> net = FeedForward([[[1.5, 2.0], [-1.5, -2.0]]])
    >>> report = certification_report(net, [[1.0, 0.5], [-0.2, 0.9]], [0, 0])
    >>> report[["prediction", "correct", "flips_to", "moves_most"]]
       prediction  correct flips_to moves_most
    0           0     True        1         x1
    1           0     True        1         x1
    >>> report["certified_radius"].round(3).tolist()
    [1.0, 0.6]
    """
    norm, method = check_norm(norm), check_method(method)
    attack = check_flag(attack, "attack")
    effort, time_limit = check_effort(effort), check_time_limit(time_limit)
    check_jobs(n_jobs, verbose)
    check = row_check(model, feature_eps)
    ask = partial(_columns, model, feature_eps, norm, method, attack, effort)
    step = min(step_for(method, effort, X), SOME_ROWS if attack else MANY_ROWS)
    limits = {"time_limit": time_limit, "n_jobs": n_jobs, "verbose": verbose}
    parts = by_blocks(ask, check, X, y, step=step, **limits)
    _, names = parts[0]
    data = {key: joined([columns[key] for columns, _ in parts]) for key in parts[0][0]}
    # Labels at last: blocks of rows are joined as positions, of one type.
    for key, labels in names.items():
        data[key] = labels_or_none(labels, data[key])
    return table(X, data)


def _columns(model, feature_eps, norm, method, attack, effort, X, y, block):
    """The columns for a block of the rows, and labels of those that are positions."""
    told = {"unseen": True, "effort": effort, "block": block}
    decisions = decide(model, X, y, feature_eps, **told)
    view = decisions.view
    data, names = {"prediction": view.classes[decisions.predicted]}, {}
    if y is not None:
        data["correct"] = decisions.correct
    data["margin"] = decisions.gaps().min(axis=1)
    data["certified_radius"] = radii_for(decisions, norm, method, "immutable")
    if attack:
        data |= _attacked(model, X, decisions, norm)
        columns = np.array(column_labels(view), dtype=object)
        names = {"flips_to": view.classes, "moves_most": columns}
    return data, names


def _attacked(model, X, decisions, norm):
    """The columns about the nearest flips."""
    view = decisions.view
    found = Counterexamples(model, X, decisions, norm, keep_whole=False)
    effort = _N_STEPS, _N_RESTARTS, np.random.default_rng(0)
    values, distances = found_flips(found, effort)
    moved = np.isfinite(distances) & (distances > 0.0)
    codes, columns = np.full((2, len(moved)), -1)
    if moved.any():
        rows = np.flatnonzero(moved)
        flips = found.writer.rows(rows, values[rows])
        codes[rows] = predictions(model, view, flips)
        steps = np.abs(values - found.writer.origin) / found.writer.units
        most = found.writer.moving[steps[rows].argmax(axis=1)]
        columns[rows] = view.feature_index[most]
    return {"attacked_radius": distances, "flips_to": codes, "moves_most": columns}
