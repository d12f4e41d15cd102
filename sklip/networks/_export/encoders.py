# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Encoders of categories and imputers."""

import warnings

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from sklip.exceptions import UnsupportedModelError
from sklip.networks._export.registry import converts
from sklip.networks._export.table import Part

__all__ = ["are_text"]


def are_text(categories, who):
    """Whether the categories of a column are strings; refused if they are mixed.

    A missing value among strings has no counterpart in ONNX and is left out.
    """
    kept = [c for c in np.asarray(categories).tolist() if not _is_missing(c)]
    texts = [isinstance(c, str) for c in kept]
    if not any(texts) and all(isinstance(c, int | float) for c in kept):
        return False
    if all(texts):
        return True
    raise UnsupportedModelError(
        f"{who} has the categories {kept}: ONNX knows columns of strings or of "
        "numbers, not of both or of anything else."
    )


def _is_missing(value):
    return value is None or (isinstance(value, float) and np.isnan(value))


@converts(OneHotEncoder, OrdinalEncoder)
def _encoded(exporter, transformer, table):
    one_hot = type(transformer) is OneHotEncoder
    n = len(table)
    widths = transformer._n_features_outs if one_hot else [1] * n
    starts = np.concatenate([[0], np.cumsum(widths)])
    parts = []
    for j, categories in enumerate(transformer.categories_):
        column = table.column(exporter.graph, j)
        chosen = slice(starts[j], starts[j + 1])
        rows, unknown = _rows_of(transformer, j, chosen)
        tensor = _looked_up(
            exporter.graph, transformer, column, categories, rows, unknown
        )
        if widths[j]:
            parts.append(Part(tensor, int(widths[j])))
    return table.behind(transformer, *parts)


def _rows_of(transformer, j, chosen):
    """What the encoder gives for each category of a column, and for an unknown one.

    The encoder is asked itself: dropped, infrequent and missing categories are its own
    business. An unknown value that it refuses gives None.
    """
    first = [categories[0] for categories in transformer.categories_]
    categories = transformer.categories_[j]
    rows = _transformed(transformer, first, j, categories.tolist())[:, chosen]
    try:
        unknown = _transformed(transformer, first, j, [_stranger(categories)])
    except ValueError:
        return rows, None
    return rows, unknown[:, chosen]


def _stranger(categories):
    """A value that is none of the categories."""
    if any(isinstance(c, str) for c in categories.tolist()):
        return "".join(c for c in categories.tolist() if isinstance(c, str)) + "?"
    known = [float(c) for c in categories.tolist() if not _is_missing(c)]
    return max(known, default=0.0) * 2.0 + 1.5 if known else 1.5


def _transformed(transformer, first, j, values):
    X = np.empty((len(values), len(first)), dtype=object)
    X[:] = first
    X[:, j] = values
    if not any(isinstance(value, str | None) for value in X.ravel()):
        X = X.astype(np.float64)
    if hasattr(transformer, "feature_names_in_"):
        import pandas

        X = pandas.DataFrame(X, columns=transformer.feature_names_in_)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = transformer.transform(X)
    found = found.toarray() if hasattr(found, "toarray") else found
    return np.asarray(found, dtype=np.float64)


def _looked_up(graph, transformer, column, categories, rows, unknown):
    """Rows of a table, by the place of the column's value among the categories.

    A value that the encoder refuses gets an index behind the table: the runtime stops.
    """
    name = type(transformer).__name__
    text = are_text(categories, name)
    if text != column.is_text:
        kind = "text" if text else "numbers"
        raise UnsupportedModelError(
            f"{name} was fitted on {kind} and is given another type of column."
        )
    kept = [i for i, c in enumerate(categories.tolist()) if not _is_missing(c)]
    values = np.asarray(categories)[kept][None, :]
    values = values.astype(object if text else graph.dtype)
    if not text and len(np.unique(values)) < len(kept):
        raise UnsupportedModelError(
            f"Categories of {name} are equal in float32. Export in float64."
        )
    matches = [graph.add("Equal", column.tensor, graph.constant(values))]
    order = list(kept)
    if not text and len(kept) < len(categories):
        matches.append(graph.add("IsNaN", column.tensor))
        order += [i for i in range(len(categories)) if i not in kept]
    match = matches[0] if len(matches) == 1 else graph.add("Concat", *matches, axis=1)
    rows = rows[order]
    if unknown is not None:
        rows = np.vstack([rows, unknown])
    places = np.arange(len(order)) - len(order)
    place = graph.add("MatMul", graph.cast(match), places.astype(float))
    index = graph.add("Cast", graph.add("Add", place, float(len(order))), to=7)
    return graph.add("Gather", graph.number(rows), index)


@converts(SimpleImputer)
def _imputed(exporter, transformer, table):
    graph = exporter.graph
    filled, masks = [], []
    marked = transformer.indicator_.features_ if transformer.add_indicator else ()
    for j, fill in enumerate(transformer.statistics_):
        column = table.column(graph, j)
        mask = _mask(graph, transformer, column)
        if j in marked:
            if mask is None:
                raise UnsupportedModelError(
                    "SimpleImputer(add_indicator=True) marks missing text: ONNX has "
                    "no missing strings."
                )
            masks.append(Part(graph.cast(mask)))
        if _is_missing(fill):
            continue  # an empty column is dropped
        if mask is not None:
            value = np.array([fill], dtype=object if column.is_text else graph.dtype)
            tensor = graph.add("Where", mask, graph.constant(value), column.tensor)
            column = Part(tensor, 1, column.is_text)
        filled.append(column)
    return table.behind(transformer, *filled, *masks)


def _mask(graph, transformer, column):
    """Where a column is missing; None where it cannot be."""
    missing = transformer.missing_values
    if _is_missing(missing) or type(missing).__name__ == "NAType":
        return None if column.is_text else graph.add("IsNaN", column.tensor)
    if isinstance(missing, str) != column.is_text:
        return None
    value = np.array([missing], dtype=object if column.is_text else graph.dtype)
    return graph.add("Equal", column.tensor, graph.constant(value))
