# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a user's module must be, found out before any training."""

import torch
from torch import nn

from sklip.training._modules.convnet import MODULES

__all__ = ["check_built_module", "check_module_parameter", "module_layout"]


def check_module_parameter(module):
    """Refuse what is neither a name, a module class nor a module.

    Parameters
    ----------
    module : object
        The parameter ``module`` of an estimator.

    Raises
    ------
    TypeError
        If it is something else.
    """
    is_class = isinstance(module, type) and issubclass(module, nn.Module)
    if not (isinstance(module, str) or is_class or isinstance(module, nn.Module)):
        raise TypeError(
            f"module must be None, one of {', '.join(map(repr, MODULES))}, or a "
            f"torch.nn.Module class or instance, got {module!r}."
        )


def check_built_module(module, input_shape, n_outputs, what):
    """Refuse a module that cannot be trained on these samples and targets.

    Parameters
    ----------
    module : torch.nn.Module
        On the CPU; put into eval mode.
    input_shape : tuple of int
        Shape of one sample.
    n_outputs : int
        Outputs that are needed.
    what : str
        What they are for, for the error.

    Raises
    ------
    ValueError
        If it does not take such samples, has other outputs, or parameters that the
        training cannot use.
    """
    name = type(module).__name__
    outputs = _try(module, input_shape, name)
    shape = tuple(getattr(outputs, "shape", ()))
    if shape != (2, n_outputs):
        raise ValueError(
            f"module {name} gives outputs of shape {shape} for 2 samples, but {what} "
            f"needs ({2}, {n_outputs}): let its last layer have {n_outputs} outputs."
        )
    trainable = [p.dtype for p in module.parameters() if p.requires_grad]
    if len(set(trainable)) != 1 or trainable[0] not in (torch.float32, torch.float64):
        found = ", ".join(sorted({str(dtype) for dtype in trainable})) or "none"
        raise ValueError(
            f"module {name} must have trainable parameters, all of float32 or all of "
            f"float64, got {found}."
        )


def module_layout(module):
    """Kinds of the layers of an instance, and shapes of what they hold.

    Parameters
    ----------
    module : str, type or torch.nn.Module
        The parameter ``module`` of an estimator.

    Returns
    -------
    layout : tuple or None
        By the layers' names; None for a name or class, which says nothing yet.
    """
    if not isinstance(module, nn.Module):
        return None
    kinds = [(name, type(inner)) for name, inner in module.named_modules()]
    return kinds, [(name, t.shape) for name, t in module.state_dict().items()]


def _try(module, input_shape, name):
    dtype = next((p.dtype for p in module.parameters()), torch.float32)
    module.eval()
    try:
        with torch.no_grad():
            return module(torch.zeros(2, *input_shape, dtype=dtype))
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"module {name} does not take samples of shape {tuple(input_shape)}: "
            f"{reason}. Set input_shape to the shape that it takes; images have "
            "channels first, (channels, height, width)."
        ) from error
