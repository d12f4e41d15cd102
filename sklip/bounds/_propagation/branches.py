# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Linear bounds over parts of a ball that are cut out by neurons' signs.

For networks of hinges max(l z, r z), l <= r: ReLU, leaky ReLU, the absolute value.

A part is where chosen pre-activations have chosen signs s. For beta >= 0 the bound of
f - sum beta s z over the whole ball is one of f over the part (beta-CROWN), and beta is
optimised together with the slopes of the lines.
"""

from dataclasses import astuple, dataclass

import torch

from sklip._floats import tensor_lengths
from sklip.bounds._propagation.bounds import (
    HiddenBounds,
    all_lines,
    hidden_bounds,
    meet,
)
from sklip.bounds._propagation.candidates import best_split
from sklip.bounds._propagation.linear import (
    LayerSizes,
    layer_sizes,
    linear_lower,
    parallel_bounds,
)
from sklip.bounds._propagation.lines import Lines, adaptive_lines, parallel_lines
from sklip.bounds._propagation.slopes import Adam, better

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
    choice : Tensor of int of shape (n_parts,)
        The neuron to split, of all hidden ones; of parts above ``enough`` any.
    slopes : list of Tensor of shape (n_parts, n_k)
        Of the activations, of neurons whose sign is known.
    start : Tensor of shape (n_parts, n_neurons, 2)
        Slopes, as shares of their range, and multipliers at the end, from which parts
        of these may start.
    intervals : list of (Tensor, Tensor)
        Of each hidden layer, ends of shape (n_parts, n_k).
    """

    lower: torch.Tensor
    directions: torch.Tensor
    gains: list
    choice: torch.Tensor
    slopes: list
    start: torch.Tensor
    intervals: list


def lower_over_parts(
    propagation, balls, rows, signs, *, n_steps, enough, start=None, given=None
):
    """Bounds of ``rows @ outputs`` over parts of balls.

    Parameters
    ----------
    propagation : Propagation
        A network of hinges throughout.
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
    start : Tensor of shape (n_parts, n_neurons, 2), default=None
        Slopes and multipliers to start from.
    given : list of (Tensor, Tensor), default=None
        Of each hidden layer, ends that hold over the parts but for the signs. Layers
        above a sign are bounded again, the others taken as they are.

    Returns
    -------
    bounds : PartBounds
        Of each part.
    """
    if not propagation.n_hidden:
        norms = tensor_lengths(rows) * 1.001
        lower = linear_lower(propagation, balls, 0, rows, norms, [], [])
        return PartBounds(
            lower[:, 0],
            rows[:, 0],
            [],
            rows.new_zeros(len(rows), dtype=int),
            [],
            rows.new_zeros(len(rows), 0, 2),
            [],
        )
    with torch.no_grad():
        ascent = _Ascent(propagation, balls, rows, signs, start, given)
    lower, directions, *layers = ascent.run(n_steps, enough)
    n = propagation.n_hidden
    coefficients, *variables = layers[:n], layers[n : 2 * n], layers[2 * n :]
    with torch.no_grad():
        gains = ascent.gains(coefficients)
        choice = ascent.choice(gains, *variables, ~(lower > enough))
    shares, multipliers = (torch.cat(x, 2) for x in variables)
    return PartBounds(
        lower,
        directions,
        gains,
        choice,
        ascent.known_slopes(),
        torch.stack([shares[:, 0], multipliers[:, 0]], dim=2),
        ascent.bounds.intervals,
    )


def lower_by_multipliers(propagation, balls, rows, signs, multipliers, given=None):
    """Bounds of ``rows @ outputs`` over parts, from given multipliers of the signs.

    Parameters
    ----------
    propagation, balls, rows, signs
        As for :func:`lower_over_parts`.
    multipliers : list of Tensor of shape (n_parts, n_k)
        For each hidden layer, >= 0.
    given
        As for :func:`lower_over_parts`.

    Returns
    -------
    lower : Tensor of shape (n_parts,)
        Proven for any multipliers.
    """
    with torch.no_grad():
        ascent = _Ascent(propagation, balls, rows, signs, None, given)
        extra = [
            -(beta * sign)[:, None]
            for beta, sign in zip(multipliers, signs, strict=True)
        ]
        return ascent.lower(ascent.lines, extra)


