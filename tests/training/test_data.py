# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Batches in memory."""

import numpy as np
import pytest
import torch

from sklip.training import BatchIterator, TensorData


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


def test_batches_share_one_buffer():
    iterator = BatchIterator(_data(), 5, shuffle=True)
    pointers = {X.data_ptr() for X, *_ in iterator}
    assert len(pointers) == 1


def test_weights_are_optional():
    for _, _, weight in BatchIterator(_data(weighted=False), 5, shuffle=True):
        assert weight is None


def test_items_are_samples():
    x, y = _data()[3]
    assert (float(x), float(y)) == (3.0, 30.0)
    assert len(_data()) == 23
    assert np.array_equal(_data().y, _data().targets)
