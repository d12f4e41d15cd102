# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Modules that compute what their class says: no hooks, no methods put in their place.

Whatever runs beside or instead of a class's forward is not read, so it is refused.
"""

import torch
from torch import fx, nn
from torch.nn.modules import module as torch_module
from torch.nn.utils import parametrizations, parametrize

from sklip.bounds._modules.layers import need_eval
from sklip.exceptions import UnsupportedModelError
from sklip.networks import full_name, need_unaltered

__all__ = ["is_written_graph", "plain_type", "refuse_exported"]

# Hooks of all modules of the process; torch has no public way to ask for them.
_GLOBAL_HOOKS = ("_global_forward_pre_hooks", "_global_forward_hooks")
_PARAMETRIZATIONS = {
    getattr(parametrizations, name)
    for name in ("_SpectralNorm", "_WeightNorm", "_Orthogonal")
    if hasattr(parametrizations, name)
}


def plain_type(module):
    """The type that says what a module computes.

    Parameters
    ----------
    module : Module
        Any module; those inside it are not looked at.

    Returns
    -------
    kind : type
        Its type; for torch's own parametrizations in eval mode, the one behind them.

    Raises
    ------
    ValueError
        If torch has forward hooks for all modules, or a parametrized module is in
        training mode.
    UnsupportedModelError
        If the module has hooks, methods of its own or an unknown parametrization.
    """
    if any(getattr(torch_module, name, None) for name in _GLOBAL_HOOKS):
        raise ValueError(
            "Forward hooks for all modules are registered "
            "(torch.nn.modules.module.register_module_forward_hook or ..._pre_hook): "
            "what a module computes with them is not known. Remove them first "
            "(handle.remove())."
        )
    kind = _without_parametrizations(module)
    _refuse_wrappers(module)
    own_forward = "forward" in vars(module) or module._forward_hooks
    if own_forward or module._forward_pre_hooks:
        raise UnsupportedModelError(
            f"{kind.__name__} has forward hooks or a forward of its own: what it "
            "computes is not known. Remove them (torch.nn.utils.remove_spectral_norm "
            "and remove_weight_norm keep the normalised weights)."
        )
    if vars(module).get("_compiled_call_impl") is not None:
        raise UnsupportedModelError(
            f"{kind.__name__} was compiled in place (module.compile()): what is called "
            "is no longer its forward. Pass the module before that."
        )
    if not is_written_graph(module):
        need_unaltered(module)
    return kind


def is_written_graph(module):
    """Whether a module is of a class that torch.fx wrote for one graph.

    Its forward is traced as it stands, whatever wrote it.
    """
    kind = type(module)
    own = kind.__module__ == fx.GraphModule.__module__
    return own and kind.__bases__ == (fx.GraphModule,)


def _refuse_wrappers(module):
    """Refuse what runs another module in a way of its own, and say which to pass."""
    if isinstance(module, torch.jit.ScriptModule):
        use = "Pass the module that it was made of."
    elif type(module).__module__.startswith("torch._dynamo"):
        use = "Pass module._orig_mod, which rounds in its own way."
    elif isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        use = "Pass module.module."
    else:
        refuse_exported(module)
        return
    raise _refused(module, use)


def refuse_exported(module):
    """Refuse what torch.export made: it has no eval mode, and guards of its own."""
    if isinstance(module, fx.GraphModule) and hasattr(module, "_in_spec"):
        raise _refused(module, "Pass the module that was exported.")


def _refused(module, use):
    return UnsupportedModelError(
        f"No bound is proven for {full_name(module)}: what it runs is not the forward "
        f"of a class. {use}"
    )


def _without_parametrizations(module):
    if not parametrize.is_parametrized(module):
        return type(module)
    for chain in module.parametrizations.values():
        unknown = [p for p in chain if type(p) not in _PARAMETRIZATIONS]
        if unknown:
            raise UnsupportedModelError(
                f"No bound is proven for the parametrization "
                f"{type(unknown[0]).__name__}: make it permanent by "
                "torch.nn.utils.parametrize.remove_parametrizations."
            )
    need_eval(module)
    return parametrize.type_before_parametrizations(module)
