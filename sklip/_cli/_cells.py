# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The cells of one column of text, block by block, and in little memory."""

from itertools import chain, islice

import numpy as np

__all__ = ["Cells"]

# Between the cells of a block; a block with such a cell stays a list.
_MARK = "\x1f"
_BLOCK_ROWS = 2**16
# One digit stands for all of them.
_SHAPE = str.maketrans("012345678", "9" * 9)


class Cells:
    """Filled cells of a column that may be numbers in some notation.

    A block is one string with its cells in a row: some ten bytes a cell where objects
    take seventy.
    """

    def __init__(self):
        self._blocks, self._dtype = [], None

    @classmethod
    def of(cls, column):
        """The cells of a Series."""
        cells = cls()
        for start in range(0, len(column), _BLOCK_ROWS):
            cells.append(column.iloc[start : start + _BLOCK_ROWS])
        return cells

    def append(self, column):
        """Add the rows of a Series behind those that are there."""
        filled, self._dtype = column.notna().to_numpy(), column.dtype
        texts = [str(cell) for cell in column[filled]]
        joined = _MARK.join(texts)
        whole = joined.count(_MARK) == max(0, len(texts) - 1)
        self._blocks.append((filled, joined if whole and texts else texts))

    def _written(self):
        """Lists of the filled cells as they stand in the file."""
        for _, texts in self._blocks:
            yield texts.split(_MARK) if isinstance(texts, str) else texts

    def blocks(self):
        """Lists of the filled cells, without the spaces around them."""
        for texts in self._written():
            yield [cell.strip() for cell in texts]

    def __iter__(self):
        return chain.from_iterable(self.blocks())

    def first(self, n):
        """The first n filled cells."""
        return list(islice(self, n))

    @property
    def filled(self):
        """Which rows have a cell, as an array of bool."""
        return np.concatenate([filled for filled, _ in self._blocks] or [[]]) > 0

    def shapes(self):
        """Dict of every way to write a cell, with 9 for each digit, to the first cell
        that is written so.

        Some dozens for a column of numbers: what a notation is depends on no more.
        """
        found = {}
        for texts in self.blocks():
            shapes = _MARK.join(texts).translate(_SHAPE).split(_MARK)
            if len(shapes) != len(texts):
                shapes = [cell.translate(_SHAPE) for cell in texts]
            new = set(shapes).difference(found)
            found |= {shape: texts[shapes.index(shape)] for shape in new}
        return found

    def numbers(self, read):
        """float64 of each row, NaN where it is empty; ``read(texts)`` for a block."""
        parts = []
        for (filled, _), texts in zip(self._blocks, self.blocks(), strict=True):
            values = np.full(len(filled), np.nan)
            values[filled] = read(texts)
            parts.append(values)
        return np.concatenate(parts)

    def texts(self):
        """The rows as they stand in the file, as a Series; NaN where they are empty."""
        import pandas

        parts = []
        for (filled, _), texts in zip(self._blocks, self._written(), strict=True):
            values = np.full(len(filled), np.nan, dtype=object)
            values[filled] = texts
            parts.append(values)
        return pandas.Series(np.concatenate(parts), dtype=self._dtype)
