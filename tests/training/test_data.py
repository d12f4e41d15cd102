# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Batches in memory."""

import numpy as np
import pytest
import torch
from scipy import sparse

from sklip.training import BatchIterator, SparseRows, TensorData


def _data(n=23, weighted=True):
    X = torch.arange(n, dtype=torch.float64)[:, None]
    return TensorData(X, 10 * X, X[:, 0] + 0.5 if weighted else None)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("batch_size", [1, 5, 23, 100])
def test_every_row_comes_once_and_keeps_its_target(shuffle, batch_size):
    generator = torch.Generator().manual_seed(0)
    iterator = BatchIterator(_data(), batch_size, shuffle=shuffle, generator=generator)
    rows = []
    for X, targets, weight in iterator:
        torch.testing.assert_close(targets, 10 * X)
        torch.testing.assert_close(weight, X[:, 0] + 0.5)
        assert len(X) <= batch_size
        rows.append(X[:, 0].clone())
    assert sorted(torch.cat(rows).tolist()) == list(range(23))
    assert len(rows) == len(iterator)


def test_order_is_new_each_epoch_and_follows_the_generator():
    def orders(seed):
        generator = torch.Generator().manual_seed(seed)
        iterator = BatchIterator(_data(), 5, shuffle=True, generator=generator)
        return [torch.cat([X[:, 0].clone() for X, *_ in iterator]) for _ in range(2)]

    first, again = orders(0), orders(0)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[0], orders(1)[0])


@pytest.mark.parametrize(
    ("shape", "batch_size", "most"),
    [((200_000, 1), 100, 2**17), ((50, 9000), 20, 2**19)],
)
def test_batches_come_from_few_buffers(shape, batch_size, most):
    X = torch.zeros(shape)
    iterator = BatchIterator(TensorData(X, X[:, :1]), batch_size, shuffle=True)
    storages = {}
    for _ in range(3):
        for batch in iterator:
            storage = batch[0].untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes() // 4
    assert len(storages) <= 2 and sum(storages.values()) <= most


def test_a_new_order_leaves_no_row_of_the_last_one():
    generator = torch.Generator().manual_seed(0)
    iterator = BatchIterator(_data(300), 7, shuffle=True, generator=generator)
    for _ in range(2):
        order = torch.cat([X[:, 0].clone() for X, *_ in iterator])
        assert sorted(order.tolist()) == list(range(300))


def test_weights_are_optional():
    for _, _, weight in BatchIterator(_data(weighted=False), 5, shuffle=True):
        assert weight is None


def test_items_are_samples():
    x, y = _data()[3]
    assert (float(x), float(y)) == (3.0, 30.0)
    assert len(_data()) == 23
    assert np.array_equal(_data().y, _data().targets)


@pytest.mark.parametrize("shuffle", [False, True])
def test_sparse_rows_come_as_the_dense_ones_would(shuffle):
    dense = torch.eye(23, 7) + 2.0
    matrix = sparse.csr_array(dense.numpy())
    rows = SparseRows(matrix, torch.float32, "cpu")
    assert rows.shape == dense.shape
    assert torch.equal(rows[3], dense[3])
    assert torch.equal(rows[-1], dense[-1])
    assert torch.equal(rows.view(-1, 1, 7)[2:4], dense[2:4].view(2, 1, 7))
    batches = []
    for X in (rows, dense):
        iterator = BatchIterator(
            TensorData(X, dense[:, :2]),
            5,
            shuffle=shuffle,
            generator=torch.Generator().manual_seed(0),
        )
        batches.append([tuple(t.clone() for t in batch[:2]) for batch in iterator])
    for one, other in zip(*batches, strict=True):
        assert all(map(torch.equal, one, other))
