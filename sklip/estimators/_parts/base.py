# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The verbs of a neural network inside an estimator, whatever the network is."""

from abc import ABC, abstractmethod

__all__ = ["NetworkPart"]


class NetworkPart(ABC):
    """A network from its making to its pickle; the estimator asks for no more.

    In a fit: :meth:`rows` and :meth:`begin` read the samples, :meth:`go_on` takes the
    weights of an earlier fit, :meth:`build` makes the torch module that is trained and
    :meth:`collect` keeps what the training left. Only then is the part the
    estimator's own: a fit that fails earlier leaves the fitted one alone.

    Attributes
    ----------
    spec : object
        The estimator's ``module``; None for fully connected layers.
    accepted : object
        Types of X that are left as they are, for ``validate_data``.
    """

    spec = None
    accepted: object = None

    def go_on(self, fitted):
        """Take over weights, shapes and types of a fitted part.

        Raises
        ------
        ValueError
            If that network is another one than the parameters ask for.
        """
        spec = fitted.spec
        same = spec == self.spec or not isinstance(spec, str | type | None)
        if not same or (spec is None) != (self.spec is None):
            raise ValueError(
                f"module is {self.spec!r}, but the fitted network that warm_start or "
                f"partial_fit goes on with is of module={spec!r}. Put it back, or "
                "clone the estimator to start anew."
            )
        self._take(fitted)
        return self

    @abstractmethod
    def _take(self, fitted):
        """As go_on, from a part of the same kind."""

    @abstractmethod
    def rows(self, X):
        """Samples as rows, and the shape that they had or None."""

    @abstractmethod
    def begin(self, X, shape):
        """Note what new weights depend on; X and shape as rows gave them."""

    @abstractmethod
    def target_dtype(self, X):
        """Type of targets and weights beside X."""

    @abstractmethod
    def build(self, generator, X=None, n_outputs=None):
        """The flat torch module to train: new, or with the weights taken over."""

    @abstractmethod
    def split_dtype(self, module):
        """Type in which held-out samples are taken; None for that of X."""

    @abstractmethod
    def batch(self, X):
        """A tensor of rows as the module takes it."""

    @abstractmethod
    def collect(self, module):
        """Keep the weights of a trained module; returns the part."""

    @abstractmethod
    def kept(self):
        """A part of its own with the same weights, arrays alone: for pickles."""

    @property
    @abstractmethod
    def n_layers(self):
        """Layers with weights, and the inputs."""

    @property
    @abstractmethod
    def n_outputs(self):
        """Outputs of the network."""

    @property
    @abstractmethod
    def hash(self):
        """Hash of the present weights."""

    @property
    @abstractmethod
    def proof_hash(self):
        """Hash of the function that a certificate speaks of."""

    @abstractmethod
    def certificate(self, model, method):
        """Certificate of the estimator that holds the part; None where none is due."""

    @abstractmethod
    def outputs(self, X):
        """Outputs for validated rows, as predict evaluates them."""

    @abstractmethod
    def to_torch(self):
        """A torch module of its own in eval mode, on the CPU."""

    @abstractmethod
    def stated_network(self):
        """The FeedForward that predict evaluates; None where it is none."""

    @abstractmethod
    def stated_module(self):
        """The module that predict evaluates, with a sample's shape; or None."""
