# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The part of check_certificate that computes path norms; numpy alone."""

from fractions import Fraction

import numpy as np

__all__ = ["path_norm"]

_U = 2.0**-53


def path_norm(weights, sectors, norm):
    """Norm of a matrix that no Jacobian exceeds in any entry, from above, exactly."""
    scale, runs, total = 0, [], np.eye(weights[0].shape[1])
    plain, gamma = total, 4 * _U * sum(w.shape[1] + len(weights) + 8 for w in weights)
    # The inputs come out of a cut: slope 0 + 1 c.
    for w, (low, high) in zip(weights, [(-1.0, 1.0), *sectors], strict=True):
        exponent = int(np.frexp(abs(w).max())[1]) + max(w.shape).bit_length()
        w, scale = np.ldexp(w, -exponent), scale + exponent
        runs = [((low + high) / 2 * (w @ a), f) for a, f in runs]
        runs.append((w, (high - low) / 2 * total))
        total = sum(abs(a) @ f for a, f in runs)
        plain = max(-low, high) * (abs(w) @ plain)
    total = total + gamma * plain
    columns, rows = total.sum(axis=0).max(), total.sum(axis=1).max()
    bound = {1.0: columns, 2.0: np.sqrt(columns * rows), np.inf: rows}[norm]
    return Fraction(float(bound * (1.0 + gamma) + 2.0**-600)) * Fraction(2) ** scale
