# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The bound of a torch module, and the fully connected network that it may be."""

import math

from sklip._arguments import check_norm
from sklip.bounds._modules.as_network import feedforward_of
from sklip.bounds._modules.operators import chain_bound
from sklip.bounds._modules.reader import checked_shape, is_module, operators_of

__all__ = ["feedforward_from_module", "module_bound", "unwrap_module"]


def module_bound(module, input_shape=None, *, norm=2):
    """Bound the global Lipschitz constant of a torch module from above, with a proof.

    Parameters
    ----------
    module : Module
        In eval mode: nested ``nn.Sequential`` of linear and convolutional layers,
        average and max pooling, batch normalisation, dropout, flattening, activations
        with a proven slope sector, ``Residual`` blocks, and registered classes.
    input_shape : tuple of int, default=None
        Shape of one sample, such as ``(3, 32, 32)``; makes the bound tighter, and is
        needed for adaptive pooling. None: unknown spatial size, and linear layers that
        nothing stands in front of take flat rows.
    norm : {1, 2, inf}, default=2
        Norm of both the input and the output, over all entries of a sample.

    Returns
    -------
    bound : float
        Product over the layers, sum over residual branches, rounded upward. Exact for
        a single convolution with circular padding whose size the stride divides.

    Raises
    ------
    UnsupportedModelError
        If no bound is proven for a module in it.
    ValueError
        If a module is in training mode, a parameter is not finite, or the input shape
        does not fit.

    Notes
    -----
    (28)-(31) of paper 000 (A28) for each layer's operator norm, in exact arithmetic of
    the stored weights. Batch normalisation is multiplied into a neighbouring layer.
    Zero padding: a circulant operator that contains the convolution; with unknown size,
    its symbol's maximum over all frequencies.

    Examples
    --------
    >>> import torch
    >>> from sklip.bounds import module_bound
    >>> convolution = torch.nn.Conv2d(1, 1, 3, padding=1)
    >>> _ = torch.nn.init.constant_(convolution.weight, 1 / 9)
    >>> network = torch.nn.Sequential(convolution, torch.nn.ReLU()).eval()
    >>> 0.9 < module_bound(network, (1, 8, 8)) < 1.0 < module_bound(network) < 1.01
    True
    """
    norm = check_norm(norm)
    return chain_bound(operators_of(module, input_shape), norm)


def feedforward_from_module(module, input_shape=None):
    """Write a torch module as a FeedForward, where it is one.

    Parameters
    ----------
    module : Module
        As for :func:`module_bound`.
    input_shape : tuple of int, default=None
        Shape of one sample; with it, small convolutions and average pooling become
        matrices. The network takes the sample's entries as a flat row.

    Returns
    -------
    network : FeedForward or None
        None if the module has residual blocks, max pooling, or layers too large to be
        written as a matrix.

    Raises
    ------
    UnsupportedModelError, ValueError
        As for :func:`module_bound`.

    Notes
    -----
    Batch normalisation is a diagonal matrix between identity layers, its entries
    rounded away from 0 by about 1e-15. Where no activation stands beside it, so that a
    bound of the network need not be one of the module, None is returned; a leaky ReLU
    beside it gets a negative slope smaller by about 1e-15 for the same reason.

    Examples
    --------
    >>> import torch
    >>> from sklip.bounds import feedforward_from_module
    >>> stack = [torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)]
    >>> feedforward_from_module(torch.nn.Sequential(*stack).eval())
    FeedForward(3-4-2, tanh)
    """
    shape = checked_shape(input_shape)
    operators = operators_of(module, shape)
    return feedforward_of(operators, None if shape is None else math.prod(shape))


def unwrap_module(model):
    """A torch module as a FeedForward where it is one; anything else as it is."""
    if not is_module(model):
        return model
    network = feedforward_from_module(model)
    return model if network is None else network
