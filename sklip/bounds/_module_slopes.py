# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Slopes of a torch module: in each column, and inside balls."""

import numpy as np
import torch

from sklip._floats import tensor_lengths
from sklip._threads import limit_threads
from sklip.bounds._layers import ModulePropagation, linear_map
from sklip.bounds._modules import Convolution, Dense, Reshape, chain_bound, operators_of

__all__ = ["column_slopes", "module_rates"]

# Roundings of the few products that are made here.
_UP = 1.0 + 1e-9


def column_slopes(view):
    """l2 bounds of the outputs' slope in each column of X, all outputs together.

    Returns
    -------
    slopes : ndarray of shape (n_coordinates,)
        The first layer's column times the norm of what is behind it.
    """
    network = view.network
    shape = network.input_shape
    operators = operators_of(network.module, shape)
    total = chain_bound(operators, 2.0)
    entries = np.full(network.n_rows, total)
    first, before = operators, shape
    while first and isinstance(first[0], Reshape):
        first, before = first[1:], first[0].shape
    if first and isinstance(first[0], Dense | Convolution):
        layer = linear_map(first[0], before, torch.as_tensor)
        ones = torch.ones(1, *layer.out_shape, dtype=torch.float64)
        columns = torch.sqrt(layer.transposed(ones, power=2)).flatten().numpy()
        entries = np.minimum(entries, columns * chain_bound(first[1:], 2.0))
    if network.before is not None:
        entries = entries @ np.abs(network.before.weights[0])
    return entries * view.units * _UP if network.before is None else entries * _UP


def module_rates(view, inputs, radius, norm, device, is_difference):
    """Bounds of the Lipschitz constant inside balls, of all outputs together."""
    network = view.network
    propagation = ModulePropagation(network, norm, view.mutable, device)
    rows = np.array([[-1.0, 1.0]]) if is_difference else np.eye(network.n_outputs)
    rows = propagation.tensor(rows)[None]
    found = np.empty(len(inputs))
    step = propagation.block_rows(rows.shape[1])
    with torch.no_grad(), limit_threads(propagation.work):
        for start in range(0, len(inputs), step):
            block = slice(start, start + step)
            centers = inputs[block]
            balls = propagation.balls(centers, np.full(len(centers), radius))
            bounds = propagation.hidden_bounds(balls, "crown")
            each = propagation.rates(bounds, rows)
            if propagation.norm == 2.0:
                joint = tensor_lengths(each)
            elif propagation.norm == 1.0:
                joint = each.sum(dim=1)
            else:
                joint = each.amax(dim=1)
            found[block] = joint.cpu().numpy() * _UP
    return found
