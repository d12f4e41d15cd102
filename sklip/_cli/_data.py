# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The data of the job: a table, split, with what is known about its columns."""

from dataclasses import dataclass, field

import numpy as np
from sklearn.model_selection import train_test_split

from sklip._cli._columns import ColumnKinds, find_identifiers, sort_columns
from sklip._cli._dates import (
    describe_dates,
    find_dates,
    part_name,
    with_date_parts,
)
from sklip._cli._errors import JobError, counted, shown
from sklip._cli._leaks import find_leaks
from sklip._cli._read import read_table
from sklip._cli._target import take_target

__all__ = ["Table", "load_bundled", "load_csv"]

_MIN_ROWS = 10
# Whole numbers with so few values may be codes.
_MOST_CODES = 12
# Sets the hash of a row off from that of its target.
_ODD = np.uint64(1000003)


@dataclass
class Table:
    """Training and test part of a table."""

    # File and column, or what they are called in the bundled data.
    name: str
    target: str
    task: str  # {"classification", "regression"}: what is learnt
    # DataFrame: columns in use.
    X_train: object
    X_test: object
    # Labels or numbers.
    y_train: np.ndarray
    y_test: np.ndarray
    kinds: ColumnKinds  # what the columns are
    separator: str | None = None  # of the CSV file; None for the bundled data
    # Sentences about what was left out or filled in.
    notes: list[str] = field(default_factory=list)
    # Series or None: of the test rows, the column by whose values scores are reported.
    groups: object = None
    # Columns of the file that became numbers, and how.
    dates: dict = field(default_factory=dict)
    is_bundled: bool = False  # whether this is no file

    @property
    def spread(self):
        """Standard deviation of each numeric column in the training rows."""
        return self.X_train[self.kinds.numeric].std().to_dict()


def load_bundled(test_size, random_state):
    """Breast cancer, which comes with scikit-learn."""
    # Imported here: it brings all of SciPy's readers of files.
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer(as_frame=True)
    labels = bunch.target_names[bunch.target]
    bunch.data.index += 1
    parts = _split(bunch.data, labels, True, test_size, random_state)
    kinds = sort_columns(parts[0], {})
    return Table(
        "breast cancer (bundled with scikit-learn)",
        "diagnosis",
        "classification",
        *parts,
        kinds,
        is_bundled=True,
    )


def load_csv(path, target, task, test_size, random_state, selection):
    """A CSV file; JobError says in one sentence what is wrong with it."""
    frame, separator, notes = read_table(path, selection.layout)
    # Rows are counted from 1, as editors count the lines below a header.
    frame.index = range(1, len(frame) + 1)
    groups = selection.groups(frame)
    frame = selection.choose(frame, target)
    task, y, usable = take_target(frame, target, task)
    notes += _describe_unusable(usable, frame[target].isna().to_numpy())
    frame = frame.drop(columns=target)
    dates, doubtful = find_dates(frame)
    frame, _ = with_date_parts(frame.drop(columns=doubtful), dates)
    notes += describe_dates(dates, doubtful)
    # Of all rows: those without a target have a number, too.
    identifiers = find_identifiers(frame)
    frame, infinite = _without_infinity(frame if usable.all() else frame.loc[usable])
    if infinite:
        notes.append(f"Infinite values count as missing: {shown(infinite)}.")
    parts = _split(frame, y[usable], task == "classification", test_size, random_state)
    if task == "classification":
        notes += _leave_out_unlearnt(parts)
    kinds = sort_columns(parts[0], identifiers)
    if not kinds.numeric:
        raise JobError(
            f"{str(path)!r} has no numeric column to learn from besides the target, so "
            "nothing could be perturbed and there is nothing to certify."
        )
    kept = [name for name in frame.columns if name not in kinds.dropped]
    parts[:2] = [part[kept] for part in parts[:2]]
    leaks = find_leaks(parts[0], parts[2], task, random_state)
    notes = (
        _describe_leaks(leaks, target, dates)
        + notes
        + _describe_columns(frame, kinds, dates)
    )
    notes += _describe_repeated(frame, y[usable])
    if groups is not None:
        groups = groups.loc[parts[1].index]
    return Table(
        str(path), target, task, *parts, kinds, separator, notes, groups, dates
    )


