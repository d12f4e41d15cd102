# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""One estimator or several, and what they are called in a picture."""

from collections.abc import Mapping

__all__ = ["named_estimators"]


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
        If the number of labels is not that of the estimators.
    """
    if isinstance(estimator, Mapping):
        estimators, names = list(estimator.values()), list(estimator)
    else:
        # A Pipeline has a length too: only real lists hold several estimators.
        several = isinstance(estimator, list | tuple)
        estimators = list(estimator) if several else [estimator]
        names = [type(model).__name__ for model in estimators]
    if name is not None:
        names = [name] if isinstance(name, str) else list(name)
    if len(names) != len(estimators):
        raise ValueError(
            f"name must be one label for each of the {len(estimators)} estimators, got "
            f"{name!r}."
        )
    return estimators, names
