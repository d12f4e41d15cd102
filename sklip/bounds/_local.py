# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Lipschitz bounds inside balls around samples."""

from functools import partial

import numpy as np
import torch

from sklip._arguments import check_device, check_norm, check_radius
from sklip._blocks import SOME_ROWS, by_blocks, check_jobs, joined
from sklip._documentation import documented
from sklip._shared_docs import SHARED
from sklip._threads import limit_threads
from sklip.bounds._dispatch import lipschitz_bound
from sklip.bounds._local_slopes import LocalSlopes
from sklip.bounds._module_slopes import module_rates
from sklip.bounds._modules import ModuleView, view_of
from sklip.bounds._norms import DIFFERENCE_NORM
from sklip.bounds._propagation import Propagation, hidden_bounds
from sklip.bounds._rows import row_check

__all__ = ["local_lipschitz_bound"]


@documented(SHARED)
def local_lipschitz_bound(
    model, X, *, radius, norm=2, device="cpu", n_jobs=None, verbose=0
):
    """Bound the Lipschitz constant inside a ball around each sample, with a proof.

    Parameters
    ----------
    model : FeedForward or fitted model
        As for :func:`lipschitz_bound`; of a bare torch module all outputs are meant.
    X : {array-like, DataFrame} of shape (n_samples, n_features)
        Samples, as the model takes them.
    radius : float
        Radius of the balls, in the units of X and in ``norm``.
    norm : {1, 2, inf}, default=2
        Norm of the input, of the output and of the balls.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where it computes, in float64.
    {n_jobs, verbose}

    Returns
    -------
    bounds : ndarray of shape (n_samples,)
        No two points of a sample's ball have outputs farther apart than this times
        their distance. Never above :func:`lipschitz_bound` of the same norm.

    Raises
    ------
    ValueError
        If ``radius`` is negative or not finite, or another argument is not one of the
        allowed values.

    Notes
    -----
    Linear bound propagation gives the range of every neuron's slope in the ball; what
    the uncertain slopes may add to the product of the certain ones is bounded layer by
    layer (recursive Jacobian bounds).

    Examples
    --------
    >>> from sklip.bounds import lipschitz_bound, local_lipschitz_bound
    >>> from sklip.networks import random_network
    >>> network = random_network([4, 16, 16, 2], random_state=0)
    >>> local = local_lipschitz_bound(network, [[1.0, 0.0, 0.0, 0.0]], radius=0.01)
    >>> bool(local[0] < lipschitz_bound(network).value)
    True
    """
    norm, radius = check_norm(norm), check_radius(radius)
    device = check_device(device)
    check_jobs(n_jobs, verbose)
    view, largest = view_of(model, X).as_score(), None
    if view.mutable.any() and not isinstance(view, ModuleView):
        # Once for all blocks.
        largest = lipschitz_bound(model, norm=norm).value
    ask = partial(_of_rows, model, radius, norm, device, largest)
    jobs = {"n_jobs": n_jobs, "verbose": verbose}
    return joined(by_blocks(ask, row_check(model), X, step=SOME_ROWS, **jobs))


def _of_rows(model, radius, norm, device, largest, X, y, block):
    """Bounds for a block of the rows."""
    view = view_of(model, X).as_score()
    inputs = view.encode(X)
    if not view.mutable.any():
        return np.zeros(len(inputs))
    if isinstance(view, ModuleView):
        largest = view.product(norm) * (DIFFERENCE_NORM[norm] if view.is_score else 1.0)
        rates = module_rates(view, inputs, radius, norm, device, view.is_score)
        return np.fmin(rates, largest * (1.0 + 1e-12))
    propagation = Propagation(view.network, norm, view.mutable, device)
    found = np.full(len(inputs), largest)
    step = propagation.block_rows(view.network.n_outputs)
    with torch.no_grad(), limit_threads(propagation.work):
        for start in range(0, len(inputs), step):
            block = slice(start, start + step)
            rates = _block(propagation, inputs[block], radius)
            found[block] = np.fmin(found[block], rates)
    return found


def _block(propagation, inputs, radius):
    """Operator norms of all Jacobians in the balls."""
    balls = propagation.balls(inputs, np.full(len(inputs), radius))
    bounds = hidden_bounds(propagation, balls, "crown")
    n_outputs = len(propagation.layers[-1].weight)
    rows = torch.eye(n_outputs, dtype=torch.float64, device=propagation.device)[None]
    each, joint = LocalSlopes(propagation, bounds).rates(rows)
    if propagation.norm == torch.inf:
        joint = each.amax(dim=1)
    elif propagation.norm == 1.0:
        # A column's sum is at most the sum of every row's largest entry.
        joint = each.sum(dim=1)
    return joint.reshape(-1).expand(len(inputs)).cpu().numpy() * (1.0 + 1e-12)
