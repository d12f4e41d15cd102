# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Checks of arguments that all parts of sklip share; each error names its argument."""

import reprlib
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np

from sklip.exceptions import InvalidArgumentError

__all__ = [
    "NORM_NAMES",
    "as_generator",
    "as_numbers",
    "as_random_state",
    "check_count",
    "check_device",
    "check_flag",
    "check_groups",
    "check_labels",
    "check_layer_sizes",
    "check_norm",
    "check_number",
    "check_numbers",
    "check_option",
    "check_positive",
    "check_radii",
    "check_radius",
    "check_random",
    "check_sample_weight",
    "check_seed",
    "check_time_limit",
    "is_bool",
    "is_integer",
    "is_number",
    "refuse_ambiguous",
    "refuse_masked",
    "validate_data",
]

_NORMS = {1: 1.0, 2: 2.0, np.inf: np.inf}
_NAMED_NORMS = {"l1": 1.0, "l2": 2.0, "linf": np.inf, "inf": np.inf}
NORM_NAMES = tuple(_NAMED_NORMS)
_INT64 = np.iinfo(np.int64)
_DEVICES = ("cpu", "cuda", "auto")
_LARGEST_SEED = 2**32 - 1
_short = reprlib.Repr()
_short.maxstring = _short.maxother = 80


def is_bool(value):
    """True and False count as integers in Python, but nobody means them as numbers."""
    return isinstance(value, bool | np.bool_)


def check_norm(norm, name="norm"):
    """1.0, 2.0 or infinity, from the number or its name; ValueError otherwise."""
    if isinstance(norm, str) and norm in _NAMED_NORMS:
        return _NAMED_NORMS[norm]
    if isinstance(norm, Real) and not is_bool(norm) and norm in _NORMS:
        return _NORMS[norm]
    names = ", ".join(map(repr, NORM_NAMES))
    raise ValueError(
        f"{name} must be 1, 2 or numpy.inf, or one of {names}, got {_shown(norm)}."
    )


def check_option(value, name, allowed):
    """One of some names, else ValueError."""
    if isinstance(value, str) and value in allowed:
        return value
    raise ValueError(
        f"{name} must be one of {', '.join(map(repr, allowed))}, got {_shown(value)}."
    )


def check_flag(value, name):
    """True or False, else TypeError."""
    if is_bool(value):
        return bool(value)
    raise InvalidArgumentError(f"{name} must be True or False, got {_shown(value)}.")


def check_number(value, name):
    """A float of a real number; integers must fit into int64."""
    if not isinstance(value, Real) or is_bool(value):
        raise InvalidArgumentError(f"{name} must be a number, got {_shown(value)}.")
    if not is_number(value):
        raise ValueError(
            f"{name} must fit into int64 where it is an integer, got {_shown(value)}: "
            "write it as a float."
        )
    return float(value)


def check_radius(radius, name="radius"):
    """A finite float >= 0, else TypeError or ValueError."""
    radius = check_number(radius, name)
    if not (np.isfinite(radius) and radius >= 0):
        raise ValueError(f"{name} must be finite and >= 0, got {radius!r}.")
    return radius


def check_positive(value, name):
    """A finite float > 0, else TypeError or ValueError."""
    value = check_number(value, name)
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a positive finite number, got {value!r}.")
    return value


def check_time_limit(seconds, name="time_limit", *, none=True):
    """Positive seconds, infinity included, or None where that is allowed."""
    if seconds is None and none:
        return None
    seconds = check_number(seconds, name)
    if not seconds > 0:
        choice = "None or a positive" if none else "a positive"
        raise ValueError(f"{name} must be {choice} number of seconds, got {seconds!r}.")
    return seconds


def check_effort(effort, name="effort"):
    """ "low", "normal", "high" or a number of parts >= 0, else an error."""
    if isinstance(effort, str) or not isinstance(effort, Integral):
        allowed = ("low", "normal", "high")
        if not isinstance(effort, str) or effort not in allowed:
            raise InvalidArgumentError(
                f"{name} must be one of {list(allowed)} or a number of parts, got "
                f"{_shown(effort)}."
            )
        return effort
    return check_count(effort, name, minimum=0)


