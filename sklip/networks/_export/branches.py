# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""FeatureUnion and ColumnTransformer: branches side by side."""

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion

from sklip.networks._export.registry import converts
from sklip.networks._export.table import Part, Table, hstack
from sklip.networks._folding import Select, is_drop

__all__ = []


@converts(FeatureUnion)
def _union(exporter, transformer, table):
    branches = [
        (name, step, table)
        for name, step in transformer.transformer_list
        if not is_drop(step)
    ]
    return _side_by_side(exporter, transformer, table, branches)


@converts(ColumnTransformer)
def _column_transformer(exporter, transformer, table):
    names = getattr(transformer, "feature_names_in_", None)
    branches = []
    for name, step, _ in transformer.transformers_:
        indices = tuple(transformer._transformer_to_input_indices[name])
        if is_drop(step) or not indices:
            continue
        given = None if names is None else tuple(str(names[i]) for i in indices)
        taken = table.take(exporter.graph, indices)
        path = (*table.path, Select(indices, given))
        branches.append((name, step, Table(taken.parts, path)))
    return _side_by_side(exporter, transformer, table, branches)


def _side_by_side(exporter, transformer, table, branches):
    weights = transformer.transformer_weights or {}
    given = []
    for name, step, columns in branches:
        made = exporter.convert(step, columns)
        if weights.get(name) is not None:
            made = _weighted(exporter.graph, transformer, made, float(weights[name]))
        given.append(made)
    return hstack(given, (*table.path, transformer))


def _weighted(graph, transformer, table, weight):
    x = table.matrix(graph, type(transformer).__name__)
    return Table((Part(graph.add("Mul", x, weight), len(table)),), table.path)
