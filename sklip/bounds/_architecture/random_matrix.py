# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Largest singular value of a product of Gaussian matrices with slopes between them.

With w the sum of x / (lambda - x) over the eigenvalues x of J J', free probability
gives lambda as a function of w,

    F(w) = prod(v_k) * (n + w) (m + w) / w * prod(h_k(w)),

h_k(w) = w / chi with d_k E[chi s^2 / (1 - chi s^2)] = w, s the slopes of layer k; for
ReLU h_k(w) = d_k / 2 + w, for identity d_k + w. The edge of the spectrum is the minimum
of F. Three corrections of relative order 1 / d make it an expectation at finite size:
the real Tracy-Widom law at an edge of this curvature, the shift of w by one half that
goes with real instead of complex entries, and the slopes being finitely many draws.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

__all__ = ["asymptotic_log_edge", "expected_log_norm"]

# Mean and variance of the Tracy-Widom law of real symmetric matrices.
_TW_MEAN, _TW_VARIANCE = -1.2065335745820, 1.6077810345810
_BISECTIONS = 80
_SMALL = 1e-6


@dataclass(frozen=True)
class _Factor:
    """Logarithm of h_k at some w, with derivatives, and how the draw moves it."""

    log: float
    slope: float
    curvature: float
    drift: float = 0.0
    variance: float = 0.0


def _plain_factor(size, w):
    """Factor of the input or the output: size + w."""
    total = size + w
    return _Factor(np.log(total), 1.0 / total, -1.0 / total**2)


def _slope_factor(law, w):
    """Factor of a hidden layer."""
    if abs(w) < _SMALL:  # its derivatives there are limits
        w = _SMALL
    top = law.squares.max()
    ratio = law.squares / top
    y = _solve(ratio, law.weights, w / law.size)
    fade = np.exp(-y)
    phi = ratio * -np.expm1(-y) / ((1.0 - ratio) + ratio * fade)
    first = phi * (1.0 + phi)
    second = first * (1.0 + 2.0 * phi)
    s1, s2 = law.size * (law.weights @ first), law.size * (law.weights @ second)
    mean = law.weights @ phi
    spread = law.size * (law.weights @ (phi - mean) ** 2)
    shared = law.size * (law.weights @ ((phi - mean) * first))
    log_chi = np.log(-np.expm1(-y) / (top * w))
    return _Factor(
        log=-log_chi,
        slope=1.0 / w - 1.0 / s1,
        curvature=s2 / s1**3 - 1.0 / w**2,
        drift=0.5 * s2 * spread / s1**3 - shared / s1**2,
        variance=spread / s1**2,
    )


def _solve(ratio, weights, target):
    """The y with E[phi] = target, where chi * top = 1 - exp(-y); E[phi] increases."""
    low, high = -60.0, 60.0
    for _ in range(_BISECTIONS):
        y = 0.5 * (low + high)
        fade = np.exp(-y)
        phi = ratio * -np.expm1(-y) / ((1.0 - ratio) + ratio * fade)
        low, high = (y, high) if weights @ phi < target else (low, y)
    return 0.5 * (low + high)


def _factors(sizes, laws, w):
    outer = [_plain_factor(size, w) for size in sizes]
    return outer + [_slope_factor(law, w) for law in laws]


def _minimum(sizes, laws, shift):
    """Where F is smallest: w, log F without the variances, its curvature, factors."""

    def slope(log_w):
        w = np.exp(log_w)
        return w * sum(f.slope for f in _factors(sizes, laws, w - shift)) - 1.0

    low, high = np.log(1e-4), np.log(1e3 * max(sizes))
    while slope(low) > 0.0:
        low -= 5.0
    while slope(high) < 0.0:
        high += 5.0
    w = np.exp(brentq(slope, low, high, xtol=1e-10))
    factors = _factors(sizes, laws, w - shift)
    log_edge = sum(f.log for f in factors) - np.log(w)
    curvature = sum(f.curvature for f in factors) + 1.0 / w**2
    return log_edge, curvature, factors


def asymptotic_log_edge(architecture):
    """Logarithm of the limit of the norm, all widths growing together."""
    laws = architecture.slope_laws()
    outer = architecture.sizes[0], architecture.sizes[-1]
    if any(law.mean == 0.0 for law in laws):
        return -np.inf
    log_edge, _, _ = _minimum(outer, laws, 0.0)
    return 0.5 * (log_edge + architecture.log_variances.sum())


def _shift(laws):
    """One half; less where not even one unit is active on average."""
    active = [law.size * law.mean**2 / (law.weights @ law.squares**2) for law in laws]
    return 0.5 * min([1.0, *active])


def expected_log_norm(architecture):
    """Logarithm of the expected norm at these widths."""
    laws = architecture.slope_laws()
    outer = architecture.sizes[0], architecture.sizes[-1]
    if any(law.mean == 0.0 for law in laws):
        return -np.inf
    log_edge, curvature, factors = _minimum(outer, laws, _shift(laws))
    width = np.cbrt(0.5 * curvature)
    mean = log_edge + architecture.log_variances.sum() + width * _TW_MEAN
    mean += sum(f.drift for f in factors)
    variance = _TW_VARIANCE * width**2 + sum(f.variance for f in factors)
    # The expectation of a log-normal variable whose square has this mean and variance.
    return 0.5 * mean + 0.125 * variance
