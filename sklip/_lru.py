# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A small memory of results, least recently used ones forgotten first."""

import threading
from collections import OrderedDict

__all__ = ["LRU"]


class LRU:
    """Results by key, safe between threads.

    Parameters
    ----------
    size : int
        How many results are kept.

    Examples
    --------
    >>> from sklip._lru import LRU
    >>> memory = LRU(1)
    >>> memory.get("a", lambda: 1), memory.get("a", lambda: 2)
    (1, 1)
    >>> memory.get("b", lambda: 3), memory.get("a", lambda: 2)
    (3, 2)
    """

    def __init__(self, size):
        self._size, self._known, self._lock = size, OrderedDict(), threading.Lock()

    def __contains__(self, key):
        return key in self._known

    def get(self, key, make):
        """The result of this key; ``make()`` if there is none yet."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        # Outside the lock: it may take long, and twice is no harm.
        result = make()
        with self._lock:
            self._known[key] = result
            while len(self._known) > self._size:
                self._known.popitem(last=False)
        return result

    def clear(self):
        """Forget everything."""
        with self._lock:
            self._known.clear()
