# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Which transformers can be folded, and why the others cannot."""

from sklearn.impute import KNNImputer
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    Normalizer,
    PolynomialFeatures,
    PowerTransformer,
    SplineTransformer,
)

from sklip.exceptions import UnsupportedModelError
from sklip.networks._trust import full_name

__all__ = ["FOLDS", "folds", "unsupported"]

# Exact type -> function (folder, transformer, columns) -> columns. A subclass may
# override transform, so it is not looked up by isinstance.
FOLDS: dict = {}

_REASONS = {
    Binarizer: "its output jumps at the threshold",
    KBinsDiscretizer: "its output jumps from bin to bin",
    KNNImputer: "what it fills in jumps when the nearest neighbours change",
    Normalizer: "a row is divided by its norm, so slopes are unbounded near zero",
    PolynomialFeatures: "the slope of a product or power is unbounded",
    PowerTransformer: "the slope of a power is unbounded",
    SplineTransformer: "several splines share one column, and their slopes are not "
    "bounded coordinate by coordinate",
}


def folds(*kinds):
    """Register a function as the fold of these types."""

    def register(function):
        FOLDS.update(dict.fromkeys(kinds, function))
        return function

    return register


def unsupported(transformer, why=""):
    """The error for a transformer that cannot be folded.

    Parameters
    ----------
    transformer : object or str
        The transformer, or what stands for its name.
    why : str
        What follows its name: arguments in brackets, or a reason after a comma.

    Returns
    -------
    error : UnsupportedModelError
        To be raised.
    """
    name = transformer if isinstance(transformer, str) else full_name(transformer)
    reason = _REASONS.get(type(transformer))
    if reason and not why:
        why = f" ({reason})"
    known = sorted(kind.__name__ for kind in FOLDS)
    return UnsupportedModelError(
        f"{name}{why} cannot be folded into the network. Transformers that can be: "
        f"{', '.join(known)}, selectors of columns and 'passthrough'. A step that sees "
        "no column named in feature_eps is evaluated, whatever it is."
    )
