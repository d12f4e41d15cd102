# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A module that computes in float64 what its stored parameters mean."""

import copy

import torch
from torch import nn
from torch.nn.utils import parametrize

from sklip.bounds._modules.reader import has_own_forward, operators_of
from sklip.exceptions import UnsupportedModelError

__all__ = ["double_copy"]

# Softplus and the identity differ by less than half a unit of float64 beyond it.
_SOFTPLUS_THRESHOLD = 40.0


def double_copy(module, input_shape):
    """A copy that computes in float64.

    Parameters
    ----------
    module : Module
        In eval mode.
    input_shape : tuple of int
        Shape of one sample.

    Returns
    -------
    double : Module or None
        It takes samples in float64, with the parameters as the module has them.
        Parametrized weights are what they are now, and torch's Softplus without the
        jump at its threshold. None if no bound is known for such a module: it may
        depend on its type.
    """
    double = copy.deepcopy(module)
    for inner in list(double.modules()):
        if parametrize.is_parametrized(inner):
            _make_plain(inner)
        if type(inner) is nn.Softplus and 20.0 <= inner.beta * inner.threshold < 40.0:
            inner.threshold = _SOFTPLUS_THRESHOLD / inner.beta
    double = double.double()
    try:
        operators_of(double, input_shape)
    except (UnsupportedModelError, ValueError):
        return None
    if has_own_forward(double) and not _runs(double, input_shape):
        return None
    return double


def _make_plain(module):
    """Give a parametrized module its present tensors as parameters.

    torch's remove_parametrizations edits the class, which copies share.
    """
    tensors = {name: getattr(module, name) for name in module.parametrizations}
    module.__class__ = parametrize.type_before_parametrizations(module)
    del module._modules["parametrizations"]
    for name, tensor in tensors.items():
        module.register_parameter(name, nn.Parameter(tensor.detach().clone()))


def _runs(module, input_shape):
    """Whether a forward of the user's own takes float64 and stays in it."""
    samples = torch.zeros(2, *input_shape, dtype=torch.float64)
    samples = samples.to(next(module.parameters(), samples).device)
    try:
        with torch.no_grad():
            return module(samples).dtype == torch.float64
    except RuntimeError:
        return False
