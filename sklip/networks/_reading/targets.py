# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Monotone inverses of target transformers: they map intervals end by end.

A regressor on log(y) has no Lipschitz constant in the units of y. But what its
prediction cannot leave, the exponential of the prediction cannot leave either.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy import special
from sklearn.preprocessing import (
    FunctionTransformer,
    PowerTransformer,
    QuantileTransformer,
)

from sklip._floats import UNIT
from sklip.exceptions import UnsupportedModelError
from sklip.networks._folding import coordinatewise_map
from sklip.networks._trust import full_name

__all__ = ["CURVED_TARGETS", "TargetMap", "function_stage", "monotone_stage"]

# Exact types of transformers whose inverse is curved.
CURVED_TARGETS = (FunctionTransformer, PowerTransformer, QuantileTransformer)

_INCREASING = (
    np.arcsin,
    np.arcsinh,
    np.arctan,
    np.arctanh,
    np.cbrt,
    np.exp,
    np.exp2,
    np.expm1,
    np.log,
    np.log10,
    np.log1p,
    np.log2,
    np.positive,
    np.sinh,
    np.sqrt,
    np.tanh,
    special.exp10,
    special.expit,
    special.logit,
    special.ndtr,
    special.ndtri,
)
_DECREASING = (np.arccos, np.negative)
# Falling below zero, rising above.
_EVEN = (np.abs, np.cosh, np.fabs, np.square)
# Functions of numpy are off by a few units of their last place; compositions, those
# of scipy and of users by some of the terms that they add, of size one.
_NUMPY, _OTHERS = 2.0**-48, 2.0**-42
# QuantileTransformer takes what is nearer to the ends of a normal than this for them.
_BOUNDS = 1.1e-7


@dataclass(frozen=True, eq=False)
class TargetMap:
    """Monotone maps from a network's outputs to the units of y, one after the other."""

    name: str  # what to call it in a message
    stages: tuple  # each with a method ``ends(lower, upper)``

    def then(self, stage):
        """With one stage more."""
        return TargetMap(self.name, (*self.stages, stage))

    def ends(self, lower, upper):
        """Image of intervals, rounded outward.

        Parameters
        ----------
        lower, upper : ndarray of shape (n_samples, n_outputs)
            Ends of the outputs as the regressor inside computes them.

        Returns
        -------
        lower, upper : ndarray of shape (n_samples, n_outputs)
            Ends of what the model computes; infinite where the map is not defined on
            the whole interval.
        """
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for stage in self.stages:
                lower, upper = stage.ends(lower, upper)
        return lower, upper


def monotone_stage(transformer, n_outputs):
    """The inverse of a fitted target transformer as a monotone map of each output.

    Parameters
    ----------
    transformer : object
        Fitted target transformer, one that is no Pipeline.
    n_outputs : int
        Number of outputs.

    Returns
    -------
    stage : object or None
        None if it is not known to be monotone.
    """
    kind = type(transformer)
    if kind is FunctionTransformer:
        return function_stage(transformer.inverse_func, transformer.inv_kw_args)
    if kind is PowerTransformer:
        return _Power(transformer)
    if kind is QuantileTransformer:
        return _Quantiles(transformer)
    try:
        return _Affine(*coordinatewise_map(transformer, n_outputs))
    except UnsupportedModelError:
        return None


def function_stage(func, kwargs=None):
    """The stage of a function with arguments; None if it is not known to be monotone.

    Parameters
    ----------
    func : callable or None
        The function.
    kwargs : dict, default=None
        Its other arguments.

    Returns
    -------
    stage : object or None
        As :func:`monotone_stage` gives it.
    """
    if func is None:
        return None
    if not kwargs:
        for known, kind in ((_INCREASING, 1), (_DECREASING, -1), (_EVEN, 0)):
            if any(func is one for one in known):
                is_numpy = getattr(np, func.__name__, None) is func
                return _Function(func, kind, *((_NUMPY, 0.0) if is_numpy else _BOTH))
    stated = getattr(func, "monotone", None)
    if stated is None:
        return None
    if stated not in ("increasing", "decreasing"):
        raise ValueError(
            f"The attribute monotone of {func!r} must be 'increasing' or "
            f"'decreasing', got {stated!r}."
        )

    def applied(values):
        return np.asarray(func(values, **(kwargs or {})), dtype=np.float64)

    kind = 1 if stated == "increasing" else -1
    return _Function(applied, kind, *_BOTH, is_stated=full_name(type(func)))


_BOTH = _OTHERS, _OTHERS


