# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Curved maps of single columns: done before the network, measured by their slope.

A map of slope at most s becomes a coordinate of its own, in units of 1 / s: it moves no
more than the column of X does, so a radius in the coordinates is one in X.
"""

import numpy as np
from scipy import special
from sklearn.preprocessing import FunctionTransformer, QuantileTransformer

from sklip._arguments import is_number
from sklip.networks._folding.columns import N_ROUNDINGS
from sklip.networks._folding.probe import Probe
from sklip.networks._folding.ranges import clip_ends, ranged_slope
from sklip.networks._folding.registry import folds, unsupported
from sklip.networks._folding.storage import Storage, as_float, coarseness

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
# Kinds of integers that these functions do not map as numbers: -128 of int8 to itself.
_WRAPPING = {
    np.absolute: "i",
    np.negative: "iu",
    np.reciprocal: "iu",
    np.square: "iu",
}


@folds(QuantileTransformer)
def _fold_quantile(folder, transformer, columns):
    if transformer.output_distribution != "uniform":
        raise unsupported(
            transformer, "(output_distribution='normal'), which jumps at its ends,"
        )
    if columns.storage.is_sparse:
        raise unsupported(transformer, ", which leaves zeros of sparse columns alone,")
    quantiles = np.asarray(transformer.quantiles_, dtype=np.float64)
    steps = np.diff(quantiles, axis=0)
    if np.any(steps <= 0.0):
        tied = np.flatnonzero((steps <= 0.0).any(axis=0)).tolist()
        raise unsupported(
            transformer, f", whose quantiles have ties in the columns {tied} (jumps),"
        )
    slopes = np.max(np.diff(transformer.references_)[:, None] / steps, axis=0)
    # np.interp is constant outside.
    dtype = as_float(columns.storage.dtypes)
    # All is computed in float64 and the result, of at most one, stored in that type.
    stored = (coarseness(dtype, "QuantileTransformer") - 1) / N_ROUNDINGS
    return folder.warp(
        transformer,
        columns,
        slopes,
        output_sizes=1.0 + np.abs(quantiles).max(0) + stored,
        storage=Storage.new(len(columns), dtype),
    )


@folds(FunctionTransformer)
def _fold_function(folder, transformer, columns):
    if transformer.func is None:
        return columns
    slope = _known_slope(transformer, columns)
    if slope is not None:
        if np.isinf(slope):
            raise _unbounded(transformer)
        dtypes, coarse = _known_types(transformer, columns.storage.dtypes)
        storage = Storage(dtypes, columns.storage.is_sparse)
    else:
        slope = _stated_slope(transformer)
        probe = Probe(transformer, columns.storage, folder.rows_at(columns))
        probe.check_slope(slope)
        folder.forbid_writing(probe.writes, transformer, columns)
        coarse, shared = probe.coarseness, probe.shares and columns.storage.is_shared
        storage = Storage(probe.dtypes, is_shared=shared)
    return folder.warp(
        transformer,
        columns,
        np.full(len(columns), slope),
        output_sizes=np.ones(len(columns)),
        storage=storage,
        coarseness=coarse,
    )


def _known_slope(transformer, columns):
    """Largest slope of a function of numpy or scipy; None for another function."""
    if clip_ends(transformer) is not None:
        return 1.0
    if transformer.kw_args:
        return None
    func = transformer.func
    slope = next((s for known, s in KNOWN_SLOPES.items() if known is func), None)
    return ranged_slope(func, columns) if slope is None else slope


def _unbounded(transformer):
    name = transformer.func.__name__
    return unsupported(
        transformer,
        f"({name}), whose slope has no bound on all numbers, (keep its columns to a "
        "range by the step right before it, FunctionTransformer(numpy.clip, "
        "kw_args={'a_min': low, 'a_max': high}), at whose ends the slope is finite)",
    )


def _known_types(transformer, dtypes):
    """Types that a numpy function makes of these, and the rounding of the coarsest."""
    func, given, coarse = transformer.func, [], 1
    name = f"FunctionTransformer({func.__name__})"
    for dtype in dtypes:
        dtype = np.dtype(np.float64) if dtype.kind not in "biuf" else dtype
        try:
            output = func(np.ones(1, dtype=dtype), **(transformer.kw_args or {})).dtype
        except TypeError:  # an error in predict as well
            output = dtype
        if func in _WRAPPING and output.kind in _WRAPPING[func]:
            raise unsupported(
                transformer,
                f"({func.__name__}) of {output} columns, which wraps around at the end "
                "of their range, (pass X.astype(numpy.float64), or cast in front)",
            )
        given.append(output)
        for kind in (dtype, output):
            coarse = max(coarse, coarseness(as_float((kind,)), name))
    return tuple(given), coarse


def _stated_slope(transformer):
    """The largest slope that a function carries, for the arguments it gets."""
    func, kwargs = transformer.func, transformer.kw_args or {}
    slope = getattr(func, "slope", None)
    name = getattr(func, "__name__", repr(func))
    if slope is None:
        raise unsupported(
            transformer,
            f"({name}), whose slope is not known, (if {name} maps each entry by "
            "itself, give a function of your own that says so: "
            f"def my_{name}(X): return {name}(X); my_{name}.slope = largest slope)",
        )
    if kwargs and not callable(slope):
        raise unsupported(
            transformer,
            f"({name}, kw_args={kwargs!r}), whose slope {slope!r} may be that of other "
            f"arguments, (state it as a function of them: {name}.slope = lambda "
            f"{', '.join(kwargs)}: largest slope)",
        )
    slope = slope(**kwargs) if callable(slope) else slope
    if not (is_number(slope) and np.isfinite(slope) and slope >= 0.0):
        raise ValueError(
            f"The slope of {func!r} must be a finite number >= 0, got {slope!r}."
        )
    return float(slope)
