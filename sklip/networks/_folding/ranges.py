# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Functions whose slope is finite on a range, and steps that keep to a range.

log1p has no largest slope, but behind a step that cuts below zero its slope is at most
one.
"""

import math

import numpy as np
from scipy import special
from sklearn.preprocessing import FunctionTransformer, QuantileTransformer

from sklip._arguments import is_number
from sklip.networks._folding.table import Select, Values

__all__ = ["clip_ends", "range_behind", "ranged_slope"]

# Ends are widened by it: they may have been rounded to float32.
_WIDER = 2.0**-22
# What the functions' own formulas round.
_UP = 1.0 + 2.0**-44
_RANGES = {
    np.abs: (0.0, math.inf),
    np.absolute: (0.0, math.inf),
    np.fabs: (0.0, math.inf),
    np.cos: (-1.0, 1.0),
    np.sin: (-1.0, 1.0),
    np.tanh: (-1.0, 1.0),
    # Where they are applied at all, their slope is finite.
    np.exp: (0.0, math.inf),
    np.exp2: (0.0, math.inf),
    np.sqrt: (0.0, math.inf),
    np.square: (0.0, math.inf),
    special.expit: (0.0, 1.0),
}


def _power_slope(exponent):
    """Largest slope of a falling power of positive numbers, or inf."""
    return lambda low, high: low**exponent if low > 0.0 else math.inf


# Largest slope between two ends; inf where there is none.
_SLOPES = {
    np.cbrt: lambda low, high: _power_slope(-2.0 / 3.0)(low, high) / 3.0,
    np.exp: lambda low, high: np.exp(high),
    np.exp2: lambda low, high: 0.6931471805599454 * np.exp2(high),
    np.expm1: lambda low, high: np.exp(high),
    np.log: _power_slope(-1.0),
    np.log10: lambda low, high: 0.43429448190325187 * _power_slope(-1.0)(low, high),
    np.log1p: lambda low, high: _power_slope(-1.0)(1.0 + low, high),
    np.log2: lambda low, high: 1.4426950408889636 * _power_slope(-1.0)(low, high),
    np.reciprocal: _power_slope(-2.0),
    np.sqrt: lambda low, high: 0.5 * _power_slope(-0.5)(low, high),
    np.square: lambda low, high: 2.0 * max(abs(low), abs(high)),
}


def ranged_slope(func, columns):
    """Largest slope of a function on the range of columns.

    Parameters
    ----------
    func : callable
        Any function.
    columns : Columns
        What it gets.

    Returns
    -------
    slope : float or None
        None if the function is not one of those that are known; inf where the range
        that the step before keeps to is no help.
    """
    slopes = next((s for known, s in _SLOPES.items() if known is func), None)
    if slopes is None:
        return None
    low, high = range_behind(columns.path)
    low, high = low - _WIDER * abs(low), high + _WIDER * abs(high)
    with np.errstate(over="ignore"):
        return float(slopes(low, high)) * _UP


def range_behind(path):
    """Ends that the last step of a path keeps to, whatever it gets."""
    steps = [step for step in path if not isinstance(step, Select | Values)]
    last = steps[-1] if steps else None
    if type(last) is QuantileTransformer and last.output_distribution == "uniform":
        return 0.0, 1.0
    if type(last) is not FunctionTransformer:
        return -math.inf, math.inf
    if (ends := clip_ends(last)) is not None:
        return ends
    ranges = (ends for func, ends in _RANGES.items() if func is last.func)
    known = None if last.kw_args else next(ranges, None)
    return known or (-math.inf, math.inf)


def clip_ends(transformer):
    """Ends of a FunctionTransformer around numpy.clip; None for any other."""
    given = transformer.kw_args or {}
    if transformer.func is not np.clip or not given:
        return None
    names = {"a_min": 0, "min": 0, "a_max": 1, "max": 1}
    ends = [-math.inf, math.inf]
    for name, value in given.items():
        if name not in names or not (value is None or is_number(value)):
            return None
        if value is not None:
            ends[names[name]] = float(value)
    low, high = ends
    return (low, high) if low <= high else None
