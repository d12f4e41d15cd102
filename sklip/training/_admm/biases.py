# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Biases trained alone, with the weights as they are."""

import numpy as np
import torch
from scipy.optimize import minimize

__all__ = ["fit_biases"]


def fit_biases(net, data, *, max_iter, tol):
    """Minimise the training loss over the biases of a net by L-BFGS.

    The loss never ends above its start, and no bound of a Lipschitz constant depends
    on a bias.

    Parameters
    ----------
    net : MLPNet
        Its module holds the weights, and start and result of the biases.
    data : TensorData
        Training samples, which count as one batch.
    max_iter : int
        Largest number of iterations.
    tol : float
        Largest entry of the gradient at which to stop.

    Returns
    -------
    loss : float
        Where it ended.
    """
    module = net.module_
    biases = module.flat[module.n_weights :]
    gradient = module.flat_grad[module.n_weights :]
    best = {"loss": np.inf, "biases": biases.clone()}

    def objective(x):
        biases.copy_(torch.from_numpy(x))
        loss = float(net.backprop_.full_loss_and_grad(data))
        # L-BFGS may end at a worse point than it has seen, or be interrupted anywhere.
        if loss < best["loss"]:
            best.update(loss=loss, biases=biases.clone())
        return loss, gradient.cpu().double().numpy()

    start = biases.cpu().double().numpy()
    options = {"maxiter": max_iter, "gtol": tol}
    try:
        with torch.no_grad():
            minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    finally:
        biases.copy_(best["biases"])
        net.backprop_.release()
    return best["loss"]
