# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Models that are networks: logits, and what the methods make of them."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, SGDClassifier
from sklearn.neural_network import MLPClassifier

from sklip.exceptions import UnsupportedModelError
from sklip.networks._export.activations import add_network
from sklip.networks._reading import (
    KERNEL_MACHINES,
    MODELS,
    extract_leaf,
)
from sklip.networks._trust import full_name, is_own, makes_statement

__all__ = ["Heads", "add_leaf", "flagged", "largest"]

_SOFTMAX = (
    LinearDiscriminantAnalysis,
    LogisticRegression,
    LogisticRegressionCV,
    MLPClassifier,
)


@dataclass(frozen=True)
class Heads:
    """Tensors of a model's outputs; None for those that it does not have."""

    prediction: str | None = None  # of a regressor, of shape (n_samples, n_outputs)
    classes: np.ndarray | None = None  # ndarray or None: labels of a classifier
    # Positions of the predicted labels in ``classes``, of shape (n_samples,).
    label: str | None = None
    decision: str | None = None  # decision_function, of shape (n_samples, n_scores)
    proba: str | None = None  # predict_proba, of shape (n_samples, n_classes)
    # Outputs of the network itself, of shape (n_samples, n_outputs).
    logits: str | None = None


def add_leaf(exporter, model, table):
    """Outputs of a model that is a network."""
    graph = exporter.graph
    leaf = _leaf_of(exporter, model)
    network, classes = leaf.network, leaf.classes
    x = table.matrix(graph, type(model).__name__)
    if len(table) != network.n_inputs:
        raise ValueError(
            f"{type(model).__name__} was fitted on {network.n_inputs} columns, but the "
            f"step before it gives {len(table)}."
        )
    logits = add_network(graph, network, x)
    terms = np.abs(network.weights[-1]).sum(axis=1) + np.abs(network.biases[-1])
    exporter.logit_size = max(exporter.logit_size, float(terms.max()))
    if classes is None:
        is_exp = leaf.exponential_of is not None
        prediction = graph.add("Exp", logits) if is_exp else logits
        return Heads(prediction=prediction, logits=logits)
    heads = Heads(classes=classes, logits=logits)
    if network.n_outputs == 1:
        return _of_single_logit(graph, model, heads)
    return _of_logits(graph, model, heads)


def _leaf_of(exporter, model):
    """What the model's network is, if it is exported."""
    if type(model) in KERNEL_MACHINES:
        exporter.note_cancellation(model)
    if type(model) not in MODELS and not makes_statement(model, "__sklip_network__"):
        raise UnsupportedModelError(
            f"{full_name(model)} is not exported to ONNX{_inside(model)}. Models that "
            "are: those of "
            "sklip, MLPs, linear models and linear support vector machines of "
            "scikit-learn, in a Pipeline, a search, a TransformedTargetRegressor, a "
            "threshold model, CalibratedClassifierCV, a bag or a soft vote."
        )
    if makes_statement(model, "__sklip_module__"):
        if type(model).__sklip_module__(model) is not None:
            raise UnsupportedModelError(
                f"This {full_name(model)} holds a torch module: export a copy of it, "
                "model.to_torch(), with torch.onnx.export, or as "
                "FeedForward.from_torch(model.to_torch()) if it is a stack of layers."
            )
    return extract_leaf(model)


def _inside(model):
    holds = full_name(model).startswith("sklip.") and hasattr(model, "estimator_")
    return ": export what it holds, its estimator_" if holds else ""


def _of_logits(graph, model, heads):
    """Two outputs or more: the largest decides, of MLPClassifier after the softmax."""
    logits, n = heads.logits, len(heads.classes)
    proba = None
    if hasattr(model, "predict_proba"):
        proba = _many_probabilities(graph, model, logits)
    decided = proba if type(model) is MLPClassifier else logits
    decision = logits if hasattr(model, "decision_function") else None
    if decision is not None and n == 2 and is_own(model, "__sklip_network__"):
        columns = (
            graph.add("Gather", logits, graph.indices([k]), axis=1) for k in (1, 0)
        )
        decision = graph.add("Sub", *columns)
    label = largest(graph, decided)
    return replace(heads, label=label, decision=decision, proba=proba)


def _many_probabilities(graph, model, logits):
    if is_own(model, "__sklip_network__") or type(model) in _SOFTMAX:
        return graph.add("Softmax", logits, axis=1)
    if type(model) is SGDClassifier and model.loss == "log_loss":
        # Exact where all are tiny, which a runtime's Sigmoid is not.
        powers = graph.add("Exp", graph.add("Neg", logits))
        each = graph.add("Div", 1.0, graph.add("Add", powers, 1.0))
        axes = graph.indices([1])
        return graph.add("Div", each, graph.add("ReduceSum", each, axes, keepdims=1))
    raise _unknown_probabilities(model)


def _unknown_probabilities(model):
    return UnsupportedModelError(
        f"predict_proba of {full_name(model)} is no known function of its network and "
        "not exported to ONNX."
    )


def _of_single_logit(graph, model, heads):
    """Two classes and one output: its sign decides."""
    logit = heads.logits
    decision = logit if hasattr(model, "decision_function") else None
    proba = None
    if hasattr(model, "predict_proba"):
        known = is_own(model, "__sklip_network__") or type(model) in _SOFTMAX
        if not known and not (
            type(model) is SGDClassifier and model.loss == "log_loss"
        ):
            raise _unknown_probabilities(model)
        second = graph.add("Sigmoid", logit)
        proba = graph.add("Concat", graph.add("Sub", 1.0, second), second, axis=1)
    if type(model) is MLPClassifier:
        # LabelBinarizer compares the probability.
        flag = graph.add("Greater", graph.add("Sigmoid", logit), 0.5)
    elif type(model) in KERNEL_MACHINES:
        flag = graph.add("GreaterOrEqual", logit, 0.0)
    else:
        flag = graph.add("Greater", logit, 0.0)
    return replace(heads, label=flagged(graph, flag), decision=decision, proba=proba)


def flagged(graph, flag):
    """Positions 0 and 1 from a tensor of flags of shape (n_samples, 1)."""
    return graph.add("Squeeze", graph.add("Cast", flag, to=7), graph.indices([1]))


def largest(graph, scores):
    """Position of the first of the largest entries in each row."""
    return graph.add("ArgMax", scores, axis=1, keepdims=0)
