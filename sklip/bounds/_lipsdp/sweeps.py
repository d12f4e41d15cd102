# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""LipSDP's dual with a short vector for each unit, and sweeps that improve all of them.

A dual matrix X of low rank is F F^T, with a row f_i of F for each input and neuron. Its
equations say of each neuron, with g_i the row of its weights times the F of the layer
before, (f_i - alpha g_i)^T (f_i - beta g_i) = 0, a sphere:

    f_i = c g_i + h |g_i| u_i,   c = (alpha + beta) / 2,  h = (beta - alpha) / 2,

u_i any unit vector. So every choice of the inputs' F_0 and of the u_i is a dual point,
with the value ||W_l F_l||^2 / ||F_0||^2. That is convex in F_0 and in each layer's u
with the others held: where its derivative points is where it is largest on the sphere.
A sweep goes forwards for the value and backwards for the derivatives A (by f) and B (by
g),

    u_i = a_i / |a_i|,   b_i = c a_i + h |a_i| g_i / |g_i|,

at the price of four thin products a layer, without a factorisation. Where nothing moves
any more, S(x) F = 0 with the multipliers t_i = |a_i| / (2 h |g_i|): they are LipSDP's,
and S(x) misses definiteness by the less the nearer the sweeps have come. By how much is
seen where it is missed: on the range of F.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["Swept", "Sweeps"]

# Share of the largest derivative and of the largest row in a layer below which a neuron
# counts as one that has no influence: its multiplier is kept from 0 and infinity.
_NO_INFLUENCE = 1e-12
_TINY = 1e-300
# Products with S(x) that a look outside the range of F takes.
_KRYLOV_STEPS = 8
# What is added to the violation seen.
_ROOM = 1.02
# Least inflation that floats tell from none.
_ROUNDING = 1e-15


@dataclass(frozen=True, eq=False)
class Swept:
    """What a sweep found at its point."""

    squared: float  # the dual value, a lower end for L^2
    image: np.ndarray  # where the sweep leads
    rows: list  # F_0 ... F_l
    slopes: list  # B_1 ... B_l, then W_l F_l
    halves: list  # h of each hidden layer
    sizes: list  # |g_i|, as columns
    steeps: list  # |a_i|, the same

    @cached_property
    def scales(self):
        """The multipliers t_1 ... t_l."""
        return [
            _bounded(steep, 0.0) / _bounded(size, _TINY) * (0.5 / h)
            for steep, size, h in zip(self.steeps, self.sizes, self.halves, strict=True)
        ]


