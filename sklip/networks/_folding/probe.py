# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What is stated about a transformer, held against its values on a few rows.

That it maps each entry by itself, with some largest slope, cannot be seen in values:
the check proves nothing. What contradicts the statement is refused.
"""

import warnings

import numpy as np

from sklip._copies import own_copy
from sklip.exceptions import UnsupportedModelError
from sklip.networks._folding.grids import as_container, tables
from sklip.networks._folding.registry import unsupported
from sklip.networks._folding.storage import FLOATS, as_float, coarseness, types_of

__all__ = ["Probe"]

# Units of roundoff that an output may be off by.
_ULPS = 64
# Rows on which it is tried whether columns or rows are mixed.
_FEW_ROWS = 24
# Steps away from rows of the user, in units of one plus their size.
_STEPS = (-1.0, -1e-6, 1e-6, 1e-3, 1.0)


class Probe:
    """A transformer that states something of itself, and trials of it.

    Parameters
    ----------
    transformer : object
        Maps each column by itself, so it is said.
    storage : Storage
        Of the columns that it gets.
    rows : object, default=None
        Some rows of these columns, as the step before hands them on.

    Attributes
    ----------
    dtypes : tuple of numpy.dtype
        Types of the columns that it hands on.
    coarseness : int
        What one rounding of its arithmetic counts for.
    writes, shares : bool
        Whether it writes into its input; whether what it hands on lies there.

    Raises
    ------
    UnsupportedModelError
        If it mixes rows or columns, or cannot be tried.
    """

    def __init__(self, transformer, storage, rows=None):
        self.transformer, n_columns = transformer, len(storage.dtypes)
        if storage.is_sparse:
            raise self._refusal("acts on sparse columns in a way that is not known")
        names = getattr(transformer, "feature_names_in_", ())
        self._names = names if len(names) == n_columns else None
        self.dtypes, self.coarseness = storage.dtypes, 1
        self.writes = self.shares = False
        self._trials = []
        self._try_tables(storage.dtypes, required=True)
        if storage.dtypes != (floats := FLOATS[:1] * n_columns):
            self._try_tables(floats, required=False)
        if rows is not None:
            self._try_rows(rows)

    def check_slope(self, slope):
        """Refuse a largest slope that two neighbouring values exceed."""
        for x, y in self._trials:
            with np.errstate(all="ignore"):
                steps = slope * np.abs(np.diff(x, axis=0))
                # Rounding that is not relative to the output is allowed for up to one.
                size = 1.0 + np.abs(y) + slope * np.abs(x)
                room = self._room(size[1:] + size[:-1])
                found = np.argwhere(np.abs(np.diff(y, axis=0)) > steps + room)
            if len(found):
                i, j = found[0]
                raise self._refusal(
                    f"takes {x[i, j]} to {y[i, j]} and {x[i + 1, j]} to {y[i + 1, j]}: "
                    f"that is steeper than the slope {slope} that it states"
                )

    def check_map(self, scale, offset):
        """Refuse a map ``scale * v + offset`` that is not the transformer's."""
        for x, y in self._trials:
            with np.errstate(all="ignore"):
                image = scale * x + offset
                room = self._room(np.abs(scale * x) + np.abs(offset))
                found = np.argwhere(np.abs(y - image) > room)
            if len(found):
                i, j = found[0]
                raise self._refusal(
                    f"takes {x[i, j]} to {y[i, j]}, and not to {image[i, j]} as it "
                    "states by __sklip_affine__"
                )

    def _room(self, size):
        return _ULPS * 2.0**-53 * self.coarseness * (size + 2.0**-126)

    def _refusal(self, why):
        name = _name_of(self.transformer)
        return unsupported(self.transformer, f"({name}), which {why},")

    def _apply(self, table):
        """What the transformer makes of a table, as float64, and notes on the way."""
        given = own_copy(table)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            output = self.transformer.transform(given)
        numbers = _numbers(output)
        self.writes |= not np.array_equal(_numbers(given), _numbers(table), True)
        self.shares |= np.shares_memory(np.asarray(output), np.asarray(given))
        if numbers.shape != _numbers(table).shape:
            raise self._refusal(
                f"makes an array of shape {numbers.shape} of one of shape "
                f"{_numbers(table).shape}"
            )
        return numbers, types_of(output)

    def _try_tables(self, dtypes, required):
        """Go through the first table that the transformer takes."""
        error = None
        for columns in tables(dtypes):
            table = as_container(columns, self._names)
            try:
                outputs, kinds = self._apply(table)
            except UnsupportedModelError:
                raise
            except Exception as caught:  # whatever a function of the user raises
                error = caught
                continue
            self._note_types(dtypes, kinds, required)
            self._trials.append((_numbers(table), outputs))
            return self._check_mixing(columns)
        if required:
            raise self._refusal(f"raises {error!r} for numbers of all sizes") from error

    def _note_types(self, dtypes, kinds, required):
        name = type(self.transformer).__name__
        for dtype in (as_float(dtypes), as_float(kinds)):
            self.coarseness = max(self.coarseness, coarseness(dtype, name))
        if required:
            self.dtypes = tuple(kinds)

    def _try_rows(self, rows):
        """Some rows of the user, and what lies around them."""
        try:
            here = _numbers(rows).reshape(len(rows), -1)
            inputs = [here + step * (1.0 + np.abs(here)) for step in _STEPS]
            values = self._apply(rows)[0]
            others = [self._apply(rows + (near - here))[0] for near in inputs]
        except UnsupportedModelError:
            raise
        except Exception:  # not of numbers, or not where the function is defined
            return
        order = np.argsort(here, axis=0)
        sorted_pairs = (np.take_along_axis(a, order, axis=0) for a in (here, values))
        self._trials.append(tuple(sorted_pairs))
        for near, other in zip(inputs, others, strict=True):
            # Each row beside its neighbour.
            pairs = np.stack([here, near], axis=1), np.stack([values, other], axis=1)
            self._trials.append(tuple(p.reshape(-1, here.shape[1]) for p in pairs))

    def _check_mixing(self, columns):
        """Refuse columns, or rows, that change with others."""
        chosen = np.linspace(0, len(columns[0]) - 1, _FEW_ROWS).astype(int)
        few = [column[chosen] for column in columns]
        outputs = self._apply(as_container(few, self._names))[0]
        for rows in (slice(None, None, -1), slice(0, 1)):
            part = self._apply(as_container([c[rows] for c in few], self._names))[0]
            if self._differ(part, outputs[rows]).any():
                raise self._refusal("takes a row to other values beside other rows")
        index = np.arange(len(few))
        for bit in range(len(few).bit_length()):
            for moved in ((index >> bit & 1).astype(bool), ~(index >> bit & 1 > 0)):
                if moved.all() or not moved.any():
                    continue
                pairs = zip(few, moved, strict=True)
                table = [np.roll(column, 1) if m else column for column, m in pairs]
                part = self._apply(as_container(table, self._names))[0]
                if self._differ(part, outputs)[:, ~moved].any():
                    raise self._refusal("mixes columns")

    def _differ(self, a, b):
        with np.errstate(all="ignore"):
            same = (a == b) | (np.isnan(a) & np.isnan(b))
            return ~same & ~(np.abs(a - b) <= self._room(np.abs(a) + np.abs(b)))


def _numbers(table):
    return np.asarray(table, dtype=np.float64)


def _name_of(transformer):
    func = getattr(transformer, "func", None)
    return getattr(func, "__name__", repr(func or transformer))
