# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Estimators that hold a torch module: the module, its input, what stands before."""

import copy
import hashlib
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from sklip.bounds._modules.graphs import OnnxModule, opened
from sklip.bounds._modules.hashing import module_hash
from sklip.bounds._modules.module_bounds import module_bound, unwrap_module
from sklip.bounds._modules.reader import is_module, operators_of
from sklip.bounds._modules.rounding import Arithmetic, known_arithmetic, module_error
from sklip.bounds._norms import DIFFERENCE_NORM, layer_norms, product_up
from sklip.networks import (
    FeedForward,
    Unwrapped,
    network_view,
    statement_of,
    unwrap,
)

__all__ = [
    "Rows",
    "ShapedModule",
    "bound_module",
    "hash_module",
    "is_any_module",
    "linear_norm",
    "module_rounding",
    "shaped_errors",
    "split",
    "split_steps",
    "stated_module",
    "unwrap_any_module",
    "view_in_front",
]


@dataclass(frozen=True, eq=False)
class ShapedModule:
    """A module for samples of a known shape, behind a linear map."""

    module: object  # torch.nn.Module: A copy on the CPU
    input_shape: tuple[int, ...]  # shape of one sample
    # The linear part of the preprocessing, rows to rows.
    before: FeedForward | None = None
    is_difference: bool = False  # whether the difference of its two outputs is meant


class Rows(BaseEstimator):
    """Stands for the module in a Pipeline that is folded."""

    def __init__(self, network, n_features=None, names=None):
        self.network_ = network
        if n_features is not None:
            self.n_features_in_ = n_features
        if names is not None:
            self.feature_names_in_ = names

    def fit(self, X, y=None):
        """Nothing to do."""
        return self

    def __sklip_network__(self):
        """Its network predicts."""
        return self.network_


def split(model):
    """A model without searches and Pipelines, which all but estimators are."""
    if not isinstance(model, BaseEstimator):
        return Unwrapped(model, (), model)
    return unwrap(model, "__sklip_module__")


def split_steps(model):
    """Steps in front of the last estimator, and that one; searches are opened."""
    parts = split(model)
    return list(parts.steps), parts.last


def stated_module(model):
    """Module and shape of one sample that an estimator predicts by, or None.

    A class states them by a method ``__sklip_module__``: the outputs of that very
    module are the logits of its ``decision_function`` (of two classes their
    difference), whose largest ``predict`` gives, or a regressor's predictions.
    """
    # A class is no model, and has the method itself.
    return None if isinstance(model, type) else statement_of(model, "__sklip_module__")


def unwrap_any_module(model, output=None):
    """A ShapedModule for an estimator with a module, or a Pipeline that ends in one.

    A torch module itself is unwrapped as by ``unwrap_module``, an ONNX model read as
    what it is, all else returned. Of
    two classes the difference of the logits is meant, unless ``output`` is "all".
    """
    model = opened(model)
    if type(model) is OnnxModule:
        return ShapedModule(model, model.input_shape)
    steps, last = split_steps(model)
    stated = stated_module(last)
    if stated is None:
        return unwrap_module(model)
    # As it is now: hooks, modes and weights that were changed after fit included.
    module, shape = copy.deepcopy(stated[0]).cpu(), stated[1]
    view = view_in_front(model)
    before = None if view is None else view.mutable_network()
    whole = isinstance(output, str) and output == "all"
    difference = not whole and len(getattr(last, "classes_", ())) == 2
    return ShapedModule(module, shape, before, difference)


def view_in_front(model, X=None):
    """The steps in front of a module as a linear network; None if there are none.

    Parameters
    ----------
    model : estimator or Pipeline
        Its last step holds a module.
    X : array-like, default=None
        Samples, as :func:`network_view` takes them.

    Returns
    -------
    view : NetworkView or None
        From the columns of X to the rows that the module gets.
    """
    steps, last = split_steps(model)
    if not steps:
        return None
    _, shape = stated_module(last)
    rows = Rows(FeedForward([np.eye(int(np.prod(shape)))]))
    return network_view(Pipeline([*steps, ("rows", rows)]), X)


def is_any_module(model):
    """Whether a model is a torch module or a ShapedModule."""
    return isinstance(model, ShapedModule) or is_module(model)


def bound_module(model, norm):
    """Proven product of norms of a module, with a ShapedModule's preprocessing."""
    if not isinstance(model, ShapedModule):
        return module_bound(model, norm=norm)
    bound = module_bound(model.module, model.input_shape, norm=norm)
    if model.is_difference:
        bound = product_up([bound, DIFFERENCE_NORM[norm]])
    if model.before is None:
        return bound
    return product_up([bound, linear_norm(model.before, norm)])


def shaped_errors(shaped):
    """How a ShapedModule rounds: bounds c + r ||u|| of the l2 error of its outputs.

    Returns
    -------
    own, double : tuple of (float, float)
        c and r in the type of its parameters, and in float64; u is what it gets.

    Raises
    ------
    UnsupportedModelError
        If it computes in a type, or by algorithms, whose rounding is not known.
    """
    module, shape = shaped.module, shaped.input_shape
    operators = operators_of(module, shape)
    arithmetic = known_arithmetic(module, operators)
    double = module_error(operators, shape, Arithmetic())
    if arithmetic == Arithmetic():
        return double, double
    return module_error(operators, shape, arithmetic), double


def module_rounding(module, input_shape):
    """How a module and its FeedForward round, to be asked for when it counts.

    Returns
    -------
    more : callable
        Gives c and r: both together are off by at most c + r ||x||.
    """

    def more():
        own, double = shaped_errors(ShapedModule(module, input_shape))
        return own[0] + double[0], own[1] + double[1]

    return more


def linear_norm(network, norm):
    """Norm of the linear map of a network without hidden layers."""
    matrix = network.weights[0]
    rows, columns = np.nonzero(matrix)
    if len(set(rows)) == len(rows) and len(set(columns)) == len(columns):
        # One entry in each row and column, as for a scaler: its norm is the largest.
        return float(np.abs(matrix).max())
    return layer_norms(network, norm)[0]


def hash_module(model):
    """Hash of a module, with a ShapedModule's shape and preprocessing."""
    if not isinstance(model, ShapedModule):
        return module_hash(model)
    before = "" if model.before is None else model.before.hash
    meant = "difference" if model.is_difference else ""
    parts = f"{module_hash(model.module)}{model.input_shape}{before}{meant}"
    return hashlib.sha256(parts.encode()).hexdigest()
