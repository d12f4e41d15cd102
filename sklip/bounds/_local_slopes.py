# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Lipschitz constants inside balls, from the range of every neuron's slope there.

With slopes D_k = C_k + E_k, |E_k| <= R_k, a row v over layer k changes at the rate

    v D_k Z_k = v C_k Z_k + v E_k Z_k,      Z_k = d z_k / d x,

and the first term goes on to the layer below. What each layer loses on the way is at
most sum_i |v_i| R_i rho_i with rho_i a bound of row i of Z_k, and in l2 also at most
||v R^(1/2)|| ||R^(1/2) Z_k||. Both bounds of Z_k come from the same recursion, so each
layer costs one pass down (recursive Jacobian bounds).
"""

from dataclasses import dataclass

import torch

from sklip._floats import FLOOR, UNIT, gamma, tensor_lengths
from sklip.bounds._propagation import (
    Balls,
    hidden_bounds,
    secant_range,
    slope_range,
    tangents_below,
)

__all__ = ["LocalSlopes", "spectral_norm_bounds"]

_SQUARINGS = 6
_POWER_STEPS = 4


@dataclass(frozen=True, eq=False)
class _Slopes:
    """Slopes of one hidden layer and what is known of the layer's own rates."""

    middle: torch.Tensor
    half: torch.Tensor
    tangent: torch.Tensor  # of lines below through the center, NaN where there is none
    row_rates: torch.Tensor  # rho, (n_samples, n_k)
    joint_rate: torch.Tensor  # bound of ||R^(1/2) Z_k||, (n_samples, 1)


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
    """

    def __init__(self, propagation, bounds, *, from_center=False, optimistic=False):
        self.propagation, self._centers = propagation, None
        if from_center:
            balls = bounds.balls
            points = Balls(balls.centers, torch.zeros_like(balls.radii), balls.known)
            self._centers = hidden_bounds(propagation, points, "ibp").intervals
        self._spectral = _power_estimates if optimistic else spectral_norm_bounds
        self._largest = self._global_rates()
        self._layers = []
        for k in range(propagation.n_hidden):
            self._append(k, bounds)

    def _slopes(self, k, bounds, rates):
        """Range of the slopes of a layer whose own rates are known."""
        shape, (low, high) = self.propagation.layers[k].shape, bounds.intervals[k]
        if self._centers is None:
            return slope_range(shape, low, high)
        center = self._centers[k]
        reach = bounds.balls.radii[:, None] * rates * (1.0 + 8.0 * UNIT)
        room = 4.0 * UNIT * (center[0].abs() + center[1].abs() + reach)
        # NaN (an overflow on the way) proves nothing.
        low = torch.fmax(low, center[0] - reach - room)
        high = torch.fmin(high, center[1] + reach + room)
        return secant_range(shape, low, high, *center)

    def _append(self, k, bounds):
        layer = self.propagation.layers[k]
        rows = torch.eye(len(layer.weight), dtype=torch.float64)
        rows = rows.to(layer.weight.device)[None]
        rates, _ = self._descend(k, rows, rows.new_ones(1, len(layer.weight)))
        smallest, largest = self._slopes(k, bounds, rates)
        middle, half = 0.5 * (smallest + largest), 0.5 * (largest - smallest)
        half = half + 2.0 * UNIT * (smallest.abs() + largest.abs())
        root = half.sqrt()
        scaled = root[:, :, None] * rows
        joint = tensor_lengths(root * rates)[:, None] * 1.0001
        if self.propagation.norm == 2.0:
            _, found = self._descend(k, scaled, root, joint=True)
            joint = torch.minimum(joint, found)
        tangent = torch.full_like(middle, torch.nan)
        if self._centers is not None:
            tangent = tangents_below(layer.shape, *self._centers[k])
        self._layers.append(_Slopes(middle, half, tangent, rates, joint))

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
        joint = self.propagation.norm == 2.0
        return self._descend(self.propagation.n_hidden, rows, row_norms, joint=joint)

    def falls(self, rows):
        """How far linear functions of the outputs fall from the center at most.

        Per unit of distance; as :meth:`rates`, or less: what is convex is nowhere below
        its tangent, so that a positive coefficient loses nothing.
        """
        row_norms = tensor_lengths(rows) * 1.0001
        asked = self.propagation.n_hidden, rows, row_norms
        both, _ = self._descend(*asked)
        falls, _ = self._descend(*asked, falls=True)
        return torch.fmin(both, falls)

    def _descend(self, k, rows, row_norms, *, joint=False, falls=False):
        """Rates of ``rows @ z_k``, k counted from 0."""
        each, together = 0.0, 0.0
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
            loss, joint_loss = self._losses(lossy, known, joint)
            rows = rows * middle
            row_norms = row_norms * (below.shape.lipschitz * 1.0001) + FLOOR
            rate = self._largest[j - 1] if j else self._largest[0]
            rate = rate * below.spectral if j else rate / below.shape.lipschitz
            lost = lost + 4.0 * UNIT * row_norms * (rate + FLOOR)
            each = each + loss + lost
            together = together + joint_loss + tensor_lengths(lost)[:, None]
        spread = self.propagation.spread
        each = (each + spread(rows, row_norms)) * 1.0000001
        if not joint:
            return each, None
        last = self._spectral(rows @ spread.weight)[:, None]
        last = spread.rounded_up(last, tensor_lengths(row_norms)[:, None])
        together = (together + last) * 1.0000001
        return each, torch.minimum(together, tensor_lengths(each)[:, None] * 1.0001)

    def _losses(self, rows, known, joint):
        """What the uncertain slopes of one layer may add, row by row and together."""
        root = known.half.sqrt()[:, None]
        weighted = rows * root
        each = (rows.abs() @ (known.half * known.row_rates)[:, :, None])[..., 0]
        each = torch.minimum(each, tensor_lengths(weighted) * known.joint_rate)
        if not joint:
            return each, 0.0
        together = self._spectral(weighted)[:, None] * known.joint_rate
        return each, together


def spectral_norm_bounds(matrices):
    """Proven upper bounds of the spectral norms of a batch of matrices.

    ||G||^2 = ||G^2|| for symmetric G: after six squarings the Frobenius norm is above
    the spectral norm by no more than the root of its order 128. Products only, so that
    the same proof holds wherever they are computed in float64.
    """
    if matrices.shape[-2] > matrices.shape[-1]:
        matrices = matrices.transpose(-1, -2)
    n, m = matrices.shape[-2:]
    if n == 1:
        return tensor_lengths(matrices[..., 0, :]) * (1.0 + 4.0 * gamma(m))
    sizes = tensor_lengths(matrices.flatten(-2)).clamp_min(2.0**-1000)
    scaled = matrices / sizes[..., None, None]
    gram = scaled @ scaled.transpose(-1, -2)
    # Roundings of each step, relative to a matrix of Frobenius norm one.
    errors = [2.0 * gamma(m + 4)]
    scales = []
    for _ in range(_SQUARINGS):
        scale = gram.norm(dim=(-2, -1)).clamp_min(1e-150)
        gram = gram / scale[..., None, None]
        gram = gram @ gram
        scales.append(scale)
        errors.append(2.0 * gamma(n + 4))
    bound = gram.norm(dim=(-2, -1)) * (1.0 + 4.0 * gamma(n * n))
    for scale, error in zip(scales[::-1], errors[:0:-1], strict=True):
        bound = torch.sqrt(bound + error) * scale * (1.0 + 8.0 * UNIT)
    return torch.sqrt(bound + errors[0]) * sizes * (1.0 + 2.0 * gamma(n * m))


def _power_estimates(matrices):
    """Spectral norms of a batch of matrices from below, by steps of power iteration."""
    if matrices.shape[-2] > matrices.shape[-1]:
        matrices = matrices.transpose(-1, -2)
    # The row of the largest norm is seldom orthogonal to what is stretched most.
    sizes = tensor_lengths(matrices)
    start = sizes.argmax(-1)[..., None, None].expand(*sizes.shape[:-1], 1, 1)
    vector = torch.take_along_dim(matrices, start, -2).transpose(-1, -2)
    for _ in range(_POWER_STEPS):
        vector = vector / vector.norm(dim=-2, keepdim=True).clamp_min(1e-300)
        image = matrices @ vector
        vector = matrices.transpose(-1, -2) @ image
    # Rounding must not lift an estimate above the norm.
    return image.norm(dim=(-2, -1)) * (1.0 - 1e-9)
