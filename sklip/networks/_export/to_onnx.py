# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""to_onnx: networks, estimators and Pipelines as ONNX models."""

import os
import warnings

import numpy as np

from sklip._arguments import check_option
from sklip.exceptions import UnsupportedModelError
from sklip.networks._entry import entry
from sklip.networks._export.activations import add_network
from sklip.networks._export.comparison import compare
from sklip.networks._export.inputs import Inputs
from sklip.networks._export.registry import Exporter
from sklip.networks._export.wrappers import add_model
from sklip.networks._feedforward import FeedForward
from sklip.networks._network_view import network_view
from sklip.networks._onnx import Graph, import_onnx
from sklip.networks._reading import unwrap_search
from sklip.networks._trust import full_name, is_exactly

__all__ = ["to_onnx"]

_DTYPES = ("float64", "float32")


def to_onnx(model, path=None, *, dtype="float64", X=None):
    """Write a network, a fitted estimator or a whole Pipeline as an ONNX model.

    What is written is compared with the model on rows before it is returned: each
    transformer with its ``transform``, the outputs with ``predict``, ``predict_proba``
    and ``decision_function``.

    Parameters
    ----------
    model : FeedForward, fitted estimator or Pipeline
        A network; an estimator of sklip; a linear model, linear support vector machine
        or MLP of scikit-learn; a Pipeline, TransformedTargetRegressor, threshold model,
        search, CalibratedClassifierCV, bag or soft vote of these.
    path : str or path-like, default=None
        File to write; None only returns the model.
    dtype : {"float64", "float32"}, default="float64"
        Type of all numbers. A float32 export is another function: see Notes.
    X : {array-like, DataFrame} of shape (n_samples, n_features), default=None
        Rows to compare on; None draws rows from the ranges that the fitted steps know.

    Returns
    -------
    onnx_model : onnx.ModelProto
        Its outputs are, as far as the model has them, "label" (integers or strings),
        "probabilities" and "decision" for a classifier, "prediction" for a regressor,
        each as the model's own method gives it; "output" for a network. The tensor
        "logits" holds what stands in front of a softmax.

    Raises
    ------
    ImportError
        If the package onnx is not installed (sklip's extra ``onnx``).
    UnsupportedModelError
        If a step is not exported, or would be exported as something else; the step is
        named.

    See Also
    --------
    FeedForward.from_onnx : Reads the network back.

    Notes
    -----
    The model has one input "X" of shape (n_samples, n_features). If columns of X are
    text, it has one input of shape (n_samples, 1) for each column that is used, called
    like the column, of numbers or of strings; an output whose name is that of a column
    is called "label_1" or the like. A category that an encoder refuses makes the
    runtime stop, as it does ``predict``. ONNX has no missing strings. Numbers that are
    missing or infinite where ``predict`` refuses them give an output that means
    nothing.

    What is certified of the model holds for the float64 export up to the rounding of
    the runtime, about 1e-12 of the outputs. A float32 export has rounded weights and
    is another function. To certify that one, read it back and ask for its radii:
    ``FeedForward.from_onnx(path, output="logits")``; the rounding of the runtime's own
    float32 arithmetic is still to be added.

    Only operators that onnxruntime has in float64 are used. It has no float64 Elu,
    Erf, LeakyRelu and Softplus, so these activations are written as functions of the
    domain "sklip" that the model brings along.

    Examples
    --------
    >>> from sklip import FeedForward, to_onnx
    >>> from sklip.networks import random_network
    >>> network = random_network([3, 8, 2], random_state=0)
    >>> onnx_model = to_onnx(network)
    >>> [value.name for value in onnx_model.graph.output]
    ['output']
    >>> FeedForward.from_onnx(onnx_model).hash == network.hash
    True
    """
    check_option(dtype, "dtype", _DTYPES)
    if path is not None and not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be a file name, got {type(path).__name__}.")
    onnx = import_onnx("Writing")
    graph = Graph(dtype)
    if is_exactly(model, FeedForward):
        made = _network(graph, model, X, dtype)
    else:
        made = _fitted(graph, model, X, dtype)
    onnx.checker.check_model(made)
    if path is not None:
        onnx.save_model(made, os.fspath(path))
    return made


def _network(graph, network, X, dtype):
    if X is not None:
        X = network_view(network).encode(X)
    inputs = Inputs(None, network.n_inputs, None, X, graph.dtype)
    exporter = Exporter(graph)
    tensor = add_network(graph, network, inputs.declare(graph).parts[0].tensor)
    graph.output("output", tensor, [network.n_outputs])
    expected = {"output": network.forward(inputs.rows())}
    compare(exporter, inputs, network, expected, dtype)
    return graph.model()


def _fitted(graph, model, X, dtype):
    if isinstance(model, type) or not hasattr(model, "predict"):
        raise UnsupportedModelError(
            f"{full_name(model)} is not exported to ONNX: a FeedForward or a fitted "
            "estimator is needed. Of a torch module that is a stack of layers give "
            "FeedForward.from_torch(module), for others use torch.onnx.export."
        )
    inner = unwrap_search(model)
    n_columns, names, _ = entry(inner)
    inputs = Inputs(inner, n_columns, names, X, graph.dtype)
    exporter = Exporter(graph)
    heads = add_model(exporter, inner, inputs.declare(graph))
    with warnings.catch_warnings():
        # What the model has to say of its rows, it has said before.
        warnings.simplefilter("ignore")
        try:
            expected = _outputs(graph, model, heads, inputs.rows())
        except ValueError as error:
            if X is not None:
                raise
            raise ValueError(
                f"{full_name(model)} refuses the rows that were drawn to compare it "
                f"on. Give some as X. {error}"
            ) from error
        graph.drop_unused_inputs()
        compare(exporter, inputs, model, expected, dtype)
    return graph.model()


def _outputs(graph, model, heads, rows):
    """Declare the outputs; what the model itself gives for them."""
    expected = {}

    def output(stem, tensor, values):
        values = np.asarray(values)
        if values.ndim == 1:
            tensor = graph.add("Reshape", tensor, graph.indices([-1]))
        expected[graph.output(stem, tensor, values.shape[1:])] = values

    if heads.classes is not None and heads.logits is not None:
        # So that it can be found by that name.
        graph.add_named("Identity", heads.logits, graph.free("logits"))
    if heads.prediction is not None:
        output("prediction", heads.prediction, model.predict(rows))
        return expected
    labels = np.asarray(model.predict(rows))
    expected[_label(graph, heads)] = labels
    if heads.proba is not None:
        output("probabilities", heads.proba, model.predict_proba(rows))
    if heads.decision is not None:
        output("decision", heads.decision, model.decision_function(rows))
    return expected


def _label(graph, heads):
    import onnx

    classes = np.asarray(heads.classes)
    if classes.dtype.kind in "iu":
        classes, kind = classes.astype(np.int64), onnx.TensorProto.INT64
    elif all(isinstance(label, str) for label in classes.tolist()):
        classes, kind = classes.astype(object), onnx.TensorProto.STRING
    elif classes.dtype.kind == "b":
        kind = onnx.TensorProto.BOOL
    elif classes.dtype.kind == "f":
        kind = onnx.TensorProto.DOUBLE
        classes = classes.astype(np.float64)
    else:
        raise UnsupportedModelError(
            f"The labels {classes.tolist()} are neither integers nor strings: ONNX "
            "has no type for them."
        )
    label = graph.add("Gather", graph.constant(classes), heads.label)
    return graph.output("label", label, [], kind=kind)