class Sweeps:
    """The sweeps of one chain.

    A point has a row for each input, together of norm one, and a unit row for each
    neuron, layer after layer.

    Parameters
    ----------
    weights : list of ndarray
        W_0 ... W_l.
    sectors : sequence of (float, float)
        (alpha, beta) of each hidden layer, alpha < beta.
    """

    def __init__(self, weights, sectors):
        self._weights, self._sectors = weights, sectors
        self._halves = [((a + b) / 2.0, (b - a) / 2.0) for a, b in sectors]
        self._is_curved = any(a * b > 0.0 for a, b in sectors)
        self.sizes = [weights[0].shape[1], *(len(w) for w in weights[:-1])]
        ends = np.cumsum([0, *self.sizes])
        self.blocks = [slice(a, b) for a, b in zip(ends[:-1], ends[1:], strict=True)]

    def random_point(self, rank):
        """A point drawn, the same one each time."""
        x = np.random.default_rng(0).normal(size=(sum(self.sizes), rank))
        return self.on_spheres(x)

    def on_spheres(self, x):
        """The same rows at their lengths, in place."""
        first, others = x[: self.sizes[0]], x[self.sizes[0] :]
        first /= np.linalg.norm(first)
        others /= np.maximum(_lengths(others), _TINY)
        return x

    def __call__(self, x):
        """Sweep once."""
        rows, inputs, sizes, steeps = [x[self.blocks[0]]], [], [], []
        for w, (c, h), block in zip(
            self._weights, self._halves, self.blocks[1:], strict=False
        ):
            g = w @ rows[-1]
            size = _lengths(g)
            inputs.append(g)
            sizes.append(size)
            rows.append(c * g + (h * size) * x[block])
        top = self._weights[-1] @ rows[-1]
        image, slopes = np.empty_like(x), [top]
        a = self._weights[-1].T @ top
        for k in range(len(inputs) - 1, -1, -1):
            c, h = self._halves[k]
            steep = _lengths(a)
            np.divide(a, np.maximum(steep, _TINY), out=image[self.blocks[k + 1]])
            b = inputs[k] * (h * steep / np.maximum(sizes[k], _TINY))
            b += c * a
            steeps.append(steep)
            slopes.append(b)
            a = self._weights[k].T @ b
        np.divide(a, max(np.linalg.norm(a), _TINY), out=image[self.blocks[0]])
        return Swept(
            float(np.vdot(top, top)),
            image,
            rows,
            [*slopes[:0:-1], top],
            [h for _, h in self._halves],
            sizes,
            steeps[::-1],
        )

    def range_of(self, swept):
        """The range of F, its rows scaled as the condition's are.

        Returns
        -------
        basis : ndarray
            Orthonormal columns over the scales, the strongest direction first.
        turn, strengths : ndarray
            Right singular vectors, as columns, and singular values of F so scaled.
        """
        scale = self.scale(swept.squared, swept.scales)
        scaled = scale * np.concatenate(swept.rows)
        values, vectors = np.linalg.eigh(scaled.T @ scaled)
        turn, strengths = vectors[:, ::-1], np.sqrt(np.maximum(values[::-1], 0.0))
        return np.linalg.qr(scaled @ turn)[0] / scale, turn, strengths

    def scale(self, squared, scales):
        """Root of the condition's diagonal, as a column."""
        squares = [np.full(self.sizes[0], squared), *(2.0 * t for t in scales)]
        return np.sqrt(np.concatenate(squares))[:, None]

    def inflation(self, basis, squared, scales):
        """By what dividing the scaled weights makes a point feasible.

        As far as a subspace tells: a factor of :meth:`Z.inflated`.
        """
        missing = -self._least(basis, squared, scales)
        if not missing > 0.0:
            return 1.0 if missing <= 0.0 else math.inf
        factor = 1.0 + _ROOM * missing
        while self._is_curved and factor < 1.5:
            # What alpha beta > 0 adds to the diagonal shrinks with the weights.
            n = len(self.sizes)
            inflated = [t * factor ** (2 * (n - k)) for k, t in enumerate(scales, 1)]
            if self._least(basis, squared * factor ** (2 * n), inflated) >= 0.0:
                break
            factor = 1.0 + 1.3 * max(factor - 1.0, _ROUNDING)
        return factor

    def surroundings(self, basis, squared, scales):
        """A basis over the scales of a subspace and of what S(x) makes of it.

        Definiteness that is missed outside of a subspace shows there.
        """
        scale = self.scale(squared, scales)
        blocks = [basis]
        for _ in range(_KRYLOV_STEPS):
            leaks = self.times(blocks[-1], squared, scales) / scale
            blocks.append(np.linalg.qr(leaks)[0] / scale)
        return np.linalg.qr(scale * np.hstack(blocks))[0] / scale

    def missed(self, basis, squared, scales, n):
        """At most n directions of a subspace in which definiteness is missed most."""
        values, vectors = np.linalg.eigh(self._form(basis, squared, scales))
        return basis @ vectors[:, :n][:, values[:n] < 0.0]

    def along(self, swept, directions):
        """Columns of a point for columns of F."""
        found = [directions[self.blocks[0]]]
        for w, (c, h), size, before, block in zip(
            self._weights,
            self._halves,
            swept.sizes,
            self.blocks[:-1],
            self.blocks[1:],
            strict=False,
        ):
            step = directions[block] - c * (w @ directions[before])
            found.append(step / np.maximum(h * size, _TINY))
        return np.concatenate(found)

    def forms(self, v, squared, scales):
        """V^T S_i V of every variable times its value, and G: V^T S V is sum less G."""
        below = v[self.blocks[0]]
        parts = [squared * (below.T @ below)[None]]
        for w, (alpha, beta), t, block in zip(
            self._weights, self._sectors, scales, self.blocks[1:], strict=False
        ):
            g, own = w @ below, v[block]
            part = ((own - alpha * g) * t[:, None])[:, :, None] * (own - beta * g)[
                :, None
            ]
            parts.append(part + part.transpose(0, 2, 1))
            below = own
        top = self._weights[-1] @ below
        return np.concatenate(parts), top.T @ top

    def times(self, v, squared, scales):
        """S(x) V."""
        rows = [squared * v[self.blocks[0]]]
        for w, (alpha, beta), t, block in zip(
            self._weights, self._sectors, scales, self.blocks[1:], strict=False
        ):
            g, own = w @ v[self.blocks[len(rows) - 1]], v[block]
            p, q = (own - alpha * g) * t[:, None], (own - beta * g) * t[:, None]
            rows[-1] -= w.T @ (alpha * q + beta * p)
            rows.append(p + q)
        last = self._weights[-1]
        rows[-1] -= last.T @ (last @ v[self.blocks[-1]])
        return np.concatenate(rows)

    def _least(self, v, squared, scales):
        """Smallest eigenvalue of V^T S(x) V."""
        return float(np.linalg.eigvalsh(self._form(v, squared, scales))[0])

    def _form(self, v, squared, scales):
        """V^T S(x) V."""
        below = v[self.blocks[0]]
        form = squared * (below.T @ below)
        for w, (alpha, beta), t, block in zip(
            self._weights, self._sectors, scales, self.blocks[1:], strict=False
        ):
            g, own = w @ below, v[block]
            part = ((own - alpha * g) * t[:, None]).T @ (own - beta * g)
            form += part + part.T
            below = own
        top = self._weights[-1] @ below
        return form - top.T @ top


def _lengths(rows):
    """Lengths of rows, as a column."""
    return np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]


def _bounded(column, least):
    """A column as a vector, no entry far below its largest."""
    return np.maximum(column[:, 0], _NO_INFLUENCE * column.max() + least)
