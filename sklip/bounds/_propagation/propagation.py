# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Interval and linear bound propagation over norm balls, for many samples at once.

Linear propagation (CROWN) writes an output as a linear function of the layer before,
replaces each activation by a line on the side that the sign of its coefficient asks
for, and so on down to the input, where a linear function over a ball has a closed form.

Everything is float64 and every number returned is proven: each product loses at most
gamma = (n + 8) 2^-53 of the sizes that enter it, the sizes are bounded by norms, and
what the roundings add up to is taken off at the end. See _Ledger.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import torch

from sklip._floats import FLOOR, UNIT, frobenius, gamma, lengths, tensor_lengths
from sklip.bounds._norms import layer_norms
from sklip.bounds._propagation.lines import value_range
from sklip.bounds._propagation.shapes import shape_of

__all__ = ["Balls", "Propagation"]

# Coefficients of one block of samples; a handful of arrays of this size are alive.
_BLOCK_FLOATS = 2**22


@dataclass(frozen=True, eq=False)
class Balls:
    """Balls of inputs."""

    centers: torch.Tensor  # of shape (n_samples, n_inputs): their centers
    # Of shape (n_samples,): their radii, in the norm of the Propagation.
    radii: torch.Tensor
    # The Propagation that was asked last, and what it says of the centers.
    known: list = field(default_factory=list, repr=False)

    def __len__(self):
        return len(self.centers)

    def __getitem__(self, rows):
        known = [(p, tuple(x[rows] for x in found)) for p, found in self.known]
        return Balls(self.centers[rows], self.radii[rows], known)

    def start(self, propagation):
        """First pre-activations at the centers, and bounds of their errors."""
        if not self.known or self.known[0][0] is not propagation:
            self.known[:] = [(propagation, propagation.start_of(self.centers))]
        return self.known[0][1]

    def first_reach(self, propagation):
        """How far each first pre-activation may fall and rise from the center."""
        below, above = propagation.sides.rows
        return self.radii[:, None] * below, self.radii[:, None] * above

    def reach(self, propagation, rows, row_norms, tilt=None):
        """The same for rows over the first pre-activations, whose norms are bounded.

        With coefficients ``tilt`` of the moving inputs added, if given.
        """
        below, above = propagation.sides(rows, row_norms, tilt)
        return self.radii[:, None] * below, self.radii[:, None] * above


@dataclass(frozen=True, eq=False)
class Layer:
    """Tensors of one affine layer and the activation behind it."""

    weight: torch.Tensor
    bias: torch.Tensor
    magnitude: torch.Tensor  # |weight|
    frobenius: float
    spectral: float
    row_norms: torch.Tensor
    bias_norm: float
    gamma_in: float  # of sums over the layer's inputs
    gamma_out: float  # of sums over its outputs
    underflow: float  # rate at which sums over its outputs err, however small they are
    shape: object  # of the activation; None behind the last layer