class _Ascent:
    """Slopes of the lower lines and multipliers of the signs, and their bound."""

    def __init__(self, propagation, balls, rows, signs, start, given):
        self.propagation, self.rows, self.signs = propagation, rows, signs
        self.norms = tensor_lengths(rows) * 1.001
        self.hinges = [rows.new_tensor(x.shape.hinge) for x in propagation.layers[:-1]]
        self.bounds = _cut_bounds(propagation, balls, signs, given)
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

    def _set_variables(self, start):
        self.open = [
            ((low < 0.0) & (high > 0.0))[:, None] for low, high in self.bounds.intervals
        ]
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

        the directions and for each layer coefficients, slopes and multipliers.
        """
        slopes, betas = Adam(self.shares), Adam(self.betas, 0.3, 0.95, torch.inf)
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
                best = better([x.detach().clone() for x in found], best)
                if step == n_steps or (best[0] > enough).all():
                    return best
                variables = [*self.shares, *self.betas]
                gradients = torch.autograd.grad(lower.sum(), variables)
            slopes.step(gradients[: len(self.shares)])
            betas.step(gradients[len(self.shares) :])

    def _direction(self, lines, extra, passed):
        first = passed[-1]
        positive, negative = first.clamp_min(0.0), first.clamp_max(0.0)
        rows = positive * lines[0].lower + negative * lines[0].upper + extra[0]
        return rows[:, 0]

    def _open_lines(self):
        """Lines through zero with these slopes, which are below a hinge anywhere."""
        return [
            _opened(*parts, slice(None))
            for parts in zip(
                self.lines, self.shares, self.open, self.hinges, strict=True
            )
        ]

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

    def choice(self, gains, shares, multipliers, is_open):
        """The neuron to split, of each part that is open."""
        gains, (some,) = torch.cat(gains, 1), torch.nonzero(is_open, as_tuple=True)
        lines = [
            _opened(*parts, some)
            for parts in zip(
                self.lines,
                [x[some] for x in shares],
                self.open,
                self.hinges,
                strict=True,
            )
        ]
        extra = [
            -beta[some] * sign[some][:, None]
            for beta, sign in zip(multipliers, self.signs, strict=True)
        ]
        found = gains.argmax(1)
        found[some] = best_split(
            self.propagation,
            self.bounds.balls[some],
            self.rows[some],
            gains[some],
            lines,
            [LayerSizes(*(x[some] for x in astuple(size))) for size in self.sizes],
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


def _cut_bounds(propagation, balls, signs, given):
    """Bounds of the hidden layers over parts."""
    cuts = [
        (
            torch.where(s > 0, 0.0, -torch.inf).to(torch.float64),
            torch.where(s < 0, 0.0, torch.inf).to(torch.float64),
        )
        for s in signs
    ]
    if given is None:
        return hidden_bounds(propagation, balls, "crown", given=cuts)
    known = [meet(ends, cut) for ends, cut in zip(given, cuts, strict=True)]
    _refresh(propagation, balls, signs, known)
    return HiddenBounds(balls, known, "crown")


def _refresh(propagation, balls, signs, known):
    """Tighten, in place, the layers above a sign that a part has fixed."""
    is_cut = torch.zeros(len(balls), dtype=torch.bool, device=propagation.device)
    for k in range(1, propagation.n_hidden):
        is_cut = is_cut | (signs[k - 1] != 0.0).any(dim=1)
        low, high = known[k]
        parts = torch.nonzero(is_cut)[:, 0]
        is_open = (low < 0.0) & (high > 0.0)
        neurons = torch.nonzero(is_open[parts].any(dim=0))[:, 0]
        if len(neurons) == 0:
            continue
        found = _asked(propagation, balls, known[:k], parts, k, neurons)
        at = parts[:, None], neurons
        # Neurons that others have open stay: no part depends on those beside it.
        known[k] = tuple(
            old.index_put(at, torch.where(is_open[at], new, old[at]))
            for old, new in zip(
                (low, high), meet((low[at], high[at]), found), strict=True
            )
        )


def _asked(propagation, balls, known, parts, k, neurons):
    """Bounds of some neurons of a layer over some parts."""
    found = []
    for some in parts.split(propagation.block_rows()):
        below = HiddenBounds(balls, known, "crown")[some]
        lines, sizes = all_lines(propagation, below, parallel_lines)
        ends = parallel_bounds(propagation, below.balls, k, lines, sizes, neurons)
        found.append(ends)
    return [torch.cat(ends) for ends in zip(*found, strict=True)]