def _split(X, y, stratify, test_size, random_state):
    """[X_train, X_test, y_train, y_test], each class in proportion."""
    n_classes = len(np.unique(y)) if stratify else 2
    n_test = int(np.ceil(test_size * len(X)))
    if len(X) < _MIN_ROWS or min(n_test, len(X) - n_test) < n_classes:
        raise JobError(
            f"{len(X)} rows are too few: at least {_MIN_ROWS} are needed, and with "
            f"--test-size {test_size:g} at least {n_classes} in each part."
        )
    return train_test_split(
        X,
        y,
        test_size=test_size,
        random_state=random_state,
        stratify=y if stratify else None,
    )


def _leave_out_unlearnt(parts):
    """Take test rows away whose class the training rows lack; a note if there are."""
    if len(np.unique(parts[2])) < 2:
        raise JobError("All training rows have one class: lower --test-size.")
    learnt = np.isin(parts[3], parts[2])
    n = int(np.count_nonzero(~learnt))
    if n == 0:
        return []
    parts[1], parts[3] = parts[1].loc[learnt], parts[3][learnt]
    return [f"{counted(n, 'test row')} left out: no training row has their class."]


def _without_infinity(frame):
    # Column by column: no copy of the table.
    numeric = frame.select_dtypes("number").items()
    infinite = {n: v for n, v in numeric if np.isinf(v.to_numpy(np.float64)).any()}
    finite = {n: v.replace([np.inf, -np.inf], np.nan) for n, v in infinite.items()}
    return frame.assign(**finite) if finite else frame, list(infinite)


def _describe_unusable(usable, lacks_target):
    notes = []
    for rows, why in (
        (lacks_target, "the target lacks a value there"),
        (~usable & ~lacks_target, "no other row has its class"),
    ):
        n = int(np.count_nonzero(rows))
        if n:
            notes.append(f"{counted(n, 'row')} left out: {why}.")
    return notes


def _describe_leaks(names, target, dates):
    if not names:
        return []
    several = len(names) > 1
    sources = {part_name(n, part): n for n in dates for part in dates[n]["parts"]}
    droppable = list(dict.fromkeys(sources.get(name, name) for name in names))
    return [
        f"CAUTION: {shown(names)} {'predict' if several else 'predicts'} {target!r} "
        f"almost perfectly {'each alone' if several else 'alone'}. If a new row would "
        f"not have {'them' if several else 'it'} yet, the scores below mean nothing: "
        f"leave {'them' if several else 'it'} out with --drop "
        f"{' '.join(repr(n) if ' ' in n else n for n in droppable[:3])}."
    ]


def _describe_repeated(frame, y):
    import pandas

    # Of 64 bits for each row, as a comparison of all cells takes a copy of the table.
    rows = pandas.util.hash_pandas_object(frame, index=False).to_numpy()
    labels = pandas.util.hash_array(y.astype(object) if y.dtype.kind == "U" else y)
    n = len(y) - len(np.unique(rows * _ODD + labels))
    if not n:
        return []
    return [
        f"{counted(n, 'row')} the same as another one: test rows may be known from "
        "training, which flatters every score."
    ]


def _describe_columns(frame, kinds, dates):
    notes = []
    for reason in sorted(set(kinds.dropped.values())):
        names = [name for name, why in kinds.dropped.items() if why == reason]
        notes.append(f"Left out ({reason}): {shown(names)}.")
    parts = {part_name(name, part) for name in dates for part in dates[name]["parts"]}
    numbers = [name for name in kinds.numeric if name not in parts]
    codes = [name for name in numbers if _may_be_codes(frame[name])]
    if codes:
        notes.append(
            "Whole numbers with few values, taken as quantities (--categorical makes "
            f"names of codes): {shown(codes)}."
        )
    missing = [name for name in kinds.kept if frame[name].isna().any()]
    if missing:
        notes.append(
            "Missing values are imputed (numbers: median, text: most frequent): "
            f"{shown(missing)}."
        )
    return notes


def _may_be_codes(column):
    whole = column.dtype.kind in "iu" or (column.dropna() % 1 == 0).all()
    return bool(whole) and 2 < column.nunique() <= _MOST_CODES
