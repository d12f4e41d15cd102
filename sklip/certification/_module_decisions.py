# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a classifier with a torch module decides, and radii from its one bound."""

from dataclasses import dataclass

import numpy as np

from sklip._copies import own_copy
from sklip._floats import rounded_down, rounded_up
from sklip.bounds import (
    ShapedModule,
    as_proven_bound,
    lipschitz_bound,
    split_steps,
    stated_module,
)
from sklip.bounds import unwrap_any_module as unwrap
from sklip.certification._gaps import logit_gaps
from sklip.certification._module_outputs import module_outputs
from sklip.certification._pairs import norm_ratio
from sklip.certification._validation import encode_labels

__all__ = [
    "ModuleDecisions",
    "holds_module",
    "module_decisions",
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
        Bound of the rounding of these and of the model's own logits there, l2 norms.
    growth : float
        Rate at which the latter grows with the l2 distance.
    target : ndarray of shape (n_samples,)
        Class the question is about.
    predicted : ndarray of shape (n_samples,)
        Class that predict gives.
    categories : tuple
        Columns of X, by name or index, that an encoder consumes or an imputer marks.
    """

    model: object
    n_features: int
    logits: np.ndarray
    error: np.ndarray
    growth: float
    target: np.ndarray
    predicted: np.ndarray
    categories: tuple = ()

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


def module_decisions(model, X, y, feature_eps, unseen=False):
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
    outputs = module_outputs(model, X)
    logits, n = outputs.values, outputs.n_features
    single = np.atleast_2d(model.decision_function(own_copy(X)).T).T
    predicted = single.argmax(axis=1) if single.shape[1] > 1 else single[:, 0] > 0
    predicted = predicted.astype(np.intp)
    target = predicted
    if y is not None:
        known = predicted if unseen else None
        target = encode_labels(y, model.classes_, len(logits), known)
    rounding, categories = (outputs.error, outputs.growth), outputs.categories
    return ModuleDecisions(model, n, logits, *rounding, target, predicted, categories)


def module_radii(decisions, norm, method):
    """Radii about the targets from the product of norms, or from a certificate."""
    if isinstance(method, str):
        if method not in ("best", "product"):
            raise ValueError(
                f"method={method!r} needs the fully connected network of module=None: "
                "for a module use 'product' or 'best'."
            )
        certificates = [
            lipschitz_bound(decisions.model, norm=p, output="all") for p in {norm, 2}
        ]
    else:
        certificates = [as_proven_bound(method)]
    constant = min(_constant(c, norm, decisions) for c in certificates)
    # Two logits err by at most sqrt(2) times the l2 error, here and at the far end.
    gaps = decisions.gaps() - 1.5 * decisions.error[:, None]
    growth = 1.5 * decisions.growth * norm_ratio(2, norm, decisions.n_features)
    sure = (gaps > 0.0).all(axis=1)
    with np.errstate(divide="ignore"):
        radii = np.where(sure, gaps.min(axis=1), 0.0) / (constant + growth)
    radii[~sure] = 0.0
    return rounded_down(radii)


def _constant(certificate, norm, decisions):
    """Constant of every logit difference in a norm (Theorem 2 of paper 000, A8)."""
    p = certificate.norm
    if certificate.verify(decisions.model, output="all"):
        factor = 2.0 ** (1.0 - 1.0 / p)
    elif certificate.verify(decisions.model):
        # Of two classes, of the difference itself.
        factor = 1.0
    else:
        raise ValueError(
            "The certificate is not one of this model, or proves no bound. Get one by "
            "lipschitz_bound(model)."
        )
    factor *= norm_ratio(p, norm, decisions.n_features)
    return float(rounded_up(certificate.value * factor))
