# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a classifier with a torch module decides, and radii from its one bound."""

from dataclasses import dataclass

import numpy as np
import torch

from sklip._floats import UNIT
from sklip.bounds import (
    ShapedModule,
    as_proven_bound,
    lipschitz_bound,
    split_steps,
    stated_module,
)
from sklip.bounds import unwrap_any_module as unwrap
from sklip.certification._gaps import logit_gaps
from sklip.certification._pairs import norm_ratio
from sklip.certification._validation import encode_labels

__all__ = [
    "ModuleDecisions",
    "holds_module",
    "module_decisions",
    "module_outputs",
    "module_radii",
]

_ROWS = 256


@dataclass(frozen=True)
class ModuleDecisions:
    """Logits at the samples and the class asked about, as :class:`Decisions` has them.

    Attributes
    ----------
    model : fitted classifier or Pipeline
        The model; its last step holds a torch module.
    n_features : int
        Numbers in one sample that may move.
    logits : ndarray of shape (n_samples, n_classes)
        In float64, of the module's stored weights.
    error : ndarray of shape (n_samples,)
        Largest difference between these and the logits that the model predicts by.
    target : ndarray of shape (n_samples,)
        Class the question is about.
    predicted : ndarray of shape (n_samples,)
        Class that predict gives.
    """

    model: object
    n_features: int
    logits: np.ndarray
    error: np.ndarray
    target: np.ndarray
    predicted: np.ndarray

    @property
    def correct(self):
        """Whether the prediction is the target."""
        return self.predicted == self.target

    def gaps(self):
        """Target's logit minus each logit; inf for the target itself."""
        return logit_gaps(self.logits, self.target)


def holds_module(model):
    """Whether a model is an estimator, or a Pipeline of one, with a torch module."""
    return stated_module(split_steps(model)[1]) is not None


def module_decisions(model, X, y, feature_eps):
    """Evaluate a classifier with a module at X, about y or its own predictions."""
    if feature_eps is not None:
        raise ValueError(
            "feature_eps needs the fully connected network of module=None: a module is "
            "bounded as a whole, in the units of X."
        )
    shaped = unwrap(model)
    if not isinstance(shaped, ShapedModule) or not hasattr(model, "classes_"):
        raise ValueError(
            f"{type(model).__name__} is not a classifier: it has no margin and no "
            "certified radius."
        )
    single = np.atleast_2d(model.decision_function(X).T).T
    logits, n = module_outputs(model, X)
    both = logits[:, 1:] - logits[:, :1] if single.shape[1] == 1 else logits
    error = np.abs(single - both).max(axis=1)
    predicted = single.argmax(axis=1) if single.shape[1] > 1 else single[:, 0] > 0
    predicted = predicted.astype(np.intp)
    target = predicted
    if y is not None:
        target = encode_labels(y, model.classes_, len(logits))
    return ModuleDecisions(model, n, logits, error, target, predicted)


def module_outputs(model, X):
    """What the module gives in float64, and how many numbers of a sample may move."""
    shaped = unwrap(model)
    for _, step in split_steps(model)[0]:
        X = X if step in (None, "passthrough") else step.transform(X)
    outputs = _forward(shaped, np.asarray(X))
    if len(outputs) == 0:
        raise ValueError("X has no samples.")
    n = shaped.before.n_inputs if shaped.before else int(np.prod(shaped.input_shape))
    return outputs, n


def _forward(shaped, X):
    module = shaped.module.double()
    shape = (-1, *shaped.input_shape)
    found = [np.empty((0, 2))]
    with torch.no_grad():
        for start in range(0, len(X), _ROWS):
            part = np.array(X[start : start + _ROWS], dtype=np.float64)
            found.append(module(torch.from_numpy(part).view(shape)).numpy())
    return np.concatenate(found[1:]) if len(found) > 1 else found[0]


def module_radii(decisions, norm, method):
    """Radii about the targets from the product of norms, or from a certificate."""
    if isinstance(method, str):
        if method not in ("best", "product"):
            raise ValueError(
                f"method={method!r} needs the fully connected network of module=None: "
                "for a module use 'product' or 'best'."
            )
        certificates = [lipschitz_bound(decisions.model, norm=p) for p in {norm, 2}]
    else:
        certificates = [as_proven_bound(method)]
        if not method.verify(decisions.model):
            raise ValueError(
                "The certificate is not one of this model, or proves no bound. Get one "
                "by lipschitz_bound(model)."
            )
    constant = min(_constant(c, norm, decisions.n_features) for c in certificates)
    # The model predicts in its own type: what that changes at the sample counts twice.
    gaps = decisions.gaps() - 4.0 * decisions.error[:, None]
    sure = (gaps > 0.0).all(axis=1)
    with np.errstate(divide="ignore"):
        radii = np.where(sure, gaps.min(axis=1), 0.0) / constant
    radii[~sure] = 0.0
    return radii * (1.0 - 8.0 * UNIT)


def _constant(certificate, norm, n_features):
    """Constant of every logit difference in a norm (Theorem 2 of paper 000, A8)."""
    p = certificate.norm
    factor = 2.0 ** (1.0 - 1.0 / p) * norm_ratio(p, norm, n_features)
    return certificate.value * factor * (1.0 + 16.0 * UNIT)
