# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Views of models whose samples may come in the shape that a torch module takes."""

from dataclasses import dataclass, field, replace
from typing import Any

from sklip.bounds._modules.input_shapes import flat_rows
from sklip.bounds._modules.network import ModuleNetwork
from sklip.networks import NetworkView

__all__ = ["ShapedView", "StackView"]


@dataclass(frozen=True, eq=False)
class ShapedView(NetworkView):
    """A view of a module, of which the module itself can be asked."""

    # ModuleNetwork: the module, as a function of the coordinates.
    asked: Any = field(default=None, repr=False)

    def encode(self, X):
        """Coordinates of samples, as rows or as the module takes them."""
        return super().encode(flat_rows(X, self.asked.input_shape))

    def missing(self, X):
        """Whether each coordinate stands for an entry of X that is missing."""
        return super().missing(flat_rows(X, self.asked.input_shape))

    def with_feature_eps(self, feature_eps):
        """Measure each coordinate in units of its own tolerance."""
        view, asked = super().with_feature_eps(feature_eps), self.asked
        units = view.units
        asked = ModuleNetwork(asked.module, asked.input_shape, None, units)
        return replace(view, asked=asked)

    def predicting(self):
        """What predict computes by: the module itself."""
        return self.asked


@dataclass(frozen=True, eq=False)
class StackView(ShapedView):
    """A view of an estimator whose module is a network of plain layers."""

    # NetworkView: from the columns of X to the rows that the module gets.
    front: Any = field(default=None, repr=False)
    has_steps: bool = False  # whether steps stand in front

    def with_feature_eps(self, feature_eps):
        """Measure each coordinate in units of its own tolerance."""
        view = NetworkView.with_feature_eps(self, feature_eps)
        front = self.front.with_feature_eps(feature_eps)
        before = front.network if self.has_steps else None
        units = None if self.has_steps else front.units
        module, shape = self.asked.module, self.asked.input_shape
        asked = ModuleNetwork(module, shape, before, units)
        return replace(view, asked=asked, front=front)
