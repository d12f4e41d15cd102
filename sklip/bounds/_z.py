# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""LipSDP's condition on a scale of one, and the matrix Z that it is about.

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

import numpy as np

from sklip.bounds._chain import SAFETY

__all__ = [
    "assemble_z",
    "couplings",
    "inflate",
    "neuron_scaling",
    "scaled_spreads",
    "scaled_weights",
    "transposed_multipliers",
]


def scaled_weights(weights, lipschitz, multipliers):
    """List of V_k; two roundings an entry."""
    rows = [d[:, None] for d in multipliers] + [1.0]
    columns = [lipschitz, *multipliers]
    scaled = [r * w for r, w in zip(rows, weights, strict=True)]
    for v, c in zip(scaled, columns, strict=True):
        v /= c
    return scaled


def scaled_spreads(radii, lipschitz, multipliers):
    """Frobenius norms by which the V_k may miss the exact ones, for their radii."""
    rows = [d[:, None] for d in multipliers] + [1.0]
    columns = [lipschitz, *multipliers]
    return [
        0.0 if radius is None else SAFETY * np.linalg.norm(r * radius / c)
        for r, radius, c in zip(rows, radii, columns, strict=True)
    ]


def couplings(sectors):
    """Pairs (half the sum, product) of each sector, (1, 0) for the output."""
    return [(0.5 * (a + b), a * b) for a, b in sectors] + [(1.0, 0.0)]


def inflate(lipschitz, multipliers, factor):
    """Divide every V_k by factor.

    If ||Z|| <= factor, the result is feasible; the same holds for alpha < 0 where the
    smallest eigenvalue of the scaled condition is at least 1 - factor.
    """
    n_matrices = len(multipliers) + 1
    scaled = [d * factor ** (n_matrices - k) for k, d in enumerate(multipliers, 1)]
    return lipschitz * factor**n_matrices, tuple(scaled)


def transposed_multipliers(lipschitz, multipliers, sectors):
    """Multipliers that certify the same bound for the transposed network.

    Parameters
    ----------
    lipschitz : float
        Bound L, of the network and of the transposed one.
    multipliers : sequence of ndarray
        The network's d_1 ... d_l.
    sectors : sequence of (float, float)
        The network's (alpha, beta).

    Returns
    -------
    multipliers : tuple of ndarray
        2 L / ((beta - alpha) d_k), the last layer first.
    """
    return tuple(
        2.0 * lipschitz / ((b - a) * d)
        for d, (a, b) in zip(multipliers[::-1], sectors[::-1], strict=True)
    )


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
    nearest = np.argmin(np.abs(np.log(np.maximum(roots, 1e-300))), axis=0)
    return np.take_along_axis(roots, nearest[None], axis=0)[0]


def assemble_z(chain, lipschitz, multipliers):
    """Z as a dense array; every alpha must be 0."""
    if any(product for _, product in couplings(chain.sectors)):
        raise ValueError("Z exists for slope sectors with alpha = 0 only.")
    scaled = scaled_weights(chain.weights, lipschitz, multipliers)
    blocks = [a * v for (a, _), v in zip(couplings(chain.sectors), scaled, strict=True)]
    sizes = [chain.weights[0].shape[1], *(len(w) for w in chain.weights)]
    starts = [sum(sizes[k % 2 : k : 2]) for k in range(len(sizes))]
    z = np.zeros((sum(sizes[1::2]), sum(sizes[0::2])))
    for k, block in enumerate(blocks):
        odd, even = (k + 1, k) if k % 2 == 0 else (k, k + 1)
        rows = slice(starts[odd], starts[odd] + sizes[odd])
        columns = slice(starts[even], starts[even] + sizes[even])
        z[rows, columns] = block if k % 2 == 0 else block.T
    return z
