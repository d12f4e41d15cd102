# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a classifier decides at some samples, in the coordinates of its network."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from sklip._arguments import refuse_ambiguous
from sklip.bounds import forward_error
from sklip.certification._gaps import logit_gaps
from sklip.certification._module_decisions import holds_module, module_decisions
from sklip.certification._validation import encode_labels
from sklip.exceptions import UnsupportedModelError
from sklip.networks import FeedForward, NetworkView, network_view

__all__ = ["Decisions", "checked_inputs", "classifier_view", "decide", "model_view"]


@dataclass(frozen=True)
class Decisions:
    """Logits at the samples, the class asked about, and the rounding around them.

    Attributes
    ----------
    view : NetworkView
        The model, measured in units of feature_eps where that was given.
    network : FeedForward
        One output for each class.
    inputs : ndarray of shape (n_samples, n_coordinates)
        Encoded samples.
    logits : ndarray of shape (n_samples, n_classes)
        What the network computes there.
    target : ndarray of shape (n_samples,)
        Class the question is about: the true one, or without y the predicted one.
    device : str
        Where bounds inside balls are computed.
    missing : ndarray of bool of shape (n_samples, n_coordinates), default=None
        Coordinates that stand for a missing entry of X, which stays missing; None if
        there is none.
    """

    view: NetworkView
    network: FeedForward
    inputs: np.ndarray
    logits: np.ndarray
    target: np.ndarray
    device: str = "cpu"
    missing: np.ndarray | None = None

    @property
    def correct(self):
        """Whether the prediction is the target."""
        return self.view.decided(self.logits) == self.target

    @property
    def n_mutable(self):
        """Number of coordinates an adversary may move."""
        return int(np.count_nonzero(self.view.mutable))

    def movable(self):
        """Whether an attack may move each coordinate that it can move at all."""
        moving = np.flatnonzero(self.view.attackable)
        if self.missing is None:
            return np.ones((len(self.target), len(moving)), dtype=bool)
        return ~self.missing[:, moving]

    def by_missing(self, most=np.inf):
        """Samples that lack the same entries, which do not move.

        Parameters
        ----------
        most : int, default=inf
            Beyond so many patterns the samples stay together.

        Yields
        ------
        rows : ndarray of int
            Positions of some samples.
        decisions : Decisions
            Those samples; what they lack is no longer mutable.
        """
        whole = np.arange(len(self.target)), self
        if self.missing is None:
            return [whole]
        acting = self.missing & self.view.mutable
        patterns, which = np.unique(acting, axis=0, return_inverse=True)
        if len(patterns) > most:
            return [whole]
        groups = [np.flatnonzero(which.ravel() == k) for k in range(len(patterns))]
        return [
            (rows, self.take(rows, self.view.frozen(pattern)))
            for rows, pattern in zip(groups, patterns, strict=True)
        ]

    def take(self, rows, view):
        """Some of the samples, as another view sees them; nothing is missing there."""
        arrays = {name: getattr(self, name)[rows] for name in self._of_samples}
        return replace(self, view=view, missing=None, **arrays)

    # Names of the arrays with one entry for each sample.
    _of_samples: ClassVar[tuple[str, ...]] = ("inputs", "logits", "target")

    def gaps(self):
        """Target's logit minus each logit; inf for the target itself."""
        return logit_gaps(self.logits, self.target)

    def flips(self, points, rows):
        """Whether the prediction at a point is not the target of its row.

        By the network's own forward pass and the model's rule at a tie.
        """
        return self.view.decided(self.network.forward(points)) != self.target[rows]

    def rounding(self):
        """Error of the logits at each sample, and its growth with l2 distance."""
        return forward_error(self.network, self.inputs, self.view.rounding)


def decide(
    model, X, y=None, feature_eps=None, device="cpu", *, attack="", unseen=False
):
    """Evaluate a classifier at X, about y or about its own predictions.

    ``attack`` is the name of a function that follows the network's own gradient: it
    takes no torch module. With ``unseen`` a label that the model does not know counts
    as a wrong prediction, where it is an error otherwise.
    """
    if holds_module(model):
        if attack:
            raise UnsupportedModelError(
                f"{attack} takes no estimator with a torch module: it follows the "
                "gradient of a fully connected network. Use certified_radius for what "
                "is proven, and noise_accuracy_curve for what is measured."
            )
        return module_decisions(model, X, y, feature_eps, unseen)
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
    return Decisions(view, network, inputs, logits, target, device, missing)


def model_view(model, feature_eps=None, X=None):
    """The model's view for samples like X, in units of feature_eps if given."""
    return network_view(model, X, feature_eps=feature_eps)


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
