# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Full-batch training by SciPy's L-BFGS, one iteration an epoch."""

import time

import numpy as np
import torch
from scipy.optimize import OptimizeResult, minimize

__all__ = ["run_lbfgs"]


def run_lbfgs(net, data, valid, stopping, epochs):
    """Minimise the training objective with all samples in one batch.

    Parameters
    ----------
    net : MLPNet
        An initialised net; its module holds start and result.
    data, valid : TensorData
        Training samples, and held-out ones or None.
    stopping : StoppingRule
        Its tol is the tolerance of the gradient's largest entry; its rule is applied
        to the validation score if there is one.
    epochs : int
        Largest number of iterations.

    Returns
    -------
    converged : bool
        False if the iterations ran out.
    """
    flat, whole = net.module_.flat_parameters, net.module_.flat
    state = {"start": time.perf_counter(), "finite": whole.clone(), "stopped": False}
    rule = stopping if stopping is not None and stopping.early_stopping else None

    def objective(x):
        flat.copy_(torch.from_numpy(x))
        loss = net.backprop_.loss_and_grad(data.X, data.targets, data.sample_weight)
        net.check_finite(state["finite"], float(loss))
        if net.penalty is not None:
            loss = loss + net.penalty.add_exact_gradient(data.X, data.sample_weight)
            net.check_finite(state["finite"], float(loss))
        return float(loss), net.module_.flat_grad.cpu().double().numpy()

    def callback(intermediate_result):
        flat.copy_(torch.from_numpy(intermediate_result.x))
        net.notify("on_epoch_begin", dataset_train=data, dataset_valid=valid)
        net.history.new_batch()
        net.history.record("train_loss", float(intermediate_result.fun))
        state["finite"].copy_(whole)
        if net.finish_epoch(data, valid, rule, state["start"]):
            state["stopped"] = True
            raise StopIteration
        state["start"] = time.perf_counter()

    try:
        result = minimize(
            objective,
            flat.cpu().double().numpy(),
            jac=True,
            method="L-BFGS-B",
            callback=callback,
            options={
                "maxiter": epochs,
                "maxfun": 10 * epochs,
                "gtol": stopping.tol,
                # SciPy's default at the default tol; a smaller tol asks for more.
                "ftol": min(2.2e-9, max(stopping.tol**2, 64 * np.finfo(float).eps)),
            },
        )
        if result.nit == 0:  # the start is optimal: record it all the same
            callback(OptimizeResult(x=result.x, fun=result.fun))
    except StopIteration:
        return True
    except KeyboardInterrupt:
        whole.copy_(state["finite"])
        net.end_interrupted()
        return True
    flat.copy_(torch.from_numpy(result.x))
    return state["stopped"] or result.status != 1
