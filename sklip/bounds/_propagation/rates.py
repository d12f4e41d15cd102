# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""How fast outputs change along one direction, at any point of each box.

Along a direction v layer k changes at the rate z'_k = W_k D_{k-1} z'_{k-1}, from z'_1 =
W_1 v, with the slopes D of the activations in the ranges that the box allows. Two
bounds: by intervals from the first layer up, in which what has a sign keeps it (no
rounding takes a sum of terms >= 0 below 0), and by lines from the outputs down, which
is tighter.
"""

import torch

from sklip._floats import FLOOR, UNIT, gamma
from sklip.bounds._propagation.lines import chord_slopes, slope_range

__all__ = ["input_shares", "lower_rates"]

# Below every product that is lost to underflow.
_TINY = 2.0**-1021


def lower_rates(propagation, bounds, row, column, n_roundings):
    """Lower bounds of the rate of ``row @ a`` along a direction, a the last layer's.

    Parameters
    ----------
    propagation : Propagation
        A network with hidden layers.
    bounds : HiddenBounds
        Of these over some boxes.
    row : (Tensor, float, Tensor)
        Coefficients of shape (n_last,), what they may be off by relatively, and
        absolutely besides.
    column : (Tensor, Tensor)
        Ends of the rates of the first pre-activations, of shape (n_first,).
    n_roundings : int
        Of each entry of the matrices between the first and the last.

    Returns
    -------
    lower : Tensor of shape (n_boxes,)
        Proven, one-sided slopes at kinks included.
    losses : list of Tensor of shape (n_boxes, n_k)
        About what each neuron's unknown slope costs: where to look, no proof.
    """
    slopes = [
        slope_range(layer.shape, *ends)
        for layer, ends in zip(propagation.layers, bounds.intervals, strict=False)
    ]
    extra = gamma(n_roundings)
    low, high = (end.expand(len(bounds.balls), -1) for end in column)
    rates, after = [], []
    for k, (least, most) in enumerate(slopes):
        if k:
            layer = propagation.layers[k]
            ends = layer.weight, layer.gamma_in + extra
            low, high = (
                _sums_lower(low, high, *ends),
                -_sums_lower(-high, -low, *ends),
            )
        rates.append((low, high))
        low, high = _products(least, most, low, high)
        after.append((low, high))
    coefficients, relative, off = row
    lost = torch.maximum(low.abs(), high.abs()) @ off * (1.0 + gamma(len(off)))
    rate = gamma(len(off)) + relative
    through = _sums_lower(low, high, coefficients[None], rate)[:, 0] - lost
    lost = lost + torch.maximum(low.abs(), high.abs()) @ coefficients.abs() * relative
    lines, losses = _by_lines(
        propagation, slopes, rates, after, (coefficients, lost), column, extra
    )
    # Both are proven: ranges from the inputs up, and lines from the outputs down.
    return torch.fmax(through, lines), losses


def _products(least, most, low, high):
    """Ends of products of a slope and a rate, in these ranges."""
    corners = torch.stack([least * low, least * high, most * low, most * high])
    below, above = corners.amin(0), corners.amax(0)
    # Where the signs are known, rounding outward must not cross zero.
    not_negative = ((least >= 0.0) & (low >= 0.0)) | ((most <= 0.0) & (high <= 0.0))
    not_positive = ((most <= 0.0) & (low >= 0.0)) | ((least >= 0.0) & (high <= 0.0))
    below = below - 2.0 * UNIT * below.abs() - _TINY
    above = above + 2.0 * UNIT * above.abs() + _TINY
    below = torch.where(not_negative, below.clamp_min(0.0), below)
    return below, torch.where(not_positive, above.clamp_max(0.0), above)


def _sums_lower(low, high, weight, rate):
    """Lower ends of ``weight @ a`` for low <= a <= high; >= 0 if no term is below."""
    up, down = weight.clamp_min(0.0).T, (-weight).clamp_min(0.0).T
    gains = low.clamp_min(0.0) @ up + (-high).clamp_min(0.0) @ down
    losses = (-low).clamp_min(0.0) @ up + high.clamp_min(0.0) @ down
    lower = gains * (1.0 - 2.0 * rate) - losses * (1.0 + 2.0 * rate) - rate * FLOOR
    number = weight.dtype
    # A sum without negative terms is not negative, however its terms are rounded.
    negative = (low < 0.0).to(number) @ (up > 0.0).to(number)
    negative += (high > 0.0).to(number) @ (down > 0.0).to(number)
    return torch.where(negative == 0.0, lower.clamp_min(0.0), lower)


def _by_lines(propagation, slopes, rates, after, row, column, extra):
    """The same from the outputs down, each product between two lines in the rate."""
    coefficients, lost = row
    rows = coefficients.expand(len(lost), -1)
    total, losses = torch.zeros_like(lost), []
    for k in range(len(slopes) - 1, -1, -1):
        (least, most), (low, high) = slopes[k], rates[k]
        size = torch.maximum(low.abs(), high.abs())
        losses.append(rows.abs() * (most - least) * size)
        lower, below, upper, above = _lines(least, most, low, high)
        positive, negative = rows.clamp_min(0.0), rows.clamp_max(0.0)
        offset = positive * below + negative * above
        total = total + offset.sum(-1)
        lost = lost + gamma(offset.shape[-1]) * (offset.abs().sum(-1) + FLOOR)
        rows = positive * lower + negative * upper
        lost = lost + 4.0 * UNIT * ((rows.abs() + FLOOR) * size).sum(-1)
        if k:
            layer = propagation.layers[k]
            missed = rows.abs() @ layer.magnitude * (layer.gamma_out + extra)
            rows = rows @ layer.weight
            largest = torch.maximum(*(end.abs() for end in after[k - 1]))
            lost = lost + ((missed + layer.gamma_out * FLOOR) * largest).sum(-1)
    terms = rows * torch.where(rows > 0.0, *column)
    size = terms.abs().sum(-1) + total.abs() + FLOOR
    lower = terms.sum(-1) + total - 1.01 * lost - 2.0 * gamma(terms.shape[-1]) * size
    return lower, losses[::-1]


def _lines(least, most, low, high):
    """Slopes and offsets of lines below and above d z: d and z in these ranges."""
    found = []
    for side in (1.0, -1.0):
        # side d z is smallest at an end of d, and that is concave in z.
        ends = [torch.minimum(side * least * z, side * most * z) for z in (low, high)]
        slope = (ends[1] - ends[0]) / (high - low).clamp_min(1e-300)
        slope = side * slope.nan_to_num(0.0)
        slope = torch.minimum(torch.maximum(slope, least), most)
        offset = torch.minimum(
            ends[0] - side * slope * low, ends[1] - side * slope * high
        )
        size = torch.maximum(low.abs(), high.abs())
        room = 8.0 * UNIT * size * torch.maximum(least.abs(), most.abs()) + _TINY
        found += [slope, side * (offset - room)]
    return found


def input_shares(propagation, bounds, losses):
    """How much each input's width has to do with what unknown slopes cost.

    Parameters
    ----------
    propagation : Propagation
        Of the network whose layers are bounded.
    bounds : HiddenBounds
        Of its hidden layers over :class:`Boxes`.
    losses : list of Tensor of shape (n_boxes, n_k)
        Of each neuron.

    Returns
    -------
    shares : Tensor of shape (n_boxes, n_inputs)
        Where to look, no proof.
    """
    total, rates = 0.0, propagation.layers[0].weight
    halves = bounds.balls.halves
    for k, (loss, ends) in enumerate(zip(losses, bounds.intervals, strict=True)):
        if k:
            rates = propagation.layers[k].weight @ rates
        reach = rates.abs() * halves[:, None]
        share = reach / reach.sum(-1, keepdim=True).clamp_min(1e-300)
        total = total + (loss[:, :, None] * share).sum(1)
        chords = chord_slopes(propagation.layers[k].shape, *ends)
        rates = chords[:, :, None] * rates
    return total