@dataclass(frozen=True, eq=False)
class _Function:
    """A function of single numbers: rising (1), falling (-1), or even (0)."""

    func: object
    kind: int
    relative: float
    absolute: float
    is_stated: str = ""

    def ends(self, lower, upper):
        if self.kind < 0:
            lower, upper = upper, lower
        elif self.kind == 0:
            inside = (lower < 0.0) & (upper > 0.0)
            sizes = np.abs(lower), np.abs(upper)
            lower = np.where(inside, 0.0, np.minimum(*sizes))
            upper = np.maximum(*sizes)
        low, high = (_applied(self.func, end) for end in (lower, upper))
        if self.is_stated:
            self._check(lower, upper, low, high)
        return _outward(low, high, self.relative, self.absolute)

    def _check(self, lower, upper, low, high):
        """Refuse a statement that values in between contradict."""
        for share in (0.25, 0.5, 0.75):
            between = _applied(self.func, lower + share * (upper - lower))
            room = self.relative * (1.0 + np.abs(low) + np.abs(high))
            if np.any((between < low - room) | (between > high + room)):
                raise UnsupportedModelError(
                    f"The inverse_func {self.func!r} says that it is monotone, but "
                    "takes values between the ends of an interval outside."
                )


@dataclass(frozen=True, eq=False)
class _Affine:
    """The inverse of ``scale * y + offset``."""

    scale: np.ndarray
    offset: np.ndarray

    def ends(self, lower, upper):
        images = [(end - self.offset) / self.scale for end in (lower, upper)]
        low, high = np.minimum(*images), np.maximum(*images)
        room = 16.0 * UNIT * np.abs(self.offset / self.scale)
        low, high = _outward(low, high, 16.0 * UNIT, 0.0)
        return low - room, high + room


class _Power:
    """The inverse of a PowerTransformer: rising powers of each column.

    What is added before a power is taken is rounded: that is as if the input were
    another one, by the slack.
    """

    def __init__(self, transformer):
        self.transformer = transformer
        lambdas = np.asarray(transformer.lambdas_, dtype=np.float64)
        powers = np.abs([lambdas, 2.0 - lambdas])
        self.terms = np.divide(1.0, powers, where=powers > 0.0, out=0.0 * powers).sum(0)
        self.scale, self.mean = np.ones(len(lambdas)), np.zeros(len(lambdas))
        if transformer.standardize:
            self.scale = transformer._scaler.scale_
            self.mean = np.abs(transformer._scaler.mean_)

    def ends(self, lower, upper):
        """Ends of the image."""
        ends = []
        for end, sign in ((lower, -1.0), (upper, 1.0)):
            size = np.abs(end) + (self.mean + self.terms) / self.scale
            slack = 64.0 * UNIT * size
            ends.append(_applied(self._inverse, end + sign * slack))
        return _outward(*ends, _OTHERS, _OTHERS)

    def _inverse(self, values):
        return self.transformer.inverse_transform(values.copy())


class _Quantiles:
    """The inverse of a QuantileTransformer: it interpolates rising quantiles."""

    def __init__(self, transformer):
        self.transformer = transformer
        quantiles = np.asarray(transformer.quantiles_, dtype=np.float64)
        steepest = np.abs(np.diff(quantiles, axis=0)).max(axis=0) * len(quantiles)
        self.room = _NUMPY * (np.abs(quantiles).max(axis=0) + steepest)
        if transformer.output_distribution == "normal":
            self.room = self.room + _BOUNDS * steepest

    def ends(self, lower, upper):
        """Ends of the image."""
        slack = _OTHERS * (1.0 + np.maximum(np.abs(lower), np.abs(upper)))
        ends = [
            _applied(self.transformer.inverse_transform, end)
            for end in (lower - slack, upper + slack)
        ]
        low, high = _outward(*ends, _NUMPY, 0.0)
        return low - self.room, high + self.room


def _applied(func, values):
    """Images of finite numbers; NaN for others."""
    finite = np.isfinite(values)
    images = np.asarray(func(np.where(finite, values, 0.5)), dtype=np.float64)
    return np.where(finite, images, np.nan)


def _outward(low, high, relative, absolute):
    """Ends with room for what the map rounds; infinite where one is not known."""
    low = low - (relative * np.abs(low) + absolute)
    high = high + (relative * np.abs(high) + absolute)
    known = ~(np.isnan(low) | np.isnan(high))
    low, high = np.where(known, low, -np.inf), np.where(known, high, np.inf)
    return np.nextafter(low, -np.inf), np.nextafter(high, np.inf)
