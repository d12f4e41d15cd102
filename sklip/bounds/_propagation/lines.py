# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Lines below and above an activation over intervals, and the range of its slopes.

For any slope s the tightest offsets are the extremes of g(z) = sigma(z) - s z over the
interval. They lie at its ends, at breakpoints, or inside a curved piece where sigma' =
s. That last point is read off a table and not trusted: where g is convex its tangent at
any point bounds it from below, so a poor point costs tightness, not validity.
"""

from dataclasses import dataclass

import torch

from sklip._floats import FLOOR, UNIT

__all__ = [
    "Lines",
    "adaptive_lines",
    "chord_slopes",
    "offsets",
    "parallel_lines",
    "secant_range",
    "slope_range",
    "tangents_below",
    "value_range",
]


@dataclass(frozen=True, eq=False)
class Lines:
    """``lower * z + below <= sigma(z) <= upper * z + above`` over each interval."""

    # lower, upper: slopes.
    lower: torch.Tensor
    # below, above: offsets, rounded outward.
    below: torch.Tensor
    upper: torch.Tensor
    above: torch.Tensor


def parallel_lines(shape, low, high):
    """Both lines with the slope of the chord."""
    slope = chord_slopes(shape, low, high)
    if shape.hinge is not None:
        return _hinge_lines(shape, low, high, slope, slope)
    below, _ = offsets(shape, low, high, slope, -1)
    above, _ = offsets(shape, low, high, slope, 1)
    return Lines(slope, below, slope, above)


def adaptive_lines(shape, low, high):
    """Each line with the slope, of a few, that leaves the least room to the chord."""
    middle = 0.5 * (low + high)
    chord = chord_slopes(shape, low, high)
    if shape.hinge is not None:
        left, right = (low.new_tensor(slope) for slope in shape.hinge)
        steeper = torch.where(middle > 0.0, right, left)
        return _hinge_lines(shape, low, high, steeper, chord)
    slopes = [chord, *(shape.derivative(z) for z in (low, high))]
    if not shape.is_piecewise_linear:
        slopes.append(shape.derivative(middle))
    found = []
    for side in (-1, 1):
        best, line = None, None
        for slope in slopes:
            offset, _ = offsets(shape, low, high, slope, side)
            value = side * (slope * middle + offset)
            if best is None:
                best, line = value, (slope, offset)
                continue
            better = value < best
            best = torch.where(better, value, best)
            line = tuple(
                torch.where(better, new, old)
                for new, old in zip((slope, offset), line, strict=True)
            )
        found += line
    return Lines(*found)


def _hinge_lines(shape, low, high, lower, upper):
    """Lines of max(l z, r z) with slopes from l to r; exact where it is linear.

    Such a line through zero is nowhere above it, and over it only at the ends.
    """
    left, right = (low.new_tensor(slope) for slope in shape.hinge)
    is_right, is_left = low >= 0.0, high <= 0.0
    lower, upper = (
        torch.where(is_right, right, torch.where(is_left, left, slope))
        for slope in (lower, upper)
    )
    above = torch.maximum((left - upper) * low, (right - upper) * high)
    size = torch.maximum(low.abs(), high.abs())
    # Three roundings of numbers of these sizes.
    room = 8.0 * UNIT * (size * (right - left) + FLOOR)
    above = torch.where(is_right | is_left, 0.0, above + room)
    return Lines(lower, torch.zeros_like(lower), upper, above)


def chord_slopes(shape, low, high):
    """Slope of the chord, within the sector; that of the tangent on a point."""
    width = high - low
    rise = shape.function(high) - shape.function(low)
    chord = rise / width.clamp_min(1e-300)
    tangent = shape.derivative(0.5 * (low + high))
    # On a tiny interval the rise is all rounding; a hinge through zero has no unit.
    unit = 0.0 if shape.hinge is not None else 1.0
    coarse = width > 1e-9 * (unit + low.abs() + high.abs())
    return torch.where(coarse, chord, tangent).clamp(*shape.sector)


def offsets(shape, low, high, slope, side):
    """Offset of a line of given slope on one side of the activation.

    Parameters
    ----------
    shape : Shape
        Of the activation sigma.
    low, high : Tensor
        Ends of the intervals.
    slope : Tensor
        Slopes, broadcast against them.
    side : {-1, 1}
        Below or above.

    Returns
    -------
    offset : Tensor
        Proven: ``side * (slope * z + offset - sigma(z)) >= 0`` on the interval.
    touch : Tensor
        Where the line (nearly) touches: d offset / d slope = -touch.
    """
    best, touch = None, None
    for z, slack in _candidates(shape, low, high, slope, side):
        value = side * (shape.function(z) - slope * z) + slack
        if best is None:
            best, touch = value, z.expand_as(value)
        else:
            better = value > best
            best = torch.where(better, value, best)
            touch = torch.where(better, z, touch)
    size = torch.maximum(low.abs(), high.abs())
    room = shape.error(size) + (4.0 * UNIT) * size * (shape.lipschitz + slope.abs())
    return side * (best + 1.01 * room + 4.0 * UNIT * best.abs()), touch


def _candidates(shape, low, high, slope, side):
    """Points where side * (sigma - s z) may be largest, and what they may miss."""
    zero = low.new_zeros(())
    # First, since the first of equal ones is taken: a line with the slope of a piece
    # touches it all along, and slopes within the range turn around its kink.
    for b in shape.breakpoints:
        yield torch.clamp(torch.maximum(low, torch.full_like(low, b)), max=high), zero
    yield low, zero
    yield high, zero
    for piece, curvature in enumerate(shape.curvature):
        if curvature == -side:
            yield _stationary(shape, low, high, slope, piece, side)


def _stationary(shape, low, high, slope, piece, side):
    """Point of a curved piece with sigma' near s; the tangent there bounds the rest."""
    left, right = shape.ends(piece)
    start = torch.minimum(low.clamp_min(left), high)
    end = torch.maximum(high.clamp_max(right), start)
    z = torch.minimum(torch.maximum(shape.point_of_slope(piece, slope), start), end)
    # side * g is concave on the piece: nowhere above its tangent at z.
    rate = side * (shape.derivative(z) - slope)
    gain = torch.maximum(rate * (end - z), rate * (start - z)).clamp_min(0.0)
    return z, 1.01 * gain + (shape.error(z) + UNIT) * (end - start)


