# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Linear bound propagation (CROWN): from rows over a layer back to the input ball."""

from dataclasses import dataclass

import torch

from sklip._floats import FLOOR, UNIT, tensor_lengths
from sklip.bounds._propagation.planes import LinesAndPlanes

__all__ = [
    "LayerSizes",
    "layer_sizes",
    "linear_lower",
    "parallel_bounds",
    "vectors_times",
]


@dataclass(frozen=True, eq=False)
class LayerSizes:
    """Norms of what enters a layer's products, at any point of each ball."""

    inputs: torch.Tensor  # of z_k
    outputs: torch.Tensor  # of the activations of z_k
    offsets: torch.Tensor  # of the lines' offsets


def layer_sizes(layer, low, high, lines):
    """Sizes for the ledger of roundings; each of shape (n_samples, 1)."""
    inputs = _sizes(torch.maximum(low.abs(), high.abs()))
    at_zero = float(layer.shape.function(low.new_zeros(())).abs())
    outputs = at_zero * low.shape[1] ** 0.5 + layer.shape.lipschitz * inputs
    largest = torch.maximum(lines.below.abs(), lines.above.abs())
    while largest.ndim > 2:
        largest = largest.amax(dim=1)
    return LayerSizes(inputs, outputs, _sizes(largest))


def _sizes(vectors):
    return tensor_lengths(vectors)[:, None] * 1.001


def linear_lower(
    propagation, balls, k, rows, row_norms, lines, sizes, extra=None, passed=None
):
    """Lower bounds of ``rows @ z_k``, k counted from 0, over each ball.

    Parameters
    ----------
    propagation : Propagation
        Of the network of which the outputs are.
    balls : Balls
        Where the inputs lie.
    k : int
        Layer; the last one gives linear functions of the outputs.
    rows : Tensor of shape (n_samples or 1, n_rows, n_k)
        Coefficients.
    row_norms : Tensor of shape (n_samples or 1, n_rows)
        Bounds of their l2 norms.
    lines : sequence of Lines
        Of each hidden layer below k, of shape (n_samples, [n_rows or 1,] n_j).
    sizes : sequence of LayerSizes
        Of each hidden layer below k.
    extra : sequence of Tensor, default=None
        For each hidden layer below k coefficients of z_j to be added, of the shape of
        the rows there.
    passed : list, default=None
        Takes the coefficients of each layer's activations, from the last to the first.

    Returns
    -------
    lower : Tensor of shape (n_samples, n_rows)
        Proven.
    """
    total, error, tilt = rows.new_zeros(()), rows.new_zeros(()), None
    for j in range(k, 0, -1):
        layer = propagation.layers[j]
        total = total + rows @ layer.bias
        rows = rows @ layer.weight
        row_norms, lost = _affine_losses(layer, row_norms, sizes[j - 1])
        error = error + lost
        if passed is not None:
            passed.append(rows.detach())
        below, offsets = propagation.layers[j - 1], None
        if isinstance(lines[j - 1], LinesAndPlanes):
            planes = lines[j - 1].planes
            tilt, offsets = planes.along(rows), planes.offsets
            error = error + planes.lost(row_norms)
        rows, offset = _through_lines(rows, lines[j - 1])
        total = total + offset
        row_norms, lost = _line_losses(below, row_norms, sizes[j - 1], offsets)
        error = error + lost
        if extra is not None:
            rows = rows + extra[j - 1]
            row_norms = row_norms + tensor_lengths(extra[j - 1]) * 1.001
            error = error + 4.0 * UNIT * row_norms * sizes[j - 1].inputs
    center, room, _ = _over_the_ball(propagation, balls, rows, row_norms, tilt)
    lower = center + total
    return lower - room - 1.01 * error - 8.0 * UNIT * lower.abs()


def _through_lines(rows, lines):
    """Coefficients of z and offset when each activation is replaced by its line."""
    lower, below, upper, above = (
        x if x.ndim == 3 else x[:, None]
        for x in (lines.lower, lines.below, lines.upper, lines.above)
    )
    positive, negative = rows.clamp_min(0.0), rows.clamp_max(0.0)
    offset = (positive * below + negative * above).sum(dim=-1)
    return positive * lower + negative * upper, offset


def _line_losses(layer, row_norms, sizes, offsets=None):
    """New bound of the rows' norms; what multiplying by the lines lost."""
    offsets = sizes.offsets if offsets is None else offsets
    after = row_norms * (layer.shape.lipschitz * (1.0 + 4.0 * UNIT)) + FLOOR
    lost = layer.gamma_out * row_norms * offsets + layer.underflow
    return after, lost + 4.0 * UNIT * after * sizes.inputs


def _affine_losses(layer, row_norms, sizes):
    """The same for going through ``weight @ a + bias``."""
    products = layer.frobenius * sizes.outputs + layer.bias_norm
    lost = layer.gamma_out * row_norms * products
    # The computed rows may exceed the exact ones by their error.
    growth = layer.spectral + layer.gamma_out * layer.frobenius
    return row_norms * growth + FLOOR, lost + layer.underflow * (sizes.outputs + 1.0)


def _over_the_ball(propagation, balls, rows, row_norms, tilt=None):
    """Value at the center of ``rows @ z_1``, and how far it may fall and rise.

    With ``tilt @ (x - center)`` added, if given.
    """
    z, z_error = balls.start(propagation)
    center = vectors_times(rows, z)
    further = () if tilt is None else (tilt,)
    below, above = balls.reach(propagation, rows, row_norms, *further)
    layer = propagation.layers[0]
    lost = row_norms * (layer.gamma_out * _sizes(z) + _sizes(z_error)) + layer.underflow
    lost = lost + 8.0 * UNIT * (center.abs() + torch.maximum(below, above))
    return center, below + lost, above + lost


def parallel_bounds(propagation, balls, k, lines, sizes, neurons=slice(None)):
    """Both bounds of z_k at once, from lines of equal slope on both sides.

    With ``lines[j].lower`` equal to ``lines[j].upper`` for all j < k the coefficients
    of both bounds are the same, and cost one pass instead of two. ``neurons`` are those
    of the layer that are asked about.
    """
    layer = propagation.layers[k]
    rows, row_norms = layer.weight[neurons][None], layer.row_norms[neurons][None]
    bias = layer.bias[neurons]
    middle_sum, half_sum, error = bias[None], 0.0, bias.abs() * UNIT
    for j in range(k - 1, -1, -1):
        middle = 0.5 * (lines[j].above + lines[j].below)
        half = 0.5 * (lines[j].above - lines[j].below)
        middle_sum = middle_sum + vectors_times(rows, middle)
        half_sum = half_sum + vectors_times(rows.abs(), half)
        rows = rows * lines[j].lower[:, None]
        inner = propagation.layers[j]
        row_norms, lost = _line_losses(inner, row_norms, sizes[j])
        error = error + 3.0 * lost
        if j:
            middle_sum = middle_sum + rows @ inner.bias
            rows = rows @ inner.weight
            row_norms, lost = _affine_losses(inner, row_norms, sizes[j - 1])
            error = error + lost
    center, below, above = _over_the_ball(propagation, balls, rows, row_norms)
    center = center + middle_sum
    room = half_sum + 1.01 * error + 8.0 * UNIT * (center.abs() + half_sum)
    return center - (below + room), center + (above + room)


def vectors_times(rows, vectors):
    """Products of rows (shared or per sample) with one vector per sample."""
    if len(rows) == 1:
        return vectors @ rows[0].T
    return (rows @ vectors[:, :, None])[..., 0]
