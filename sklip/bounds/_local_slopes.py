# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Lipschitz constants inside balls, from the range of every neuron's slope there.

With slopes D_k = C_k + E_k, |E_k| <= R_k, a row v over layer k changes at the rate

    v D_k Z_k = v C_k Z_k + v E_k Z_k,      Z_k = d z_k / d x,

and the first term goes on to the layer below. What each layer loses on the way is at
most sum_i |v_i| R_i rho_i with rho_i a bound of row i of Z_k, and in l2 also at most
||v R^(1/2)|| ||R^(1/2) Z_k||. Both bounds of Z_k come from the same recursion, so each
layer costs one pass down (recursive Jacobian bounds). Where a neuron's slope is known
R is zero: what enters the losses is that of the others, the open ones.
"""

from dataclasses import dataclass

import torch

from sklip._floats import FLOOR, UNIT, tensor_lengths
from sklip.bounds._batch_norms import power_estimates, spectral_norm_bounds
from sklip.bounds._propagation import (
    Balls,
    hidden_bounds,
    secant_range,
    slope_range,
    tangents_below,
)

__all__ = ["LocalSlopes", "falls_from_centers"]

# Numbers of open neurons that are taken together.
_STEP = 32


@dataclass(frozen=True, eq=False)
class _Slopes:
    """Slopes of one hidden layer and what is known of the layer's own rates."""

    middle: torch.Tensor
    tangent: torch.Tensor  # of lines below through the center, NaN where there is none
    # Which neurons may be open, (n_samples, n_open); None if all. Of these:
    places: torch.Tensor
    half: torch.Tensor
    row_rates: torch.Tensor  # rho
    joint_rate: torch.Tensor  # bound of ||R^(1/2) Z_k||, (n_samples, 1)


@dataclass(frozen=True, eq=False)
class _Descent:
    """What rows over a layer are bounded by, from the layer down to the inputs."""

    each: torch.Tensor  # the rows' rates
    losses: list  # of (rows times R^(1/2), bound of ||R^(1/2) Z_j||), layer by layer
    lost: torch.Tensor  # to roundings
    through: torch.Tensor  # rows over the inputs
    row_norms: torch.Tensor  # bounds of those of the rows over the first layer


@dataclass(frozen=True, eq=False)
class _Units:
    """Unit vectors as rows: of all neurons, or of some of each sample."""

    places: torch.Tensor

    def __matmul__(self, matrix):
        return matrix[None] if self.places is None else matrix[self.places]