def slope_range(shape, low, high):
    """Proven range of the derivative over intervals (one-sided ones at kinks)."""
    first, last = shape.derivative(low), shape.derivative(high)
    smallest, largest = torch.minimum(first, last), torch.maximum(first, last)
    # A kink at an end counts: the neighbouring slope is approached.
    kinks = {b: (left, right) for b, left, right in shape.jumps}
    for b in shape.breakpoints:
        values = kinks.get(b)
        if values is None:
            value = float(shape.derivative(torch.tensor(b, dtype=torch.float64)))
            values = (value, value)
        inside = (low <= b) & (b <= high)
        smallest = torch.where(inside, smallest.clamp_max(min(values)), smallest)
        largest = torch.where(inside, largest.clamp_min(max(values)), largest)
    if not shape.is_piecewise_linear:
        size = torch.maximum(low.abs(), high.abs())
        room = shape.error(size) + 4.0 * UNIT
        smallest, largest = smallest - room, largest + room
    return smallest.clamp(*shape.sector), largest.clamp(*shape.sector)


def secant_range(shape, low, high, least, most):
    """Proven range of the slopes from one point to each other one of an interval.

    Of a hinge, such slopes keep away from the far side's as long as the point does. Of
    other shapes that of the derivative.

    Parameters
    ----------
    shape : Shape
        Of the activation.
    low, high : Tensor
        Ends of the intervals.
    least, most : Tensor
        Between which the points lie, up to rounding.
    """
    if shape.hinge is None:
        return slope_range(shape, low, high)
    left, right = (low.new_tensor(slope) for slope in shape.hinge)
    # Of max(0, z): least from a point above zero down to the lower end, most from one
    # below up to the upper end.
    smallest = torch.where(least > 0.0, least / (least - low), 0.0)
    largest = torch.where(most < 0.0, high / (high - most), 1.0)
    ends = smallest.nan_to_num(0.0), largest.nan_to_num(1.0)
    room = 8.0 * UNIT * (left.abs() + right.abs())
    smallest, largest = (torch.lerp(left, right, end.clamp(0.0, 1.0)) for end in ends)
    smallest = torch.where(low >= 0.0, right, (smallest - room).clamp(left, right))
    largest = torch.where(high <= 0.0, left, (largest + room).clamp(left, right))
    smallest = torch.where(high <= 0.0, left, smallest)
    return smallest, torch.where(low >= 0.0, right, largest)


def tangents_below(shape, least, most):
    """Slopes of lines nowhere above that touch at a point; NaN where none is sure.

    Parameters
    ----------
    shape : Shape
        Of the activation.
    least, most : Tensor
        Between which the points lie, up to rounding.
    """
    if shape.hinge is None:
        return torch.full_like(least, torch.nan)
    left, right = (least.new_tensor(slope) for slope in shape.hinge)
    unsure = torch.where(most < 0.0, left, torch.nan)
    return torch.where(least > 0.0, right, unsure)


def value_range(shape, low, high):
    """Range of the activation over intervals, rounded outward."""
    if shape.sector[0] >= 0.0:
        first, last = shape.function(low), shape.function(high)
        return first - shape.error(low), last + shape.error(high)
    zero = torch.zeros_like(low)
    below, _ = offsets(shape, low, high, zero, -1)
    above, _ = offsets(shape, low, high, zero, 1)
    return below, above
