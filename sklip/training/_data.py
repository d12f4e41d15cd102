# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tensors in memory and the batches drawn from them."""

import itertools
import math

import torch
from skorch.dataset import Dataset

__all__ = ["BatchIterator", "SparseRows", "TensorData", "row_blocks"]

# Rows and entries of X that a pass over all samples takes at a time, and least rows.
_BLOCK_ROWS, _BLOCK_ENTRIES, _FEWEST_ROWS = 4096, 2**22, 64
# Entries of X that are gathered together for the batches of an epoch, if more than one.
_GATHERED_ENTRIES = 2**16


def row_blocks(X):
    """Slices of rows that a pass over all samples takes one after the other."""
    width = max(1, math.prod(X.shape[1:]))
    size = max(_FEWEST_ROWS, min(_BLOCK_ROWS, _BLOCK_ENTRIES // width))
    return [slice(start, start + size) for start in range(0, len(X), size)]


class SparseRows:
    """Rows of a sparse matrix in the place of a tensor: only what is taken is dense.

    Parameters
    ----------
    matrix : csr_matrix or csr_array of shape (n_samples, n_features)
        Samples.
    dtype : torch.dtype
        Type of the rows taken.
    device : torch.device
        Where they go.
    row_shape : tuple of int, default=None
        Shape of one sample; None for that of a row.
    """

    def __init__(self, matrix, dtype, device, row_shape=None):
        self.matrix = matrix
        self.dtype = dtype
        self.device = torch.device(device)
        row_shape = matrix.shape[1:] if row_shape is None else row_shape
        self.shape = (matrix.shape[0], *row_shape)

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        """Dense rows; one sample for an integer."""
        if isinstance(rows, int):
            return self[rows : rows + 1 or None][0]
        rows = rows.cpu().numpy() if torch.is_tensor(rows) else rows
        dense = torch.from_numpy(self.matrix[rows].toarray())
        dense = dense.to(device=self.device, dtype=self.dtype)
        return dense.view(-1, *self.shape[1:])

    def view(self, _, *row_shape):
        """The same samples in another shape."""
        return SparseRows(self.matrix, self.dtype, self.device, row_shape)

    def clone(self):
        """The same object: it is never written to."""
        return self


class TensorData(Dataset):
    """Samples, targets and weights as tensors on one device.

    Parameters
    ----------
    X : tensor of shape (n_samples, n_features) or SparseRows
        Inputs.
    targets : tensor of shape (n_samples, n_outputs)
        What the loss compares with: one-hot rows or regression targets.
    sample_weight : tensor of shape (n_samples,), default=None
        Weights.
    y : ndarray, default=None
        What a skorch scoring callback compares predictions with: class codes or
        regression targets.
    """

    def __init__(self, X, targets, sample_weight=None, y=None):
        self.X = X
        self.targets = targets
        self.sample_weight = sample_weight
        self.y = targets if y is None else y

    def inputs(self):
        """X as a float64 array, or the sparse matrix that it is."""
        if isinstance(self.X, SparseRows):
            return self.X.matrix
        return self.X.cpu().double().numpy()

    def __len__(self):
        return len(self.X)

    def __getitem__(self, index):
        return self.X[index], self.y[index]


class BatchIterator:
    """Batches (X, targets, sample_weight) of a :class:`TensorData`.

    Some batches at a time are gathered into one buffer, which is used again and again:
    nothing of the size of large data is allocated. A batch is valid until the next one.

    Parameters
    ----------
    data : TensorData
        What is cut into batches.
    batch_size : int
        Rows of a batch; the last one may be shorter.
    shuffle : bool, default=False
        Draw a new order each time; skipped where a single batch holds everything.
    generator : torch.Generator, default=None
        CPU generator of the order.
    """

    def __init__(self, data, batch_size, *, shuffle=False, generator=None):
        self.data = data
        self.batch_size = batch_size
        self.shuffle = shuffle and batch_size < len(data)
        self.generator = generator
        # A call costs as much as it takes to gather a small batch: fewer calls.
        entries = batch_size * max(1, math.prod(data.X.shape[1:]))
        self._group_size = batch_size * max(1, _GATHERED_ENTRIES // entries)
        self._groups = {}

    @property
    def _tensors(self):
        return (self.data.X, self.data.targets, self.data.sample_weight)

    def __len__(self):
        return -(-len(self.data) // self.batch_size)

    def __iter__(self):
        return self._shuffled() if self.shuffle else self._ordered()

    def _ordered(self):
        if len(self.data) <= self.batch_size and torch.is_tensor(self.data.X):
            yield self._tensors
            return
        for start in range(0, len(self.data), self.batch_size):
            rows = slice(start, start + self.batch_size)
            yield tuple(None if t is None else t[rows] for t in self._tensors)

    def _shuffled(self):
        order = torch.randperm(len(self.data), generator=self.generator)
        for index in order.to(self.data.X.device).split(self._group_size):
            yield from self._gathered(index)

    def _gathered(self, index):
        """Batches of the rows named, which are gathered in one call."""
        rows = index.shape[0]
        if isinstance(self.data.X, SparseRows):
            taken = [None if t is None else t[index] for t in self._tensors]
            return self._cut(taken)
        if rows not in self._groups:  # all groups but the last have as many rows
            buffers = [
                None if t is None else t.new_empty((rows, *t.shape[1:]))
                for t in self._tensors
            ]
            self._groups[rows] = buffers, self._cut(buffers)
        buffers, batches = self._groups[rows]
        for tensor, buffer in zip(self._tensors, buffers, strict=True):
            if tensor is not None:
                torch.index_select(tensor, 0, index, out=buffer)
        return batches

    def _cut(self, tensors):
        parts = [
            itertools.repeat(None) if t is None else t.split(self.batch_size)
            for t in tensors
        ]
        return list(zip(*parts, strict=False))
