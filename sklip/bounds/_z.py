# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Z(W, T, L): LipSDP's condition on a scale of one, as a matrix linear in the weights.

With d_k = (2 T_k)^(1/2), d_0 = L, d_{l+1} = 1 and V_k = d_{k+1} W_k / d_k (rows scaled
on the left, columns on the right), the condition of Theorem 1 of paper 001 (P7), with
the output as a block of its own and scaled by its diagonal's roots, is that the block
tridiagonal matrix with

    diagonal blocks      I + alpha_{k+1} beta_{k+1} V_k^T V_k   (last two: I),
    sub-diagonal blocks  -(alpha_{k+1} + beta_{k+1}) / 2 V_k    (last: -V_l)

is positive semidefinite. Where every alpha is 0 it is I - (B + B^T), B_k being minus
the sub-diagonal blocks. B + B^T joins even blocks with odd ones only, so that the
condition is ||Z||_2 <= 1 for the block bidiagonal Z with the odd blocks as rows, the
even ones as columns.
"""

from functools import cached_property

import numpy as np

from sklip._floats import SAFETY

__all__ = ["ParityLayout", "Z", "neuron_scaling"]


class Z:
    """The linear map from weights to Z, for one bound and its multipliers.

    Parameters
    ----------
    lipschitz : float
        L.
    multipliers : sequence of ndarray
        d_1 ... d_l, all positive.
    sectors : sequence of (float, float)
        (alpha, beta) of each hidden layer.

    Attributes
    ----------
    couplings : list of (float, float)
        Half the sum and the product of each sector; (1, 0) for the output.
    """

    def __init__(self, lipschitz, multipliers, sectors):
        self.lipschitz, self.multipliers = lipschitz, tuple(multipliers)
        self.sectors = tuple(sectors)
        self.couplings = [(0.5 * (a + b), a * b) for a, b in sectors] + [(1.0, 0.0)]
        self._rows = [*(d[:, None] for d in self.multipliers), 1.0]
        self._columns = [lipschitz, *self.multipliers]

    @classmethod
    def of(cls, chain, lipschitz, multipliers):
        """That of a chain's sectors."""
        return cls(lipschitz, multipliers, chain.sectors)

    def scaled(self, weights):
        """List of V_k; two roundings an entry."""
        scaled = [r * w for r, w in zip(self._rows, weights, strict=True)]
        for v, c in zip(scaled, self._columns, strict=True):
            v /= c
        return scaled

    def spreads(self, radii):
        """Frobenius norms by which the V_k may miss the exact ones, for their radii."""
        return [
            0.0 if radius is None else SAFETY * np.linalg.norm(r * radius / c)
            for r, radius, c in zip(self._rows, radii, self._columns, strict=True)
        ]

    @cached_property
    def scales(self):
        """Pairs of columns (r_k, c_k): the blocks of Z are r_k W_k c_k^T."""
        self._need_convex()
        rows = [
            a * d
            for (a, _), d in zip(self.couplings[:-1], self.multipliers, strict=True)
        ]
        columns = [np.array([self.lipschitz]), *self.multipliers]
        return [
            (r[:, None], 1.0 / c[:, None])
            for r, c in zip([*rows, np.ones(1)], columns, strict=True)
        ]

    def matrix(self, weights):
        """Z as a dense array; every alpha must be 0."""
        self._need_convex()
        pairs = zip(self.couplings, self.scaled(weights), strict=True)
        layout = ParityLayout([weights[0].shape[1], *(len(w) for w in weights)])
        return layout.assemble([a * v for (a, _), v in pairs])

    def _need_convex(self):
        # Else the diagonal blocks are no identities, and the condition is no norm.
        if any(product for _, product in self.couplings):
            raise ValueError("Z exists for slope sectors with alpha = 0 only.")

    def inflated(self, factor):
        """Bound and multipliers that divide every V_k by factor.

        If ||Z|| <= factor, the result is feasible; the same holds for alpha < 0 where
        the smallest eigenvalue of the scaled condition is at least 1 - factor.
        """
        n_matrices = len(self.multipliers) + 1
        scaled = [
            # Neighbours' ratios fall by the factor, and V_k is such a ratio times W_k.
            d * factor ** (n_matrices - k)
            for k, d in enumerate(self.multipliers, 1)
        ]
        return self.lipschitz * factor**n_matrices, tuple(scaled)

    def transposed(self):
        """Multipliers that certify the same bound for the transposed network.

        2 L / ((beta - alpha) d_k), the last layer first.
        """
        return tuple(
            2.0 * self.lipschitz / ((b - a) * d)
            for d, (a, b) in zip(
                self.multipliers[::-1], self.sectors[::-1], strict=True
            )
        )


class ParityLayout:
    """Units ordered by the parity of their layer: even ones first, the columns of Z.

    Parameters
    ----------
    sizes : sequence of int
        Units of each layer, inputs first.

    Attributes
    ----------
    layers : list of slice
        Units of each layer.
    n_even, n_units : int
        Units of the even layers, and of all.
    is_dense : bool
        Whether Z has no blocks of zeros: at most one hidden layer.
    """

    def __init__(self, sizes):
        self.sizes = list(sizes)
        self.n_even, self.n_units = sum(self.sizes[::2]), sum(self.sizes)
        self.is_dense = len(self.sizes) <= 3
        self.layers, start = [None] * len(self.sizes), 0
        for parity in (0, 1):
            for k in range(parity, len(self.sizes), 2):
                self.layers[k] = slice(start, start + self.sizes[k])
                start += self.sizes[k]

    def assemble(self, blocks):
        """Z of its blocks; the odd layers are its rows."""
        shape = self.n_units - self.n_even, self.n_even
        # A Z without zero blocks is filled entirely.
        z = np.empty(shape) if self.is_dense else np.zeros(shape)
        for k, block in enumerate(blocks):
            odd, even = (k + 1, k) if k % 2 == 0 else (k, k + 1)
            rows = self.layers[odd]
            rows = slice(rows.start - self.n_even, rows.stop - self.n_even)
            z[rows, self.layers[even]] = block if k % 2 == 0 else block.T
        return z

    def split(self, z):
        """Blocks of a dense Z."""
        first = z[:, : self.sizes[0]]
        return [first] if len(self.sizes) == 2 else [first, z[:, self.sizes[0] :].T]


def neuron_scaling(p, q, r):
    """The s of ratio nearest to 1 with p s^2 - q s + r = 0; 0 for an empty equation.

    Scaling row and column of a neuron in a dual matrix X by it makes p_i^T X q_i zero;
    None if no s does.
    """
    discriminant = q * q - 4.0 * p * r
    if np.any(discriminant < 0.0):
        return None
    with np.errstate(all="ignore"):
        roots = (q + np.array([[1.0], [-1.0]]) * np.sqrt(discriminant)) / (2.0 * p)
    roots[~np.isfinite(roots)] = 0.0
    # The nearest to 1 changes X, and with it the dual value, least.
    nearest = np.argmin(np.abs(np.log(np.maximum(roots, 1e-300))), axis=0)
    return np.take_along_axis(roots, nearest[None], axis=0)[0]
