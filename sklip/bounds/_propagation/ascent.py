# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Ascent on the slopes of lower lines and on the multipliers of branches."""

from dataclasses import astuple

import torch

from sklip._floats import tensor_lengths
from sklip.bounds._propagation.candidates import best_split, halved_lines
from sklip.bounds._propagation.cut_bounds import cut_bounds
from sklip.bounds._propagation.linear import LayerSizes, layer_sizes, linear_lower
from sklip.bounds._propagation.lines import Lines, adaptive_lines
from sklip.bounds._propagation.planes import (
    first_shares,
    has_planes,
    step_length,
    tilted,
)
from sklip.bounds._propagation.slopes import Adam, better

__all__ = ["Ascent"]


class Ascent:
    """Slopes of the lower lines and multipliers of the signs, and their bound.

    With ``planes``, those of the upper planes of the first layer as well, where there
    are few; they start from ``leaning``, if given.
    """

    def __init__(
        self,
        propagation,
        balls,
        rows,
        signs,
        start,
        given,
        *,
        planes=False,
        leaning=None,
    ):
        self.propagation, self.rows, self.signs = propagation, rows, signs
        self.norms = tensor_lengths(rows) * 1.001
        self.hinges = [rows.new_tensor(x.shape.hinge) for x in propagation.layers[:-1]]
        self.bounds = cut_bounds(propagation, balls, signs, given)
        self.lines, self.sizes = [], []
        for layer, (low, high) in zip(
            propagation.layers, self.bounds.intervals, strict=False
        ):
            self.lines.append(adaptive_lines(layer.shape, low, high))
            self.sizes.append(layer_sizes(layer, low, high, self.lines[-1]))
        coefficients = []
        self.lower(self.lines, None, coefficients)
        # Multipliers in units of a typical coefficient of their layer.
        self.scales = [
            c.abs().mean(dim=2, keepdim=True) + 1e-12 for c in coefficients[::-1]
        ]
        self._set_variables(start)
        self.leaning, self.plane_step = [], 1.0
        if planes and has_planes(propagation):
            shares = first_shares(propagation, self.lines[0])
            if leaning is not None:
                is_open = self.open[0][:, 0, :, None]
                shares = torch.where(is_open, leaning.to(shares.dtype), shares)
            self.leaning = [shares.requires_grad_()]
            is_known = leaning is not None
            self.plane_step = step_length(propagation, is_known=is_known)

    def _set_variables(self, start):
        self.open = [
            ((low < 0.0) & (high > 0.0))[:, None] for low, high in self.bounds.intervals
        ]
        # Shares of the way from one slope to the other: steps mean the same in each
        # neuron.
        self.shares = [
            ((line.lower[:, None] - left) / (right - left)).nan_to_num(1.0).clamp(0, 1)
            for line, (left, right) in zip(self.lines, self.hinges, strict=True)
        ]
        self.betas = [torch.zeros_like(s) for s in self.shares]
        if start is not None:
            start = start.split([s.shape[1] for s in self.signs], dim=1)
            shares, betas = zip(*(s[:, None].unbind(3) for s in start), strict=True)
            self.shares = list(map(torch.where, self.open, shares, self.shares))
            self.betas = [b / s for b, s in zip(betas, self.scales, strict=True)]
        self.shares = [s.clone().requires_grad_() for s in self.shares]
        self.betas = [b.clone().requires_grad_() for b in self.betas]

    def lower(self, lines, extra, passed=None):
        """Bound of each part with these lines and coefficients of the signs."""
        k = self.propagation.n_hidden
        balls = self.bounds.balls
        return linear_lower(
            self.propagation,
            balls,
            k,
            self.rows,
            self.norms,
            lines,
            self.sizes,
            extra,
            passed,
        )[:, 0]

    def run(self, n_steps, enough):
        """Best bounds over the steps and, of the steps where they were found:

        the directions and for each layer coefficients, slopes and multipliers; then the
        shares of the planes and what these add to the inputs' coefficients, if there
        are any.
        """
        n = len(self.shares) + len(self.leaning)
        lengths = [1.0] * len(self.shares)
        lengths += [self.plane_step] * len(self.leaning)
        slopes = Adam([*self.shares, *self.leaning], lengths=lengths)
        betas = Adam(self.betas, 0.3, 0.95, torch.inf)
        best = None
        for step in range(n_steps + 1):
            with torch.enable_grad():
                lines, passed = self._open_lines(), []
                multipliers = list(map(torch.mul, self.scales, self.betas))
                extra = [
                    -beta * sign[:, None]
                    for beta, sign in zip(multipliers, self.signs, strict=True)
                ]
                lower = self.lower(lines, extra, passed)
                direction = self._direction(lines, extra, passed)
                found = [lower, direction, *passed, *self.shares, *multipliers]
                if self.leaning:
                    found += [*self.leaning, lines[0].planes.along(passed[-1])[:, 0]]
                # Every step's bounds are proven: each part keeps its best.
                best = better([x.detach().clone() for x in found], best)
                if step == n_steps or (best[0] > enough).all():
                    return best
                variables = [*self.shares, *self.leaning, *self.betas]
                gradients = torch.autograd.grad(lower.sum(), variables)
            slopes.step(gradients[:n])
            betas.step(gradients[n:])

    def _direction(self, lines, extra, passed):
        first = passed[-1]
        # Of the first pre-activations: a positive coefficient meets the lower line.
        positive, negative = first.clamp_min(0.0), first.clamp_max(0.0)
        rows = positive * lines[0].lower + negative * lines[0].upper + extra[0]
        return rows[:, 0]

    def _open_lines(self, some=slice(None), shares=None, leaning=None):
        """Lines of some parts, through zero with these slopes or those so far."""
        shares, leaning = shares or self.shares, leaning or self.leaning
        lines = [
            _opened(*parts, some)
            for parts in zip(self.lines, shares, self.open, self.hinges, strict=True)
        ]
        if leaning:
            balls, is_open = self.bounds.balls[some], self.open[0][some][:, 0]
            told = self.propagation, balls, lines[0], is_open, leaning[0]
            lines[0] = tilted(*told)
        return lines

    def gains(self, coefficients):
        """Loss of the upper line, where it is used; a lower one loses little."""
        found = []
        for c, (low, high), (left, right) in zip(
            coefficients[::-1], self.bounds.intervals, self.hinges, strict=True
        ):
            is_open = (low < 0.0) & (high > 0.0) & (left < right)
            gap = (-low * high / (high - low).clamp_min(1e-300)).clamp_min(0.0)
            loss = (right - left) * (-c[:, 0]).clamp_min(0.0) * gap
            found.append(torch.where(is_open, loss + 1e-30, 0.0))
        return found

    def choice(self, gains, shares, multipliers, leaning, is_open):
        """The neuron to split, of each part that is open."""
        gains, (some,) = torch.cat(gains, 1), torch.nonzero(is_open, as_tuple=True)
        lines = self._open_lines(
            some, [x[some] for x in shares], [x[some] for x in leaning]
        )
        extra = [
            -beta[some] * sign[some][:, None]
            for beta, sign in zip(multipliers, self.signs, strict=True)
        ]
        sizes = [LayerSizes(*(x[some] for x in astuple(size))) for size in self.sizes]

        def halved(neurons):
            found, start = [], 0
            for line, hinge in zip(lines, self.hinges, strict=True):
                # With its sign up, then down.
                zero = torch.zeros_like(hinge[0])
                halves = [Lines(slope, zero, slope, zero) for slope in hinge.flip(0)]
                found.append(halved_lines(line, neurons - start, halves))
                start += line.lower.shape[-1]
            return [(found, sizes)]

        found = gains.argmax(1)
        # Trial splits cost bounds: parts that are proven need none.
        found[some] = best_split(
            self.propagation,
            self.bounds.balls[some],
            self.rows[some],
            gains[some],
            halved,
            extra,
        )
        return found

    def known_slopes(self):
        """Slope of each activation on the side where its interval lies."""
        return [
            torch.where(low >= 0.0, right, left)
            for (low, _), (left, right) in zip(
                self.bounds.intervals, self.hinges, strict=True
            )
        ]


def _opened(line, share, is_open, hinge, some):
    """Lines of some parts' hinges with these shares of the way between the slopes."""
    is_open = is_open[some]
    # Exact at both ends, and nowhere beyond them.
    slope = torch.lerp(*hinge, torch.where(is_open, share, share.detach()))
    upper, above = line.upper[some][:, None], line.above[some][:, None]
    return Lines(slope, torch.zeros_like(slope), upper, above)
