# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Linear functions of a node, back to the ball: by lines (CROWN), or by rates.

Each product of coefficients is within gamma of the sizes that enter it. What that
changes in the bound is gamma times (the coefficients' magnitudes times the sizes of
what they multiply), which ``LayerBounds`` knows entry by entry.
"""

import torch

from sklip._floats import FLOOR, UNIT, gamma
from sklip.bounds._propagation import vectors_times

__all__ = ["Backward"]


class Backward:
    """One pass from a node down to the input, for many rows at once.

    Parameters
    ----------
    propagation : ModulePropagation
        Of the graph that is passed through.
    bounds : LayerBounds
        Of its nodes, as far as they are needed.
    """

    def __init__(self, propagation, bounds):
        self.propagation, self.bounds = propagation, bounds
        self.middle = self.half = self.error = 0.0
        self.is_lower = True

    def lower(self, k, rows, lines):
        """Lower bounds (n_samples, n_rows) of ``rows`` times node k.

        Parameters
        ----------
        k : int
            Node.
        rows : Tensor of shape (n_samples or 1, n_rows, *shape)
            Coefficients.
        lines : dict
            Of each nonlinear node below k.
        """
        center, room = self._down(k, rows, self._by_lines(lines))
        return center - room

    def both(self, k, rows, lines):
        """Middle and half width of the same, for lines of one slope on both sides."""
        self.is_lower = False
        return self._down(k, rows, self._by_parallel_lines(lines))

    def by_ends(self, k, rows):
        """Lower bounds from the ends of what the nonlinear nodes above give."""

        def through(j, node, rows):
            low, high = self.bounds.ends[j]
            flat = rows.flatten(2)
            middle, half = 0.5 * (low + high), 0.5 * (high - low)
            self.middle = self.middle + vectors_times(flat, middle.flatten(1))
            self.half = self.half + vectors_times(flat.abs(), half.flatten(1))
            self._lose(3.0 * gamma(node.size), rows, self._largest(j))

        center, room = self._down(k, rows, through)
        return center - room

    def _down(self, k, rows, through):
        nodes, coefficients = self.propagation.nodes, {k: rows}
        # Nodes stand behind all that they take: when one's turn comes, its coefficients
        # are complete.
        for j in range(k, -1, -1):
            if j in coefficients:
                rows = coefficients.pop(j)
                for inner, part in self.through(j, nodes[j], rows, through):
                    self._add(coefficients, inner, part)
        return self._over_the_ball(coefficients.get(-1))

    def through(self, j, node, rows, through):
        """Coefficients of the inputs of a node."""
        if node.kind == "linear":
            return [(node.inputs[0], self._linear(j, node.layer, rows))]
        if node.kind in ("slope", "maximum"):
            found = through(j, node, rows)
            return [] if found is None else [(node.inputs[0], found)]
        if node.kind == "sum":
            return [(inner, rows) for inner in node.inputs]
        axis = node.layer
        shapes = [self.propagation.shape(inner) for inner in node.inputs]
        parts = torch.split(rows, [shape[axis] for shape in shapes], dim=axis + 2)
        return list(zip(node.inputs, parts, strict=True))

    def _add(self, coefficients, k, rows):
        if k not in coefficients:
            coefficients[k] = rows
            return
        # Where branches meet, the sum rounds as well.
        rows = coefficients[k] = coefficients[k] + rows
        self._lose(2.0 * UNIT, rows, self._largest(k))

    def _linear(self, j, layer, rows):
        n, n_rows = rows.shape[:2]
        if layer.bias is not None:
            bias = layer.bias.expand(layer.out_shape).reshape(1, -1)
            self.middle = self.middle + vectors_times(rows.flatten(2), bias)
        if not layer.is_exact:
            rate = gamma(layer.terms_out + rows[0, 0].numel())
            self._lose(rate, rows, self.bounds.sizes[j])
        down = layer.transposed(rows.reshape(n * n_rows, *layer.out_shape))
        return down.reshape(n, n_rows, *layer.in_shape)

    def _by_lines(self, lines):
        def through(j, node, rows):
            line = lines[j]
            if node.kind == "slope":
                flat = rows.flatten(2)
                # From below a positive coefficient takes the lower line, a negative one
                # the upper.
                positive, negative = flat.clamp_min(0.0), flat.clamp_max(0.0)
                lower, below, upper, above = (
                    x if x.ndim == 3 else x[:, None]
                    for x in (line.lower, line.below, line.upper, line.above)
                )
                offset = (positive * below + negative * above).sum(dim=-1)
                down = positive * lower + negative * upper
                size = torch.maximum(below.abs(), above.abs())
                self._count(j, flat, down, size)
                self.middle = self.middle + offset
                return down.reshape(-1, rows.shape[1], *node.shape)
            positive, negative = rows.clamp_min(0.0), rows.clamp_max(0.0)
            lower, upper = line.lower[:, None], line.upper[:, None]
            above = line.above[:, None]
            self.middle = self.middle + (negative * above).flatten(2).sum(dim=-1)
            self._lose(gamma(node.size), rows, line.above.abs())
            down = positive * lower + negative * upper
            return self._chosen(j, node, down, line.chosen)

        return through

    def _by_parallel_lines(self, lines):
        def through(j, node, rows):
            line = lines[j]
            flat = rows.flatten(2)
            above, below, slope = (
                x.flatten(1) for x in (line.above, line.below, line.lower)
            )
            # One slope on both sides: coefficients pass once, offsets make the width.
            middle, half = 0.5 * (above + below), 0.5 * (above - below)
            self.middle = self.middle + vectors_times(flat, middle)
            self.half = self.half + vectors_times(flat.abs(), half)
            down = flat * slope[:, None]
            size = torch.maximum(above.abs(), below.abs())
            self._count(j, flat, down, 3.0 * size)
            down = down.reshape(-1, rows.shape[1], *node.shape)
            if node.kind == "maximum":
                return self._chosen(j, node, down, line.chosen)
            return down

        return through

    def _chosen(self, j, node, rows, chosen):
        n = max(len(rows), len(chosen))
        rows = rows.expand(n, *rows.shape[1:])
        down = node.layer.transposed(rows, chosen)
        largest = self._largest(node.inputs[0])
        self._lose(gamma(node.layer.terms_out), down, largest)
        # Terms that cancelled in one entry are no smaller than the windows' own.
        self._lose(gamma(node.layer.terms_out), rows, self._largest(j))
        return down

    def _count(self, j, flat, down, offsets):
        """What the offsets' sum and the products with slopes lose."""
        node = self.propagation.nodes[j]
        (entering,) = node.inputs
        sizes = offsets if offsets.ndim == 3 else offsets[:, None]
        lost = (flat.abs() * sizes).sum(dim=-1).detach()
        self.error = self.error + gamma(node.size) * (lost + FLOOR)
        if node.kind == "slope":
            self._lose(4.0 * UNIT, down, self._largest(entering).flatten(1))

    def _largest(self, k):
        low, high = self.bounds_of(k)
        return torch.maximum(low.abs(), high.abs())

    def bounds_of(self, k):
        """Ends of a node or of the input."""
        if k >= 0:
            return self.bounds.ends[k]
        return self.propagation.input_box(self.bounds.balls)

    def _lose(self, rate, rows, sizes):
        """Add rate * |rows| . sizes to the error."""
        rows, sizes = rows.detach().flatten(2).abs(), sizes.flatten(1)
        lost = vectors_times(rows, sizes) + FLOOR * (sizes.sum(dim=1)[:, None] + 1.0)
        self.error = self.error + 1.01 * rate * lost

    def _over_the_ball(self, rows):
        balls, propagation = self.bounds.balls, self.propagation
        if rows is None:
            return self.middle + 0.0 * balls.radii[:, None], self.half + self.error
        rows = rows.flatten(2)
        n = rows.shape[2]
        center = vectors_times(rows, balls.centers)
        reaches = propagation.falls if self.is_lower else propagation.dual_norms
        reach = balls.radii[:, None] * reaches(rows)
        self._lose(gamma(n), rows, balls.centers.abs())
        center = center + self.middle
        room = (self.half + reach) * (1.0 + gamma(n)) + 1.01 * self.error
        return center, room + 8.0 * UNIT * (center.abs() + room)
