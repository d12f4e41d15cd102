# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Shapes of the samples that a torch module takes: rows of a table, or images."""

import numpy as np
import torch

from sklip.bounds._modules.graphs import OnnxModule
from sklip.bounds._modules.operators import Dense, Scale
from sklip.bounds._modules.reader import need_steady, operators_of

__all__ = ["flat_rows", "input_shape_of", "plain_array"]


def plain_array(X):
    """A tensor as an array; anything else as it is."""
    return X.detach().cpu().numpy() if isinstance(X, torch.Tensor) else X


def flat_rows(X, input_shape):
    """Samples as rows.

    Parameters
    ----------
    X : array-like, DataFrame or Tensor
        Rows, or samples of the shape that the module takes; a single channel may be
        left out.
    input_shape : tuple of int
        That shape.

    Returns
    -------
    X : array-like of shape (n_samples, n_features)
        The same samples.
    """
    X = plain_array(X)
    if not hasattr(X, "ndim"):
        X = np.asarray(X)
    if X.ndim <= 2:
        return X
    shape = tuple(X.shape[1:])
    if shape not in (input_shape, input_shape[1:]):
        raise ValueError(
            f"X has samples of shape {shape}, but the module takes {input_shape}."
        )
    return X.reshape(len(X), -1)


def input_shape_of(module, X=None):
    """Shape of one sample of a bare module.

    Parameters
    ----------
    module : torch.nn.Module
        In eval mode.
    X : array-like or Tensor, default=None
        Samples, or rows of their entries where that leaves one shape only.

    Returns
    -------
    input_shape : tuple of int
        Such that the module gives one row of outputs for each sample.

    Raises
    ------
    ValueError
        If the shape is not known, several are possible, or the module takes none.
    """
    need_steady(module)
    if type(module) is OnnxModule:
        # Rows of another number of entries are refused where they are encoded.
        return module.input_shape
    if X is None:
        return _stated_width(module)
    X = plain_array(X)
    shape = np.shape(X)[1:]
    if not shape:
        raise ValueError(
            "X must hold a row, or an array, for each sample, but is of shape "
            f"{np.shape(X)}."
        )
    if 0 in shape or len(X) == 0:
        raise ValueError(f"X has no samples or no entries: its shape is {np.shape(X)}.")
    if len(shape) > 1:
        candidates = [shape, (1, *shape)]
        found = [c for c in candidates if _takes(module, c)][:1]
    else:
        found = [shape] if _takes(module, shape) else _images(module, shape[0])
    if len(found) == 1:
        return tuple(int(n) for n in found[0])
    if found:
        raise ValueError(
            f"Rows of {shape[0]} entries may be samples of the shapes {found}: pass X "
            "of shape (n_samples, *shape)."
        )
    raise ValueError(
        f"X has samples of shape {shape}, which the module {type(module).__name__} "
        "does not take: it must give one row of outputs, (n_samples, n_outputs), for "
        "each sample."
    )


def _stated_width(module):
    """Width of flat rows, where the first layer says it."""
    for operator in operators_of(module)[:1]:
        if isinstance(operator, Dense) and operator.flat:
            return (operator.weight.shape[1],)
        if isinstance(operator, Scale) and len(operator.factors) > 1:
            return (len(operator.factors),)
    raise ValueError(
        f"The shape of the samples of {type(module).__name__} is not known: pass X of "
        "shape (n_samples, *shape)."
    )


def _takes(module, shape):
    """Whether the module gives one row of outputs for each sample of a shape."""
    like = next(
        (p for p in (*module.parameters(), *module.buffers()) if p.is_floating_point()),
        torch.zeros((), dtype=torch.float64),
    )
    for n in (2, 3):
        samples = torch.zeros(n, *shape, dtype=like.dtype, device=like.device)
        try:
            with torch.no_grad():
                found = module(samples)
        except (RuntimeError, ValueError, IndexError, TypeError, AssertionError):
            return False
        if not isinstance(found, torch.Tensor) or found.ndim != 2 or len(found) != n:
            return False
    return True


def _images(module, n):
    """Shapes of n entries that the first convolution allows and the module takes."""
    first = next((m for m in module.modules() if hasattr(m, "in_channels")), None)
    if first is None or n % first.in_channels:
        return []
    n_axes = len(first.kernel_size)
    sizes = _factorisations(n // first.in_channels, n_axes)
    shapes = [(first.in_channels, *size) for size in sizes]
    return [shape for shape in shapes if _takes(module, shape)]


def _factorisations(n, n_factors):
    if n_factors == 1:
        return [(n,)]
    return [
        (k, *rest)
        for k in range(1, n + 1)
        if n % k == 0
        for rest in _factorisations(n // k, n_factors - 1)
    ]
