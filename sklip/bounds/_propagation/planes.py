# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Upper planes of the first layer's hinges: a slope of its own for each input.

Over a ball the chord of max(l z, r z), z = w @ x + b, is above it by what the whole
interval of z asks for, wherever in the ball x is. A plane g @ (x - center) + c lies
above both pieces wherever c is at least the largest value of either less the plane's,
and such a largest value over a ball is a dual norm. So any g is good with

    c = max(l z_0 + reach(l w - g), r z_0 + reach(r w - g)),

z_0 at the center. Together they are the exact hull over the ball (over boxes that of
Anderson et al., Strong mixed-integer programming formulations for trained neural
networks, Mathematical Programming 2020), and g is found by ascent like other slopes.
"""

from dataclasses import dataclass

import torch

from sklip._floats import FLOOR, UNIT, gamma, tensor_lengths
from sklip.bounds._propagation.lines import Lines

__all__ = [
    "LinesAndPlanes",
    "Planes",
    "first_shares",
    "has_planes",
    "step_length",
    "tilted",
]

# Slopes of the planes of a part: with more the ascent is dearer than further splits.
_MOST_SLOPES = 2**14
# Range of g, entry by entry, in the way from l w to r w. Over a box no g outside is any
# better; over other balls planes lean towards the inputs that all neurons share.
_OVER_BOX, _OVER_BALL = (0.0, 1.0), (-2.0, 3.0)
# Step of ascent from slopes that were optimised for a larger part, in units of others.
_SHORTER = 0.5


@dataclass(frozen=True, eq=False)
class Planes:
    """What upper planes add to upper lines: ``slopes @ (x - center)``."""

    slopes: torch.Tensor  # of shape (n_parts, n_first, n_moving)
    # Of shape (n_parts, 1 or n_rows, n_first): of 0 and 1, where there is a plane.
    where: torch.Tensor
    offsets: torch.Tensor  # of shape (n_parts, 1): norms of the offsets
    radii: torch.Tensor  # of shape (n_parts,): of the balls

    def along(self, rows):
        """Coefficients of ``x - center`` for those of the activations."""
        return (rows.clamp_max(0.0) * self.where) @ self.slopes

    def lost(self, row_norms):
        """What such a product may miss, for rows of bounded norms."""
        n, m = self.slopes.shape[1:]
        size = tensor_lengths(self.slopes.detach().flatten(1))
        rate = (gamma(n) + 4.0 * UNIT) * m**0.5 * self.radii * (size + FLOOR)
        return 1.01 * rate[:, None] * row_norms


@dataclass(frozen=True, eq=False)
class LinesAndPlanes(Lines):
    """Lines of the first layer, to whose upper ones planes are added."""

    planes: Planes


def has_planes(propagation):
    """Whether the first layer is one of hinges with few enough slopes of planes."""
    n, m = propagation.moving.shape
    hinge = propagation.layers[0].shape.hinge if propagation.n_hidden else None
    return hinge is not None and m > 1 and n * m <= _MOST_SLOPES


def first_shares(propagation, line):
    """Shares of which the planes are the upper lines."""
    left, right = propagation.layers[0].shape.hinge
    least, most = _range(propagation)
    slopes = (_by_part(line.upper) - left) / (right - left)
    shares = (slopes - least) / (most - least)
    return shares[..., None].expand(-1, -1, propagation.moving.shape[1]).clone()


def tilted(propagation, balls, line, is_open, shares):
    """Lines of the first layer with upper planes in the place of upper lines.

    Parameters
    ----------
    propagation : Propagation
        Of a network whose first activation is a hinge.
    balls : Balls
        One for each part.
    line : Lines
        Chords, of shape (n_parts, [n_rows,] n_first).
    is_open : Tensor of bool of shape (n_parts, n_first)
        Neurons with planes: those of unknown sign.
    shares : Tensor of shape (n_parts, n_first, n_moving)
        From 0 to 1, of the way through the range of the slopes.
    """
    left, right = propagation.layers[0].shape.hinge
    (least, most), width, weight = _range(propagation), right - left, propagation.moving
    upper, chord = _by_part(line.upper), _by_part(line.above)
    along = least + (most - least) * shares
    z, z_error = balls.start(propagation)
    radii, rise = balls.radii[:, None], propagation.sides.rise
    above = torch.maximum(
        (left - upper) * z + radii * rise(-width * along * weight),
        (right - upper) * z + radii * rise(width * (1.0 - along) * weight),
    )
    # Lengths of vectors of at most |2 least| or |most| widths of w, which themselves
    # are rounded, as the slopes are, and the values at the center.
    reach = radii * propagation.spread.rows
    rate = 4.0 * most * (gamma(weight.shape[1]) + 16.0 * UNIT)
    room = width * (rate * reach + z_error + 8.0 * UNIT * z.abs()) + FLOOR
    above = above + room + 4.0 * UNIT * above.abs()
    slopes = width * (along - ((upper - left) / width)[..., None]) * weight
    above = torch.where(is_open, above, chord)
    offsets = tensor_lengths(above.detach())[:, None] * 1.001
    where = is_open[:, None].to(slopes.dtype)
    planes = Planes(slopes, where, offsets, balls.radii)
    above = above[:, None]
    return LinesAndPlanes(line.lower, line.below, upper[:, None], above, planes)


def step_length(propagation, *, is_known=False):
    """Of the shares' steps of ascent; ``is_known``: from those of a larger part."""
    least, most = _range(propagation)
    return (_SHORTER if is_known else 1.0) / (most - least)


def _by_part(values):
    """Of lines that all rows of a part share."""
    return values if values.ndim == 2 else values[:, 0]


def _range(propagation):
    return _OVER_BOX if propagation.norm == torch.inf else _OVER_BALL
