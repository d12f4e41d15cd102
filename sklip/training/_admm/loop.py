# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""All iterations of ADMM: step sizes, early stopping, and what is printed."""

import math

from sklip.training._admm.iteration import load_weights

__all__ = ["run_admm"]

# Factor by which rho grows in the second half of few iterations, whose steps shrink:
# what is deployed then comes to meet the weights, which hardly move any more.
_GROWTH = 1e4


def run_admm(admm, data, valid, *, n_iter, rule=None, peak=1.0, verbose=False):
    """Iterate until the residuals are small, or the rule or a callback says stop.

    The step size of the stochastic solvers falls to zero over the iterations, so that
    the last loss steps do not undo the projections.

    Parameters
    ----------
    admm : ADMM
        The iteration; with a rule, its net ends with the best biases.
    data, valid : TensorData
        Training samples, and held-out ones or None.
    n_iter : int
        Largest number of iterations.
    rule : StoppingRule, default=None
        Watches the score of the certified weights on ``valid``.
    peak : float, default=1.0
        Factor of the step size in the first iteration.
    verbose : bool, default=False
        Print a line for each iteration.

    Returns
    -------
    state : SplitState
        The last one, or the one with the best score.
    finished : bool
        False if the iterations ran out at residuals that were not small.
    """
    net, best = admm.net, None
    for k in range(n_iter):
        net.rate_factor = _factor(k / n_iter, 0.5 / n_iter, peak)
        if peak > 1.0 and 2 * k >= n_iter:
            admm.growth = _GROWTH ** (2.0 / n_iter)
        finished = admm.iterate(data, valid)
        if rule is not None:
            before = rule.best
            finished = _validate(admm, valid, rule) or finished
            best = admm.state if rule.best > before else best
        if verbose:
            _print_iteration(admm, n_iter)
        if finished:
            break
    net.rate_factor = 1.0
    admm.undo_growth()
    finished = finished or admm.converged
    if best is None:
        return admm.state, finished
    rule.restore_best(net.module_)
    return best, finished


def _factor(share, half, peak):
    """Factor of the step size after a share of the iterations, of 2 half each."""
    if peak == 1.0:
        return 1.0 - share
    # As a cosine, so that the last of a few iterations takes small steps already.
    return 0.5 * peak * (1.0 + math.cos(math.pi * (share + half)))


def _validate(admm, valid, rule):
    """Score the certified weights; True if the rule says stop."""
    net = admm.net
    # What counts is the network that would be deployed, not the one in training.
    load_weights(net.module_, admm.state.projected)
    net.run_single_epoch(net.get_iterator(valid), False, "valid", net.validation_step)
    stop = rule.update(net.history[-1], net.module_)
    load_weights(net.module_, admm.state.weights)
    return stop


def _print_iteration(admm, n_iter):
    record = admm.net.history[-1]
    scores = [n for n in ("train_loss", "valid_score") if n in record]
    print(
        f"ADMM iteration {admm.n_iter} of at most {n_iter}, "
        + "".join(f"{name} = {record[name]:.6f}, " for name in scores)
        + f"residuals = {record['primal_residual']:.2e} (primal) and "
        f"{record['dual_residual']:.2e} (dual), bound = {admm.state.bound:.6g}"
    )
