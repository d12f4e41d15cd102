# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The columns between two steps of a Pipeline, as affine functions of the input."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

__all__ = ["Columns", "concatenate", "encoded_columns", "raw_columns"]


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns ``matrix @ u + offset`` of the coordinates u.

    The coordinates are the columns of the user's X, followed by the outputs of the
    encoders met so far.

    Attributes
    ----------
    matrix : csr_array of shape (n_columns, n_coordinates)
        Linear part.
    offset : ndarray of shape (n_columns,)
        Constant part.
    sources : tuple of frozenset of int
        Columns of X that each column depends on other than through an encoder.
    filled : ndarray of bool of shape (n_columns,)
        Whether a missing value can no longer occur.
    opaque : tuple of (str or None)
        Why a column is not an affine function of u; None if it is one.
    path : tuple
        Transformers and selections that lead from X to these columns.
    """

    matrix: sparse.csr_array
    offset: np.ndarray
    sources: tuple
    filled: np.ndarray
    opaque: tuple
    path: tuple = ()

    def __len__(self):
        return len(self.offset)

    def take(self, indices, path):
        """Some of the columns, reached by another path."""
        indices = np.asarray(indices, dtype=int)
        return Columns(
            self.matrix[indices],
            self.offset[indices],
            tuple(self.sources[i] for i in indices),
            self.filled[indices],
            tuple(self.opaque[i] for i in indices),
            path,
        )

    def scaled(self, scale, offset=0.0):
        """Columns ``scale * v + offset`` for these columns v."""
        scale = np.broadcast_to(np.asarray(scale, dtype=np.float64), len(self))
        return replace(
            self,
            matrix=sparse.csr_array(sparse.diags_array(scale) @ self.matrix),
            offset=scale * self.offset + offset,
        )

    def mixed(self, matrix, offset):
        """Columns ``matrix @ v + offset``, each depending on all columns v."""
        n = len(matrix)
        return Columns(
            sparse.csr_array(matrix @ self.matrix),
            matrix @ self.offset + offset,
            (frozenset().union(*self.sources),) * n,
            np.ones(n, dtype=bool),
            (None,) * n,
            self.path,
        )


def raw_columns(n_features):
    """The columns of X themselves."""
    return Columns(
        sparse.eye_array(n_features, format="csr"),
        np.zeros(n_features),
        tuple(frozenset([j]) for j in range(n_features)),
        np.zeros(n_features, dtype=bool),
        (None,) * n_features,
    )


def encoded_columns(start, n_outputs):
    """The new coordinates ``start, ..., start + n_outputs - 1`` of an encoder."""
    return Columns(
        sparse.csr_array(
            (
                np.ones(n_outputs),
                np.arange(start, start + n_outputs),
                np.arange(n_outputs + 1),
            ),
            shape=(n_outputs, start + n_outputs),
        ),
        np.zeros(n_outputs),
        (frozenset(),) * n_outputs,
        np.ones(n_outputs, dtype=bool),
        (None,) * n_outputs,
    )


def concatenate(parts, n_coordinates):
    """The columns of all parts, side by side."""
    parts = [replace(part, matrix=_widen(part.matrix, n_coordinates)) for part in parts]
    empty = encoded_columns(n_coordinates, 0)
    parts.append(replace(empty, matrix=_widen(empty.matrix, n_coordinates)))
    return Columns(
        sparse.vstack([part.matrix for part in parts], format="csr"),
        np.concatenate([part.offset for part in parts]),
        sum((part.sources for part in parts), ()),
        np.concatenate([part.filled for part in parts]),
        sum((part.opaque for part in parts), ()),
    )


def _widen(matrix, n_coordinates):
    return sparse.csr_array(
        (matrix.data, matrix.indices, matrix.indptr),
        shape=(matrix.shape[0], n_coordinates),
    )
