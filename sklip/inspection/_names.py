# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""One estimator or several, and what they are called in a picture."""

from collections.abc import Mapping

__all__ = ["holds_several", "named_estimators"]


def named_estimators(estimator, name=None):
    """Lists of estimators and of their labels.

    Parameters
    ----------
    estimator : object, list or dict of str to object
        One or several; the keys of a dict are labels.
    name : str or list of str, default=None
        Labels instead; None takes the keys or the names of the classes.

    Returns
    -------
    estimators, names : list
        Of the same length.

    Raises
    ------
    ValueError
        If there is no estimator, or the number of labels is not that of the estimators.
    """
    if isinstance(estimator, Mapping):
        estimators, names = list(estimator.values()), list(estimator)
    else:
        # A Pipeline has a length too: only real lists hold several estimators.
        several = isinstance(estimator, list | tuple)
        estimators = list(estimator) if several else [estimator]
        names = _numbered([type(model).__name__ for model in estimators])
    if not estimators:
        raise ValueError("estimator holds no model: it is empty.")
    if name is not None:
        names = [name] if isinstance(name, str) else list(name)
    # matplotlib leaves out what begins with an underscore.
    names = [f" {name}" if str(name).startswith("_") else str(name) for name in names]
    if len(names) != len(estimators):
        raise ValueError(
            f"name must be one label for each of the {len(estimators)} estimators, got "
            f"{name!r}."
        )
    return estimators, names


def holds_several(estimator):
    """Whether an argument is a list or dict of estimators, were it of one."""
    return isinstance(estimator, Mapping | list | tuple)


def _numbered(names):
    """Names that occur more than once, told apart by numbers."""
    seen = dict.fromkeys(names, 0)
    told_apart = []
    for name in names:
        seen[name] += 1
        several = names.count(name) > 1
        told_apart.append(f"{name} {seen[name]}" if several else name)
    return told_apart
