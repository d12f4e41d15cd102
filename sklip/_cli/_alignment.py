# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Rows of another file in the columns of a saved model."""

import difflib

import numpy as np

from sklip._cli._dates import part_name, with_date_parts
from sklip._cli._errors import JobError, counted, shown
from sklip._cli._read import label_of

__all__ = ["align"]

_TRUTH = {"True": True, "False": False}


def align(frame, about):
    """The columns of the model, by name and of its types.

    Parameters
    ----------
    frame : DataFrame
        As it was read.
    about : dict
        Description of the model.

    Returns
    -------
    X : DataFrame
        What the model takes.
    notes : list of str
        Sentences about whatever had to be done.
    """
    notes = []
    given = list(frame.columns)
    frame, lost = with_date_parts(frame, about["dates"])
    notes += [_lost(n, name, "dates") for name, n in lost.items()]
    columns = about["columns"]
    names = [column["name"] for column in columns]
    missing = [name for name in names if name not in frame.columns]
    _check_enough(missing, columns, given)
    notes += _about_names(frame, about, names, missing, given)
    X = {}
    for column in columns:
        cells = None if column["name"] in missing else frame[column["name"]]
        X[column["name"]], said = _KINDS[column["kind"]](cells, column, frame.index)
        notes += said
    import pandas

    return pandas.DataFrame(X, index=frame.index), notes


def _check_enough(missing, columns, given):
    numbers = [c["name"] for c in columns if c["kind"] == "number"]
    if set(numbers) <= set(missing):
        close = difflib.get_close_matches(numbers[0], given, n=1)
        hint = f"did you mean {close[0]!r}" if close else f"it has {shown(given)}"
        raise JobError(
            f"The file has none of the model's numeric columns, {shown(numbers)}: "
            f"{hint}."
        )


def _about_names(frame, about, names, missing, given):
    parts = {
        part_name(name, part): name
        for name, plan in about["dates"].items()
        for part in plan["parts"]
    }
    absent = list(dict.fromkeys(parts.get(name, name) for name in missing))
    if absent:
        yield (
            f"Missing columns, whose values are imputed in every row: {shown(absent)}."
        )
    known = {*names, *about["left_out"], *about["dates"], about["target"]}
    unknown = [name for name in given if name not in known]
    if unknown:
        yield f"Columns that the model does not know are ignored: {shown(unknown)}."
    there = [name for name in names if name in frame.columns]
    if there != [name for name in frame.columns if name in set(there)]:
        yield "The columns stand in another order than at training: taken by name."


def _numbers(cells, column, index):
    if cells is None:
        return np.full(len(index), np.nan), []
    import pandas

    notes, name = [], column["name"]
    numbers = pandas.to_numeric(cells, errors="coerce").astype("float64")
    values = numbers.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    lost = int((np.isnan(values) & cells.notna().to_numpy()).sum())
    if lost:
        notes.append(_lost(lost, name, "numbers"))
    infinite = np.isinf(values)
    if infinite.any():
        values[infinite] = np.nan
        notes.append(f"Infinite values count as missing: {name!r}.")
    outside = int(((values < column["low"]) | (values > column["high"])).sum())
    if outside:
        notes.append(
            f"{counted(outside, 'value')} of {name!r} outside the training range, "
            f"{column['low']:g} to {column['high']:g}."
        )
    return values, notes


def _categories(cells, column, index):
    if cells is None:
        return np.full(len(index), np.nan, dtype=object), []
    labels = cells.map(label_of, na_action="ignore").astype("object")
    labels = labels.where(labels.notna(), np.nan)
    known, notes = column["values"], []
    if known is not None:
        strange = labels.notna() & ~labels.isin(known)
        if strange.any():
            values = sorted(set(labels[strange]))
            notes.append(
                f"{counted(int(strange.sum()), 'row')} with values of "
                f"{column['name']!r} that no training row has, which count as rare: "
                f"{shown(values, 4)}."
            )
    if column["true_false"]:
        labels = labels.map(lambda text: _TRUTH.get(text, text), na_action="ignore")
    return labels.to_numpy(dtype=object), notes


def _flags(cells, column, index):
    most = column["most_frequent"] == "True"
    if cells is None:
        return np.full(len(index), most), []
    words = cells.map(label_of, na_action="ignore").astype("object")
    values = words.map(_TRUTH)
    lost = int(values.isna().sum())
    notes = []
    if lost:
        notes.append(
            f"{counted(lost, 'value')} of {column['name']!r} missing or neither true "
            f"nor false, taken as {most}, the most frequent."
        )
    return values.where(values.notna(), most).astype(bool).to_numpy(), notes


_KINDS = {"number": _numbers, "category": _categories, "flag": _flags}


def _lost(n, name, what):
    return f"{counted(n, 'cell')} of {name!r} no {what}, which count as missing."
