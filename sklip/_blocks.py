# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tables in blocks of rows: one after the other, or spread over processes by joblib.

Blocks depend on the table and on what is asked alone. What one process finds and what
many find is therefore the same, bit by bit, and no call needs more memory than a block
does, but for X and what is returned.
"""

import time
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from scipy import sparse

from sklip._arguments import check_count, check_labels, is_integer, refuse_masked
from sklip._progress import Progress
from sklip.exceptions import InvalidArgumentError

__all__ = [
    "FEW_ROWS",
    "MANY_ROWS",
    "SOME_ROWS",
    "Block",
    "by_blocks",
    "check_jobs",
    "joined",
    "part_of",
    "seeds",
    "step_for",
]

# Rows of a block: by branch and bound, by bounds inside balls or attacks, by constants.
FEW_ROWS, SOME_ROWS, MANY_ROWS = 128, 1024, 16384
# Samples beyond which branch and bound is left out.
_MOST_BRANCHED = 1000
# Entries of X in one, at most.
_ENTRIES = 2**22


@dataclass(frozen=True)
class Block:
    """Which rows of a table a function is asked about."""

    start: int = 0  # the first of them
    n_table: int | None = None  # rows of the whole table; None where they are all of it
    until: float = np.inf  # time on the clock after which only what is cheap is done
    begun: float | None = None  # time on the clock when the call began; None is now
    # Whether rows are asked about at several radii, by the effort of a search.
    asks_often: bool = False

    @property
    def is_late(self):
        """Whether the time is over."""
        return time.time() > self.until

    @property
    def deadline(self):
        """The same on the clock that cannot be set."""
        return time.monotonic() + (self.until - time.time())

    @property
    def start_of_call(self):
        """When the call began, on that clock."""
        now = time.time()
        return time.monotonic() - (now - (now if self.begun is None else self.begun))


def check_jobs(n_jobs, verbose):
    """None or an integer but 0 of processes, and a count of what to tell."""
    if n_jobs is not None and (not is_integer(n_jobs) or n_jobs == 0):
        raise InvalidArgumentError(
            "n_jobs must be None or an integer other than 0 (-1: one process for each "
            f"core), got {n_jobs!r}."
        )
    if not isinstance(verbose, bool | np.bool_):
        check_count(verbose, "verbose", minimum=0)


def step_for(method, effort, X):
    """Rows of a block for a method of radii."""
    if method not in ("best", "crown", "local", "ibp"):
        return MANY_ROWS
    # Many samples are not branched on, unless the number of parts is stated.
    few = not isinstance(effort, str) or (_n_rows(X) or 0) <= _MOST_BRANCHED
    return FEW_ROWS if method == "best" and effort != 0 and few else SOME_ROWS


def by_blocks(
    ask, check, X, y=None, *, step, n_jobs=None, verbose=0, time_limit=None, more=None
):
    """What a function answers about blocks of the rows, in their order.

    Parameters
    ----------
    ask : callable
        ``ask(X, y, block)``, or ``ask(X, y, block, extra)`` with ``more``; it can be
        pickled.
    check : callable
        ``check(parts)`` refuses what the model does not take: of several blocks all are
        looked at before the first is asked about.
    X : array-like or DataFrame of shape (n_samples, ...)
        The table.
    y : array-like of shape (n_samples,), default=None
        Labels.
    step : int
        Rows of a block; fewer where they are wide.
    n_jobs, verbose : int
        As :func:`check_jobs` takes them.
    time_limit : float, default=None
        Seconds for all blocks: each gets its share, and what those before it left.
    more : callable, default=None
        ``more(n_blocks)`` gives one more argument for each block.

    Returns
    -------
    answers : list
        One for each block.
    """
    start = time.time()
    X = _sliceable(X, step)
    n_table = _n_rows(X)
    rows = _slices(X, n_table, step)
    extras = [()] * len(rows) if more is None else [(e,) for e in more(len(rows))]
    if len(rows) == 1:
        until = np.inf if time_limit is None else start + time_limit
        return [ask(X, y, Block(until=until, begun=start), *extras[0])]
    if y is not None:
        y = _sliceable_labels(y)
        n_labels = y.shape[0]
        if n_labels != n_table:
            raise ValueError(f"X has {n_table} samples, but y has {n_labels} labels.")
    check(part_of(X, part) for part in rows)
    n_workers = effective_n_jobs(n_jobs)
    ends = _ends(start, time_limit, len(rows), n_workers)
    calls = (
        (
            part_of(X, part),
            None if y is None else part_of(y, part),
            Block(part.start, n_table, until, start),
            *extra,
        )
        for part, until, extra in zip(rows, ends, extras, strict=True)
    )
    if n_workers == 1:
        answers = (ask(*call) for call in calls)
    else:
        parallel = Parallel(n_jobs=n_jobs, return_as="generator")
        answers = parallel(delayed(ask)(*call) for call in calls)
    return _told(answers, rows, n_table, verbose)


def part_of(table, rows):
    """Some rows of a table."""
    return table.iloc[rows] if hasattr(table, "iloc") else table[rows]


def seeds(rng):
    """For ``more``: the generator itself for one block, else one for each of them."""

    def of_blocks(n_blocks):
        if n_blocks == 1:
            return [rng]
        drawn = rng.integers(2**63, size=n_blocks)
        return [np.random.default_rng(seed) for seed in drawn]

    return of_blocks


def joined(parts):
    """One table, or array, from those of the blocks."""
    first = parts[0]
    if len(parts) == 1:
        return first
    if sparse.issparse(first):
        return sparse.vstack(parts, format=first.format)
    if hasattr(first, "iloc"):
        import pandas as pd

        return pd.concat(parts)
    if hasattr(first, "columns"):
        import polars

        return polars.concat(parts, how="vertical_relaxed")
    return np.concatenate(parts)


def _told(answers, rows, n_table, verbose):
    """All answers, with lines about those that are there."""
    progress, found = Progress(n_table, "rows done"), []
    for part, answer in zip(rows, answers, strict=True):
        found.append(answer)
        if verbose:
            progress.advance(part.stop - part.start)
    return found


def _ends(start, time_limit, n_blocks, n_workers):
    """When the time of each block is over."""
    if time_limit is None:
        return [np.inf] * n_blocks
    rounds = -(-n_blocks // n_workers)
    return [start + time_limit * (k // n_workers + 1) / rounds for k in range(n_blocks)]


def _slices(X, n_rows, step):
    """The blocks; one where rows cannot be told."""
    if n_rows is None:
        return [slice(None)]
    width = max(1, int(np.prod(X.shape[1:], dtype=float)))
    step = max(1, min(step, _ENTRIES // width))
    starts = range(0, max(n_rows, 1), step)
    return [slice(start, min(start + step, n_rows)) for start in starts]


def _sliceable_labels(y):
    """Labels of the samples; a matrix of several labels of each stays as it is."""
    if sparse.issparse(y):
        return y.tocsr()
    several = np.ndim(y) == 2 and np.shape(y)[1] > 1
    if several and not hasattr(y, "shape"):
        return np.asarray(y)
    return y if several else check_labels(y)


def _n_rows(X):
    """Number of rows of what can be cut into blocks of rows, else None."""
    shape = getattr(X, "shape", ())
    if not isinstance(shape, tuple) or len(shape) < 2:
        return None
    return int(shape[0])


def _sliceable(X, step):
    """Lists of numbers as the array that they become, matrices by their rows."""
    if isinstance(X, list | tuple) and len(X) > step:
        refuse_masked(X, "X")
        try:
            array = np.asarray(X)
        except (ValueError, TypeError):
            return X
        # A list of anything else is no array of the same entries.
        return array if array.dtype.kind in "iuf" and array.ndim > 1 else X
    if sparse.issparse(X) and X.format != "csr" and X.shape[0] > step:
        return X.tocsr()
    return X