class LocalSlopes:
    """Bounds of the rates at which linear functions of a layer change in balls.

    Parameters
    ----------
    propagation : Propagation
        Of the network whose layers are bounded.
    bounds : HiddenBounds
        Of the hidden layers in each ball.
    from_center : bool, default=False
        Whether the rates are those of the change from the center of each ball alone:
        slopes of lines through it in place of derivatives, of which there are fewer.
    optimistic : bool, default=False
        Whether spectral norms are estimated from below instead of proven: the rates are
        then no bounds, but below those that are proven, for a fraction of the work.
    n_open : int, default=None
        Most neurons of a layer whose slope is open in any ball, if that is known.
    """

    def __init__(
        self, propagation, bounds, *, from_center=False, optimistic=False, n_open=None
    ):
        self.propagation, self._centers = propagation, None
        if from_center:
            self._centers = _at_centers(propagation, bounds)
        self._spectral = power_estimates if optimistic else spectral_norm_bounds
        self._largest = self._global_rates()
        self._in_l2 = propagation.norm == 2.0
        if n_open is None:
            n_open = int(_numbers_open(propagation, bounds, self._centers).amax())
        self._n_open, self._layers = n_open, []
        for k in range(propagation.n_hidden):
            self._append(k, bounds)

    def _append(self, k, bounds):
        shape, (low, high) = self.propagation.layers[k].shape, bounds.intervals[k]
        tangent = torch.full_like(low, torch.nan)
        if self._centers is not None:
            tangent = tangents_below(shape, *self._centers[k])
        smallest, largest = _range_of(shape, low, high, self._center(k))
        middle = 0.5 * (smallest + largest)
        places = self._open_places(largest > smallest)
        ones = low.new_ones(1, 1)
        found = self._descend(k, _Units(places), ones, keeps=self._in_l2)
        ends = low, high, smallest, largest
        low, high, smallest, largest = (_chosen(end, places) for end in ends)
        if self._centers is not None:
            center = [_chosen(end, places) for end in self._centers[k]]
            reach = bounds.balls.radii[:, None] * found.each * (1.0 + 8.0 * UNIT)
            room = 4.0 * UNIT * (center[0].abs() + center[1].abs() + reach)
            # NaN (an overflow on the way) proves nothing.
            low = torch.fmax(low, center[0] - reach - room)
            high = torch.fmin(high, center[1] + reach + room)
            smallest, largest = _range_of(shape, low, high, center)
        half = 0.5 * (largest - smallest)
        # The middle of what is not a point is rounded, and so is the half.
        half = torch.where(
            half == 0.0, 0.0, half + 2.0 * UNIT * (smallest.abs() + largest.abs())
        )
        within = 0.5 * (smallest + largest)
        if places is None:
            middle = within
        else:
            middle = middle.scatter(1, places, within)
        root = half.sqrt()
        joint = tensor_lengths(root * found.each)[:, None] * 1.0001
        if self._in_l2:
            joint = torch.minimum(joint, self._joint(found, root))
        rates = found.each.expand_as(half)
        self._layers.append(_Slopes(middle, tangent, places, half, rates, joint))

    def _open_places(self, is_open):
        """Neurons that may be open, as many of each sample; None if that is all."""
        if self._n_open >= is_open.shape[1]:
            return None
        order = is_open.int().argsort(dim=1, descending=True, stable=True)
        return order[:, : self._n_open]

    def _center(self, k):
        return None if self._centers is None else self._centers[k]

    def _global_rates(self):
        """Bounds of ||d a_k / d x|| for the ledger of roundings, from norms."""
        rates, rate = [], float(tensor_lengths(self.propagation.spread.rows)) * 1.0001
        for k, layer in enumerate(self.propagation.layers[:-1]):
            rate = rate * layer.shape.lipschitz * 1.0001 + FLOOR
            rates.append(rate)
            rate = rate * self.propagation.layers[k + 1].spectral
        return rates

    def rates(self, rows, row_norms=None):
        """Bounds of the rates of change of linear functions of the outputs.

        Parameters
        ----------
        rows : Tensor of shape (n_samples or 1, n_rows, n_outputs)
            Coefficients.
        row_norms : Tensor, default=None
            Bounds of their l2 norms.

        Returns
        -------
        rates : Tensor of shape (n_samples, n_rows)
            Each row's change per unit of distance in the Propagation's norm.
        joint : Tensor of shape (n_samples, 1) or None
            In l2 that of all rows together, in l2 too.
        """
        if row_norms is None:
            row_norms = tensor_lengths(rows) * 1.0001
        k = self.propagation.n_hidden
        found = self._descend(k, rows, row_norms, keeps=self._in_l2)
        return found.each, self._joint(found) if self._in_l2 else None

    def falls(self, rows):
        """How far linear functions of the outputs fall from the center at most.

        Per unit of distance; as :meth:`rates`, or less: what is convex is nowhere below
        its tangent, so that a positive coefficient loses nothing.
        """
        row_norms = tensor_lengths(rows) * 1.0001
        asked = self.propagation.n_hidden, rows, row_norms
        both = self._descend(*asked).each
        return torch.fmin(both, self._descend(*asked, falls=True).each)

    def _descend(self, k, rows, row_norms, *, keeps=False, falls=False):
        """Rates of ``rows @ z_k``, k counted from 0."""
        each, total, losses = 0.0, 0.0, []
        for j in range(k - 1, -1, -1):
            above, known = self.propagation.layers[j + 1], self._layers[j]
            below = self.propagation.layers[j]
            rows = rows @ above.weight
            lost = above.gamma_out * row_norms * above.frobenius * self._largest[j]
            lost = lost + above.underflow * (1.0 + self._largest[j])
            growth = above.spectral + above.gamma_out * above.frobenius
            row_norms = row_norms * growth + FLOOR
            middle, lossy = known.middle[:, None], rows
            if falls:
                touches = (rows > 0.0) & ~known.tangent.isnan()[:, None]
                lossy = rows.masked_fill(touches, 0.0)
                middle = torch.where(touches, known.tangent[:, None], middle)
            lossy = _chosen(lossy, known.places)
            weighted = lossy * known.half.sqrt()[:, None]
            each = each + _losses(lossy, weighted, known)
            if keeps:
                losses.append((weighted, known.joint_rate))
            rows = rows * middle
            row_norms = row_norms * (below.shape.lipschitz * 1.0001) + FLOOR
            rate = self._largest[j - 1] if j else self._largest[0]
            rate = rate * below.spectral if j else rate / below.shape.lipschitz
            total = total + lost + 4.0 * UNIT * row_norms * (rate + FLOOR)
        spread = self.propagation.spread
        through = rows @ spread.weight
        last = spread.rounded_up(spread.lengths(through), row_norms)
        each = (each + total + last) * 1.0000001
        return _Descent(each, losses, each.new_zeros(()) + total, through, row_norms)

    def _joint(self, found, scale=None):
        """Rates of all rows together, in l2; of their multiples by ``scale`` if given.

        These err as the rows themselves do, but for the products with the scale, which
        are relative and far below what the end is rounded up by.
        """
        scale = found.each.new_ones(1, 1) if scale is None else scale
        each, row_norms = found.each * scale, found.row_norms * scale
        parts = torch.broadcast_tensors(found.lost * scale + FLOOR, each)
        together = tensor_lengths(parts[0])[:, None]
        for weighted, joint_rate in found.losses:
            norm = self._spectral(weighted * scale[..., None])[:, None]
            together = together + (norm + FLOOR) * joint_rate
        last = self._spectral(found.through * scale[..., None])[:, None]
        spread, sizes = self.propagation.spread, row_norms.expand_as(each)
        last = spread.rounded_up(last, tensor_lengths(sizes)[:, None])
        together = (together + last) * 1.0000001
        return torch.minimum(together, tensor_lengths(each)[:, None] * 1.0001)


