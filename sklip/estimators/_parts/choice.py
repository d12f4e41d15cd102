# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What goes together with a module; parameters it has no use for are named."""

import warnings
from inspect import signature

import numpy as np

from sklip.training import (
    LOG_LINK_LOSSES,
    check_module_parameter,
    module_arguments,
    module_layout,
)

__all__ = ["check_module_choice", "check_same_module"]

# What fully connected layers are made with.
_OF_LAYERS = ("hidden_layer_sizes", "activation", "init_gain")


def check_module_choice(estimator):
    """Refuse parameters that a module does not go with; warn of those it ignores."""
    module, loss = estimator.module, estimator.loss
    check_module_parameter(module)
    if loss in LOG_LINK_LOSSES:
        raise ValueError(
            f"loss={loss!r} needs the fully connected network of module=None: "
            "predictions are not the module's own outputs."
        )
    if estimator.certificate not in ("auto", "best", "product", None):
        raise ValueError(
            f"certificate={estimator.certificate!r} needs the fully connected network "
            "of module=None: a module is bounded by 'product'."
        )
    defaults = signature(type(estimator)).parameters
    unused = set(_OF_LAYERS) - module_arguments(module)
    for name in sorted(unused.intersection(defaults)):
        value = getattr(estimator, name)
        if not _same(value, defaults[name].default):
            # Not refused: a search, or a subclass, may set them beside any module.
            warnings.warn(
                f"{name}={value!r} has no effect with module={_named(module)}, which "
                f"has its own: leave {name} at {defaults[name].default!r}.",
                UserWarning,
                stacklevel=2,
            )


def check_same_module(asked, fitted):
    """Refuse a module that is made otherwise than the fitted one, which goes on.

    Both are dictionaries of ``module``, ``input_shape``, ``hidden_layer_sizes`` and
    ``activation``; an ``input_shape`` of None asks for nothing.
    """
    module = asked["module"]
    names = module_arguments(module) - {"input_shape"}
    names |= {"input_shape"} if asked["input_shape"] is not None else set()
    for name in sorted(names.intersection(asked)):
        if not _same(asked[name], fitted[name]):
            raise ValueError(
                f"{name} is {asked[name]!r}, but the fitted module that warm_start or "
                f"partial_fit goes on with has {fitted[name]!r}. Put it back, or clone "
                "the estimator to start anew."
            )
    if module_layout(module) != module_layout(fitted["module"]):
        raise ValueError(
            "module has other layers than the fitted one that warm_start or "
            "partial_fit goes on with. Put it back, or clone the estimator to start "
            "anew."
        )


def _same(value, other):
    """Whether two choices say the same, as lists, tuples, arrays or a single value."""
    return np.array_equal(np.atleast_1d(value), np.atleast_1d(other))


def _named(module):
    if isinstance(module, str):
        return repr(module)
    return (module if isinstance(module, type) else type(module)).__name__
