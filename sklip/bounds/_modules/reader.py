# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Bounds of torch modules: convolutions, pooling, batch norm, residual blocks.

Modules are recognised by their exact type: a subclass may compute something else.
"""

import math

from torch import nn
from torch.nn.utils import parametrize

from sklip._arguments import check_norm, is_integer
from sklip.bounds._modules.layers import DROPOUT, LEAF_READERS, compatible, need_eval
from sklip.bounds._modules.operators import Sum, chain_bound, feedforward_of
from sklip.bounds._modules.plain import plain_type
from sklip.bounds._modules.rounding import refuse_jumps
from sklip.bounds._modules.tracing import read_traced
from sklip.bounds._modules.trial import check_stand_in
from sklip.exceptions import UnsupportedModelError

__all__ = [
    "Residual",
    "checked_shape",
    "feedforward_from_module",
    "module_bound",
    "need_steady",
    "operators_of",
    "register_module_bound",
    "has_own_forward",
    "is_module",
    "unwrap_module",
]

_REGISTERED: dict = {}


class Residual(nn.Module):
    """The sum of a branch and a shortcut of the same input.

    Parameters
    ----------
    branch : Module
        Any module.
    shortcut : Module, default=None
        Module with the same output shape; None adds the input itself.

    Examples
    --------
    >>> import torch
    >>> from sklip.bounds import Residual, module_bound
    >>> block = Residual(torch.nn.Tanh()).eval()
    >>> module_bound(torch.nn.Sequential(block, torch.nn.ReLU()))
    2.0...
    """

    def __init__(self, branch, shortcut=None):
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut

    def forward(self, x):
        """Add the two.

        Parameters
        ----------
        x : Tensor
            Input of both.

        Returns
        -------
        y : Tensor
            The sum.

        Raises
        ------
        ValueError
            If their shapes differ: broadcasting would increase the Lipschitz constant.
        """
        y = self.branch(x)
        z = x if self.shortcut is None else self.shortcut(x)
        if y.shape != z.shape:
            raise ValueError(
                f"The branches of a Residual must give outputs of one shape, got "
                f"{tuple(y.shape)} and {tuple(z.shape)}."
            )
        return y + z


def register_module_bound(module_class, function):
    """Say what a module class computes, in terms of modules that have a bound.

    Parameters
    ----------
    module_class : type
        Subclass of ``torch.nn.Module``; its own subclasses are not registered.
    function : callable
        ``function(module)`` returns a list of modules that, applied in order, compute
        what ``module.forward`` does; sums without broadcasting as ``Residual``.
        Modules that a few numbers show to compute otherwise are refused.

    Raises
    ------
    TypeError
        If ``module_class`` is not a class of modules, or is one that sklip knows.

    Examples
    --------
    >>> import torch
    >>> from sklip.bounds import module_bound, register_module_bound
    >>> class Twice(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.linear = torch.nn.Linear(2, 2)
    ...     def forward(self, x):
    ...         return self.linear(self.linear(x))
    >>> register_module_bound(Twice, lambda module: [module.linear, module.linear])
    >>> twice = Twice().eval()
    >>> abs(module_bound(twice) - module_bound(twice.linear) ** 2) < 1e-12
    True
    """
    is_module = isinstance(module_class, type) and issubclass(module_class, nn.Module)
    if not is_module or module_class in _READERS:
        raise TypeError(
            f"module_class must be a subclass of torch.nn.Module that is not built in, "
            f"got {module_class!r}."
        )
    _REGISTERED[module_class] = function


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


def operators_of(module, input_shape=None):
    """A module as a chain of operators, for samples of a shape.

    UnsupportedModelError where a module has no bound; ValueError where an activation
    jumps by more than its type rounds.
    """
    operators, _ = _read(module, checked_shape(input_shape))
    refuse_jumps(operators, module)
    return operators


def need_steady(module):
    """ValueError for a module in a training mode in which outputs may change."""
    for inner in module.modules():
        kind = type(inner)
        if inner.training and (kind not in _READERS or kind.__name__ in _UNSTEADY):
            need_eval(module)


def unwrap_module(model):
    """A torch module as a FeedForward where it is one; anything else as it is."""
    if not isinstance(model, nn.Module):
        return model
    network = feedforward_from_module(model)
    return model if network is None else network


def is_module(model):
    """Whether a model is a torch module."""
    return isinstance(model, nn.Module)


def checked_shape(shape):
    if shape is None:
        return None
    sizes = list(shape) if hasattr(shape, "__iter__") else []
    if not sizes or not all(is_integer(n) and n >= 1 for n in sizes):
        raise ValueError(
            f"input_shape must be None or the positive sizes of one sample, such as "
            f"(3, 32, 32), got {shape!r}."
        )
    return tuple(int(n) for n in sizes)


def _read(module, shape):
    """(operators, shape of the output) of a module.

    A shape leaves out the batch; entries that are not known are None, and so is a shape
    of which nothing is known.
    """
    if not isinstance(module, nn.Module):
        raise UnsupportedModelError(
            f"No bound is known for {type(module).__name__}: a torch.nn.Module is "
            "needed."
        )
    kind = plain_type(module)
    if kind in _REGISTERED:
        stated = list(_REGISTERED[kind](module))
        found = _read_in_order(stated, shape)
        said = "register_module_bound says of it"
        check_stand_in(module, nn.Sequential(*stated), shape, said)
        return found
    if kind in _READERS:
        return _READERS[kind](module, shape)
    if _is_leaf(module):
        raise UnsupportedModelError(
            f"No bound is proven for the module {kind.__name__} "
            f"({kind.__module__}.{kind.__qualname__}). Those that have one: "
            f"{', '.join(sorted(cls.__name__ for cls in _READERS))}. Other classes can "
            "be described by register_module_bound."
        )
    need_eval(module)
    for inner in module.modules():
        plain_type(inner)
    return read_traced(module, shape, _is_leaf, _read)


def _is_leaf(module):
    """Whether a module is read by itself, not traced: it is known, or torch's own."""
    kind = type(module)
    if parametrize.is_parametrized(module):
        kind = parametrize.type_before_parametrizations(module)
    known = kind in _READERS or kind in _REGISTERED
    return known or kind.__module__.partition(".")[0] == "torch"


def has_own_forward(module):
    """Whether a forward of the user's own is part of what a module computes."""
    return any(
        not _is_leaf(inner) or type(inner) in _REGISTERED for inner in module.modules()
    )


def _read_in_order(modules, shape):
    operators = []
    for module in modules:
        read, shape = _read(module, shape)
        operators += read
    return operators, shape


def _read_residual(module, shape):
    paths = [module.branch] + [module.shortcut] * (module.shortcut is not None)
    for path in paths:
        _refuse_in_place(path)
    read = [_read(path, shape) for path in paths]
    if module.shortcut is None:
        read.append(([], shape))
    shapes = [after for _, after in read if after is not None]
    if len(shapes) == 2 and not compatible(*shapes):
        raise ValueError(
            f"The branches of a Residual give outputs of shapes {shapes[0]} and "
            f"{shapes[1]}, which differ."
        )
    return [Sum(tuple(tuple(operators) for operators, _ in read))], (
        shapes[0] if shapes else None
    )


def _refuse_in_place(module):
    """Refuse what overwrites the input of a branch before the other has read it."""
    for leaf in _leaves(module):
        if getattr(leaf, "inplace", False) and type(leaf) not in _DROPOUT:
            raise UnsupportedModelError(
                f"{type(leaf).__name__}(inplace=True) at the start of a branch of a "
                "Residual overwrites the input of the other branch: use inplace=False."
            )
        if type(leaf) not in _SAME_MEMORY:
            return


def _leaves(module):
    if type(module) is nn.Sequential:
        inner = module
    elif type(module) in _REGISTERED:
        inner = _REGISTERED[type(module)](module)
    else:
        yield module
        return
    for child in inner:
        yield from _leaves(child)


def _read_sequential(module, shape):
    return _read_in_order(module, shape)


_READERS = {
    nn.Sequential: _read_sequential,
    Residual: _read_residual,
    **{getattr(nn, name): reader for name, reader in LEAF_READERS.items()},
}
_DROPOUT = {getattr(nn, name) for name in DROPOUT}
_UNSTEADY = {*DROPOUT, "BatchNorm1d", "BatchNorm2d", "BatchNorm3d"}
_SAME_MEMORY = {nn.Identity, nn.Flatten, nn.Unflatten, *_DROPOUT}
