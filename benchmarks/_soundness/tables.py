# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Random tables in the containers and types that users have."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import sparse

__all__ = ["Table", "random_table"]

_INTEGERS = ("uint8", "int8", "int16", "int64")


@dataclass
class Table:
    """Numeric columns, perhaps with gaps, and categorical ones.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_numeric)
        Numbers; NaN where one is missing.
    form : str
        "array", "float32", "frame", "sparse", or an integer type.
    categories : dict of str to ndarray of shape (n_rows,)
        Categorical columns, behind the numeric ones; only with "frame".
    y : ndarray of shape (n_rows,) or None
        Labels or targets.
    levels : dict of str to list
        All values of each categorical column.
    """

    values: np.ndarray
    form: str
    categories: dict = field(default_factory=dict)
    y: np.ndarray | None = None
    levels: dict = field(default_factory=dict)

    def rows(self, index):
        """Some of the rows."""
        categories = {name: column[index] for name, column in self.categories.items()}
        y = None if self.y is None else self.y[index]
        return Table(self.values[index], self.form, categories, y, self.levels)

    @property
    def names(self):
        """Names of the numeric columns; None unless X is a DataFrame."""
        n = self.values.shape[1]
        return [f"x{j}" for j in range(n)] if self.form == "frame" else None

    @property
    def X(self):
        """The table as a user hands it over."""
        return self.wrap(self.values, self.categories)

    def wrap(self, values, categories, form=None):
        """Numbers and categories in the user's container and type."""
        form = form or self.form
        if form == "frame":
            frame = pd.DataFrame(values, columns=self.names)
            return frame.assign(**categories)
        if form == "sparse":
            return sparse.csr_matrix(values)
        return values.astype(np.float64 if form == "array" else form)

    def held(self, moved, base, form):
        """Moved numbers as the type of ``form`` can hold them, no farther away."""
        if form == "float32":
            return moved.astype(np.float32).astype(np.float64)
        if form in _INTEGERS:
            limits = np.iinfo(form)
            return np.clip(base + np.trunc(moved - base), limits.min, limits.max)
        return moved

    @property
    def forms(self):
        """Types in which moved rows are tried."""
        return (self.form, "array") if self.form in _INTEGERS else (self.form,)


def random_table(rng, *, form=None, n_rows=60, missing=False, n_categories=0):
    """Columns of very different scales and places, and the latent numbers behind."""
    n = int(rng.integers(1, 7))
    latent = rng.standard_normal((n_rows, n))
    if form is None:
        form = rng.choice(["array", "frame", "float32"], p=[0.5, 0.35, 0.15])
    form = "frame" if n_categories else str(form)
    if form in _INTEGERS:
        limits = np.iinfo(form)
        top = min(limits.max, 30000)
        low = max(limits.min, -30000)
        values = np.clip(np.round((low + top) / 2 + (top - low) / 5 * latent), low, top)
    else:
        spread = rng.choice([0.0, 1.0, 6.0])
        scale = 10.0 ** rng.uniform(-spread, spread, n)
        offset = rng.choice([0.0, 1.0, 30.0]) * rng.standard_normal(n)
        values = (latent + offset) * scale
    if form == "float32":
        values = values.astype(np.float32).astype(np.float64)
    if form == "sparse":
        values[rng.random(values.shape) < 0.5] = 0.0
    if missing:
        gaps = rng.random(values.shape) < 0.2
        gaps[:3] = False
        values[gaps] = np.nan
    categories = {}
    for k in range(n_categories):
        letters = list("abcdefg"[: rng.integers(2, 6)])
        categories[f"c{k}"] = rng.choice(letters, n_rows).astype(object)
        effect = dict(zip(letters, rng.standard_normal(len(letters)), strict=True))
        extra = [effect[letter] for letter in categories[f"c{k}"]]
        latent = np.column_stack([latent, extra])
    levels = {name: np.unique(column) for name, column in categories.items()}
    return Table(values, form, categories, levels=levels), latent
