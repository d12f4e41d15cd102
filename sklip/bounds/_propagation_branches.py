# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Linear bounds of a ReLU network over parts of a ball, cut out by neurons' signs.

A part is where chosen pre-activations have chosen signs s. For beta >= 0 the bound of
f - sum beta s z over the whole ball is one of f over the part (beta-CROWN), and beta is
optimised together with the slopes of the lines.
"""

from dataclasses import dataclass

import torch

from sklip.bounds._propagation_bounds import hidden_bounds
from sklip.bounds._propagation_linear import layer_sizes, linear_lower
from sklip.bounds._propagation_lines import Lines, adaptive_lines, offsets
from sklip.bounds._propagation_slopes import Adam

__all__ = ["PartBounds", "lower_by_multipliers", "lower_over_parts"]


@dataclass(frozen=True, eq=False)
class PartBounds:
    """What is known of one linear function of the outputs over some parts.

    Attributes
    ----------
    lower : Tensor of shape (n_parts,)
        Proven lower bounds.
    directions : Tensor of shape (n_parts, n_first)
        Coefficients of the first pre-activations in the bound: downhill lies the point
        of the ball where it is attained.
    gains : list of Tensor of shape (n_parts, n_k)
        What the bound loses at each neuron of each hidden layer by not knowing its
        sign; 0 where it is known.
    active : list of Tensor of shape (n_parts, n_k)
        Where ReLU is the identity, of neurons whose sign is known.
    """

    lower: torch.Tensor
    directions: torch.Tensor
    gains: list
    active: list


def lower_over_parts(propagation, balls, rows, signs, *, n_steps, enough):
    """Bounds of ``rows @ outputs`` over parts of balls.

    Parameters
    ----------
    propagation : Propagation
        A network with ReLU throughout.
    balls : Balls
        One for each part.
    rows : Tensor of shape (n_parts, 1, n_outputs)
        Coefficients of the outputs.
    signs : list of Tensor of shape (n_parts, n_k)
        For each hidden layer 1, -1, or 0 where the sign is free.
    n_steps : int
        Steps of ascent.
    enough : float
        They end when all bounds are above it.

    Returns
    -------
    bounds : PartBounds
        Of each part.
    """
    if not propagation.n_hidden:
        norms = rows.norm(dim=2) * 1.001
        lower = linear_lower(propagation, balls, 0, rows, norms, [], [])
        return PartBounds(lower[:, 0], rows[:, 0], [], [])
    with torch.no_grad():
        ascent = _Ascent(propagation, balls, rows, signs)
    best = ascent.run(n_steps, enough)
    active = [low >= 0.0 for low, _ in ascent.bounds.intervals]
    return PartBounds(best, ascent.directions, ascent.gains(), active)


def lower_by_multipliers(propagation, balls, rows, signs, multipliers):
    """Bounds of ``rows @ outputs`` over parts, from given multipliers of the signs.

    Parameters
    ----------
    propagation, balls, rows, signs
        As for :func:`lower_over_parts`.
    multipliers : list of Tensor of shape (n_parts, n_k)
        For each hidden layer, >= 0.

    Returns
    -------
    lower : Tensor of shape (n_parts,)
        Proven for any multipliers.
    """
    with torch.no_grad():
        ascent = _Ascent(propagation, balls, rows, signs)
        extra = [
            -(beta * sign)[:, None]
            for beta, sign in zip(multipliers, signs, strict=True)
        ]
        return ascent.lower(ascent.lines, extra)


class _Ascent:
    """Slopes of the lower lines and multipliers of the signs, and their bound."""

    def __init__(self, propagation, balls, rows, signs):
        self.propagation, self.rows, self.signs = propagation, rows, signs
        self.norms = rows.norm(dim=2) * 1.001
        cuts = [
            (
                torch.where(s > 0, 0.0, -torch.inf).to(rows.dtype),
                torch.where(s < 0, 0.0, torch.inf).to(rows.dtype),
            )
            for s in signs
        ]
        self.bounds = hidden_bounds(propagation, balls, "crown", given=cuts)
        self.lines, self.sizes = [], []
        for layer, (low, high) in zip(
            propagation.layers, self.bounds.intervals, strict=False
        ):
            self.lines.append(adaptive_lines(layer.shape, low, high))
            self.sizes.append(layer_sizes(layer, low, high, self.lines[-1]))
        self.coefficients, self.directions = [], None
        self.lower(self.lines, None, self.coefficients)
        self._set_variables()

    def _set_variables(self):
        self.open = [
            ((low < 0.0) & (high > 0.0))[:, None] for low, high in self.bounds.intervals
        ]
        self.shares = [
            line.lower[:, None].clamp(0.0, 1.0).clone().requires_grad_()
            for line in self.lines
        ]
        # Multipliers in units of a typical coefficient of their layer.
        self.scales = [
            c.abs().mean(dim=2, keepdim=True) + 1e-12 for c in self.coefficients[::-1]
        ]
        self.betas = [torch.zeros_like(s).requires_grad_() for s in self.shares]

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
        """Best bound of each part over the steps."""
        slopes, betas = Adam(self.shares), Adam(self.betas, 0.3, 0.95, torch.inf)
        best = None
        for step in range(n_steps + 1):
            with torch.enable_grad():
                lines = self._open_lines()
                extra = [
                    -scale * beta * sign[:, None]
                    for scale, beta, sign in zip(
                        self.scales, self.betas, self.signs, strict=True
                    )
                ]
                passed = []
                lower = self.lower(lines, extra, passed)
                found = lower.detach()
                if best is None:
                    best, self.coefficients = found, passed
                    self.directions = self._direction(lines, extra, passed)
                better = found > best
                if better.any():
                    best = torch.maximum(best, found)
                    new = self._direction(lines, extra, passed)
                    self.directions = torch.where(better[:, None], new, self.directions)
                    self.coefficients = [
                        torch.where(better[:, None, None], a, b)
                        for a, b in zip(passed, self.coefficients, strict=True)
                    ]
                if step == n_steps or (best > enough).all():
                    break
                variables = [*self.shares, *self.betas]
                gradients = torch.autograd.grad(lower.sum(), variables)
            slopes.step(gradients[: len(self.shares)])
            betas.step(gradients[len(self.shares) :])
        return best

    def _direction(self, lines, extra, passed):
        first = passed[-1]
        positive, negative = first.clamp_min(0.0), first.clamp_max(0.0)
        rows = positive * lines[0].lower + negative * lines[0].upper + extra[0]
        return rows.detach()[:, 0]

    def _open_lines(self):
        found = []
        for k, share in enumerate(self.shares):
            low, high = self.bounds.intervals[k]
            shape, line = self.propagation.layers[k].shape, self.lines[k]
            fixed = share.detach()
            with torch.no_grad():
                low, high = low[:, None], high[:, None]
                below, touch = offsets(shape, low, high, fixed, -1)
            slope = torch.where(self.open[k], share, fixed)
            below = below - touch * (slope - fixed)
            upper, above = line.upper[:, None], line.above[:, None]
            found.append(Lines(slope, below, upper, above))
        return found

    def gains(self):
        """Loss of the upper line where it is used, of the lower one where that is."""
        found = []
        coefficients = self.coefficients[::-1]
        for c, (low, high) in zip(coefficients, self.bounds.intervals, strict=True):
            is_open = (low < 0.0) & (high > 0.0)
            gap = (-low * high / (high - low).clamp_min(1e-300)).clamp_min(0.0)
            c = c[:, 0]
            loss = (-c).clamp_min(0.0) * gap
            loss = loss + 0.2 * c.clamp_min(0.0) * torch.minimum(-low, high)
            found.append(torch.where(is_open, loss + 1e-30, 0.0))
        return found
