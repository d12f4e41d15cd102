# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The columns between two steps of a Pipeline, as affine functions of the input."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from sklip.networks._folding.storage import Storage

__all__ = ["N_ROUNDINGS", "Columns", "concatenate", "encoded_columns", "raw_columns"]

# Those that are allowed to a curved map: of its own arithmetic.
N_ROUNDINGS = 64
# Below it numbers in float32 lose digits: what that costs is counted as a term this
# large, rounded to 24 bits like the others.
_TINY = 2.0**-126


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns ``matrix @ u + offset`` of the coordinates u.

    The coordinates are the columns of the user's X, followed by the outputs of the
    encoders met so far.
    """

    matrix: sparse.csr_array  # of shape (n_columns, n_coordinates): linear part
    offset: np.ndarray  # of shape (n_columns,): constant part
    # Of frozenset of int: columns of X that each column depends on other than through
    # an encoder.
    sources: tuple
    # Of shape (n_columns,): whether a missing value can no longer occur.
    filled: np.ndarray
    # Of (str or None): why a column is not an affine function of u; None if it is one.
    opaque: tuple
    # Of shape (n_columns, n_coordinates): ``|matrix|`` with the absolute values taken
    # before the steps were multiplied, so that no cancellation hides how large the
    # terms were.
    size: sparse.csr_array
    offset_size: np.ndarray  # of shape (n_columns,): the same for ``offset``
    # Roundings on the way to an entry: matrix and offset, or the transformers' own
    # arithmetic, are off by at most about that many times 2**-53 of the sizes. One in
    # float32 counts 2**29 times.
    n_roundings: int = 0
    path: tuple = ()  # transformers and selections that lead from X to these columns
    storage: Storage | None = None  # types of the columns in memory

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
            self.storage.take(indices),
        )

    def entries(self, i):
        """Coordinates that a column is a function of."""
        start, stop = self.matrix.indptr[i : i + 2]
        return self.matrix.indices[start:stop].tolist()

    def shared(self):
        """The same, in memory that other branches get as well."""
        return replace(self, storage=replace(self.storage, is_shared=True))

    def handed_on(self, dtypes, is_shared):
        """The same as arrays of these types, shared if they were and still are."""
        is_shared = is_shared and self.storage.is_shared
        return replace(self, storage=Storage(tuple(dtypes), False, is_shared))

    def stored(self, dtype, *, is_sparse=None):
        """The same in an array of one type, of their own."""
        is_sparse = self.storage.is_sparse if is_sparse is None else is_sparse
        return replace(self, storage=Storage.new(len(self), dtype, is_sparse))

    def scaled(self, scale, offset=0.0, coarseness=1):
        """Columns ``scale * v + offset`` for these columns v.

        Parameters
        ----------
        scale, offset : float or array-like of shape (n_columns,)
            The map of each column.
        coarseness : int, default=1
            What one rounding of the step's own arithmetic counts for.

        Returns
        -------
        columns : Columns
            Behind the map.
        """
        scale = np.broadcast_to(np.asarray(scale, dtype=np.float64), len(self))
        room = _TINY if coarseness > 1 else 0.0
        return replace(
            self,
            matrix=_scale_rows(scale, self.matrix),
            offset=scale * self.offset + offset,
            size=_scale_rows(np.abs(scale), self.size),
            offset_size=np.abs(scale) * self.offset_size + np.abs(offset) + room,
            n_roundings=self.n_roundings + 6 * coarseness,
        )

    def mixed(self, matrix, center, coarseness=1, center_coarseness=1):
        """Columns ``matrix @ (v - center)``, each depending on all columns v.

        Parameters
        ----------
        matrix : ndarray of shape (n_mixed, n_columns)
            The mixture.
        center : ndarray of shape (n_columns,)
            What is subtracted first, or its image afterwards.
        coarseness, center_coarseness : int, default=1
            What one rounding counts for: of the products with v, and with the center.

        Returns
        -------
        columns : Columns
            The mixtures.
        """
        n, size = len(matrix), np.abs(matrix)
        coarser = max(1.0, center_coarseness / coarseness)
        room = _TINY if max(coarseness, center_coarseness) > 1 else 0.0
        return Columns(
            sparse.csr_array(matrix @ self.matrix),
            matrix @ self.offset - matrix @ center,
            (frozenset().union(*self.sources),) * n,
            np.ones(n, dtype=bool),
            (None,) * n,
            sparse.csr_array(size @ self.size),
            size @ (self.offset_size + coarser * np.abs(center)) + room * coarser,
            self.n_roundings + (len(self) + 6) * coarseness,
            self.path,
            self.storage,
        )


def raw_columns(n_features, storage=None):
    """The columns of X themselves, float64 unless their storage is known."""
    return Columns(
        sparse.eye_array(n_features, format="csr"),
        np.zeros(n_features),
        tuple(frozenset([j]) for j in range(n_features)),
        np.zeros(n_features, dtype=bool),
        (None,) * n_features,
        sparse.eye_array(n_features, format="csr"),
        np.zeros(n_features),
        storage=storage or Storage.new(n_features),
    )


def encoded_columns(start, n_outputs, storage=None):
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
        storage=storage or Storage.new(n_outputs),
    )


def concatenate(parts, n_coordinates, *, is_sparse=False, is_shared=False):
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
        storage=Storage(
            sum((p.storage.dtypes for p in parts), ()), is_sparse, is_shared
        ),
    )


def _scale_rows(scale, matrix):
    return sparse.csr_array(sparse.diags_array(scale) @ matrix)


def _widen(matrix, n_coordinates):
    return sparse.csr_array(
        (matrix.data, matrix.indices, matrix.indptr),
        shape=(matrix.shape[0], n_coordinates),
    )
