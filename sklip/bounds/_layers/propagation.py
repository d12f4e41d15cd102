# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Interval and linear bound propagation through the layers of a torch module."""

import math
from functools import cache, cached_property

import numpy as np
import torch

from sklip._floats import FLOOR, UNIT, gamma, tensor_lengths
from sklip.bounds._layers.backward import Backward
from sklip.bounds._layers.bounds import layer_bounds, linear_ends
from sklip.bounds._layers.graph import build_graph
from sklip.bounds._layers.maps import diagonal_map, matrix_map, reshaping
from sklip.bounds._layers.pairs import Pairs
from sklip.bounds._layers.rates import Rates
from sklip.bounds._modules.reader import operators_of
from sklip.bounds._propagation import (
    Balls,
    adaptive_lines,
    largest_lower,
    open_layer,
)

__all__ = ["ModulePropagation"]

# Entries of the rows of a linear part of the module that are computed one by one.
_MOST_ENTRIES = 2**26
_CHUNK_ENTRIES = 2**22
# Inputs up to which the norm of that matrix, its rows scaled for each sample, is worth
# its products.
_MOST_INPUTS = 256
# Coefficients of one block of samples.
_BLOCK_FLOATS = 2**22
# "best" asks for bounds of the layers up to this many pairs of entries: each hidden
# entry has a row of coefficients in every layer below.
_MOST_PAIRS = 2**28


