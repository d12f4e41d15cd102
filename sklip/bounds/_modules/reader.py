# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Torch modules as chains of operators: convolutions, pooling, residual blocks.

Modules are recognised by their exact type: a subclass may compute something else.
"""

from torch import nn
from torch.nn.utils import parametrize

from sklip._arguments import is_integer
from sklip.bounds._modules.instead import way_out
from sklip.bounds._modules.layers import (
    DROPOUT,
    LEAF_READERS,
    compatible,
    need_eval,
    need_statistics,
)
from sklip.bounds._modules.operators import Sum
from sklip.bounds._modules.plain import is_written_graph, plain_type, refuse_exported
from sklip.bounds._modules.residual import Residual
from sklip.bounds._modules.rounding import refuse_jumps
from sklip.bounds._modules.tracing import read_traced
from sklip.bounds._modules.trial import check_stand_in
from sklip.exceptions import UnsupportedModelError

__all__ = [
    "checked_shape",
    "need_steady",
    "operators_of",
    "register_module_bound",
    "has_own_forward",
    "is_module",
]

_REGISTERED: dict = {}


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
    refuse_exported(module)
    for inner in module.modules():
        kind = type(inner)
        if kind.__name__.startswith("BatchNorm"):
            need_statistics(inner)
        if inner.training and (kind not in _READERS or kind.__name__ in _UNSTEADY):
            need_eval(module)


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
            f"({kind.__module__}.{kind.__qualname__}).{way_out(kind.__name__)} Those "
            "that have one: "
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
    if is_written_graph(module):
        return known
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
