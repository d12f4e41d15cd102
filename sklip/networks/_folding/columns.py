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
    size : csr_array of shape (n_columns, n_coordinates)
        ``|matrix|`` with the absolute values taken before the steps were multiplied, so
        that no cancellation hides how large the terms were.
    offset_size : ndarray of shape (n_columns,)
        The same for ``offset``.
    n_roundings : int
        Roundings on the way to an entry: matrix and offset, or the transformers' own
        arithmetic, are off by at most about that many times 2**-53 of the sizes.
    path : tuple
        Transformers and selections that lead from X to these columns.
    """

    matrix: sparse.csr_array
    offset: np.ndarray
    sources: tuple
    filled: np.ndarray
    opaque: tuple
    size: sparse.csr_array
    offset_size: np.ndarray
    n_roundings: int = 0
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
            self.size[indices],
            self.offset_size[indices],
            self.n_roundings,
            path,
        )

    def scaled(self, scale, offset=0.0):
        """Columns ``scale * v + offset`` for these columns v."""
        scale = np.broadcast_to(np.asarray(scale, dtype=np.float64), len(self))
        return replace(
            self,
            matrix=_scale_rows(scale, self.matrix),
            offset=scale * self.offset + offset,
            size=_scale_rows(np.abs(scale), self.size),
            offset_size=np.abs(scale) * self.offset_size + np.abs(offset),
            n_roundings=self.n_roundings + 6,
        )

    def mixed(self, matrix, center):
        """Columns ``matrix @ (v - center)``, each depending on all columns v."""
        n, size = len(matrix), np.abs(matrix)
        return Columns(
            sparse.csr_array(matrix @ self.matrix),
            matrix @ self.offset - matrix @ center,
            (frozenset().union(*self.sources),) * n,
            np.ones(n, dtype=bool),
            (None,) * n,
            sparse.csr_array(size @ self.size),
            size @ (self.offset_size + np.abs(center)),
            self.n_roundings + len(self) + 6,
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
        sparse.eye_array(n_features, format="csr"),
        np.zeros(n_features),
    )


def encoded_columns(start, n_outputs):
    """The new coordinates ``start, ..., start + n_outputs - 1`` of an encoder."""
    matrix = sparse.csr_array(
        (
            np.ones(n_outputs),
            np.arange(start, start + n_outputs),
            np.arange(n_outputs + 1),
        ),
        shape=(n_outputs, start + n_outputs),
    )
    return Columns(
        matrix,
        np.zeros(n_outputs),
        (frozenset(),) * n_outputs,
        np.ones(n_outputs, dtype=bool),
        (None,) * n_outputs,
        matrix,
        np.zeros(n_outputs),
    )


def concatenate(parts, n_coordinates):
    """The columns of all parts, side by side."""
    parts = [*parts, encoded_columns(n_coordinates, 0)]
    return Columns(
        sparse.vstack([_widen(p.matrix, n_coordinates) for p in parts], format="csr"),
        np.concatenate([p.offset for p in parts]),
        sum((p.sources for p in parts), ()),
        np.concatenate([p.filled for p in parts]),
        sum((p.opaque for p in parts), ()),
        sparse.vstack([_widen(p.size, n_coordinates) for p in parts], format="csr"),
        np.concatenate([p.offset_size for p in parts]),
        max(p.n_roundings for p in parts),
    )


def _scale_rows(scale, matrix):
    return sparse.csr_array(sparse.diags_array(scale) @ matrix)


def _widen(matrix, n_coordinates):
    return sparse.csr_array(
        (matrix.data, matrix.indices, matrix.indptr),
        shape=(matrix.shape[0], n_coordinates),
    )
