# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A view of every model: networks, and torch modules with what stands before them."""

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from sklip._floats import frobenius
from sklip.bounds._modules.graphs import opened
from sklip.bounds._modules.input_shapes import flat_rows, input_shape_of
from sklip.bounds._modules.module_bounds import module_bound
from sklip.bounds._modules.network import ModuleNetwork
from sklip.bounds._modules.reader import is_module
from sklip.bounds._modules.shaped import (
    Rows,
    linear_norm,
    module_rounding,
    split_steps,
    stated_module,
)
from sklip.bounds._modules.shaped_view import ShapedView, StackView
from sklip.bounds._modules.stacks import exact_stack, stack_view, unrolled
from sklip.bounds._norms import product_up
from sklip.networks import (
    FeedForward,
    NetworkView,
    is_stored,
    network_view,
    prediction_view,
)

__all__ = ["ModuleView", "is_bare", "view_of"]


@dataclass(frozen=True, eq=False)
class ModuleView(ShapedView):
    """A view whose ``network`` is a ModuleNetwork."""

    # NetworkView: from the columns of X to the rows that the module gets; its network
    # is the linear map, or without steps in front stands for the identity.
    front: Any = field(default=None, repr=False)
    has_steps: bool = False  # whether steps stand in front
    is_score: bool = False  # whether decision_function is the difference of two outputs

    @classmethod
    def behind(cls, front, module, input_shape, classes, has_steps, is_score=False):
        """A module behind a view of the rows that it gets."""
        before = front.network if has_steps else None
        units = None if has_steps else front.units
        own = {f.name: getattr(front, f.name) for f in fields(NetworkView)}
        own["network"] = asked = ModuleNetwork(module, input_shape, before, units)
        own["classes"], own["is_binary_logit"] = classes, False
        own["asked"], own["is_score"] = asked, is_score
        return cls(**own, front=front, has_steps=has_steps)

    def with_feature_eps(self, feature_eps):
        """Measure each coordinate in units of its own tolerance."""
        front = self.front.with_feature_eps(feature_eps)
        module, shape = self.network.module, self.network.input_shape
        told = self.classes, self.has_steps, self.is_score
        return self.behind(front, module, shape, *told)

    def as_network(self, *, at_length=False):
        """The view of the same as a FeedForward; None where it is none, or large."""
        asked = self.network
        if self.has_steps or self.is_score or self.classes is None:
            return None
        network = unrolled(asked.module, asked.input_shape, at_length=at_length)
        if network is None:
            return None
        rounding = network_view(network).rounding
        if asked.units is not None:
            network = network.with_input_map(np.diag(asked.units))
            rounding = rounding.measured_in(asked.units)
        own = {f.name: getattr(self, f.name) for f in fields(NetworkView)}
        more = _measured(module_rounding(asked.module, asked.input_shape), self.units)
        own["network"], own["rounding"] = network, replace(rounding, more=more)
        return ShapedView(**own, asked=asked)

    def product(self, norm):
        """Proven product of norms, of the coordinates that move."""
        network = self.network
        if self.has_steps:
            moving = replace(self.front, mutable=self.mutable).mutable_network()
            scale = linear_norm(moving, norm)
        else:
            scale = float(np.max(self.units[self.mutable], initial=0.0))
        bound = module_bound(network.module, network.input_shape, norm=norm)
        return product_up([bound, scale])


def view_of(model, X=None, feature_eps=None, *, predicting=False):
    """The view of any model for samples like X.

    Parameters
    ----------
    model : FeedForward, NetworkView, torch module, ONNX model, estimator or Pipeline
        A module of layers that one matrix each describes becomes a network. A module
        with several outputs is a classifier of the classes 0, 1, ...
    X : array-like or DataFrame, default=None
        Samples: of a module also their shape.
    feature_eps : dict or Series, default=None
        Tolerances of the columns that move; others do not.
    predicting : bool, default=False
        Whether a regressor may map the outputs of its network further: who asks so
        maps the ends of intervals by ``view.target``.

    Returns
    -------
    view : NetworkView
        As :func:`sklip.networks.network_view` makes it, or a ModuleView.
    """
    model = opened(model)
    if is_module(model) or type(model) in _VIEWS:
        view = _view_of_module(model, X) if is_module(model) else model
        return view if feature_eps is None else view.with_feature_eps(feature_eps)
    steps, last = split_steps(model)
    stated = stated_module(last)
    if stated is None:
        if predicting:
            return prediction_view(model, X, feature_eps)
        return network_view(model, X, feature_eps=feature_eps)
    module, shape = stated
    front = _front(steps, last, shape, X, feature_eps)
    network = exact_stack(module, shape)
    if network is not None:
        return _view_of_stack(steps, last, stated, network, front, X, feature_eps)
    classes = getattr(last, "classes_", None)
    two = classes is not None and len(classes) == 2
    return ModuleView.behind(front, module, shape, classes, bool(steps), two)


def _view_of_stack(steps, last, stated, network, front, X, feature_eps):
    """The view of an estimator whose module is a network, the steps folded into it."""
    module, shape = stated
    rows = Rows(network, network.n_inputs, getattr(last, "feature_names_in_", None))
    if hasattr(last, "classes_"):
        rows.classes_ = last.classes_
    if steps:
        rows = Pipeline([*steps, ("rows", rows)])
    elif X is not None:
        X = flat_rows(X, shape)
    view = network_view(rows, X, feature_eps=feature_eps)
    own = {f.name: getattr(view, f.name) for f in fields(NetworkView)}
    more = _behind_steps(module_rounding(module, shape), front) if steps else None
    more = more or _measured(module_rounding(module, shape), view.units)
    own["rounding"] = replace(view.rounding, more=more)
    before, units = (front.network, None) if steps else (None, front.units)
    asked = ModuleNetwork(module, shape, before, units)
    return StackView(**own, asked=asked, front=front, has_steps=bool(steps))


def _behind_steps(rounding, front):
    """How the module rounds, by the length of coordinates instead of its rows."""

    def more():
        constant, rate = rounding()
        sizes = front.rounding
        # What the steps round is below a hundredth of the sizes of their terms.
        offset = 1.02 * frobenius(sizes.first_bias[None])
        return constant + rate * offset, rate * 1.02 * frobenius(sizes.first)

    return more


def _measured(rounding, units):
    def more():
        constant, rate = rounding()
        return constant, rate * float(np.max(np.abs(units), initial=0.0))

    return more


def is_bare(model):
    """Whether a model is a network, or module, without labels of its own."""
    return isinstance(model, FeedForward) or is_module(model) or is_stored(model)


def _view_of_module(module, X):
    shape = input_shape_of(module, X)
    view = stack_view(module, shape)
    if view is not None:
        return view
    n = int(np.prod(shape))
    front = network_view(FeedForward([np.zeros((1, n))]))
    view = ModuleView.behind(front, module, shape, None, False)
    n_outputs = view.network.n_outputs
    if n_outputs == 1:
        return view
    return ModuleView.behind(front, module, shape, np.arange(n_outputs), False)


_VIEWS = (ModuleView, ShapedView, StackView)


def _front(steps, last, shape, X, feature_eps):
    n = int(np.prod(shape))
    # Without steps only the columns count.
    network = FeedForward([np.eye(n) if steps else np.zeros((1, n))])
    rows = Rows(network, n, getattr(last, "feature_names_in_", None))
    if not steps:
        X = None if X is None else flat_rows(X, shape)
        return network_view(rows, X, feature_eps=feature_eps)
    model = Pipeline([*steps, ("rows", rows)])
    return network_view(model, X, feature_eps=feature_eps)
