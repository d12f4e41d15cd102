# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Units in which a bounded network is trained: data of size one around zero.

Steps along orthonormal matrices do not care for the size of the data, those of biases
do. Shift and scale go into the first and the last layer's biases when the network is
deployed, so nothing of the size of the data is ever copied.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

__all__ = ["Units", "units_of"]

_BLOCK_ROWS = 1024
# Distances from the mean, relative to it, that rounding explains.
_ROUNDING = 1e-13
# Norm that the last weights of a regressor may have, up to the largest inputs.
_ROOM, _LARGEST = 3.0, 4.0
# Size that regression targets may have in the units of the training.
_FARTHEST = 1e12


@dataclass(frozen=True, eq=False)
class Units:
    """Where the data lie and how far they spread."""

    offset: np.ndarray  # of shape (n_features,): weighted mean of X
    scale: float  # weighted root mean square of the distances from it
    # Of shape (n_outputs,): weighted mean of the targets; zero for a classifier.
    target_offset: np.ndarray
    target_scale: float  # as scale, of the targets; one for a classifier


def units_of(X, targets, sample_weight=None, *, lipschitz_bound=None):
    """Units of some samples.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Inputs.
    targets : ndarray of shape (n_samples, n_outputs)
        One-hot rows or regression targets.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weights.
    lipschitz_bound : float, default=None
        Bound of a regressor; None says that the targets are classes.

    Returns
    -------
    units : Units
        Float64, whatever the data.
    """
    offset, scale = _center(X, sample_weight)
    if lipschitz_bound is None:
        return Units(offset, scale, np.zeros(targets.shape[1]), 1.0)
    target_offset, target_scale = _center(targets, sample_weight)
    # No network under the bound spreads its outputs farther. Targets that are farther
    # from all of them than this have squares that float32 cannot hold.
    reach = float(np.clip(lipschitz_bound * scale, 1e-300, 1e300))
    target_scale = min(target_scale, max(reach, target_scale / _FARTHEST))
    # Where the bound leaves much room, inputs of larger numbers spare the last weights
    # most of the way there.
    scale /= float(np.clip(reach / target_scale / _ROOM, 1.0, _LARGEST))
    return Units(offset, scale, target_offset, target_scale)


def _center(X, sample_weight):
    """Mean and root mean square distance from it; its size if all rows are the same."""
    n = X.shape[0]
    weight = np.ones(n) if sample_weight is None else np.asarray(sample_weight)
    weight = weight / weight.max()
    share = weight / weight.sum(dtype=np.float64)
    blocks = [slice(i, i + _BLOCK_ROWS) for i in range(0, n, _BLOCK_ROWS)]
    # By blocks: one product would make a float64 copy of all of X.
    mean = sum(share[rows] @ X[rows] for rows in blocks)
    # Divided by the largest, so that no square leaves the range of floats.
    largest = max(
        float(np.abs(_dense(X[rows]) - mean).max(initial=0.0)) for rows in blocks
    )
    size = float(np.abs(mean).max(initial=0.0))
    least = max(_ROUNDING * size, np.finfo(float).tiny)
    spread = 0.0
    if largest > least:
        squares = sum(
            share[rows] @ (((_dense(X[rows]) - mean) / largest) ** 2).sum(axis=1)
            for rows in blocks
        )
        # Rows without weight may be the only ones that lie elsewhere.
        spread = largest * float(np.sqrt(squares))
    return mean, spread if spread > least else size or 1.0


def _dense(rows):
    return rows.toarray() if sparse.issparse(rows) else rows
