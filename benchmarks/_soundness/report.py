# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Counts of one case, and how its questions are asked."""

from dataclasses import dataclass, field

import numpy as np

__all__ = ["Report", "asked", "column_scale"]


@dataclass
class Report:
    """Counts of one case.

    Attributes
    ----------
    claims : int
        Radii above zero, intervals and bounds that were attacked.
    points : int
        Attacked points inside at least one claim.
    violations : int
        Points that contradict a claim; one for each claim.
    notes : list of str
        Refusals and what was contradicted.
    """

    claims: int = 0
    points: int = 0
    violations: int = 0
    notes: list = field(default_factory=list)

    def count(self, claims, inside, wrong, what):
        """Add the points inside claims and those of them that contradict one."""
        self.claims += int(claims)
        self.points += int(np.count_nonzero(inside))
        n_wrong = int(np.count_nonzero(wrong))
        self.violations += n_wrong
        if n_wrong:
            rows = np.unique(np.nonzero(wrong)[1]).tolist()
            self.notes.append(f"VIOLATED {what}: {n_wrong} points, rows {rows}")


def asked(report, function, *args, **kwargs):
    """The answer; None and a note if it is refused."""
    try:
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)
    except (ValueError, TypeError, OverflowError) as error:
        note = f"{function.__name__}: {type(error).__name__}: {str(error)[:100]}"
        if note not in report.notes:
            report.notes.append(note)
        return None


def column_scale(table):
    """A typical size of each column's moves."""
    spread = np.nanstd(table.values, axis=0)
    return np.where(spread > 0.0, spread, 1.0)
