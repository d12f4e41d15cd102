# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a classifier decides at some samples, in the coordinates of its network."""

from dataclasses import dataclass
from typing import ClassVar

from sklip._arguments import check_effort, refuse_ambiguous
from sklip._blocks import Block
from sklip.bounds import ModuleView, forward_error, view_of
from sklip.certification._decided import Decided
from sklip.certification._module_decisions import ModuleDecisions
from sklip.certification._validation import encode_labels

__all__ = [
    "Decisions",
    "checked_inputs",
    "classifier_view",
    "decide",
    "model_view",
]

_WHOLE = Block()


@dataclass(frozen=True)
class Decisions(Decided):
    """Those of a fully connected network, whose ``network`` is a FeedForward."""

    proofs: ClassVar[str] = "sklip.certification._proven_radii"

    def rounding(self):
        """Error of the logits at each sample, and its growth with l2 distance."""
        return forward_error(self.network, self.inputs, self.view.rounding)

    def refuse_flips(self):
        """Every encoder whose values are listed is gone through."""


def decide(
    model,
    X,
    y=None,
    feature_eps=None,
    device="cpu",
    *,
    unseen=False,
    effort="normal",
    block=_WHOLE,
):
    """Evaluate a classifier at X, about y or about its own predictions.

    With ``unseen`` a label that the model does not know counts as a wrong prediction,
    where it is an error otherwise. ``effort`` is for what branches later on, ``block``
    says of which table X is a part.
    """
    effort = check_effort(effort)
    refuse_ambiguous(feature_eps, X, "feature_eps")
    view = classifier_view(model, feature_eps, X)
    inputs = checked_inputs(view, X)
    network = view.decision_network()
    logits = network.forward(inputs)
    target = predicted = view.decided(logits)
    if y is not None:
        predicted = predicted if unseen else None
        target = encode_labels(y, view.classes, len(inputs), predicted)
    missing = view.missing(X)
    missing = missing if missing.any() else None
    decided = view, network, inputs, logits, target, device, missing, effort, block
    if isinstance(view, ModuleView):
        return ModuleDecisions(*decided, model)
    return Decisions(*decided)


def model_view(model, feature_eps=None, X=None, *, predicting=False):
    """The model's view for samples like X, in units of feature_eps if given.

    With ``predicting`` it may have a target: maps from its outputs to predictions.
    """
    return view_of(model, X, feature_eps, predicting=predicting)


def classifier_view(model, feature_eps=None, X=None):
    """The view of a classifier; ValueError for a regressor."""
    view = model_view(model, feature_eps, X)
    if view.classes is None:
        raise ValueError(
            f"{type(model).__name__} is not a classifier: it has no margin and no "
            "certified radius. Use certified_interval for a regressor."
        )
    return view


def checked_inputs(view, X):
    """X in the network's coordinates; at least one sample."""
    inputs = view.encode(X)
    if len(inputs) == 0:
        raise ValueError("X has no samples.")
    return inputs
