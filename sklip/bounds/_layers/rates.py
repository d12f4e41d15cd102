# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Lipschitz constants of a module inside balls, from the range of its slopes there.

With slopes c + e, |e| <= R, at an activation z, a row v changes at the rate
v c dz/dx + v e dz/dx. The first goes on down; the second is in l2 at most
sum |v_i| R_i rho_i and at most ||v R|| ||dz/dx||, with rho_i a bound of row i of dz/dx,
and, where dz/dx is one matrix C, at most ||v R^(1/2)|| ||R^(1/2) C|| and at most the
root of ``w' |C C'| w`` with w = |v| R (:class:`Pairs`): either may be lower.
"""

import torch

from sklip._floats import FLOOR, UNIT, gamma, tensor_lengths
from sklip.bounds._batch_norms import spectral_norm_bounds
from sklip.bounds._layers.backward import Backward
from sklip.bounds._layers.bounds import CHUNK, MOST_NEURONS, input_ends
from sklip.bounds._propagation import secant_range, slope_range, tangents_below

__all__ = ["Rates"]

# Entries of the matrices of a block of samples whose norms are bounded.
_BLOCK_FLOATS = 2**22


class Rates:
    """Rates of change of linear functions of the outputs inside balls.

    Parameters
    ----------
    propagation : ModulePropagation
        Of the graph of which the outputs are.
    bounds : LayerBounds
        Of its nodes.
    from_center : bool, default=False
        Whether the rates are those of the change from the center of each ball alone:
        slopes of lines through it in place of derivatives, of which there are fewer.
    """

    def __init__(self, propagation, bounds, from_center=False):
        self.propagation, self.bounds, self._inside = propagation, bounds, {}
        self._together = {}
        self.from_center, self._is_fall = from_center, False

    def __call__(self, rows):
        """Bounds (n_samples, n_rows), per unit of distance in the ball's norm.

        Parameters
        ----------
        rows : Tensor of shape (n_samples or 1, n_rows, n_outputs)
            Coefficients.
        """
        return self._down(len(self.propagation.nodes) - 1, rows)

    def falls(self, rows):
        """How far linear functions of the outputs fall from the centers at most.

        As much as their rates, or less: what is convex is nowhere below its tangent, so
        that a positive coefficient loses nothing.
        """
        both = self(rows)
        self._is_fall = True
        found = torch.fmin(both, self(rows))
        self._is_fall = False
        return found

    def _down(self, k, rows):
        """The same of linear functions of node k."""
        propagation, nodes = self.propagation, self.propagation.nodes
        self.lost = 0.0
        backward = Backward(propagation, self.bounds)
        coefficients = {k: rows.reshape(*rows.shape[:2], *nodes[k].shape)}
        for j in range(k, -1, -1):
            if j not in coefficients:
                continue
            found = coefficients.pop(j)
            self._round(j, nodes[j], found)
            for inner, part in backward.through(j, nodes[j], found, self._through):
                if inner in coefficients:
                    part = coefficients[inner] + part
                coefficients[inner] = part
        rate = self.lost * propagation.in_l2
        if -1 in coefficients:
            rate = rate + propagation.dual_norms(coefficients[-1].flatten(2))
        rate = rate + torch.zeros_like(self.bounds.balls.radii)[:, None]
        return rate * (1.0 + 1e-9)

    def _round(self, j, node, rows):
        """What the products of this node lose, times the rate of what they multiply."""
        (*_, inner) = node.inputs
        scale = 1.0 if inner < 0 else self.propagation.nodes[inner].lipschitz
        lengths = tensor_lengths(rows.flatten(2))
        size = 1.0
        if node.kind == "linear":
            if node.layer.is_exact:
                return
            size = self.propagation.magnitude_norm(j)
            rate = gamma(node.layer.terms_out + node.size)
        else:
            rate = gamma(node.size + len(node.inputs))
            size = max(1.0, getattr(node.layer, "lipschitz", 1.0) or 1.0)
            scale = max(
                1.0 if k < 0 else self.propagation.nodes[k].lipschitz
                for k in node.inputs
            )
        self.lost = self.lost + rate * (lengths + FLOOR) * size * scale

    def _through(self, j, node, rows):
        """The middle slopes' share; the rest is lost."""
        (entering,) = node.inputs
        low, high = input_ends(self.propagation, self.bounds, entering)
        scale, each = self._rates_of(entering)
        if node.kind == "maximum":
            # Of windows with one possible winner the way on is known.
            line = self.bounds.lines[j]
            alone = (line.above == 0.0).to(rows.dtype)[:, None]
            self._lose(rows * (1.0 - alone), node.layer.norm, scale, None)
            n = len(line.chosen)
            known = (rows * alone).expand(n, *rows.shape[1:])
            return node.layer.transposed(known, line.chosen)
        smallest, largest = self._slopes(node.layer, entering, low, high, each)
        middle, half = 0.5 * (smallest + largest), 0.5 * (largest - smallest)
        # Middle and half width are rounded: the half width makes up for both.
        room = 2.0 * UNIT * (smallest.abs() + largest.abs())
        half = torch.where(half == 0.0, 0.0, half + room)
        middle, lossy = middle[:, None], rows
        if self._is_fall and entering >= 0:
            ends = self.propagation.center_values(self.bounds, entering)
            tangent = tangents_below(node.layer, *ends)[:, None]
            touches = (rows > 0.0) & ~tangent.isnan()
            lossy = rows.masked_fill(touches, 0.0)
            middle = torch.where(touches, tangent, middle)
        together = self._joint(entering, half.flatten(1))
        if together is not None:
            weighted = (lossy * half.sqrt()[:, None]).flatten(2)
            together = tensor_lengths(weighted) * together
        pairs = self.propagation.pairs(entering) if self._is_fall else None
        if pairs is not None:
            # What falls has the fewer entries that lose; with all of them, rates of
            # change in both directions would cost as much and are seldom less.
            found = pairs.longest((lossy * half[:, None]).flatten(2).abs())
            together = found if together is None else torch.fmin(found, together)
        self._lose(lossy * half[:, None], 1.0, scale, each, together)
        return rows * middle

    def _slopes(self, shape, k, low, high, each):
        """Range of the slopes of an activation of node k, between these ends."""
        if not self.from_center:
            return slope_range(shape, low, high)
        if k < 0:
            centers = self.bounds.balls.centers
            return secant_range(shape, low, high, centers, centers)
        least, most = self.propagation.center_values(self.bounds, k)
        if each is not None:
            radii = self.bounds.balls.radii.reshape(-1, *[1] * (low.ndim - 1))
            reach = radii * each * (self.propagation.in_l2 * (1.0 + 8.0 * UNIT))
            room = 4.0 * UNIT * (least.abs() + most.abs() + reach)
            # NaN (an overflow on the way) proves nothing.
            low = torch.fmax(low, least - reach - room)
            high = torch.fmin(high, most + reach + room)
        return secant_range(shape, low, high, least, most)

    def _joint(self, k, half):
        """Bounds of ||R^(1/2) C|| for an affine node; None where C is too large."""
        matrix = None
        if k >= 0 and self.propagation.nodes[k].is_linear:
            matrix = self.propagation.first_matrix(k)
        if matrix is None:
            return None
        if k not in self._together:
            rows, lost = matrix
            step = max(1, _BLOCK_FLOATS // rows.numel())
            found = []
            for root in half.sqrt().split(step):
                # Of one sample alone, the rows that count.
                some = root[0] > 0.0 if len(root) == 1 else slice(None)
                weighted = root[:, some, None] * rows[some]
                if weighted.shape[1] == 0:
                    weighted = rows.new_zeros(1, 1, 1)
                missed = tensor_lengths(root * lost) + FLOOR
                found.append(spectral_norm_bounds(weighted) * (1.0 + 1e-9) + missed)
            self._together[k] = torch.cat(found)[:, None]
        return self._together[k]

    def _rates_of(self, k):
        """l2 constant of a node, and of each entry inside each ball if known."""
        scale, each = self.propagation.rates_of(k)
        if k < 0 or self.propagation.nodes[k].is_linear or each is None:
            return scale, each
        if k not in self._inside:
            self._inside[k] = self._entries(k, each)
        return scale, self._inside[k]

    def _entries(self, k, each):
        """Rates of the entries of a linear node inside each ball."""
        propagation, node = self.propagation, self.propagation.nodes[k]
        if node.size > MOST_NEURONS:
            return each
        n, found = len(self.bounds.balls), []
        identity = torch.eye(node.size, dtype=torch.float64, device=each.device)
        step = max(1, CHUNK // (n * propagation.widest))
        for start in range(0, node.size, step):
            inner = Rates(propagation, self.bounds, self.from_center)
            inner._inside, inner._together = self._inside, self._together
            rows = identity[None, start : start + step]
            rates = inner._down(k, rows)
            if self.from_center:
                # Up and down, each by itself.
                inner._is_fall = True
                both = torch.maximum(inner._down(k, rows), inner._down(k, -rows))
                rates = torch.fmin(rates, both)
            found.append(rates)
        inside = torch.cat(found, dim=1) * ((1.0 + 4.0 * UNIT) / propagation.in_l2)
        return torch.fmin(inside, each.flatten()).reshape(n, *node.shape)

    def _lose(self, rows, factor, scale, each, together=None):
        flat = rows.flatten(2)
        lost = tensor_lengths(flat) * (factor * scale)
        if together is not None:
            # NaN (an overflow on the way) proves nothing.
            lost = torch.fmin(lost, together)
        if each is not None:
            # Two bounds of the same: all entries at once, or each by its own rate.
            each = each.reshape(-1, flat.shape[2], 1)
            lost = torch.minimum(lost, (flat.abs() @ each)[..., 0])
        self.lost = self.lost + lost * (1.0 + gamma(flat.shape[2]))
