# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What entries of an affine layer lose together, pair by pair.

With z = C x and factors e of unknown sign, |e| <= w, the row e C is no longer than the
root of ``w' |C C'| w``. Rows of a convolution are orthogonal where they see different
pixels, and nearly so where they look for different things, which the norm of C alone
cannot tell, whatever w is.
"""

import torch

from sklip._floats import FLOOR, SAFETY, UNIT, gamma, tensor_lengths

__all__ = ["Pairs"]

# Pairs of entries, and entries of C, above which it would take too much memory.
_MOST_PAIRS, _MOST_ENTRIES = 2**25, 2**23
_BLOCK = 256
# More than 2**25 products of numbers of at most one may lose below the least float.
_UNDERFLOW = 2.0**-980


class Pairs:
    """Scalar products of the rows of an affine node over the moving coordinates.

    Parameters
    ----------
    propagation : ModulePropagation
        Of the node.
    k : int
        The node.
    """

    def __init__(self, propagation, k):
        node = propagation.nodes[k]
        # Channels last: what is far apart in the image is far apart in this order.
        order = torch.arange(node.size, device=propagation.device)
        self.order = order.reshape(node.shape).movedim(0, -1).flatten()
        lengths, blocks = [], []
        for start in range(0, node.size, _BLOCK):
            found, its = self._block(propagation, k, start)
            blocks.append((start, its.max(), found))
            lengths.append(its)
        lengths = torch.cat(lengths)
        self.longest_row = most = lengths.max()
        self.lengths = lengths / most
        # Products of small numbers would vanish: neither factor is larger than one.
        self.blocks = [
            (start, (found / most) * (size / most)) for start, size, found in blocks
        ]
        # Each product is wrong by so much of that of the rows' magnitudes at most.
        below = [n.layer for n in propagation.nodes[: k + 1] if n.kind == "linear"]
        terms = sum(layer.terms_out + layer.terms_in for layer in below)
        self.error = 2.0 * gamma(terms + 2 * k + 16)

    def _block(self, propagation, k, start):
        """Products of some rows with themselves and twice those with later ones.

        Over the length of the longest of these rows; and their lengths.
        """
        sides = torch.maximum(*propagation.sides)
        chosen = self.order[start : start + _BLOCK]
        rows, magnitudes = propagation.affine_rows(k, chosen)
        lengths = tensor_lengths(magnitudes * sides)
        lengths = lengths * (1.0 + gamma(propagation.n_inputs)) + FLOOR
        rows = rows / lengths.max()
        values = propagation.affine_values(k, rows * sides * sides)
        found = values.flatten(1)[:, self.order[start:]].abs()
        near = torch.nonzero((found != 0.0).any(dim=0)).flatten()
        found = found[:, : int(near[-1]) + 1 if len(near) else 0].clone()
        found[:, len(chosen) :] *= 2.0
        return found, lengths

    @staticmethod
    def fit(propagation, k):
        """Whether they are few enough."""
        size = propagation.nodes[k].size
        return size**2 <= _MOST_PAIRS and size * propagation.n_inputs <= _MOST_ENTRIES

    def longest(self, weights):
        """Bounds of ``||e C||`` for all ``|e| <= weights``; NaN where they overflow.

        Parameters
        ----------
        weights : Tensor of shape (n, n_rows, size)
            Not negative.

        Returns
        -------
        bounds : Tensor of shape (n, n_rows)
            In l2, for coordinates scaled by what they move.
        """
        most = weights.amax(dim=-1).clamp_min(FLOOR)
        weights = weights[..., self.order] / most[..., None]
        squares = torch.zeros_like(most)
        for start, found in self.blocks:
            own = weights[..., start : start + len(found)]
            beside = weights[..., start : start + found.shape[1]]
            squares += ((own @ found) * beside).sum(dim=-1)
        up = 1.0 + gamma(weights.shape[-1])
        squares = squares * up**3
        missed = (weights @ self.lengths) * up
        squares = squares + SAFETY * self.error * missed * missed + _UNDERFLOW
        return torch.sqrt(squares) * most * self.longest_row * (1.0 + 16.0 * UNIT)
