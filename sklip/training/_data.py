# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tensors in memory and the batches drawn from them."""

import torch
from skorch.dataset import Dataset

__all__ = ["BatchIterator", "TensorData"]


class TensorData(Dataset):
    """Samples, targets and weights as tensors on one device.

    Parameters
    ----------
    X : tensor of shape (n_samples, n_features)
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

    def __len__(self):
        return len(self.X)

    def __getitem__(self, index):
        return self.X[index], self.y[index]


class BatchIterator:
    """Batches (X, targets, sample_weight) of a :class:`TensorData`.

    Batches are gathered into one buffer each, reused from batch to batch: nothing of
    the size of the data is allocated. A batch is valid until the next one.

    Parameters
    ----------
    data : TensorData
        The samples.
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
        self._buffers = [
            None if t is None else t.new_empty((min(batch_size, len(t)), *t.shape[1:]))
            for t in self._tensors
        ]

    @property
    def _tensors(self):
        return (self.data.X, self.data.targets, self.data.sample_weight)

    def __len__(self):
        return -(-len(self.data) // self.batch_size)

    def __iter__(self):
        return self._shuffled() if self.shuffle else self._ordered()

    def _ordered(self):
        for start in range(0, len(self.data), self.batch_size):
            rows = slice(start, start + self.batch_size)
            yield tuple(None if t is None else t[rows] for t in self._tensors)

    def _shuffled(self):
        order = torch.randperm(len(self.data), generator=self.generator)
        for index in order.to(self.data.X.device).split(self.batch_size):
            rows = len(index)
            yield tuple(
                None if t is None else torch.index_select(t, 0, index, out=b[:rows])
                for t, b in zip(self._tensors, self._buffers, strict=True)
            )
