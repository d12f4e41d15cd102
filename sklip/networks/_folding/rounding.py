# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""How far a folded network may be from the model that it was made of."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from sklip.exceptions import UnsupportedModelError

__all__ = ["FoldRounding"]

# Roundings beyond which their products with each other would count: a share of 1 / 128.
_MOST_ROUNDINGS = 2**46
# A rounding in float32 counts for this many.
_SINGLE = 2**29
# Numbers in float32 below 2**-126 lose digits: a size that covers it, even where layers
# shrink what comes in.
_TINY = 2.0**-100


@dataclass(frozen=True, eq=False)
class Front:
    """The same of what stands in front of the first matrix, where float32 counts.

    An error there goes through the matrix itself, whose norm may be far below that of
    its absolute values.
    """

    # Of shape (n_columns, n_coordinates): sizes of the terms of what the first matrix
    # gets.
    size: np.ndarray
    offset: np.ndarray  # of shape (n_columns,): the same for its constant part
    norm: float  # bound of the l2 norm of the first matrix
    # Roundings in front of the first matrix; all others of the first layer.
    n_front: int
    n_fine: int


@dataclass(frozen=True, eq=False)
class FoldRounding:
    """Sizes of the terms in the folded layers, and how often they were rounded.

    Both the folded matrices and the steps' own float64 arithmetic differ from the exact
    composition of the fitted steps; each by at most n_roundings * 2**-53 of the sizes.
    A rounding in float32 counts 2**29 times.
    """

    # Of shape (n_units, n_coordinates): product of the absolute values of all that was
    # multiplied to the first matrix.
    first: np.ndarray
    first_bias: np.ndarray  # of shape (n_units,): the same for its bias
    # Of shape (n_outputs, n_units): the same for the last matrix, in units of what the
    # layer before gives.
    last_size: np.ndarray
    # Of shape (n_outputs,): the same for the bias of the last layer.
    last_bias: np.ndarray
    is_single: bool  # whether the first layer is also the last
    # Roundings in the first layer, in any one between, and in the last.
    n_first: int = 0
    n_hidden: int = 0
    n_last: int = 0
    # Gives c and r: the model's own outputs, and the network's, are off by c + r ||u||
    # besides, u the coordinates.
    more: Callable | None = None
    front: Front | None = None  # another bound of what is lost in the first layer

    @classmethod
    def of(cls, network):
        """Nothing folded into the network yet."""
        return cls(
            np.abs(network.weights[0]),
            np.abs(network.biases[0]),
            np.abs(network.weights[-1]),
            np.abs(network.biases[-1]),
            len(network.weights) == 1,
        )

    def computed(self, network, coarseness):
        """If the model evaluates the network in a coarser arithmetic.

        Parameters
        ----------
        network : FeedForward
            The network of the model.
        coarseness : int
            What one rounding counts for; 1 in float64, which is always allowed for.

        Returns
        -------
        rounding : FoldRounding
            With the roundings of products, sums, biases and activations.
        """
        if coarseness == 1:
            return self
        widths = [weight.shape[1] for weight in network.weights]
        return replace(
            self,
            first_bias=self.first_bias + _TINY,
            last_bias=self.last_bias + _TINY,
            n_first=self.n_first + coarseness * (widths[0] + 8),
            # An activation is off by up to 16 units of its own output.
            n_hidden=self.n_hidden + coarseness * (max(widths) + 24),
            n_last=self.n_last + coarseness * (widths[-1] + 24),
        )

    def checked(self):
        """The same, refused where the roundings leave nothing to prove."""
        if max(self.n_first, self.n_hidden, self.n_last) > _MOST_ROUNDINGS:
            raise UnsupportedModelError(
                "In float32 the roundings of this many columns add up to more than is "
                "left to prove. Fit on float64 and pass X.astype(numpy.float64)."
            )
        return self

    def behind(self, scale, offset, coarseness=1):
        """After the outputs became ``scale * y + offset``."""
        return self.mixed(np.diag(scale), offset, coarseness * (8 + len(scale)))

    def mixed(self, matrix, offset=0.0, n_more=None):
        """After the outputs became ``matrix @ y + offset``."""
        matrix, offset = np.abs(matrix), np.abs(offset)
        n_more = 8 + matrix.shape[1] if n_more is None else n_more
        folded = replace(
            self,
            last_size=matrix @ self.last_size,
            last_bias=matrix @ self.last_bias + offset,
            n_last=self.n_last + n_more,
        )
        if not self.is_single:
            return folded
        return replace(
            folded,
            first=matrix @ self.first,
            first_bias=folded.last_bias,
            n_first=self.n_first + n_more,
            front=None,
        )

    def in_front(self, columns, chosen, weight):
        """After the inputs became ``columns``, functions of the chosen coordinates.

        ``weight`` is the first matrix, as it was for these inputs.
        """
        size = columns.size.copy()
        size.resize((len(columns), max(chosen, default=-1) + 1))
        # Once for the model's own path and once for the folded one; an imputer's value
        # goes through the inverse of the map in front of it.
        n_first = 2 * (columns.n_roundings + len(columns) + 8)
        size = size[:, chosen]
        front = None
        if columns.n_roundings >= _SINGLE:
            front = self._front(columns, size, weight)
        return replace(
            self,
            front=front,
            first=self.first @ size,
            first_bias=self.first_bias + self.first @ columns.offset_size,
            n_first=self.n_first + n_first,
        )

    def _front(self, columns, size, weight):
        """The columns by themselves; None if the matrix is too large for its norm."""
        with np.errstate(all="ignore"):
            try:
                norm = 1.001 * float(np.linalg.norm(weight, 2))
            except np.linalg.LinAlgError:
                return None
        # The fold multiplies matrices in float64, whatever the steps do.
        n_folded = columns.n_roundings // _SINGLE + columns.n_roundings % _SINGLE
        n_fine = self.n_first + n_folded + 2 * (len(columns) + 8)
        n_front = 2 * columns.n_roundings
        return Front(size, columns.offset_size, norm, n_front, n_fine)

    def measured_in(self, units):
        """With coordinates in other units; ``units`` are the ratios."""
        if self.front is not None:
            scaled = self.front.size @ sparse.diags_array(units)
            front = replace(self.front, size=sparse.csr_array(scaled))
            return replace(replace(self, front=None).measured_in(units), front=front)
        if self.more is None:
            return replace(self, first=self.first * units)

        def more():
            constant, rate = self.more()
            return constant, rate * float(np.max(np.abs(units), initial=0.0))

        return replace(self, first=self.first * units, more=more)