class Propagation:
    """Bounds of a network's layers over balls of a norm.

    Parameters
    ----------
    network : FeedForward
        Its layers are taken to tensors once.
    norm : {1, 2, inf}
        Norm of the balls.
    mutable : ndarray of bool of shape (n_inputs,), default=None
        Inputs that move; all by default.
    device : str
        Where it computes.
    shares : tuple of ndarray of shape (n_inputs,), default=None
        Parts of a ball, from 0 to 1, that inputs move down and up; by default one. What
        is symmetric (:attr:`spread`) speaks of the whole balls.
    """

    def __init__(self, network, norm, mutable=None, device="cpu", shares=None):
        self.norm, self.device = float(norm), torch.device(device)
        spectral = layer_norms(network, 2)
        shapes = [*map(shape_of, network.activations), None]
        self.layers = [
            self._layer(*parts, 4 * len(shapes))
            for parts in zip(
                network.weights, network.biases, spectral, shapes, strict=True
            )
        ]
        first = self.layers[0].weight
        self.columns = slice(None)
        if mutable is not None:
            self.columns = self.tensor(mutable.copy(), torch.bool)
            first = first[:, self.columns]
        self.moving = first
        self.spread = InputSpread(first, self.norm)
        self.sides, self.shares = _BothSides(self.spread), None
        if shares is not None and any(np.any(share != 1.0) for share in shares):
            moving = slice(None) if mutable is None else np.asarray(mutable)
            shares = [self.tensor(share[moving]) for share in shares]
            self.sides, self.shares = _OneSided(first, self.norm, *shares), shares

    def tensor(self, array, dtype=torch.float64):
        """On the device."""
        return torch.as_tensor(array, dtype=dtype, device=self.device)

    def _layer(self, weight, bias, spectral, shape, extra):
        up = 1.0 + gamma(weight.size)
        n_out, n_in = weight.shape
        return Layer(
            self.tensor(weight.copy()),
            self.tensor(bias.copy()),
            self.tensor(np.abs(weight)),
            frobenius(weight) * up,
            float(spectral),
            self.tensor(lengths(weight)) * up,
            frobenius(bias) * up,
            gamma(n_in + extra),
            gamma(n_out + extra),
            gamma(n_out + extra) * FLOOR * (n_in + n_out),
            shape,
        )

    @property
    def n_hidden(self):
        """Number of hidden layers."""
        return len(self.layers) - 1

    @property
    def work(self):
        """Multiply-adds of a typical product, for the number of threads."""
        return 1024.0 * max(layer.weight.numel() for layer in self.layers)

    def block_rows(self, n_rows=1, *, hidden=True):
        """Samples whose coefficients of one layer by another fit the memory.

        Of ``n_rows`` linear functions of the outputs alone, where ``hidden`` is False.
        """
        sizes = [len(layer.weight) for layer in self.layers]
        widest = max(*sizes, self.spread.weight.shape[1])
        rows = max(n_rows, *(sizes[1:-1] if hidden else ()), 1)
        return max(1, _BLOCK_FLOATS // (rows * widest))

    def balls(self, inputs, radii):
        """Balls around the rows of an array."""
        return Balls(self.tensor(inputs), self.tensor(radii))

    def start_of(self, centers):
        """Pre-activations of the first layer at inputs, and bounds of their errors."""
        layer = self.layers[0]
        z = centers @ layer.weight.T + layer.bias
        size = centers.abs() @ layer.magnitude.T + layer.bias.abs()
        return z, layer.gamma_in * (size + FLOOR)

    def first(self, balls):
        """Bounds of the first pre-activations: exact up to rounding."""
        z, error = balls.start(self)
        below, above = balls.first_reach(self)
        room = error + UNIT * 4.0 * (z.abs() + torch.maximum(below, above))
        return z - below - room, z + above + room

    def interval_step(self, k, low, high):
        """Bounds of z_{k+1} from bounds of z_k by interval arithmetic."""
        shape, layer = self.layers[k].shape, self.layers[k + 1]
        low, high = value_range(shape, low, high)
        middle, half = 0.5 * (low + high), 0.5 * (high - low)
        center = middle @ layer.weight.T + layer.bias
        reach = half @ layer.magnitude.T
        # Row by row: what the two products and the midpoints lose.
        size = layer.row_norms * (
            tensor_lengths(middle)[:, None] + tensor_lengths(half)[:, None]
        )
        room = layer.gamma_in * (size + layer.bias.abs() + center.abs() + FLOOR)
        return center - reach - room, center + reach + room


class InputSpread:
    """What a linear function of the first pre-activations may gain over a unit ball.

    Parameters
    ----------
    weight : Tensor of shape (n_rows, n)
        First matrix, of the inputs that move.
    norm : float
        Of the ball.
    is_kept : bool, default=False
        Whether the matrix itself is needed.

    Attributes
    ----------
    weight : Tensor
        That matrix, or a smaller one by which rows become as long.
    rows : Tensor of shape (n_rows,)
        Dual norms of the matrix's rows, rounded up.
    """

    def __init__(self, weight, norm, is_kept=False):
        self.dual = {1.0: torch.inf, 2.0: 2.0, torch.inf: 1.0}[norm]
        n_rows, n = weight.shape
        self.rows = self.lengths(weight) * (1.0 + gamma(n))
        self.weight, self.moving, self._residual = weight, weight, 0.0
        if norm == 2.0 and n > n_rows and not is_kept:
            self.weight, self._residual = _triangular(weight)
        size = frobenius(self.weight.cpu().numpy()) * (1.0 + gamma(n_rows * n))
        if self.dual == 1.0:
            size = size * max(1.0, n**0.5)
        self._gamma, self._size = gamma(n_rows + n), size
        self._underflow = self._gamma * FLOOR * (n_rows + n)

    def lengths(self, rows):
        """Dual norms of rows over the inputs."""
        if rows.shape[-1] == 0:
            return rows.new_zeros(rows.shape[:-1])
        if self.dual == 2.0:
            return tensor_lengths(rows)
        return torch.linalg.vector_norm(rows, ord=self.dual, dim=-1)

    def __call__(self, coefficients, sizes, tilt=None):
        """Dual norms of ``coefficients @ weight``, ``tilt`` added, rounded up.

        ``sizes`` bound the l2 norms of the coefficients.
        """
        if tilt is None:
            return self.rounded_up(self.lengths(coefficients @ self.weight), sizes)
        # A smaller matrix has nothing in common with the inputs.
        found = self.lengths(coefficients @ self.moving + tilt)
        return self.rounded_up(found * (1.0 + 4.0 * UNIT), sizes)

    def rounded_up(self, found, sizes):
        """Norms of products with ``weight``, with what they may miss."""
        found = found * (1.0 + self._gamma)
        if self._residual:
            found = torch.hypot(found, self._residual * sizes)
        return found + self._gamma * self._size * sizes + self._underflow


class _BothSides:
    """Falls and rises over a ball, which are the same.

    Attributes
    ----------
    rows : tuple of Tensor of shape (n_rows,)
        How far each first pre-activation falls and rises over a unit ball.
    """

    def __init__(self, spread):
        self.spread, self.rows = spread, (spread.rows, spread.rows)

    def rise(self, inputs):
        """How far rows over the moving inputs rise, not rounded."""
        return self.spread.lengths(inputs)

    def __call__(self, coefficients, sizes, tilt=None):
        """The same for rows of coefficients, as :class:`InputSpread` takes them."""
        found = self.spread(coefficients, sizes, tilt)
        return found, found


class _OneSided:
    """The same over the part of a ball where inputs move down and up differently.

    A linear function falls most where each input with a positive coefficient goes
    down and each other one up: its fall is the dual norm of the coefficients times
    the shares of these directions.
    """

    def __init__(self, weight, norm, down, up):
        self.down, self.up = down, up
        # As it is: a matrix with rows as long has no signs in common with it.
        self.spread = InputSpread(weight, norm, is_kept=True)
        rounded = 1.0 + gamma(weight.shape[1])
        self.rows = tuple(found * rounded for found in self._both(weight))

    def _both(self, rows):
        scaled = (
            rows.abs() * torch.where(rows > 0.0, *shares)
            for shares in ((self.down, self.up), (self.up, self.down))
        )
        return tuple(map(self.spread.lengths, scaled))

    def rise(self, inputs):
        """How far rows over the moving inputs rise, not rounded."""
        return self._both(inputs)[1]

    def __call__(self, coefficients, sizes, tilt=None):
        found = coefficients @ self.spread.weight
        found = self._both(found if tilt is None else found + tilt)
        # A share is at most one: what products miss, these miss at most.
        return tuple(self.spread.rounded_up(side, sizes) for side in found)


def _triangular(weight):
    """Square R by which rows become as long as by W, but for a multiple of theirs.

    W = R Q with orthonormal rows of Q. The residual of W W^T = R R^T makes up for the
    roundings of R. W is scaled by a power of two, so that no product underflows.
    """
    exponent = math.frexp(float(weight.abs().max()))[1]
    scale = 2.0 ** min(max(exponent, -1000), 1000)
    scaled = weight / scale
    factor = torch.linalg.qr(scaled.T, mode="r").R.T
    difference = float((scaled @ scaled.T - factor @ factor.T).norm())
    size = float(scaled.norm() ** 2 + factor.norm() ** 2)
    residual = difference * (1.0 + gamma(len(weight))) + gamma(weight.shape[1]) * size
    return factor * scale, scale * math.sqrt(residual)
