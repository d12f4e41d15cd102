# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Checks of the arguments that all certification functions share."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import column_or_1d

__all__ = [
    "as_generator",
    "check_count",
    "check_norm",
    "check_radii",
    "check_radius",
    "check_sample_weight",
    "encode_labels",
]


def check_norm(norm):
    """1, 2 or inf as a float-comparable number, else ValueError."""
    if isinstance(norm, Real) and not isinstance(norm, bool) and norm in (1, 2, np.inf):
        return norm
    raise ValueError(f"norm must be 1, 2 or numpy.inf, got {norm!r}.")


def check_radius(radius, name="radius"):
    """A finite float >= 0, else TypeError or ValueError."""
    if not isinstance(radius, Real) or isinstance(radius, bool):
        raise TypeError(f"{name} must be a number, got {type(radius).__name__}.")
    if not (np.isfinite(radius) and radius >= 0):
        raise ValueError(f"{name} must be finite and >= 0, got {radius!r}.")
    return float(radius)


def check_radii(radii):
    """A 1-D float array of finite radii >= 0, else ValueError."""
    radii = np.asarray(radii, dtype=np.float64)
    if radii.ndim != 1:
        raise ValueError(f"radii must be one-dimensional, got shape {radii.shape}.")
    if not (np.isfinite(radii) & (radii >= 0)).all():
        raise ValueError("radii must be finite and >= 0.")
    return radii


def check_count(value, name, minimum=1):
    """An integer >= minimum, else TypeError or ValueError."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}.")
    if value < minimum:
        raise ValueError(f"{name} must be >= {minimum}, got {value}.")
    return int(value)


def check_sample_weight(sample_weight, n_samples):
    """Weights of an average over the samples; ones for None."""
    if sample_weight is None:
        return np.ones(n_samples)
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (n_samples,):
        raise ValueError(
            f"sample_weight must have shape ({n_samples},), got {weight.shape}."
        )
    if not (np.isfinite(weight) & (weight >= 0)).all() or not weight.any():
        raise ValueError("sample_weight must be finite and >= 0, and not all zero.")
    return weight


def encode_labels(y, classes, n_samples):
    """Position of each label in classes; ValueError for a label not among them."""
    y = column_or_1d(y)
    if len(y) != n_samples:
        raise ValueError(f"X has {n_samples} samples, but y has {len(y)} labels.")
    position = {label: k for k, label in enumerate(np.asarray(classes).tolist())}
    encoded = [position.get(label, -1) for label in y.tolist()]
    if -1 in encoded:
        unknown = sorted({str(label) for label in y.tolist()} - {*map(str, position)})
        raise ValueError(
            f"y contains labels the model does not know: {', '.join(unknown[:5])}. "
            f"Its classes are {', '.join(map(str, position))}."
        )
    return np.array(encoded, dtype=np.intp)


def as_generator(random_state):
    """A generator of its own: the global ones are neither read nor moved."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31 - 1))
    if random_state is None or isinstance(random_state, Integral):
        return np.random.default_rng(random_state)
    raise ValueError(
        "random_state must be None, an integer, a numpy RandomState or Generator, "
        f"got {random_state!r}."
    )
