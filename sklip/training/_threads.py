# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Number of torch threads during a fit, restored afterwards."""

import threading
from contextlib import contextmanager

import torch

__all__ = ["limit_torch_threads"]

_lock = threading.Lock()
_active = 0
_saved = None

# Multiply-adds of one pass over a batch from which a second thread pays: measured on
# multilayer perceptrons, below it the threads wait for each other.
_WORTH_A_THREAD = 5e7


@contextmanager
def limit_torch_threads(work):
    """Compute on one thread while a batch is too small to share.

    The number of threads belongs to the whole process, so fits that overlap in time
    (joblib's threading backend) share one saved value: the last one out restores it.

    Parameters
    ----------
    work : float
        Multiply-adds of one forward pass over one batch.

    Yields
    ------
    None
        Nothing; the limit holds inside the block.
    """
    global _active, _saved
    if work >= _WORTH_A_THREAD:
        yield
        return
    with _lock:
        if _active == 0:
            _saved = torch.get_num_threads()
        _active += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _active -= 1
            if _active == 0:
                torch.set_num_threads(_saved)
