# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Threads of torch and BLAS during small computations, restored afterwards."""

import threading
from contextlib import contextmanager

import torch
from threadpoolctl import ThreadpoolController

__all__ = ["limit_threads"]

_lock = threading.Lock()
_active = 0
_restore: list = []
_controller = None

# Multiply-adds of one operation from which a second thread pays. Below it the threads
# wait for each other, and on a loaded machine they cost many times the work itself.
_WORTH_A_THREAD = 5e7


@contextmanager
def limit_threads(work):
    """Compute on one thread while the operations are too small to share.

    The number of threads belongs to the whole process, so computations that overlap in
    time (joblib's threading backend) share one saved value: the last one out restores.

    Parameters
    ----------
    work : float
        Multiply-adds of a typical operation.

    Yields
    ------
    None
        Nothing; the limit holds inside the block.
    """
    global _active
    if work >= _WORTH_A_THREAD:
        yield
        return
    with _lock:
        if _active == 0:
            _limit()
        _active += 1
    try:
        yield
    finally:
        with _lock:
            _active -= 1
            if _active == 0:
                while _restore:
                    _restore.pop()()


def _limit():
    global _controller
    if _controller is None:
        _controller = ThreadpoolController()  # searches the loaded libraries, once
    n_threads = torch.get_num_threads()
    libraries = _controller.lib_controllers
    if n_threads == 1 and all(lib.get_num_threads() == 1 for lib in libraries):
        return  # a third of the time of the smallest computations
    limiter = _controller.limit(limits=1, user_api="blas")
    torch.set_num_threads(1)
    _restore.append(limiter.restore_original_limits)
    _restore.append(lambda: torch.set_num_threads(n_threads))
