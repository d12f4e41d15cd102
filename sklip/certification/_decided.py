# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a classifier decides at some samples: the base of every kind of model."""

import importlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from sklip._blocks import Block
from sklip.certification._gaps import logit_gaps
from sklip.networks import NetworkView

__all__ = ["Decided"]

# Units of roundoff of the outputs.
_SURE = 128.0
# Beyond that many, all coordinates may move in all samples: radii are no larger so.
_MOST_PATTERNS = 16


@dataclass(frozen=True)
class Decided(ABC):
    """Logits at the samples, the class asked about, and what may move."""

    # The model, measured in units of feature_eps where that was given.
    view: NetworkView
    network: object  # one output for each class, as a function of the coordinates
    inputs: np.ndarray  # of shape (n_samples, n_coordinates): encoded samples
    # Of shape (n_samples, n_classes): what the network computes there.
    logits: np.ndarray
    # Of shape (n_samples,): class the question is about: the true one, or without y the
    # predicted one.
    target: np.ndarray
    device: str = "cpu"  # where bounds inside balls are computed
    # Of shape (n_samples, n_coordinates): coordinates that stand for a missing entry of
    # X, which stays missing; None if there is none.
    missing: np.ndarray | None = None
    # {"low", "normal", "high"} or int: work that branch and bound may do.
    effort: str | int = "normal"
    block: Block = Block()  # of which table the samples are rows, and when time is over

    proofs: ClassVar[str]  # name of the module whose function is taken as ``radii``

    @property
    def predicted(self):
        """The class that predict gives."""
        return self.view.decided(self.logits)

    @property
    def correct(self):
        """Whether the prediction is the target."""
        return self.predicted == self.target

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
        decisions : Decided
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

    def radii_apart(self, norm, method, needed):
        """Radii of the samples by what they lack; None where all are certified as one.

        What is missing does not move: with few such patterns each is certified apart.
        """
        parts = self.by_missing(most=_MOST_PATTERNS)
        if self.missing is None or parts[0][1] is self:
            return None
        radii = np.empty(len(self.target))
        for rows, part in parts:
            radii[rows] = part.radii(norm, method, needed)
        return radii

    def take(self, rows, view):
        """Some of the samples, as another view sees them; nothing is missing there."""
        arrays = {name: getattr(self, name)[rows] for name in self._of_samples}
        return replace(self, view=view, missing=None, **arrays)

    def some(self, rows):
        """Some of the samples, with what they lack."""
        missing = None if self.missing is None else self.missing[rows]
        return replace(self.take(rows, self.view), missing=missing)

    # The method that takes no time.
    cheapest: ClassVar[str] = "pairwise"

    # Names of the arrays with one entry for each sample.
    _of_samples: ClassVar[tuple[str, ...]] = ("inputs", "logits", "target")

    def gaps(self):
        """Target's logit minus each logit; inf for the target itself."""
        return logit_gaps(self.logits, self.target)

    def flips(self, points, rows):
        """Whether the prediction at a point is not the target of its row.

        By the model's own forward pass and its rule at a tie.
        """
        predicting = self.view.predicting()
        outputs, target = predicting.forward(points), self.target[rows]
        other = self.view.decided(outputs) != target
        unit = getattr(predicting, "unit", 0.0)
        if unit:
            # A flip within the last digits may be none in a batch of another size.
            lead = outputs.max(axis=1) - outputs[np.arange(len(target)), target]
            with np.errstate(invalid="ignore"):
                other &= lead > _SURE * unit * np.abs(outputs).max(axis=1)
        return other

    @abstractmethod
    def rounding(self):
        """Error of the logits at each sample, and its growth with l2 distance."""

    @abstractmethod
    def refuse_flips(self):
        """ValueError where categories cannot be gone through."""

    def radii(self, norm, method, needed=np.inf):
        """Proven radii about the targets.

        Parameters
        ----------
        norm : {1, 2, numpy.inf}
            Of the perturbation.
        method : str or LipschitzCertificate
            A name that this kind of model knows, or a certificate of it.
        needed : float, default=inf
            Radius at which the question is settled.

        Returns
        -------
        radii : ndarray of shape (n_samples,)
            Made no tighter than it takes to reach ``needed``.
        """
        if not hasattr(self, "_prove"):  # whoever asks need not know what proves
            importlib.import_module(self.proofs)
        return self._prove(norm, method, needed)

    @classmethod
    def proven_by(cls, function):
        """Take a function as the ``radii`` of this kind.

        Proofs use attacks, and attacks use decisions: what proves stands above.
        """
        cls._prove = function
        return function
