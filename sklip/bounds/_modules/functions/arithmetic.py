# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Sums, products and quotients of tensors that depend on the input."""

from types import SimpleNamespace

import numpy as np
import torch

from sklip.bounds._modules.functions.call import BATCH, Unsupported, is_traced, read
from sklip.bounds._modules.layers import compatible
from sklip.bounds._modules.operators import Scale, Sum

__all__ = ["absolute", "add", "divide", "multiply", "negate", "subtract"]


def add(x, y, alpha=1):
    if alpha != 1:
        y = _scaled(y, alpha) if is_traced(y) else y * alpha
    if is_traced(x) and is_traced(y):
        return _summed(x, y)
    return _moved(x, y) if is_traced(x) else _moved(y, x)


def subtract(x, y, alpha=1):
    return add(x, y, alpha=-alpha)


def _summed(x, y):
    if x.shape is not None and y.shape is not None and not compatible(x.shape, y.shape):
        raise Unsupported(
            f"samples of the shapes {x.shape} and {y.shape} are broadcast against each "
            "other"
        )
    shape = y.shape if x.shape is None else x.shape
    return type(x)((x, y), [], Sum, shape)


def multiply(x, y):
    if is_traced(x) and is_traced(y):
        raise Unsupported("it multiplies two functions of the input")
    return _scaled(x, y) if is_traced(x) else _scaled(y, x)


def divide(x, y, rounding_mode=None):
    if is_traced(y) or rounding_mode is not None:
        raise Unsupported("it divides by a function of the input, or rounds")
    return _elementwise(x, lambda given: (1.0 / given, np.zeros_like(given)), y)


def negate(x):
    return _scaled(x, -1.0)


def _scaled(x, factor):
    return _elementwise(x, lambda given: (given, np.zeros_like(given)), factor)


def _moved(x, offset):
    return _elementwise(x, lambda given: (np.ones_like(given), given), offset)


def _elementwise(x, make, constant):
    """Factors and offsets of each channel, or each entry."""
    if constant is BATCH:
        raise Unsupported("it depends on the number of samples")
    if isinstance(constant, torch.Tensor):
        constant = constant.detach().cpu().double().numpy()
    constant = np.asarray(constant, dtype=np.float64)
    if not np.isfinite(constant).all():
        raise Unsupported("its constant contains NaN or infinity")
    constant = _for_channels(constant, x.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        factors, offsets = make(constant)
    if not (np.isfinite(factors).all() and np.isfinite(offsets).all()):
        raise Unsupported("it divides by zero")
    # Rounded up: a quotient once, and what the layer's own arithmetic may do.
    factors = factors * (1.0 + 2.0**-49)
    return x.behind([Scale(factors, offsets, np.abs(offsets))], x.shape)


def _for_channels(constant, shape):
    """One number for all, for each channel, or for each entry of a sample."""
    if constant.size == 1:
        return constant.reshape(1)
    if shape is None or None in shape:
        raise Unsupported(
            "the shape of a sample is not known: pass input_shape "
            "to sklip.bounds.module_bound"
        )
    sample = constant[0] if constant.ndim == len(shape) + 1 else constant
    if constant.ndim > len(shape) + 1 or (sample is not constant and len(constant) > 1):
        raise Unsupported("its constant differs between samples")
    padded = sample.reshape((1,) * (len(shape) - sample.ndim) + sample.shape)
    if any(n not in (1, m) for n, m in zip(padded.shape, shape, strict=True)):
        raise Unsupported(f"its constant does not fit samples of shape {shape}")
    if padded.shape[0] == shape[0] and all(n == 1 for n in padded.shape[1:]):
        return padded.reshape(-1)
    return np.broadcast_to(padded, shape).copy()


def absolute(x):
    return read(x, "LeakyReLU", SimpleNamespace(negative_slope=-1.0))
