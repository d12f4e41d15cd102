# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""L-BFGS with step halving, for a function that is infinite where it has no value."""

from collections import deque

import numpy as np

from sklip.bounds._lipsdp.recursion import OutOfTime

__all__ = ["minimise"]

_MEMORY = 20
_LONGEST_STEP = 1.5
_MOST_STEPS = 200


def minimise(function, x, accuracy):
    """L-BFGS until the decrease that a step promises is below accuracy."""
    try:
        value, gradient = function(x)
    except OutOfTime as stopped:
        stopped.point = x
        raise
    if gradient is None:
        return x
    pairs = deque(maxlen=_MEMORY)
    for _ in range(_MOST_STEPS):
        direction = -_inverse_hessian(gradient, pairs)
        slope = gradient @ direction
        # Written so that it ends at NaN as well.
        if not -slope > accuracy:
            break
        step = min(1.0, _LONGEST_STEP / np.max(np.abs(direction)))
        while True:
            try:
                found, new_gradient = function(x + step * direction)
            except OutOfTime as stopped:
                stopped.point = x
                raise
            if found <= value + 1e-4 * step * slope:
                break
            step *= 0.5
            if step < 1e-6:
                return x
        moved, changed = step * direction, new_gradient - gradient
        # Without positive curvature a pair would turn later directions upwards.
        if moved @ changed > 1e-12 * np.linalg.norm(moved) * np.linalg.norm(changed):
            pairs.append((moved, changed))
        x, value, gradient = x + moved, found, new_gradient
    return x


def _inverse_hessian(gradient, pairs):
    """Two-loop recursion."""
    if not pairs:
        return gradient * (0.3 / max(np.max(np.abs(gradient)), 1e-300))
    q, weights = gradient.copy(), []
    for moved, changed in reversed(pairs):
        weights.append((moved @ q) / (moved @ changed))
        q -= weights[-1] * changed
    # The latest pair says how large the inverse Hessian is about.
    moved, changed = pairs[-1]
    q *= (moved @ changed) / (changed @ changed)
    for (moved, changed), weight in zip(pairs, reversed(weights), strict=True):
        q += moved * (weight - (changed @ q) / (moved @ changed))
    return q
