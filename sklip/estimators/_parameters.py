# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Parameters that all multilayer perceptrons share, and what is allowed for them."""

from inspect import Parameter, Signature
from numbers import Integral, Real

import numpy as np
import torch

from sklip._compat import (
    RANDOM_STATE,
    DocumentationLink,
    Interval,
    Options,
    StrOptions,
)
from sklip.bounds import BOUND_METHODS
from sklip.networks import get_activation
from sklip.training import SCHEDULES, callback_params, set_callback_params

__all__ = [
    "PARAMETER_CONSTRAINTS",
    "DocumentedCallbacks",
    "abstract",
    "check_activations",
    "check_solver",
    "layer_sizes",
]

_COUNT = Interval(Integral, 1, None, closed="left")

PARAMETER_CONSTRAINTS = {
    "hidden_layer_sizes": ["array-like", _COUNT],
    "activation": [str, list, tuple],
    "solver": [StrOptions({"adam", "sgd", "lbfgs"}), type],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), _COUNT],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "learning_rate": [StrOptions(set(SCHEDULES))],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [_COUNT],
    "max_fun": [_COUNT],
    "shuffle": ["boolean"],
    "random_state": RANDOM_STATE,
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "n_iter_no_change": [_COUNT, Options(Real, {np.inf})],
    "init_gain": [Interval(Real, 0, None, closed="neither")],
    "certificate": [StrOptions({"auto", "best", *BOUND_METHODS}), None],
    "device": [StrOptions({"cpu", "cuda", "auto"})],
    "callbacks": [list, tuple, None],
}


def check_activations(activation):
    """Refuse names that the registry does not know."""
    for name in [activation] if isinstance(activation, str) else activation:
        get_activation(name)


def check_solver(solver):
    """Refuse a class that is no optimizer, or one that needs a closure."""
    if not isinstance(solver, type):
        return
    if not issubclass(solver, torch.optim.Optimizer):
        raise ValueError(
            "solver must be 'adam', 'sgd', 'lbfgs' or a subclass of "
            f"torch.optim.Optimizer, got {solver!r}."
        )
    if issubclass(solver, torch.optim.LBFGS):
        raise ValueError("torch.optim.LBFGS needs a closure; use solver='lbfgs'.")


def layer_sizes(hidden_layer_sizes, activation):
    """Hidden layer sizes as a tuple, one for each activation named."""
    sizes = np.atleast_1d(np.asarray(hidden_layer_sizes))
    sizes = sizes.astype(int) if sizes.size == 0 else sizes
    if sizes.ndim != 1 or sizes.dtype.kind not in "iu" or np.any(sizes < 1):
        raise ValueError(
            "hidden_layer_sizes must be positive integers, one for each hidden "
            f"layer, got {hidden_layer_sizes!r}."
        )
    if not isinstance(activation, str) and len(activation) != len(sizes):
        raise ValueError(
            f"activation names {len(activation)} layers, but "
            f"hidden_layer_sizes has {len(sizes)}."
        )
    return tuple(int(n) for n in sizes)


def abstract(cls):
    """Let a base refuse, whatever its arguments, to be made itself.

    Parameters
    ----------
    cls : type
        The base of a classifier and a regressor that are called like it.

    Returns
    -------
    cls : type
        The same class, whose signature is empty.
    """
    name = cls.__name__

    # Not __new__, whose signature would be every subclass's.
    def __init__(self, *arguments, **parameters):
        """Refuse to make the base itself."""
        if type(self) is cls:
            raise TypeError(
                f"{name} is an abstract base: use {name}Classifier or {name}Regressor."
            )
        super(cls, self).__init__(*arguments, **parameters)

    own = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
    __init__.__signature__ = Signature([own])
    cls.__init__ = __init__
    return cls


class DocumentedCallbacks(DocumentationLink):
    """Nested parameters of callbacks, and where the documentation is."""

    def get_params(self, deep=True):
        """Parameters of the estimator.

        Parameters
        ----------
        deep : bool, default=True
            Also ``callbacks__name`` and ``callbacks__name__parameter``.

        Returns
        -------
        params : dict
            Names and values.
        """
        params = super().get_params(deep=deep)
        if deep:
            params.update(callback_params(self.callbacks))
        return params

    def set_params(self, **params):
        """Set parameters of the estimator or of its callbacks.

        Parameters
        ----------
        **params : dict
            Names and values; ``callbacks__name__parameter`` sets a parameter of a
            callback, ``callbacks__name=None`` leaves it out. A name is the one in a
            (name, callback) pair, or the class's.

        Returns
        -------
        self : object
            The estimator.
        """
        prefix = "callbacks__"
        inner = {
            name.removeprefix(prefix): params.pop(name)
            for name in list(params)
            if name.startswith(prefix)
        }
        super().set_params(**params)
        if inner:
            self.callbacks = set_callback_params(self.callbacks, inner)
        return self