def check_count(value, name, minimum=1):
    """An integer >= minimum, else TypeError or ValueError."""
    if not isinstance(value, Integral) or is_bool(value):
        raise InvalidArgumentError(f"{name} must be an integer, got {_shown(value)}.")
    if not minimum <= value <= _INT64.max:
        raise ValueError(
            f"{name} must be >= {minimum} and fit into int64, got {_shown(value)}."
        )
    return int(value)


def check_layer_sizes(sizes, name="layer_sizes"):
    """A tuple of at least two integers >= 1, else ValueError."""
    whole = isinstance(sizes, Sequence | np.ndarray) and all(
        isinstance(n, Integral) and not is_bool(n) and 1 <= n <= _INT64.max
        for n in sizes
    )
    if not whole or len(sizes) < 2:
        raise ValueError(
            f"{name} must hold at least two positive integers, input and output "
            f"included, got {_shown(sizes)}."
        )
    return tuple(int(n) for n in sizes)


def check_device(device):
    """ "cpu" or "cuda" for a name of the three, if there is such a device here."""
    check_option(device, "device", _DEVICES)
    if device == "cpu":
        return device
    from torch.cuda import is_available

    if device == "cuda" and not is_available():
        raise ValueError(
            "device='cuda', but torch sees no GPU here. Use device='cpu', or 'auto' to "
            "take a GPU where there is one."
        )
    return "cuda" if is_available() else "cpu"


def check_seed(random_state, name="random_state"):
    """None or an integer that seeds a generator, else TypeError or ValueError."""
    if random_state is None:
        return None
    if not isinstance(random_state, Integral) or is_bool(random_state):
        raise InvalidArgumentError(
            f"{name} must be an integer or None, got {_shown(random_state)}."
        )
    if not 0 <= random_state <= _LARGEST_SEED:
        raise ValueError(
            f"{name} must lie between 0 and {_LARGEST_SEED}, got "
            f"{_shown(random_state)}."
        )
    return int(random_state)


def check_random(random_state):
    """The same seed, RandomState or Generator; nothing is drawn from it."""
    if isinstance(random_state, np.random.RandomState | np.random.Generator):
        return random_state
    return check_seed(random_state)


def as_generator(random_state):
    """A generator of its own: the global ones are neither read nor moved."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31 - 1))
    if random_state is None or isinstance(random_state, Integral):
        return np.random.default_rng(check_seed(random_state))
    raise ValueError(
        "random_state must be None, an integer, a numpy RandomState or Generator, "
        f"got {_shown(random_state)}."
    )


def as_random_state(random_state):
    """The RandomState that scikit-learn makes of None, an integer or a RandomState."""
    from sklearn.utils import check_random_state

    if isinstance(random_state, np.random.RandomState):
        return random_state
    return check_random_state(check_seed(random_state))


def check_radii(radii, name="radii"):
    """A 1-D float array of finite radii >= 0, at least one, else ValueError."""
    radii = check_numbers(radii, name, ndim=1)
    if not len(radii):
        raise ValueError(f"{name} is empty: at least one number is needed.")
    if not (np.isfinite(radii) & (radii >= 0)).all():
        raise ValueError(f"{name} must be finite and >= 0, got {_shown(radii)}.")
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
                f"{_shown(groups)}."
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
            f"position, but the columns of X are named {_shown(columns)}. Name them by "
            "strings, as by X.columns = X.columns.map(str) before fit, or pass arrays."
        )


def is_integer(value):
    """Whether a scalar is an integer, of int64, and no true or false."""
    return isinstance(value, Integral) and is_number(value)


def is_number(value):
    """Whether a scalar is a real number that a float can stand for."""
    if not isinstance(value, Real) or is_bool(value):
        return False
    return not isinstance(value, Integral) or _INT64.min <= value <= _INT64.max


def validate_data(estimator, *X_and_y, **options):
    """scikit-learn's, but for masked arrays, which it takes and drops the mask."""
    from sklearn.utils import validation

    for values, name in zip(X_and_y, ("X", "y"), strict=False):
        refuse_masked(values, name)
    return validation.validate_data(estimator, *X_and_y, **options)


def _shown(value):
    """A short repr: an argument may be a whole table, or too long to be written."""
    try:
        return _short.repr(value)
    except ValueError:
        return f"{type(value).__name__} of enormous size"