class ModulePropagation:
    """Bounds of a module's layers over balls of a norm.

    Parameters
    ----------
    network : ModuleNetwork
        The module, with what stands before it.
    norm : {1, 2, inf}
        Norm of the balls.
    mutable : ndarray of bool of shape (n_coordinates,)
        Coordinates that move.
    device : str
        Where it computes.
    shares : tuple of ndarray of shape (n_coordinates,), default=None
        Parts of a ball, from 0 to 1, that coordinates move down and up; by default one.
    """

    def __init__(self, network, norm, mutable, device="cpu", shares=None):
        self.norm, self.device = float(norm), torch.device(device)
        self.mutable = self.tensor(np.asarray(mutable, dtype=np.float64))
        self.sides = (self.mutable, self.mutable)
        if shares is not None:
            self.sides = tuple(self.tensor(share) * self.mutable for share in shares)
        operators = operators_of(network.module, network.input_shape)
        front = self._front(network)
        self.n_inputs = network.n_inputs
        self.nodes = build_graph(operators, network.input_shape, self.tensor, front)
        n = max(1.0, float(np.count_nonzero(mutable)))
        # What a unit of the ball's norm is at most in l2.
        self.in_l2 = math.sqrt(n) * (1.0 + 8.0 * UNIT) if self.norm == math.inf else 1.0
        self._first, self._matrices = {}, {}
        # Kept with this object, and no longer.
        for name in ("pairs", "rates_of", "magnitude_norm"):
            setattr(self, name, cache(getattr(self, name)))

    def _front(self, network):
        """Maps from coordinates to the module's input, with their l2 norms."""
        shape, found = network.input_shape, []
        n = network.n_rows
        if network.before is not None:
            weight, bias = network.before.weights[0], network.before.biases[0]
            found.append(matrix_map(weight, bias, self.tensor))
        elif network.units is not None:
            found.append(diagonal_map(network.units, self.tensor))
        if shape != (n,) or not found:
            before = found[-1].out_shape if found else (n,)
            found.append(reshaping(before, shape))
        moving = self.mutable.cpu().numpy() > 0.0
        norms = [layer.norm(moving) for layer in found]
        return list(zip(found, norms, strict=True))

    def tensor(self, array, dtype=torch.float64):
        """On the device."""
        return torch.as_tensor(np.array(array), dtype=dtype, device=self.device)

    def shape(self, k):
        """Shape of a sample behind a node, or of the input."""
        return (self.n_inputs,) if k < 0 else self.nodes[k].shape

    @cached_property
    def widest(self):
        """Entries of the largest node."""
        return max(node.size for node in self.nodes)

    @property
    def n_hidden(self):
        """Number of nonlinear nodes."""
        return sum(node.kind in ("slope", "maximum") for node in self.nodes)

    @property
    def is_affordable(self):
        """Whether "best" asks for bounds of the layers; the others always do."""
        return (self.n_hidden * self.widest) ** 2 <= _MOST_PAIRS

    @property
    def work(self):
        """Multiply-adds of a typical product, for the number of threads."""
        return 1024.0 * self.widest

    def block_rows(self, n_rows=1):
        """Samples whose coefficients fit the memory."""
        return max(1, _BLOCK_FLOATS // (max(1, n_rows) * self.widest))

    def balls(self, inputs, radii):
        """Balls around the rows of an array."""
        return Balls(self.tensor(inputs), self.tensor(radii))

    def input_box(self, balls):
        """Least and largest value of each coordinate."""
        ends = []
        for sign, side in zip((-1.0, 1.0), self.sides, strict=True):
            reach = balls.radii[:, None] * side
            room = 2.0 * UNIT * (balls.centers.abs() + reach)
            room = torch.where(reach > 0.0, room, torch.zeros_like(room))
            ends.append(balls.centers + sign * (reach + room))
        return tuple(ends)

    def falls(self, rows):
        """What rows (..., n_coordinates) lose at most in a unit ball, rounded up."""
        down, up = self.sides
        if down is up:
            return self.dual_norms(rows)
        return self._dual(rows * torch.where(rows > 0.0, down, up))

    def dual_norms(self, rows):
        """What rows gain or lose at most, rounded up."""
        return self._dual(rows * torch.maximum(*self.sides))

    def _dual(self, rows):
        up = 1.0 + gamma(rows.shape[-1])
        if self.norm == 2.0:
            return tensor_lengths(rows) * up
        if self.norm == 1.0:
            return rows.abs().amax(dim=-1)
        return rows.abs().sum(dim=-1) * up

    def first_ends(self, balls, k, bounds):
        """Ends of an affine function of the input: exact up to rounding."""
        rows = self._first_rows(k)
        if rows is None:
            infinite = torch.full_like(bounds.balls.radii, torch.inf)
            shape = (-1, *[1] * len(self.nodes[k].shape))
            return -infinite.reshape(shape), infinite.reshape(shape)
        low, high = self._centers(balls, k)
        shape = (-1, *[1] * len(self.nodes[k].shape))
        reach = balls.radii.reshape(shape) * rows * (1.0 + 4.0 * UNIT)
        room = 4.0 * UNIT * (low.abs() + high.abs() + reach)
        return low - reach - room, high + reach + room

    def _centers(self, balls, k):
        """Ends of an affine node at the centers themselves."""
        node = self.nodes[k]
        given = [
            (balls.centers, balls.centers) if j < 0 else self._centers(balls, j)
            for j in node.inputs
        ]
        if node.kind == "linear":
            return linear_ends(node.layer, *given[0])[0]
        if node.kind == "stack":
            axis = node.layer + 1
            return tuple(torch.cat(x, dim=axis) for x in zip(*given, strict=True))
        low, high = sum(g[0] for g in given), sum(g[1] for g in given)
        room = gamma(len(given)) * (low.abs() + high.abs())
        return low - room, high + room

    def _first_rows(self, k):
        """Dual norms of the rows of an affine node, rounded up; None if too many."""
        if k not in self._first:
            self._first[k] = self._row_norms(k)
        return self._first[k]

    def first_matrix(self, k):
        """Matrix of an affine node, and what its rows may miss; None if too large."""
        if k not in self._matrices:
            node, self._matrices[k] = self.nodes[k], None
            fits = node.size * self.n_inputs <= _CHUNK_ENTRIES
            if fits and self.n_inputs <= _MOST_INPUTS:
                exact, magnitudes = self.affine_rows(k, torch.arange(node.size))
                exact = exact * torch.maximum(*self.sides)
                self._matrices[k] = exact, self._lost(k, magnitudes) * 1.001
        return self._matrices[k]

    def _row_norms(self, k):
        node = self.nodes[k]
        if node.size * self.n_inputs > _MOST_ENTRIES:
            return None
        step = max(1, _CHUNK_ENTRIES // max(self.widest, self.n_inputs))
        found = []
        for start in range(0, node.size, step):
            stop = min(start + step, node.size)
            exact, magnitudes = self.affine_rows(k, torch.arange(start, stop))
            found.append(self.dual_norms(exact) + self._lost(k, magnitudes))
        return torch.cat(found).reshape(node.shape)

    def affine_rows(self, k, chosen):
        """Rows of the matrix of an affine node, and sums of the terms' magnitudes."""
        node = self.nodes[k]
        rows = torch.zeros(len(chosen), node.size, device=self.device).double()
        rows[torch.arange(len(chosen)), chosen] = 1.0
        rows = rows.reshape(-1, *node.shape)
        return self._rows_down(k, rows), self._rows_down(k, rows, 1)

    def affine_values(self, k, inputs):
        """What an affine node makes of inputs, but for its constants."""
        if k < 0:
            return inputs
        node = self.nodes[k]
        given = [self.affine_values(i, inputs) for i in node.inputs]
        if node.kind == "linear":
            return node.layer.apply(given[0])
        if node.kind == "stack":
            return torch.cat(given, dim=node.layer + 1)
        return sum(given)

    def pairs(self, k):
        """Scalar products of the rows of an affine node; None if they are too many."""
        affine = k >= 0 and self.nodes[k].is_linear
        return Pairs(self, k) if affine and Pairs.fit(self, k) else None

    def _lost(self, k, magnitudes):
        """What rounding may take from the rows of a few maps one behind the other."""
        below = [node for node in self.nodes[: k + 1] if node.kind == "linear"]
        terms = sum(node.layer.terms_out for node in below) + k
        return 2.0 * gamma(terms) * (self.dual_norms(magnitudes) + FLOOR)

    def _rows_down(self, k, rows, power=None):
        """Rows over an affine node as rows over the coordinates."""
        found = {k: rows}
        for j in range(k, -1, -1):
            if j not in found:
                continue
            node, part = self.nodes[j], found.pop(j)
            if node.kind == "linear":
                parts = [node.layer.transposed(part, power)]
            elif node.kind == "sum":
                parts = [part] * len(node.inputs)
            else:
                sizes = [self.shape(i)[node.layer] for i in node.inputs]
                parts = torch.split(part, sizes, dim=node.layer + 1)
            for i, each in zip(node.inputs, parts, strict=True):
                found[i] = found[i] + each if i in found else each
        return found[-1].flatten(1)

    def norm_ends(self, bounds, k):
        """Ends of a node by the norms of the rows of its last map, in l2."""
        low, high = self.center_values(bounds, k)
        scale, each = self.rates_of(k)
        shape = (-1, *[1] * len(self.nodes[k].shape))
        reach = bounds.balls.radii.reshape(shape) * (
            self.in_l2 * (scale if each is None else each)
        )
        room = 4.0 * UNIT * (low.abs() + high.abs() + reach)
        return low - reach - room, high + reach + room

    def center_values(self, bounds, k):
        """Ends of a node at the centers, by intervals of no width."""
        points = Balls(bounds.balls.centers, torch.zeros_like(bounds.balls.radii))
        if not hasattr(bounds, "_at_centers"):
            found = layer_bounds(self, points, "ibp")
            object.__setattr__(bounds, "_at_centers", found)
        return bounds._at_centers.ends[k]

    def rates_of(self, k):
        """l2 constant of a node, and of each entry where the last map says it."""
        if k < 0:
            return 1.0, None
        node = self.nodes[k]
        rows = self._first_rows(k) if node.is_linear else None
        if rows is not None:
            return node.lipschitz, rows * ((1.0 + 4.0 * UNIT) / self.in_l2)
        if node.kind != "linear":
            return node.lipschitz, None
        (inner,) = node.inputs
        scale = 1.0 if inner < 0 else self.nodes[inner].lipschitz
        each = node.layer.row_lengths(self.mutable)
        return node.lipschitz, each * (scale * (1.0 + 4.0 * UNIT))

    def magnitude_norm(self, k):
        """l2 norm of the magnitudes of a linear node's map, at most."""
        layer = self.nodes[k].layer
        ones_in = torch.ones(
            1, *layer.in_shape, dtype=torch.float64, device=self.device
        )
        ones_out = torch.ones(
            1, *layer.out_shape, dtype=torch.float64, device=self.device
        )
        rows = float(layer.apply(ones_in, power=1).max())
        columns = float(layer.transposed(ones_out, power=1).max())
        return math.sqrt(rows * columns) * 1.01

    def hidden_bounds(self, balls, method):
        """Bounds of all nodes; see :func:`layer_bounds`."""
        with exact_convolutions():
            return layer_bounds(self, balls, method)

    def outputs_lower(self, bounds, rows, *, n_steps=0, enough=torch.inf):
        """Lower bounds of linear functions of the outputs over balls.

        Parameters
        ----------
        bounds : LayerBounds
            Of the nodes.
        rows : Tensor of shape (n_samples, n_rows, n_outputs)
            Coefficients of the outputs.
        n_steps : int, default=0
            Steps of ascent on the slopes of the lines, for each row by itself.
        enough : float or Tensor, default=inf
            The steps end when all bounds are above it.

        Returns
        -------
        lower : Tensor of shape (n_samples, n_rows)
            Proven.
        """
        last = len(self.nodes) - 1
        with exact_convolutions():
            lower = Backward(self, bounds).by_ends(last, rows)
            if bounds.method == "ibp":
                return lower
            adaptive = self._adaptive_lines(bounds)
            for lines in (bounds.lines, adaptive):
                found = Backward(self, bounds).lower(last, rows, lines)
                lower = torch.maximum(lower, found)
            if n_steps and adaptive:
                found = self._improved(bounds, rows, adaptive, n_steps, enough)
                lower = torch.maximum(lower, found)
        return lower

    def _entering(self, bounds, k):
        (entering,) = self.nodes[k].inputs
        if entering >= 0:
            return bounds.ends[entering]
        return self.input_box(bounds.balls)

    def _adaptive_lines(self, bounds):
        found = {}
        for k in bounds.lines:
            low, high = self._entering(bounds, k)
            layer = self.nodes[k].layer
            if self.nodes[k].kind == "slope":
                found[k] = adaptive_lines(layer, low.flatten(1), high.flatten(1))
            else:
                found[k] = layer.lines(low, high, parallel=False)
        return found

    def _improved(self, bounds, rows, lines, n_steps, enough):
        """Best bound of each row over some steps of Adam on its own slopes."""
        last, opened = len(self.nodes) - 1, {}
        for k, line in lines.items():
            if self.nodes[k].kind == "slope":
                low, high = (x.flatten(1) for x in self._entering(bounds, k))
                shape = self.nodes[k].layer
                opened[k] = open_layer(shape, low, high, line, rows.shape[1])

        def lower_of(current):
            current = lines | dict(zip(opened, current, strict=True))
            return Backward(self, bounds).lower(last, rows, current)

        return largest_lower(list(opened.values()), lower_of, n_steps, enough)

    def rates(self, bounds, rows, *, from_center=False):
        """Change of linear functions of the outputs per unit of distance in a ball."""
        with exact_convolutions():
            return Rates(self, bounds, from_center)(rows)

    def falls_from_center(self, bounds, rows):
        """How far linear functions of the outputs fall at most from the centers."""
        with exact_convolutions():
            return Rates(self, bounds, True).falls(rows)


def exact_convolutions():
    """Convolutions as sums of products: not by the algorithms that cuDNN chooses."""
    return torch.backends.cudnn.flags(enabled=False)
