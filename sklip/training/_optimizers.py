# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Torch optimizers on the flat parameter vector."""

import torch

__all__ = ["make_optimizer", "without_compiler"]


def without_compiler(method):
    """A method without torch's decorators.

    They import the compiler at the first call, which takes seconds in every process
    (so in every worker of a grid search), and cost more than the fused update itself.
    All that they do here is to switch gradients off; the epoch loop has done that.
    """
    return getattr(method, "__wrapped__", method)


class _FlatAdam(torch.optim.Adam):
    add_param_group = without_compiler(torch.optim.Optimizer.add_param_group)
    step = without_compiler(torch.optim.Adam.step)


class _FlatSGD(torch.optim.SGD):
    add_param_group = without_compiler(torch.optim.Optimizer.add_param_group)
    step = without_compiler(torch.optim.SGD.step)


def make_optimizer(
    solver,
    module,
    *,
    learning_rate,
    momentum=0.9,
    nesterov=True,
    betas=(0.9, 0.999),
    epsilon=1e-8,
):
    """Optimizer of a module's parameters.

    The elementwise methods work on what the module offers as ``optimized``, one fused
    call a step; any other optimizer sees the layers' own parameters, since it may use
    their shapes.

    Parameters
    ----------
    solver : {"adam", "sgd", "lbfgs"} or type
        Method, or a torch optimizer class. "lbfgs" is SciPy's; its optimizer here
        takes no step and keeps no state.
    module : FlatMLP or FlatModule
        The network.
    learning_rate : float
        Step size.
    momentum : float, default=0.9
        Momentum of sgd.
    nesterov : bool, default=True
        Whether it is Nesterov's.
    betas : tuple of float, default=(0.9, 0.999)
        Decay rates of adam's moments.
    epsilon : float, default=1e-8
        Added to the divisor of adam.

    Returns
    -------
    optimizer : torch.optim.Optimizer
        Ready to step.
    """
    if solver == "adam":
        return _FlatAdam(
            module.optimized, lr=learning_rate, betas=betas, eps=epsilon, fused=True
        )
    if solver == "sgd":
        return _FlatSGD(
            module.optimized,
            lr=learning_rate,
            momentum=momentum,
            nesterov=nesterov and momentum > 0,
            fused=True,
        )
    if solver == "lbfgs":
        return _FlatSGD(module.optimized, lr=learning_rate)
    return solver(list(module.parameters()), lr=learning_rate)
