# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The memory of results keeps what was used last, in any number of threads."""

from concurrent.futures import ThreadPoolExecutor

from sklip._lru import LRU


def test_the_least_recently_used_goes_first():
    memory, made = LRU(2), []

    def get(key):
        return memory.get(key, lambda: made.append(key) or key)

    for key in "abacab":
        assert get(key) == key
    # b is made anew: c came when a had been used after it.
    assert made == ["a", "b", "c", "b"]
    assert "a" in memory and "c" not in memory
    memory.clear()
    assert "a" not in memory


def test_threads_share_it():
    memory = LRU(4)
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda k: memory.get(k % 6, lambda: k % 6), range(500))
        assert list(found) == [k % 6 for k in range(500)]
