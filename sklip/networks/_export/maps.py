# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Scalers, projections and functions of single columns, and what undoes them.

The operations are those of scikit-learn's transform, in the same order.
"""

import numpy as np
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)

from sklip.exceptions import UnsupportedModelError
from sklip.networks._export.functions import apply_function, exp_minus_one, log_one_plus
from sklip.networks._export.registry import converts
from sklip.networks._folding import acting, coordinatewise_map
from sklip.networks._trust import full_name, need_unaltered

__all__ = ["undo"]


def _each(function):
    """A converter from a function (graph, transformer, x) that keeps the columns."""

    def convert(exporter, transformer, table):
        x = table.matrix(exporter.graph, type(transformer).__name__)
        y = function(exporter.graph, transformer, x)
        return table.numbers(transformer, y, len(table))

    return convert


def _moved_and_divided(graph, x, shift, scale):
    x = x if shift is None else graph.add("Sub", x, shift)
    return x if scale is None else graph.add("Div", x, scale)


def _multiplied_and_moved(graph, x, scale, shift):
    x = x if scale is None else graph.add("Mul", x, scale)
    return x if shift is None else graph.add("Add", x, shift)


def _center_and_scale(transformer):
    """What a scaler subtracts, and then divides by; None where it does not."""
    kind = type(transformer)
    if kind is StandardScaler:
        return (
            transformer.mean_ if transformer.with_mean else None,
            transformer.scale_ if transformer.with_std else None,
        )
    if kind is MaxAbsScaler:
        return None, transformer.scale_
    return (
        transformer.center_ if transformer.with_centering else None,
        transformer.scale_ if transformer.with_scaling else None,
    )


def _clipped(graph, x, low, high):
    return graph.add("Min", graph.add("Max", x, low), high)


@converts(StandardScaler, RobustScaler, MaxAbsScaler)
@_each
def _scaled(graph, transformer, x):
    x = _moved_and_divided(graph, x, *_center_and_scale(transformer))
    clips = type(transformer) is MaxAbsScaler and transformer.clip
    return _clipped(graph, x, -1.0, 1.0) if clips else x


@converts(MinMaxScaler)
@_each
def _min_max(graph, transformer, x):
    # It multiplies where the other scalers divide, which rounds otherwise.
    x = _multiplied_and_moved(graph, x, transformer.scale_, transformer.min_)
    return _clipped(graph, x, *transformer.feature_range) if transformer.clip else x


@converts("__sklip_affine__")
def _stated(exporter, transformer, table):
    scale, offset = coordinatewise_map(transformer, len(table))
    x = table.matrix(exporter.graph, type(transformer).__name__)
    y = _multiplied_and_moved(exporter.graph, x, scale, offset)
    return table.numbers(transformer, y, len(table))


@converts(PCA)
def _pca(exporter, transformer, table):
    graph, components = exporter.graph, transformer.components_
    y = graph.add("MatMul", table.matrix(graph, "PCA"), components.T)
    # In scikit-learn's order, so that float32 loses the same digits.
    y = graph.add("Sub", y, transformer.mean_ @ components.T)
    if transformer.whiten:
        scale = np.sqrt(transformer.explained_variance_)
        y = graph.add("Div", y, np.maximum(scale, np.finfo(scale.dtype).eps))
    return table.numbers(transformer, y, len(components))


@converts(TruncatedSVD)
def _svd(exporter, transformer, table):
    x = table.matrix(exporter.graph, "TruncatedSVD")
    components = transformer.components_
    y = exporter.graph.add("MatMul", x, components.T)
    return table.numbers(transformer, y, len(components))


@converts(Normalizer)
@_each
def _normalized(graph, transformer, x):
    operator = "ReduceMax" if transformer.norm == "max" else "ReduceSum"
    sizes = graph.add("Mul", x, x) if transformer.norm == "l2" else graph.add("Abs", x)
    size = graph.add(operator, sizes, graph.indices([1]), keepdims=1)
    if transformer.norm == "l2":
        size = graph.add("Sqrt", size)
    # Rows of zeros stay as they are.
    is_zero = graph.add("Equal", size, 0.0)
    return graph.add("Div", x, graph.add("Where", is_zero, 1.0, size))


@converts(Binarizer)
@_each
def _binarized(graph, transformer, x):
    return graph.cast(graph.add("Greater", x, float(transformer.threshold)))


@converts(PolynomialFeatures)
def _polynomial(exporter, transformer, table):
    graph = exporter.graph
    x = table.matrix(graph, "PolynomialFeatures")
    first = graph.add("Gather", x, graph.indices([0]), axis=1)
    one = graph.add("Add", graph.add("Mul", first, 0.0), 1.0)
    x = graph.add("Concat", x, one, axis=1)
    factors = [np.repeat(np.arange(len(row)), row) for row in transformer.powers_]
    product = None
    for k in range(max(map(len, factors), default=0) or 1):
        chosen = [row[k] if k < len(row) else len(table) for row in factors]
        factor = graph.add("Gather", x, graph.indices(chosen), axis=1)
        product = factor if product is None else graph.add("Mul", product, factor)
    return table.numbers(transformer, product, len(factors))


@converts(KBinsDiscretizer)
def _bins(exporter, transformer, table):
    graph, parts = exporter.graph, []
    x = table.matrix(graph, "KBinsDiscretizer")
    for j, edges in enumerate(transformer.bin_edges_):
        column = graph.add("Gather", x, graph.indices([j]), axis=1)
        passed = graph.cast(graph.add("GreaterOrEqual", column, edges[None, 1:-1]))
        axes, keep = graph.indices([1]), int(transformer.encode == "ordinal")
        code = graph.add("ReduceSum", passed, axes, keepdims=keep)
        if not keep:
            code = graph.add("Cast", code, to=7)
            code = graph.add("Gather", graph.number(np.eye(len(edges) - 1)), code)
        parts.append(code)
    n_outputs = len(table)
    if transformer.encode != "ordinal":
        n_outputs = int(sum(len(edges) - 1 for edges in transformer.bin_edges_))
    y = parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)
    return table.numbers(transformer, y, n_outputs)


@converts(FunctionTransformer)
@_each
def _function_transformer(graph, transformer, x):
    if transformer.func is None:
        return x
    return apply_function(
        graph, transformer.func, transformer.kw_args, "FunctionTransformer", x
    )


@converts(PowerTransformer)
@_each
def _power(graph, transformer, x):
    powers = transformer.lambdas_
    if transformer.method == "box-cox":
        y = _box_cox(graph, graph.add("Log", x), powers)
    else:
        above = graph.add("Max", x, 0.0)
        below = graph.add("Max", graph.add("Neg", x), 0.0)
        up = _box_cox(graph, log_one_plus(graph, above), powers)
        down = _box_cox(graph, log_one_plus(graph, below), 2.0 - powers)
        y = graph.add("Sub", up, down)
    scaler = getattr(transformer, "_scaler", None)
    if scaler is None:
        return y
    return _moved_and_divided(graph, y, *_center_and_scale(scaler))


def _box_cox(graph, logarithm, powers):
    """(exp(p l) - 1) / p of a logarithm l, which is l where p is zero."""
    is_zero = np.asarray(powers) == 0.0
    safe = np.where(is_zero, 1.0, powers)
    curved = exp_minus_one(graph, graph.add("Mul", logarithm, safe))
    curved = graph.add("Div", curved, safe)
    if not is_zero.any():
        return curved
    return graph.add("Where", graph.constant(is_zero), logarithm, curved)


def undo(graph, transformer, y):
    """What a fitted target transformer's inverse_transform makes of predictions."""
    transformer = acting(transformer)
    if transformer is None:
        return y
    need_unaltered(transformer)
    kind = type(transformer)
    if kind is Pipeline:
        for _, step in reversed(transformer.steps):
            y = undo(graph, step, y)
        return y
    if kind is FunctionTransformer:
        function, arguments = transformer.inverse_func, transformer.inv_kw_args
        if function is None:
            return y
        return apply_function(graph, function, arguments, "A target transformer", y)
    if kind is MinMaxScaler:
        return _moved_and_divided(graph, y, transformer.min_, transformer.scale_)
    if kind in (StandardScaler, RobustScaler, MaxAbsScaler):
        center, scale = _center_and_scale(transformer)
        return _multiplied_and_moved(graph, y, scale, center)
    raise UnsupportedModelError(
        f"The target transformer {full_name(transformer)} is not exported to ONNX. "
        "Those that are: FunctionTransformer, MaxAbsScaler, MinMaxScaler, "
        "RobustScaler, StandardScaler."
    )
