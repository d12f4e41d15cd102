# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Which columns of a file are used, and as what."""

import difflib
from dataclasses import dataclass, field

from sklip._cli._errors import JobError, shown
from sklip._cli._read import Layout, label_of

__all__ = ["Selection"]


@dataclass(frozen=True)
class Selection:
    """What the command line says about the columns."""

    layout: Layout = field(default_factory=Layout)  # of the file
    # Sequence of str: columns to leave out; the only ones to use, if there are any.
    drop: tuple = ()
    columns: tuple = ()
    categorical: tuple = ()  # sequence of str: columns whose numbers are names
    group: str | None = None  # column by whose values scores are reported, used or not

    def groups(self, frame):
        """The column of groups, None without one."""
        if self.group is None:
            return None
        _check_there(frame, self.group, "group")
        return frame[self.group].copy()

    def choose(self, frame, target):
        """The columns in use and the target, numbers that are names as text."""
        for option in ("drop", "columns", "categorical"):
            for name in getattr(self, option):
                _check_there(frame, name, option)
        if target in self.drop:
            raise JobError(f"--drop {target}: this is the target.")
        kept = [
            name
            for name in frame.columns
            if name == target
            or (name not in self.drop and (not self.columns or name in self.columns))
        ]
        frame = frame[kept].copy(deep=False)
        for name in self.categorical:
            if name in kept and name != target:
                frame[name] = (
                    frame[name].map(label_of, na_action="ignore").astype("object")
                )
        return frame


def _check_there(frame, name, option):
    if name in frame.columns:
        return
    close = difflib.get_close_matches(name, frame.columns, n=1)
    hint = f"did you mean {close[0]!r}" if close else f"it has {shown(frame.columns)}"
    raise JobError(f"--{option}: the file has no column {name!r}: {hint}.")
