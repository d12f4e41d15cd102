# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Max pooling: intervals, and lines on either side of it.

Of the entries of a window the one with the largest lower end stands for all:

    z_j <= max_i z_i <= z_j + max(0, max over i != j of high_i - low_j).
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from sklip._floats import UNIT

__all__ = ["Maximum", "MaximumLines"]


@dataclass(frozen=True, eq=False)
class MaximumLines:
    """``slope * z_j + offset`` with j the chosen entry of each window."""

    # Of shape (n, *out_shape): place of j among the spatial entries of the channel.
    chosen: torch.Tensor
    # lower, upper: slopes, one or zero.
    lower: torch.Tensor
    # below, above: offsets, rounded outward.
    below: torch.Tensor
    upper: torch.Tensor
    above: torch.Tensor


class Maximum:
    """The largest entry of each window.

    Parameters
    ----------
    windows : tuple of ndarray of bool of shape (n_out, n)
        For each axis which entries each window holds.
    in_shape : tuple of int
        Shape of one sample, channels first.
    tensor : callable
        Puts an array on the device.
    norm : float
        Its l2 constant.
    """

    def __init__(self, windows, in_shape, tensor, norm):
        self.norm = norm
        self.in_shape = tuple(in_shape)
        self.out_shape = (in_shape[0], *(len(w) for w in windows))
        self.members = tensor(_members(windows)).long()

    def _gathered(self, x):
        """Entries of the windows (n, channels, n_windows, n_members)."""
        flat = x.flatten(2)
        # A window that holds fewer repeats its first.
        return flat[:, :, self.members]

    def apply(self, x):
        """The maxima."""
        return self._gathered(x).amax(dim=-1).reshape(len(x), *self.out_shape)

    def lines(self, low, high, parallel):
        """Lines that hold between the ends of all entries.

        Parameters
        ----------
        low, high : Tensor of shape (n, *in_shape)
            Ends.
        parallel : bool
            Whether both must have the same slope.
        """
        lows, highs = self._gathered(low), self._gathered(high)
        best, place = lows.max(dim=-1, keepdim=True)
        chosen = self.members.expand(lows.shape).gather(-1, place)
        own = self.members.expand(lows.shape) == chosen
        others = highs.masked_fill(own, -torch.inf).amax(dim=-1)
        best, chosen = best[..., 0], chosen[..., 0]
        gap = (others - best).clamp_min(0.0)
        gap = gap + 4.0 * UNIT * (others.abs() + best.abs()) * (gap > 0.0)
        gap = torch.nan_to_num(gap, neginf=0.0, posinf=torch.inf)
        ones, zeros = torch.ones_like(gap), torch.zeros_like(gap)
        if parallel:
            found = ones, zeros, ones, gap
        else:
            alone = gap == 0.0
            top = highs.amax(dim=-1)
            found = (
                ones,
                zeros,
                torch.where(alone, ones, zeros),
                torch.where(alone, zeros, top),
            )
        shape = (len(low), *self.out_shape)
        return MaximumLines(chosen.reshape(shape), *(x.reshape(shape) for x in found))

    def transposed(self, rows, chosen):
        """Coefficients of the windows' chosen entries, as those of all entries.

        Parameters
        ----------
        rows : Tensor of shape (n, n_rows, *out_shape)
            Coefficients.
        chosen : Tensor of shape (n, *out_shape)
            Of lines.
        """
        n, n_rows = rows.shape[:2]
        size = math.prod(self.in_shape[1:])
        result = rows.new_zeros(n, n_rows, self.in_shape[0], size)
        index = chosen.flatten(2)[:, None].expand(n, n_rows, -1, -1)
        result = result.scatter_add(3, index, rows.flatten(3))
        return result.reshape(n, n_rows, *self.in_shape)

    @property
    def terms_out(self):
        """Windows that may hold one entry, at most."""
        return len(self.members)


def _members(windows):
    """Flat places (n_windows, n_members) of the entries of each window."""
    sizes = [w.shape[1] for w in windows]
    lists = []
    for place in np.ndindex(*(len(w) for w in windows)):
        axes = [np.flatnonzero(w[i]) for w, i in zip(windows, place, strict=True)]
        lists.append(np.ravel_multi_index(np.ix_(*axes), sizes).ravel())
    longest = max(map(len, lists))
    return np.array([np.pad(m, (0, longest - len(m)), mode="edge") for m in lists])
