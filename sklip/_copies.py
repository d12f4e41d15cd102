# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The user's data, before a fitted step may write into it.

A scaler with ``copy=False`` or a function that works in place changes the array that it
is given. What a caller handed to sklip stays as it is: steps get copies.
"""

import numpy as np
from scipy import sparse

__all__ = ["own_copy"]


def own_copy(X):
    """X in memory of its own.

    Parameters
    ----------
    X : array-like, sparse matrix or DataFrame
        Data of the user.

    Returns
    -------
    copied : object
        Of the same kind; lists and frames that cannot be written to as they are.
    """
    if isinstance(X, np.ndarray):
        return X.copy(order="K")
    if sparse.issparse(X) or hasattr(X, "iloc"):
        return X.copy()
    if hasattr(X, "__array__") and not hasattr(X, "columns"):
        return np.array(X)
    return X