def _at_centers(propagation, bounds):
    """Ends of each hidden layer at the centers of some balls."""
    balls = bounds.balls
    points = Balls(balls.centers, torch.zeros_like(balls.radii), balls.known)
    return hidden_bounds(propagation, points, "ibp").intervals


def _range_of(shape, low, high, center):
    """Of derivatives, or of slopes from a center if there is one."""
    if center is None:
        return slope_range(shape, low, high)
    return secant_range(shape, low, high, *center)


def _numbers_open(propagation, bounds, centers):
    """How many neurons are open in the layer with most of them, rounded up."""
    most = bounds.balls.radii.new_ones(len(bounds.balls), dtype=torch.int64)
    for k, (low, high) in enumerate(bounds.intervals):
        shape, center = propagation.layers[k].shape, None
        if centers is not None:
            center = centers[k]
        smallest, largest = _range_of(shape, low, high, center)
        most = torch.maximum(most, (largest > smallest).sum(dim=1))
    return (most + _STEP - 1) // _STEP * _STEP


def falls_from_centers(propagation, bounds, rows, *, optimistic=False):
    """:meth:`LocalSlopes.falls` from the centers, by groups of like samples.

    Each group has as many open neurons as its samples need, whatever others need.
    """
    numbers = _numbers_open(propagation, bounds, _at_centers(propagation, bounds))
    found = torch.empty_like(rows[..., 0])
    for n_open in numbers.unique().tolist():
        some = torch.nonzero(numbers == n_open)[:, 0]
        how = {"from_center": True, "optimistic": optimistic, "n_open": n_open}
        found[some] = LocalSlopes(propagation, bounds[some], **how).falls(rows[some])
    return found


def _chosen(array, places):
    """Entries of some neurons, the last axis."""
    if places is None:
        return array
    if array.ndim == 3:
        places = places[:, None].expand(-1, array.shape[1], -1)
        array = array.expand(len(places), -1, -1)
    return array.gather(-1, places)


def _losses(rows, weighted, known):
    """What the uncertain slopes of one layer may add, row by row."""
    each = (rows.abs() @ (known.half * known.row_rates)[:, :, None])[..., 0]
    return torch.minimum(each, tensor_lengths(weighted) * known.joint_rate)
