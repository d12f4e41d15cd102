# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Shapes of samples: rows of a table, images as rows, images as arrays."""

import math
import warnings
from numbers import Integral

import numpy as np
from scipy import sparse

from sklip.training import MODULES

__all__ = ["as_rows", "find_input_shape", "warn_of_scale"]

_CHANNELS = (1, 3, 4)
# Ratio of the spread of X to the standard deviation of the noise that is plausible.
_LARGEST_RATIO = 100.0
_ROWS_LOOKED_AT = 1000


def as_rows(X, input_shape=None):
    """Samples as rows, and the shape that they had; arrays are not copied.

    Parameters
    ----------
    X : array-like or DataFrame
        Samples.
    input_shape : tuple of int, default=None
        Shape that samples of more than one axis must have.

    Returns
    -------
    X : array-like of shape (n_samples, n_features)
        The same samples.
    shape : tuple of int or None
        Shape of one sample; None for rows.
    """
    if not hasattr(X, "ndim"):
        X = np.asarray(X)
    if X.ndim <= 2:
        return X, None
    shape = tuple(int(n) for n in X.shape[1:])
    if input_shape is not None and shape not in (input_shape, input_shape[1:]):
        raise ValueError(
            f"X has samples of shape {shape}, but input_shape is {input_shape}."
            + _hint(shape, input_shape)
        )
    return X.reshape(len(X), -1), shape


def _hint(shape, input_shape):
    if sorted(shape) == sorted(input_shape):
        return " Images have channels first: X.transpose(0, 3, 1, 2) moves them."
    return ""


def find_input_shape(module, input_shape, shape, n_features):
    """Shape of the samples that the module is given.

    Parameters
    ----------
    module : str or torch module
        The parameter of the estimator.
    input_shape : sequence of int or None
        The parameter of the estimator.
    shape : tuple of int or None
        Shape of the samples in X; None for rows.
    n_features : int
        Entries of a sample.

    Returns
    -------
    input_shape : tuple of int
        (channels, height, width) for a module of ours.

    Raises
    ------
    ValueError
        If shapes do not fit each other, or channels stand last.
    """
    if input_shape is not None:
        found = _checked(input_shape, n_features)
    elif shape is not None:
        found = (1, *shape) if isinstance(module, str) and len(shape) == 2 else shape
    elif isinstance(module, str):
        found = _square_image(n_features)
    else:
        found = (n_features,)
    if isinstance(module, str):
        _check_image(module, found)
    return found


def _checked(input_shape, n_features):
    shape = tuple(input_shape)
    whole = all(isinstance(n, Integral) and n >= 1 for n in shape)
    if not shape or not whole:
        raise ValueError(
            "input_shape must hold the positive sizes of one sample, such as "
            f"(3, 32, 32), got {input_shape!r}."
        )
    if math.prod(shape) != n_features:
        raise ValueError(
            f"input_shape={shape} has {math.prod(shape)} entries, but each sample of X "
            f"has {n_features}."
        )
    return tuple(int(n) for n in shape)


def _square_image(n_features):
    for channels in (1, 3):
        side = math.isqrt(n_features // channels)
        if channels * side * side == n_features:
            return (channels, side, side)
    raise ValueError(
        f"Rows of {n_features} features are no square images of 1 or 3 channels: give "
        "input_shape=(channels, height, width)."
    )


def _check_image(module, shape):
    if len(shape) != 3:
        raise ValueError(
            f"module={module!r} takes images (channels, height, width), but samples "
            f"have the shape {shape}."
        )
    if shape[0] not in _CHANNELS and shape[2] in _CHANNELS:
        raise ValueError(
            f"Images of shape {shape} look as if channels stood last. Put them first: "
            "X.transpose(0, 3, 1, 2) for an array, and input_shape=(channels, height, "
            "width)."
        )
    smallest = MODULES[module][1]
    if min(shape[1:]) < smallest:
        raise ValueError(
            f"module={module!r} needs images of at least {smallest} x {smallest} "
            f"pixels, got {shape[1]} x {shape[2]}."
        )


def warn_of_scale(X, noise_std):
    """Warn where the noise is out of proportion to the spread of the values.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Samples.
    noise_std : float
        Standard deviation of the noise.
    """
    some = X[:: max(1, X.shape[0] // _ROWS_LOOKED_AT)].astype(np.float64)
    spread = _spread(some)
    if spread == 0.0 or 1 / _LARGEST_RATIO <= spread / noise_std <= _LARGEST_RATIO:
        return
    size = "lost in" if spread > noise_std else "far above"
    warnings.warn(
        f"noise_std={noise_std:g} is {size} the scale of X, whose values go from "
        f"{some.min():.3g} to {some.max():.3g} with standard deviation {spread:.3g}: "
        "the noise assumes values of about unit scale, such as pixels divided by 255 "
        "or standardised columns. Scale X, or choose noise_std in its units.",
        UserWarning,
        stacklevel=6,
    )


def _spread(X):
    """Standard deviation of the entries of an array, or of all of a sparse matrix."""
    if not sparse.issparse(X):
        return float(X.std())
    n = math.prod(X.shape)
    mean = X.sum() / n
    squares = np.sum((X.data - mean) ** 2) + (n - X.nnz) * mean**2
    return math.sqrt(squares / n)
