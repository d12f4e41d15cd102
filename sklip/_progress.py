# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Signs of life of work that takes long: what is done, and the time left, on stderr."""

import sys
import time

__all__ = ["Progress", "say"]

_SECONDS_BETWEEN_LINES = 2.0


def say(text):
    """Progress, on stderr: the report alone goes to stdout."""
    print(text, file=sys.stderr, flush=True)


class Progress:
    """Lines about work in equal parts, none if it takes under two seconds.

    Parameters
    ----------
    total : int
        Number of parts.
    what : str
        Their name, in the plural.
    """

    def __init__(self, total, what):
        self.total, self.what, self.done = total, what, 0
        self.start = self.last = time.perf_counter()

    def advance(self, n=1):
        """Some parts more are done."""
        self.done += n
        now = time.perf_counter()
        recent = now - self.last < _SECONDS_BETWEEN_LINES
        if recent or not 0 < self.done < self.total:
            return
        self.last = now
        left = (now - self.start) * (self.total - self.done) / self.done
        say(f"  {self.done} of {self.total} {self.what}, about {_duration(left)} left.")


def _duration(seconds):
    if seconds < 90.0:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60.0)} min"
