# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Transformers that skl2onnx converts, where it is installed.

Its nodes become part of the graph and are compared like all others: what it converts to
something else is refused.
"""

import warnings

import numpy as np

from sklip.exceptions import UnsupportedModelError
from sklip.networks._export.comparison import run
from sklip.networks._onnx import OPSET
from sklip.networks._trust import full_name

__all__ = ["convert_elsewhere"]


def convert_elsewhere(exporter, transformer, table):
    """Columns behind a fitted transformer of numbers, by skl2onnx's converter.

    Returns
    -------
    table : Table or None
        What it gives; None if skl2onnx is not installed or does not know it.

    Raises
    ------
    UnsupportedModelError
        If what it gives cannot be run.
    """
    graph = exporter.graph
    x = table.matrix(graph, type(transformer).__name__)
    converted = _converted(transformer, len(table), graph.dtype)
    if converted is None:
        return None
    try:
        # Some load in float32 only.
        feed = np.ones((2, len(table)), dtype=graph.dtype)
        found = next(iter(run(converted, {"X": feed}).values()))
        if np.ndim(found) != 2:
            raise ValueError("It gives no columns.")
        y = _merged(graph, converted, x, transformer)
    except Exception as error:
        raise UnsupportedModelError(
            f"{full_name(transformer)} is not exported to ONNX: what skl2onnx makes of "
            f"it cannot be run in {graph.dtype}. {error}"
        ) from error
    return table.numbers(transformer, y, found.shape[1])


def _converted(transformer, n_columns, dtype):
    try:
        import skl2onnx
        from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
    except ImportError:
        return None
    kind = DoubleTensorType if dtype == np.float64 else FloatTensorType
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return skl2onnx.convert_sklearn(
                transformer,
                initial_types=[("X", kind([None, n_columns]))],
                target_opset={"": OPSET, "ai.onnx.ml": 3},
            )
        except Exception:  # it has several kinds of its own
            return None


def _merged(graph, converted, x, transformer):
    """The nodes under names of their own; the name of the first output."""
    prefix = graph.free(type(transformer).__name__.lower())
    names = {"X": x, "": ""}

    def renamed(old):
        if old not in names:
            names[old] = graph.free(f"{prefix}/{old}")
        return names[old]

    if converted.functions:
        raise ValueError("It has functions of its own.")
    for tensor in converted.graph.initializer:
        tensor.name = renamed(tensor.name)
        graph.initializers.append(tensor)
    for node in converted.graph.node:
        if any(attribute.HasField("g") for attribute in node.attribute):
            raise ValueError("It has subgraphs.")
        node.input[:] = [renamed(name) for name in node.input]
        node.output[:] = [renamed(name) for name in node.output]
        node.name = graph.free(f"{prefix}/{node.name}")
        graph.nodes.append(node)
    for imported in converted.opset_import:
        if imported.domain:
            graph.domains[imported.domain] = imported.version
    return renamed(converted.graph.output[0].name)
