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


def make_optimizer(solver, module, *, learning_rate, momentum):
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
    momentum : float
        Momentum of sgd (Nesterov's where positive).

    Returns
    -------
    optimizer : torch.optim.Optimizer
        Ready to step.
    """
    if solver == "adam":
        return _FlatAdam(module.optimized, lr=learning_rate, fused=True)
    if solver == "sgd":
        return _FlatSGD(
            module.optimized,
            lr=learning_rate,
            momentum=momentum,
            nesterov=momentum > 0,
            fused=True,
        )
    if solver == "lbfgs":
        return _FlatSGD(module.optimized, lr=learning_rate)
    return solver(list(module.parameters()), lr=learning_rate)
