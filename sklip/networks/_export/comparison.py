# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""An export beside the model it was made of, step by step."""

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.pipeline import FeatureUnion

from sklip._copies import own_copy
from sklip.exceptions import UnsupportedModelError
from sklip.networks._trust import full_name

__all__ = ["compare"]

RTOL = {"float64": 1e-12, "float32": 1e-5}
# Their columns are sums of terms as large as the largest column.
_MIXING = (PCA, TruncatedSVD, ColumnTransformer, FeatureUnion)
# How far rows are moved to see whether a label is at a tie.
_SHAKES = 16


def compare(exporter, inputs, model, expected, dtype):
    """Refuse an export that computes something else than the model.

    Parameters
    ----------
    exporter : Exporter
        What was exported.
    inputs : Inputs
        Rows.
    model : object
        The fitted model.
    expected : dict of str to ndarray
        Outputs of the model by the names of the graph's.
    dtype : {"float64", "float32"}
        Type of the export.

    Raises
    ------
    UnsupportedModelError
        If a step or an output differs by more than rounding, with its name.
    """
    graph = exporter.graph
    tensors = {}
    given = {value.name for value in graph.inputs}
    for _, table in exporter.checkpoints:
        tensors |= {p.tensor: p.is_text for p in table.parts if p.tensor not in given}
    found = run(graph.model(tensors.items()), inputs.feeds(graph))
    known = {**inputs.feeds(graph), **found}
    for transformer, table in exporter.checkpoints:
        _check_step(transformer, table, known, inputs, dtype)
    for name, values in expected.items():
        if name == "label":
            _check_labels(model, inputs, found[name], values, dtype)
        else:
            who, room = full_name(model), exporter.cancellation
            # Scores of rows near the boundary are rounded like all others.
            size = exporter.logit_size if name == "decision" else 0.0
            _check(who, name, found[name], values, dtype, 1.0, room, size)


def run(model, feeds):
    """Outputs of a graph by name: in onnxruntime, or in onnx's own evaluator."""
    text = model.SerializeToString()
    names = [value.name for value in model.graph.output]
    try:
        import onnxruntime
    except ImportError:
        import onnx.reference

        evaluator = onnx.reference.ReferenceEvaluator(model)
        with np.errstate(all="ignore"):
            return dict(zip(names, evaluator.run(None, feeds), strict=True))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(
        text, options, providers=["CPUExecutionProvider"]
    )
    return dict(zip(names, session.run(None, feeds), strict=True))


def _check_step(transformer, table, known, inputs, dtype):
    expected = inputs.rows()
    for step in table.path:
        expected = step.transform(own_copy(expected))
    if hasattr(expected, "toarray"):
        expected = expected.toarray()
    expected = np.asarray(expected)
    found = np.concatenate(
        [known[part.tensor].astype(object) for part in table.parts], axis=1
    )
    who = f"The step {full_name(transformer)}"
    if found.shape != expected.shape:
        raise _difference(who, "transform", f"shape {found.shape}", expected.shape)
    position = 0
    for part in table.parts:
        columns = slice(position, position + part.width)
        position += part.width
        if part.is_text:
            same = np.array_equal(
                found[:, columns], expected[:, columns].astype(object)
            )
            if not same:
                raise _difference(who, "transform", "other text", "that of the step")
            continue
        floor = 0.1 if isinstance(transformer, _MIXING) else 0.0
        _check(who, "transform", found[:, columns], expected[:, columns], dtype, floor)


def _check(who, name, found, expected, dtype, floor, room=1.0, size=0.0):
    """Compare numbers in units of their column, or partly of the largest of all."""
    found = np.asarray(found, np.float64).reshape(len(found), -1)
    expected = np.asarray(expected, np.float64)
    expected = expected.reshape(len(expected), -1)
    if found.shape != expected.shape:
        raise _difference(who, name, f"shape {found.shape}", f"shape {expected.shape}")
    sizes = np.where(np.isfinite(expected), np.abs(expected), 0.0)
    scale = np.maximum(sizes.max(axis=0, initial=0.0), size)
    scale = np.maximum(scale, floor * scale.max(initial=0.0))
    with np.errstate(invalid="ignore"):
        far = ~(np.abs(found - expected) <= RTOL[dtype] * room * scale)
    far &= ~((found == expected) | (np.isnan(found) & np.isnan(expected)))
    if far.any():
        i, j = np.argwhere(far)[0]
        raise _difference(who, name, found[i, j], expected[i, j], dtype)


def _check_labels(model, inputs, found, expected, dtype):
    expected = np.asarray(expected)
    other = np.flatnonzero(np.asarray(found).astype(object) != expected.astype(object))
    for k in range(_SHAKES):
        if not len(other):
            return
        moved = model.predict(inputs.shaken(other, 8.0 * RTOL[dtype], k))
        # At a tie rounding may decide either way.
        other = other[np.asarray(moved) == expected[other]]
    if len(other):
        i = other[0]
        raise _difference(full_name(model), "predict", found[i], expected[i], dtype)


def _difference(who, what, found, expected, dtype="float64"):
    instead = " Export in float64." if dtype == "float32" else ""
    return UnsupportedModelError(
        f"{who} is not exported: on the rows compared, the graph gives {found} where "
        f"{what} gives {expected}.{instead}"
    )
