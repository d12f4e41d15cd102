# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The part of orthonormal layers, which are trained in units of the data."""

from sklip.estimators._parts import DensePart
from sklip.training import BoundedMLP, units_of

__all__ = ["BoundedPart"]


class BoundedPart(DensePart):
    """Orthonormal layers with absolute values between them.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Units of each hidden layer.
    options : dict
        ``temperature`` of a classifier or ``lipschitz_bound`` of a regressor.
    device : str, default="cpu"
        Where the module is trained.

    Attributes
    ----------
    labels : bool
        Whether each output decides a label of its own.
    """

    def __init__(self, hidden_layer_sizes, options, device="cpu"):
        super().__init__(hidden_layer_sizes, "abs", device=device)
        self._options = options
        self._units, self.labels = None, False

    def measure(self, X, targets, sample_weight):
        """Units of the training, from the samples of the first fit."""
        bound = self._options.get("lipschitz_bound")
        self._units = units_of(X, targets, sample_weight, lipschitz_bound=bound)

    def _take(self, fitted):
        super()._take(fitted)
        self._units, self.labels = fitted._units, fitted.labels

    def _flat(self, sizes, **options):
        return BoundedMLP(
            sizes, self._units, labels=self.labels, **self._options, **options
        )
