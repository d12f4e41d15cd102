# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Boxes of inputs, each with sides of its own, in the place of balls."""

from dataclasses import dataclass

import torch

from sklip._floats import tensor_lengths
from sklip.bounds._propagation.bounds import all_lines, hidden_bounds
from sklip.bounds._propagation.linear import linear_lower
from sklip.bounds._propagation.lines import adaptive_lines, chord_slopes

__all__ = ["Boxes", "rows_over_boxes"]


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes of inputs; all inputs of the network move."""

    centers: torch.Tensor  # of shape (n_boxes, n_inputs): their centers
    # Of shape (n_boxes, n_inputs): distance of the sides from them.
    halves: torch.Tensor

    @classmethod
    def between(cls, lower, upper):
        """Boxes that contain those with these ends."""
        centers = 0.5 * lower + 0.5 * upper
        halves = torch.maximum(upper - centers, centers - lower)
        # One rounding of the difference; nothing is lost where it is exactly zero.
        infinity = torch.full_like(halves, torch.inf)
        raised = torch.nextafter(halves, infinity)
        return cls(centers, torch.where(halves > 0.0, raised, halves))

    def __len__(self):
        return len(self.centers)

    def __getitem__(self, rows):
        return Boxes(self.centers[rows], self.halves[rows])

    def start(self, propagation):
        """First pre-activations at the centers, and bounds of their errors."""
        return propagation.start_of(self.centers)

    def first_reach(self, propagation):
        """How far each first pre-activation may fall and rise from the center."""
        layer = propagation.layers[0]
        reach = self.halves @ layer.magnitude.T * (1.0 + layer.gamma_in)
        return reach, reach

    def reach(self, propagation, rows, row_norms):
        """The same for rows over the first pre-activations, whose norms are bounded."""
        layer, halves = propagation.layers[0], self.halves[:, :, None]
        reach = ((rows @ layer.weight).abs() @ halves)[..., 0]
        # Each entry of the product misses at most gamma_out |row| |column|.
        rate = layer.gamma_out * row_norms * layer.frobenius + layer.underflow
        lost = rate * tensor_lengths(self.halves)[:, None]
        reach = reach * (1.0 + layer.gamma_in) + 1.01 * lost
        return reach, reach


def rows_over_boxes(propagation, boxes, rows):
    """Lower bounds of linear functions of the outputs, and their slopes in the inputs.

    Parameters
    ----------
    propagation : Propagation
        Of the network of which the outputs are.
    boxes : Boxes
        Where the inputs lie.
    rows : Tensor of shape (n_rows, n_outputs)
        Coefficients of the outputs.

    Returns
    -------
    lower : Tensor of shape (n_boxes, n_rows)
        Proven, by linear bound propagation.
    slopes : Tensor of shape (n_boxes, n_rows, n_inputs)
        About how each function changes with the inputs: where to look, no proof.
    """
    rows = rows.expand(len(boxes), -1, -1)
    norms, k = tensor_lengths(rows) * 1.001, propagation.n_hidden
    first = propagation.layers[0].weight
    if k == 0:
        return linear_lower(propagation, boxes, 0, rows, norms, [], []), rows @ first
    bounds = hidden_bounds(propagation, boxes, "crown")
    lines, sizes = all_lines(propagation, bounds, adaptive_lines)
    passed = []
    lower = linear_lower(
        propagation, boxes, k, rows, norms, lines, sizes, passed=passed
    )
    chords = chord_slopes(propagation.layers[0].shape, *bounds.intervals[0])
    return lower, (passed[-1] * chords[:, None]) @ first
