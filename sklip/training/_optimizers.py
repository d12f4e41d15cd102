# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Torch optimizers on the flat parameter vector."""

import importlib

import torch

__all__ = ["make_optimizer", "without_compiler"]


def without_compiler(method):
    """A method without torch's decorators.

    They import the compiler at the first call, which takes seconds in every process
    (so in every worker of a grid search), and cost more than the fused update itself.
    All that they do here is to switch gradients off; the epoch loop has done that.
    """
    return getattr(method, "__wrapped__", method)


# The update itself; torch's own steps are taken where it is called otherwise.
_fused_adam = getattr(torch, "_fused_adam_", None)
# Where hooks of all optimizers are kept.
_hooks = importlib.import_module("torch.optim.optimizer")


class _FlatAdam(torch.optim.Adam):
    """Adam on one flat vector: its fused update without what torch does around it.

    Bit for bit torch's own steps, which go on wherever something else is asked for:
    hooks, several tensors, another variant, or a torch that calls its update otherwise.
    """

    add_param_group = without_compiler(torch.optim.Optimizer.add_param_group)
    torch_step = without_compiler(torch.optim.Adam.step)

    def __init__(self, *args, **kwargs):
        self._is_direct = _fused_adam is not None
        super().__init__(*args, **kwargs)

    def step(self, closure=None):
        """Take a step with the gradient that stands with the vector."""
        group = self._single_group(closure)
        if group is None:
            return self.torch_step(closure)
        (flat,), (beta_1, beta_2) = group["params"], group["betas"]
        state = self.state[flat]
        state["step"].add_(1)
        try:
            _fused_adam(
                [flat],
                [flat.grad],
                [state["exp_avg"]],
                [state["exp_avg_sq"]],
                [],
                [state["step"]],
                lr=group["lr"],
                beta1=beta_1,
                beta2=beta_2,
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=group["maximize"],
            )
        except TypeError:  # called otherwise in this version of torch: nothing happened
            self._is_direct = False
            state["step"].sub_(1)
            return self.torch_step()
        return None

    def _single_group(self, closure):
        """The group that the update can be called for; None for torch's own step."""
        groups = self.param_groups
        if (
            not self._is_direct
            or closure is not None
            or len(groups) != 1
            or len(groups[0]["params"]) != 1
            or groups[0]["amsgrad"]
            or self._optimizer_step_pre_hooks
            or self._optimizer_step_post_hooks
            or getattr(_hooks, "_global_optimizer_pre_hooks", True)
            or getattr(_hooks, "_global_optimizer_post_hooks", True)
        ):
            return None
        (flat,) = groups[0]["params"]
        # The first step makes the moments.
        return groups[0] if self.state.get(flat) and flat.grad is not None else None


# Says that hooks are seen to: torch wraps the method otherwise.
_FlatAdam.step.hooked = True  # type: ignore[attr-defined]
_FlatAdam.torch_step = torch.optim.Optimizer.profile_hook_step(_FlatAdam.torch_step)


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
