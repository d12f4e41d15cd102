# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Curved maps of single columns: done before the network, measured by their slope.

A map of slope at most s becomes a coordinate of its own, in units of 1 / s: it moves no
more than the column of X does, so a radius in the coordinates is one in X.
"""

import numpy as np
from scipy import special
from sklearn.preprocessing import FunctionTransformer, QuantileTransformer

from sklip.networks._folding.registry import folds, unsupported

__all__ = ["KNOWN_SLOPES"]

# Largest slopes of functions that do not carry one themselves.
KNOWN_SLOPES = {
    np.abs: 1.0,
    np.absolute: 1.0,
    np.arcsinh: 1.0,
    np.arctan: 1.0,
    np.cos: 1.0,
    np.fabs: 1.0,
    np.negative: 1.0,
    np.positive: 1.0,
    np.sin: 1.0,
    np.tanh: 1.0,
    special.erf: 1.1283791670955128,  # 2 / sqrt(pi), rounded up
    special.expit: 0.25,
}


@folds(QuantileTransformer)
def _fold_quantile(folder, transformer, columns):
    if transformer.output_distribution != "uniform":
        raise unsupported(
            transformer, "(output_distribution='normal'), which jumps at its ends,"
        )
    quantiles = np.asarray(transformer.quantiles_, dtype=np.float64)
    steps = np.diff(quantiles, axis=0)
    if np.any(steps <= 0.0):
        tied = np.flatnonzero((steps <= 0.0).any(axis=0)).tolist()
        raise unsupported(
            transformer, f", whose quantiles have ties in the columns {tied} (jumps),"
        )
    slopes = np.max(np.diff(transformer.references_)[:, None] / steps, axis=0)
    # np.interp computes the same slopes and sums, rounded; constant outside.
    slopes = slopes * (1.0 + 1e-14)
    return folder.warp(transformer, columns, slopes, 1.0 + np.abs(quantiles).max(0))


@folds(FunctionTransformer)
def _fold_function(folder, transformer, columns):
    if transformer.func is None:
        return columns
    slope = _stated_slope(transformer)
    return folder.warp(
        transformer, columns, np.full(len(columns), slope), np.ones(len(columns))
    )


def _stated_slope(transformer):
    func = transformer.func
    slope = getattr(func, "slope", None)
    if slope is None and not transformer.kw_args:
        slope = next((s for known, s in KNOWN_SLOPES.items() if known is func), None)
    if slope is None:
        name = getattr(func, "__name__", repr(func))
        raise unsupported(
            transformer,
            f"({name}), whose slope is not known, (if {name} maps each entry by "
            "itself, give a function of your own that says so: "
            f"def my_{name}(X): return {name}(X); my_{name}.slope = largest slope)",
        )
    slope = float(slope)
    if not (np.isfinite(slope) and slope >= 0.0):
        raise ValueError(
            f"The slope of {func!r} must be a finite number >= 0, got {slope!r}."
        )
    return slope
