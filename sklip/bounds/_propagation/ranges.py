# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Linear bounds over parts of a ball that are cut out by ranges of pre-activations.

For any activations of the registry. A part is where low <= z <= high for some neurons.
For b, c >= 0 the bound of f - b (z - low) - c (high - z) over the whole ball is one of
f over the part, where the lines need to hold in the range alone; b and c are optimised
together with the lines' slopes.
"""

from dataclasses import astuple

import torch

from sklip._floats import FLOOR, UNIT, gamma, tensor_lengths
from sklip.bounds._propagation.bounds import all_lines, hidden_bounds
from sklip.bounds._propagation.branches import PartBounds
from sklip.bounds._propagation.candidates import best_split, halved_lines
from sklip.bounds._propagation.linear import layer_sizes, linear_lower
from sklip.bounds._propagation.lines import Lines, adaptive_lines, offsets
from sklip.bounds._propagation.slopes import Adam, better, open_layer

__all__ = ["cut_places", "lower_over_ranges"]

# Of a range that is not worth splitting, relative to the numbers in it.
_NARROW = 1e-9
# A breakpoint that far from the ends of a range, as a share of it, is where it is cut.
_FROM_ENDS = 0.05
# Neurons whose halves are bounded before one is cut; where no halves are better than
# the whole it is the one with the largest gain.
_CANDIDATES = 10
# Steps of the multipliers, in units of a typical coefficient of their layer.
_RATE, _DECAY = 0.3, 0.95


def cut_places(shape, low, high):
    """Where ranges are cut: where the activation bends, else in the middle."""
    middle = 0.5 * low + 0.5 * high
    room = 0.0 if shape.is_piecewise_linear else _FROM_ENDS * (high - low)
    place, nearest = middle, torch.full_like(low, torch.inf)
    for b in shape.breakpoints:
        far = (b - middle).abs()
        inside = (low + room < b) & (b < high - room) & (far < nearest)
        place = torch.where(inside, torch.full_like(low, b), place)
        nearest = torch.where(inside, far, nearest)
    return place


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
        Of each part; nothing is kept to start from.
    """
    with torch.no_grad():
        ascent = _Ascent(propagation, balls, rows, cuts, given)
    lower, directions, *found = ascent.run(n_steps, enough)
    n = propagation.n_hidden
    with torch.no_grad():
        gains = ascent.gains(found[:n])
        ascent.keep(found[n:])
        choice = ascent.choice(gains, lower, enough)
    return PartBounds(
        lower,
        directions @ propagation.layers[0].weight,
        gains,
        choice,
        [],
        rows.new_zeros(len(rows), sum(g.shape[1] for g in gains), 2),
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

    @property
    def _slopes(self):
        return [share for layer in self.layers for share in layer.shares]

    def run(self, n_steps, enough):
        """Best bounds and, of the steps where they were found:

        the directions, the coefficients of each layer, and the variables.
        """
        lengths = [length for layer in self.layers for length in layer.lengths]
        slopes = Adam(self._slopes, lengths=lengths)
        betas = Adam(self.betas, _RATE, _DECAY, torch.inf)
        n, best = len(slopes.variables), None
        for step in range(n_steps + 1):
            with torch.enable_grad():
                lines, passed = [layer.lines() for layer in self.layers], []
                lower, extra = self._lower(lines, passed)
                found = [lower, self._direction(lines[0], extra[0], passed), *passed]
                variables = [*slopes.variables, *betas.variables]
                found += variables
                best = better([x.detach().clone() for x in found], best)
                if step == n_steps or (best[0] > enough).all():
                    return best
                gradients = torch.autograd.grad(lower.sum(), variables)
            slopes.step(gradients[:n])
            betas.step(gradients[n:])

    def keep(self, variables):
        """Take variables that :meth:`run` has found."""
        slopes = self._slopes
        for own, best in zip([*slopes, *self.betas], variables, strict=True):
            own.data.copy_(best)

    def choice(self, gains, lower, enough):
        """The neuron to cut, of each part that is open."""
        gains = torch.cat(gains, 1)
        (some,) = torch.nonzero(~(lower > enough), as_tuple=True)
        lines = [layer.lines() for layer in self.layers]

        def halved(neurons):
            # With the lines so far, so that no half is worse, or with new ones.
            for refitted in (_kept_lines, _new_lines):
                found, sizes, start = [], [], 0
                for line, layer, ends in zip(
                    lines, self.propagation.layers, self.bounds.intervals, strict=False
                ):
                    low, high = (end[some] for end in ends)
                    place = cut_places(layer.shape, low, high)
                    own = Lines(*(_of(some, x) for x in astuple(line)))
                    halves = [
                        refitted(layer.shape, own, *half)
                        for half in ((place, high), (low, place))
                    ]
                    found.append(halved_lines(own, neurons - start, halves))
                    sizes.append(layer_sizes(layer, low, high, found[-1]))
                    start += low.shape[1]
                yield found, sizes

        extra, constant, _ = self._cut_terms()
        # Of what the lines alone have to reach.
        most, lower = (
            (torch.as_tensor(x).expand(len(lower)) - constant)[some]
            for x in (enough, lower)
        )

        def worth(first, second):
            # A half that is proven is worth no more for a better bound.
            ends = most[:, None]
            return torch.minimum(first, ends) + torch.minimum(second, ends)

        choice = gains.argmax(1)
        choice[some] = best_split(
            self.propagation,
            self.bounds.balls[some],
            self.rows[some],
            gains[some],
            halved,
            [e[some] for e in extra],
            n=_CANDIDATES,
            worth=worth,
            least=worth(lower[:, None], lower[:, None])[:, 0],
        )
        return choice

    def _cut_terms(self):
        """Coefficients of z by the multipliers, the constant, and its roundings."""
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
        return extra, constant, size

    def _lower(self, lines, passed):
        extra, constant, size = self._cut_terms()
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


def _of(some, x):
    """Some parts of a line's slopes or offsets, with a row of each."""
    return x[some] if x.ndim == 3 else x[some][:, None]


def _kept_lines(shape, lines, low, high):
    """Lines of the same slopes over smaller intervals."""
    lower, upper = lines.lower[:, 0], lines.upper[:, 0]
    below, _ = offsets(shape, low, high, lower, -1)
    above, _ = offsets(shape, low, high, upper, 1)
    return Lines(lower, below, upper, above)


def _new_lines(shape, lines, low, high):
    return adaptive_lines(shape, low, high)
