# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The registry of activations: looked up by name, with their proven slope sectors.

A bound is only as good as the slope sector it starts from, so an activation that is
not listed here is refused by name; there is no default sector.
"""

import copyreg
import re

import numpy as np

from sklip.networks._activations.activation import Activation
from sklip.networks._activations.gated import GATED
from sklip.networks._activations.hinges import HINGES, leaky_relu
from sklip.networks._activations.sigmoidal import SIGMOIDAL, elu

__all__ = ["activation_names", "get_activation", "list_activations"]

_PLAIN = {a.name: a for a in (*HINGES, *SIGMOIDAL, *GATED)}
_PARAMETRIC = {"leaky_relu": (leaky_relu, 0.01), "elu": (elu, 1.0)}
_ALIASES = {"sigmoid": "logistic"}
_CALL = re.compile(r"^(\w+)\((.+)\)$")


def list_activations():
    """Names of all activations with a proven slope sector.

    Returns
    -------
    names : list of str
        Sorted; ``"leaky_relu"`` and ``"elu"`` also take a parameter, as in
        ``"leaky_relu(0.2)"``. ``"sigmoid"`` is another name for ``"logistic"``.

    Examples
    --------
    >>> from sklip.networks import list_activations
    >>> "relu" in list_activations()
    True
    """
    return sorted([*_PLAIN, *_PARAMETRIC])


def get_activation(name):
    """Look an activation up by its name.

    Parameters
    ----------
    name : str
        One of :func:`list_activations`, ``"sigmoid"``, or ``"leaky_relu(a)"``,
        ``"elu(a)"`` with a number a.

    Returns
    -------
    activation : Activation
        Function, derivative and slope sector.

    Raises
    ------
    ValueError
        If the name is not registered: its slopes are unknown, so nothing can be proven
        about a network that uses it.

    Examples
    --------
    >>> from sklip.networks import get_activation
    >>> get_activation("tanh").sector
    (0.0, 1.0)
    >>> get_activation("leaky_relu(0.2)").sector
    (0.2, 1.0)
    """
    if isinstance(name, str):
        plain = _ALIASES.get(name, name)
        if plain in _PLAIN:
            return _PLAIN[plain]
        if plain in _PARAMETRIC:
            make, default = _PARAMETRIC[plain]
            return make(default)
        match = _CALL.match(plain)
        if match and match.group(1) in _PARAMETRIC:
            value = _parse_parameter(name, match.group(2))
            return _PARAMETRIC[match.group(1)][0](value)
    raise ValueError(
        f"Unknown activation {name!r}: no slope sector is proven for it. Use one of "
        f"{', '.join(list_activations())}."
    )


def activation_names(activation, n_hidden):
    """Canonical names of the activations of the hidden layers.

    Parameters
    ----------
    activation : str or sequence of str
        One name for all hidden layers, or one for each.
    n_hidden : int
        Number of hidden layers; a single name is looked up even if there are none.

    Returns
    -------
    names : tuple of str
        One for each hidden layer.

    Raises
    ------
    TypeError, ValueError
        If a name is unknown or their number is another.
    """
    if isinstance(activation, str):
        return (get_activation(activation).name,) * n_hidden
    if not isinstance(activation, list | tuple):
        raise TypeError(
            "activation must be a name or a sequence of names, got "
            f"{type(activation).__name__}."
        )
    if len(activation) != n_hidden:
        raise ValueError(
            f"activation names {len(activation)} layers, but the network has "
            f"{n_hidden} hidden layers."
        )
    return tuple(get_activation(name).name for name in activation)


def _parse_parameter(name, text):
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise ValueError(
            f"The parameter of the activation {name!r} must be a finite number."
        )
    return value


def _reduce(activation):
    return get_activation, (activation.name,)


# Pickled and copied by name: what they compute stands here.
copyreg.pickle(Activation, _reduce)
