# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Checks of arrays: numbers, labels, weights and columns; each names its argument."""

import numpy as np

from sklip._arguments.scalars import is_integer, is_number, shown
from sklip.exceptions import InvalidArgumentError

__all__ = [
    "as_numbers",
    "check_groups",
    "check_labels",
    "check_numbers",
    "check_radii",
    "check_sample_weight",
    "refuse_ambiguous",
    "refuse_masked",
    "validate_data",
]


def check_radii(radii, name="radii"):
    """A 1-D float array of finite radii >= 0, at least one, else ValueError."""
    radii = check_numbers(radii, name, ndim=1)
    if not len(radii):
        raise ValueError(f"{name} is empty: at least one number is needed.")
    if not (np.isfinite(radii) & (radii >= 0)).all():
        raise ValueError(f"{name} must be finite and >= 0, got {shown(radii)}.")
    return radii


def check_sample_weight(sample_weight, n_samples):
    """Weights of an average over the samples; ones for None."""
    if sample_weight is None:
        return np.ones(n_samples)
    weight = check_numbers(sample_weight, "sample_weight", ndim=1)
    if weight.shape != (n_samples,):
        raise ValueError(
            f"sample_weight must have shape ({n_samples},), got {weight.shape}."
        )
    if not (np.isfinite(weight) & (weight >= 0)).all() or not weight.any():
        raise ValueError("sample_weight must be finite and >= 0, and not all zero.")
    return weight


def check_groups(groups, y, n_samples):
    """Members of each group as a mask: of everything, each class of y, or each label.

    ``groups`` is None, "class", or a label for each sample; a group is called as its
    label, and the only one of None is called "all".
    """
    if groups is None:
        return {"all": np.ones(n_samples, dtype=bool)}
    if isinstance(groups, str):
        if groups != "class":
            raise ValueError(
                "groups must be 'class', or hold a label for each sample, got "
                f"{shown(groups)}."
            )
        if y is None:
            raise ValueError("groups='class' needs the true labels y.")
        groups = y
    labels = check_labels(groups, "groups")
    if len(labels) != n_samples:
        raise ValueError(
            f"groups has {len(labels)} labels, but there are {n_samples} samples."
        )
    try:
        return {label: labels == label for label in np.unique(labels).tolist()}
    except TypeError as error:
        raise ValueError(
            "groups must hold labels that can be sorted: no missing ones among text."
        ) from error


def check_numbers(values, name, ndim=None):
    """A float64 array of real numbers, else TypeError or ValueError."""
    return as_numbers(values, name, ndim).astype(np.float64, copy=False)


def as_numbers(values, name, ndim=None):
    """An array of real numbers in its own type, else TypeError or ValueError.

    Text that spells numbers, complex numbers, true and false, and integers beyond
    int64 are refused: numpy would convert them without a word, or not at all.
    Objects may be numbers, as in a column that once held something else.
    """
    refuse_masked(values, name)
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from error
    if array.dtype.kind == "O" and all(is_number(v) for v in array.flat):
        array = array.astype(np.float64)
    if array.size and array.dtype.kind not in "iuf":
        raise InvalidArgumentError(
            f"{name} must hold real numbers of at most 64 bits, but its dtype is "
            f"{array.dtype}."
        )
    if ndim is not None and array.ndim != ndim:
        form = "be one-dimensional" if ndim == 1 else f"have {ndim} axes"
        raise ValueError(f"{name} must {form}, got shape {array.shape}.")
    return array


def check_labels(y, name="y"):
    """A one-dimensional array of labels of any type, else TypeError or ValueError."""
    from sklearn.utils import column_or_1d

    refuse_masked(y, name)
    shape = () if isinstance(y, str) else np.shape(y)
    if len(shape) != 1 and not (len(shape) == 2 and shape[1] == 1):
        raise InvalidArgumentError(
            f"{name} must hold one label for each sample, got shape {shape}."
        )
    labels = column_or_1d(y, input_name=name)
    missing = labels.dtype.kind == "f" and np.isnan(labels).any()
    if labels.dtype.kind == "O":
        missing = any(v is None or v != v for v in labels)
    if missing:
        raise InvalidArgumentError(
            f"{name} must hold labels, got None or NaN: leave the rows of missing "
            "labels out."
        )
    return labels


def refuse_masked(values, name):
    """TypeError for a masked array: every computation would drop its mask."""
    rows = values if isinstance(values, list | tuple) else (values,)
    if any(isinstance(row, np.ma.MaskedArray) for row in rows):
        raise InvalidArgumentError(
            f"{name} is a masked array, whose mask would be dropped. Fill the masked "
            f"entries in, as by {name}.filled(numpy.nan), or leave their rows out."
        )


def refuse_ambiguous(mapping, X, name):
    """ValueError where a column's integer name and its position are different columns.

    An integer key means a position; a table whose own names are integers may mean them.
    """
    columns = list(getattr(X, "columns", ()))
    if mapping is None or not columns or not all(map(is_integer, columns)):
        return
    # A Series iterates over its values.
    for key in getattr(mapping, "keys", tuple)():
        if not is_integer(key) or (0 <= key < len(columns) and columns[key] == key):
            continue
        raise ValueError(
            f"{name} names column {key!r}, which is ambiguous: an integer is a "
            f"position, but the columns of X are named {shown(columns)}. Name them by "
            "strings, as by X.columns = X.columns.map(str) before fit, or pass arrays."
        )


def validate_data(estimator, *X_and_y, **options):
    """scikit-learn's, but for masked arrays, which it takes and drops the mask."""
    from sklearn.utils import validation

    for values, name in zip(X_and_y, ("X", "y"), strict=False):
        refuse_masked(values, name)
    return validation.validate_data(estimator, *X_and_y, **options)
