# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A CSV file read in blocks of rows, with the types that the whole file gives."""

from pathlib import Path

import numpy as np

from sklip._cli._cells import Cells
from sklip._progress import Progress

__all__ = ["PACKED", "read_cells", "read_in_blocks"]

# Endings of files that pandas unpacks.
PACKED = (".gz", ".bz2", ".zip", ".xz", ".zst", ".tar")

# Rows that are looked at first; a shorter file is read at once.
_LOOK_ROWS = 1000
# Fields of a block.
_BLOCK_ENTRIES = 2**20
_MIB = 2**20
# Whole numbers up to here are the same as fractions.
_EXACT = 2**53


def read_in_blocks(read, may_be_numbers):
    """What ``read()`` gives, with the memory of a block beside it.

    Parameters
    ----------
    read : callable
        A partial ``pandas.read_csv`` with the path as ``filepath_or_buffer``.
    may_be_numbers : callable
        ``may_be_numbers(column)`` says whether the first cells of a column of text are
        numbers in a notation that pandas does not know.

    Returns
    -------
    frame : DataFrame
        Its types are found on the first rows, and again on all of them where any block
        disagrees. The columns in ``cells`` are empty.
    cells : dict of str to Cells
        Columns of text that may be numbers.
    """
    look = read(nrows=_LOOK_ROWS)
    if len(look) < _LOOK_ROWS:
        return look, {}
    names, places = list(look.columns), range(look.shape[1])
    text = [k for k in places if _is_text(look.iloc[:, k])]
    cells = {k: Cells() for k in text if may_be_numbers(look.iloc[:, k])}
    parts = {k: [] for k in places if k not in cells}
    dtype = {k: look.dtypes.iloc[k] for k in text}
    n_rows = 0
    for block in _blocks(read, len(names), dtype):
        n_rows += len(block)
        for k in cells:
            cells[k].append(block.iloc[:, k])
        for k in parts:  # a copy does not keep the whole block
            parts[k].append(block.iloc[:, k].copy())
    columns = {k: _joined(parts.pop(k)) for k in list(parts)}
    columns |= _read_again(read, [k for k in columns if columns[k] is None])
    columns |= {k: np.full(n_rows, None) for k in cells}
    return _frame(columns, names), {names[k]: found for k, found in cells.items()}


def read_cells(read, names, columns):
    """Dict of columns to their Cells, every cell as it stands in the file."""
    places = sorted(names.index(name) for name in columns)
    cells = {names[k]: Cells() for k in places}
    for block in _blocks(read, len(places), str, usecols=places):
        for k, place in enumerate(places):
            cells[names[place]].append(block.iloc[:, k])
    return cells


def _blocks(read, n_columns, dtype, **options):
    n_rows = max(_LOOK_ROWS, _BLOCK_ENTRIES // max(1, n_columns))
    options |= {"chunksize": n_rows, "dtype": dtype or None}
    path = Path(read.keywords["filepath_or_buffer"])
    if path.suffix.lower() in PACKED:
        with read(**options) as blocks:
            yield from blocks
        return
    progress = Progress(path.stat().st_size // _MIB, "MiB read")
    with open(path, "rb") as file:
        with read(filepath_or_buffer=file, **options) as blocks:
            for block in blocks:
                yield block
                progress.advance(file.tell() // _MIB - progress.done)


def _is_text(column):
    if column.dtype.kind in "iufbM":
        return False
    filled = column.dropna()
    return len(filled) > 0 and all(isinstance(cell, str) for cell in filled)


def _joined(parts):
    """One column of its blocks; None where the whole may be of another type."""
    import pandas

    alike = len({part.dtype for part in parts}) == 1
    if alike and parts[0].dtype.kind in "iufb":
        known = True
    elif alike:
        known = all(isinstance(c, str) for part in parts for c in part.dropna())
    else:
        known = all(part.dtype.kind in "if" for part in parts) and _are_exact(parts)
    return pandas.concat(parts, ignore_index=True) if known else None


def _are_exact(parts):
    """Whether whole numbers are the same if they are read as fractions."""
    whole = (part for part in parts if part.dtype.kind == "i")
    return all(part.abs().max() < _EXACT for part in whole)


def _read_again(read, places):
    """These columns by all their rows at once."""
    if not places:
        return {}
    frame = read(usecols=places)
    return {k: frame.iloc[:, i] for i, k in enumerate(places)}


def _frame(columns, names):
    """A table of columns, none of which is copied."""
    import pandas

    frame = pandas.DataFrame({k: columns[k] for k in range(len(names))}, copy=False)
    frame.columns = names
    return frame
