# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Full-batch training by SciPy's L-BFGS, one iteration an epoch."""

import time

import numpy as np
import torch
from scipy.optimize import OptimizeResult, minimize

from sklip.training._losses import output_units

__all__ = ["run_lbfgs"]


def run_lbfgs(net, data, valid, stopping, epochs):
    """Minimise the training objective with all samples in one batch.

    Parameters
    ----------
    net, data, valid
        As for :func:`run_epochs`.
    stopping : StoppingRule
        Its tol is the tolerance of the gradient's largest entry; its rule is applied
        to the validation score if there is one.
    epochs : int
        Largest number of iterations.

    Returns
    -------
    converged : bool
        False if iterations or evaluations ran out, or the line search failed.
    """
    rule = stopping if stopping is not None and stopping.early_stopping else None
    if net.module_.as_drawn:
        net.begin_outputs(data.targets, data.sample_weight)
    run = _Run(net, data, valid, rule)
    flat, whole = net.module_.flat_parameters, net.module_.flat
    try:
        while True:
            try:
                result = _minimize(run, stopping.tol, epochs - run.n_iter)
                break
            except _Refrozen:  # another function: the memory of the last one is void
                whole.copy_(run.finite)
        if run.n_iter == 0:  # the start is optimal: record it all the same
            run.end_epoch(OptimizeResult(x=result.x, fun=result.fun))
    except StopIteration:
        return True
    except KeyboardInterrupt as error:
        whole.copy_(run.finite)
        net.end_interrupted(error)
        return True
    flat.copy_(torch.from_numpy(result.x * run.scales))
    net.forget_unfinished_epoch()
    return run.stopped or (result.status == 0 and not _is_stuck(result, run))


def _is_stuck(result, run):
    """Whether the first steps already changed next to nothing, far from an optimum."""
    return result.nit <= 2 and np.abs(result.jac).max(initial=0.0) > 0.5 * run.steepest


class _Refrozen(Exception):
    """A callback has frozen or unfrozen parameters."""


def _scales(net, data):
    """Units of the parameters: those of the targets for a regressor's last layer.

    The first steps are of length one. Where targets are in units of 1e12 such a step
    of the weights themselves would change next to nothing, and end the search.
    """
    scales = np.ones(len(net.module_.flat_parameters))
    if not net.is_classifier:
        targets, weight = data.targets.double(), data.sample_weight
        if len(targets) == 1:  # beside zero it has a spread
            targets, weight = torch.cat([targets, 0.0 * targets]), None
        units = output_units(net.loss, targets, weight)[1]
        for part in net.module_.output_parts:
            scales[part] = float(units.max())
    return scales


def _minimize(run, tol, epochs):
    start = run.net.module_.flat_parameters.cpu().double().numpy() / run.scales
    run.unit = 1.0
    # The line search works with absolute numbers near one, too.
    steepest = float(np.abs(run(start)[1]).max(initial=0.0))
    run.unit = max(1.0, steepest)
    run.steepest = max(steepest / run.unit, tol / run.unit)
    max_fun = run.net.max_fun
    options = {
        "maxiter": epochs,
        "maxfun": 10 * epochs if max_fun is None else max(1, max_fun - run.n_fun),
        "gtol": tol / run.unit,
        # SciPy's default at the default tol; a smaller tol asks for more.
        "ftol": min(2.2e-9, max(tol**2, 64 * np.finfo(float).eps)),
    }
    return minimize(
        run,
        start,
        jac=True,
        method="L-BFGS-B",
        callback=run.end_epoch,
        options=options,
    )


class _Run:
    """The objective in units of its first gradient, and the epochs around it."""

    def __init__(self, net, data, valid, rule):
        self.net = net
        self.data = data
        self.valid = valid
        self.rule = rule
        self.finite = net.module_.flat.clone()
        self.unit, self.frozen = 1.0, None
        self.scales = _scales(net, data)
        self.stopped = self._begun = False
        self.n_iter = self.n_fun = 0
        self._start = time.perf_counter()

    def __call__(self, x):
        """Objective and gradient at a vector of parameters."""
        net, data = self.net, self.data
        if not self._begun:
            self._begin_epoch()
        self.n_fun += 1
        net.module_.flat_parameters.copy_(torch.from_numpy(x * self.scales))
        loss = net.backprop_.full_loss_and_grad(data)
        net.check_finite(self.finite, float(loss))
        if net.penalty is not None:
            loss = loss + net.penalty.add_exact_gradient(data.X, data.sample_weight)
            net.check_finite(self.finite, float(loss))
        net.clear_frozen_gradients()
        gradient = net.module_.flat_grad.cpu().double().numpy()
        return float(loss) / self.unit, gradient * (self.scales / self.unit)

    def _begin_epoch(self):
        net = self.net
        net.notify("on_epoch_begin", dataset_train=self.data, dataset_valid=self.valid)
        net.begin_epoch()
        self._begun = True
        frozen = {id(p) for p in net.module_.parameters() if not p.requires_grad}
        changed = self.frozen is not None and frozen != self.frozen
        self.frozen = frozen
        if changed:
            raise _Refrozen

    def end_epoch(self, intermediate_result):
        """Record an iteration; StopIteration where a rule or callback says stop."""
        net = self.net
        x = intermediate_result.x * self.scales
        net.module_.flat_parameters.copy_(torch.from_numpy(x))
        loss = float(intermediate_result.fun) * self.unit
        net.notify_whole_batch(self.data, loss)
        net.history.record("train_loss", loss)
        net.validate(self.valid, self.finite)
        self.finite.copy_(net.module_.flat)
        net.samples_seen += len(self.data)
        self.n_iter += 1
        self._begun = False
        if net.finish_epoch(self.data, self.valid, self.rule, self._start):
            self.stopped = True
            raise StopIteration
        self._start = time.perf_counter()
