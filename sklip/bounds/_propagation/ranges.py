# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Linear bounds over parts of a ball that are cut out by ranges of pre-activations.

For any activations of the registry. A part is where low <= z <= high for some neurons.
For b, c >= 0 the bound of f - b (z - low) - c (high - z) over the whole ball is one of
f over the part, where the lines need to hold in the range alone; b and c are optimised
together with the lines' slopes.
"""

import torch

from sklip._floats import FLOOR, UNIT, gamma, tensor_lengths
from sklip.bounds._propagation.bounds import all_lines, hidden_bounds
from sklip.bounds._propagation.branches import PartBounds
from sklip.bounds._propagation.linear import layer_sizes, linear_lower
from sklip.bounds._propagation.lines import adaptive_lines
from sklip.bounds._propagation.slopes import Adam, better, open_layer

__all__ = ["lower_over_ranges"]

# Of a range that is not worth splitting, relative to the numbers in it.
_NARROW = 1e-9


def lower_over_ranges(propagation, balls, rows, cuts, *, n_steps, enough, given):
    """Bounds of ``rows @ outputs`` over parts of balls.

    Parameters
    ----------
    propagation, balls, rows
        As for :func:`lower_over_parts`, of any network with hidden layers.
    cuts : list of (Tensor, Tensor)
        For each hidden layer ends of the ranges, of shape (n_parts, n_k), infinite
        where there are none.
    n_steps : int
        Steps of ascent.
    enough : Tensor of shape (n_parts,)
        They end when all bounds are above it.
    given : list of (Tensor, Tensor)
        Of each hidden layer, ends that hold over the parts but for the cuts.

    Returns
    -------
    bounds : PartBounds
        Of each part; ``choice`` is the neuron with the largest gain, and nothing is
        kept to start from.
    """
    with torch.no_grad():
        ascent = _Ascent(propagation, balls, rows, cuts, given)
    lower, directions, *coefficients = ascent.run(n_steps, enough)
    gains = ascent.gains(coefficients)
    n_neurons = sum(g.shape[1] for g in gains)
    return PartBounds(
        lower,
        directions @ propagation.layers[0].weight,
        gains,
        torch.cat(gains, 1).argmax(1),
        [],
        rows.new_zeros(len(rows), n_neurons, 2),
        ascent.bounds.intervals,
    )


class _Ascent:
    """Slopes of all lines and multipliers of the cuts, and their bound."""

    def __init__(self, propagation, balls, rows, cuts, given):
        self.propagation, self.rows = propagation, rows
        self.norms = tensor_lengths(rows) * 1.001
        known = [
            (torch.maximum(low, a), torch.minimum(high, b))
            for (low, high), (a, b) in zip(given, cuts, strict=True)
        ]
        # An empty part: any bounds are true there.
        known = [(low, torch.maximum(low, high)) for low, high in known]
        self.bounds = hidden_bounds(propagation, balls, "crown", given=known)
        self.lines, sizes = all_lines(propagation, self.bounds, adaptive_lines)
        self.layers = [
            open_layer(layer.shape, low, high, line, 1)
            for layer, (low, high), line in zip(
                propagation.layers, self.bounds.intervals, self.lines, strict=False
            )
        ]
        self.is_cut = [[torch.isfinite(c)[:, None] for c in pair] for pair in cuts]
        self.cuts = [[c.nan_to_num(0.0, 0.0, 0.0)[:, None] for c in p] for p in cuts]
        passed = []
        self._linear(self.lines, sizes, None, passed)
        self.scales = [c.abs().mean(2, keepdim=True) + 1e-12 for c in passed[::-1]]
        self.betas = [
            torch.zeros_like(c).requires_grad_() for pair in self.cuts for c in pair
        ]

    def _linear(self, lines, sizes, extra, passed):
        return linear_lower(
            self.propagation,
            self.bounds.balls,
            self.propagation.n_hidden,
            self.rows,
            self.norms,
            lines,
            sizes,
            extra,
            passed,
        )[:, 0]

    def run(self, n_steps, enough):
        """Best bounds, with the directions and coefficients where they were found."""
        shares = [share for layer in self.layers for share in layer.shares]
        slopes, betas = Adam(shares), Adam(self.betas, 0.3, 0.95, torch.inf)
        best = None
        for step in range(n_steps + 1):
            with torch.enable_grad():
                lines, passed = [layer.lines() for layer in self.layers], []
                lower, extra = self._lower(lines, passed)
                found = [lower, self._direction(lines[0], extra[0], passed), *passed]
                best = better([x.detach() for x in found], best)
                if step == n_steps or (best[0] > enough).all():
                    return best
                variables = [*shares, *self.betas]
                gradients = torch.autograd.grad(lower.sum(), variables)
            slopes.step(gradients[: len(shares)])
            betas.step(gradients[len(shares) :])

    def _lower(self, lines, passed):
        extra, constant, size = [], 0.0, FLOOR
        betas = zip(self.betas[::2], self.betas[1::2], strict=True)
        for pair, some, cuts, scale in zip(
            betas, self.is_cut, self.cuts, self.scales, strict=True
        ):
            above, below = (
                torch.where(is_cut, scale * beta, 0.0)
                for beta, is_cut in zip(pair, some, strict=True)
            )
            extra.append(below - above)
            terms = torch.cat([above * cuts[0], -below * cuts[1]], 2)[:, 0]
            constant = constant + terms.sum(1)
            size = size + gamma(terms.shape[1]) * terms.abs().sum(1)
        sizes = [
            layer_sizes(layer, low, high, line)
            for layer, (low, high), line in zip(
                self.propagation.layers, self.bounds.intervals, lines, strict=False
            )
        ]
        lower = self._linear(lines, sizes, extra, passed)
        # The difference of two multipliers is rounded as well.
        for e, each in zip(extra, sizes, strict=True):
            size = size + UNIT * (tensor_lengths(e) * each.inputs)[:, 0] * 1.01
        lower = lower + constant
        return lower - 1.01 * size - 4.0 * UNIT * lower.abs(), extra

    def _direction(self, line, extra, passed):
        first = passed[-1]
        rows = first.clamp_min(0.0) * line.lower + first.clamp_max(0.0) * line.upper
        return (rows + extra)[:, 0]

    def gains(self, coefficients):
        """What is between the lines in the middle of each range, as it counts."""
        found = []
        for c, (low, high), line, layer in zip(
            coefficients[::-1],
            self.bounds.intervals,
            self.lines,
            self.propagation.layers,
            strict=False,
        ):
            middle = 0.5 * (low + high)
            gap = (line.upper - line.lower) * middle + line.above - line.below
            open_ = high - low > _NARROW * (1.0 + low.abs() + high.abs())
            if layer.shape.is_piecewise_linear:
                inside = [(low < b) & (b < high) for b in layer.shape.breakpoints]
                open_ = open_ & (sum(inside, torch.zeros_like(open_)) > 0)
            # Above zero wherever a split is possible, so that one is found.
            found.append(torch.where(open_, c[:, 0].abs() * gap + 1e-30, 0.0))
        return found
