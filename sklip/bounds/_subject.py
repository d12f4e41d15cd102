# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What is bounded: a network, or a torch module with what stands in front of it.

The one place that asks what a model is. A subject knows its hash, its cheapest bound,
and whether it proves a certificate again.
"""

from abc import ABC, abstractmethod

from sklearn.base import BaseEstimator

from sklip.bounds._check import certificate_seal, check_certificate
from sklip.bounds._evidence import Evidence
from sklip.bounds._modules import (
    StackView,
    bound_module,
    hash_module,
    is_any_module,
    split,
    stated_module,
    unwrap_any_module,
    view_of,
)
from sklip.bounds._product import product_bound
from sklip.bounds._resolve import is_whole, resolve_network, restricted_network
from sklip.networks import logits_view

__all__ = ["ModuleSubject", "NetworkSubject", "Subject", "subject_of"]

# A module's product is raised by this, since another machine may round the norms
# otherwise.
_MACHINES = 1e-9


class Subject(ABC):
    """A function whose Lipschitz constant is bounded.

    Attributes
    ----------
    weights : sequence of ndarray
        What the seal of a certificate covers besides its fields.
    """

    weights = ()

    @property
    @abstractmethod
    def hash(self):
        """Hash of all that decides what the function computes."""

    @abstractmethod
    def product(self, norm):
        """Evidence by the product of norms."""

    @abstractmethod
    def proves(self, certificate):
        """Whether a certificate with this hash is proven, nothing in it changed."""


class NetworkSubject(Subject):
    """A fully connected network: every method bounds it."""

    def __init__(self, network):
        self.network = network

    @property
    def weights(self):
        """The network's matrices."""
        return self.network.weights

    @property
    def hash(self):
        """Hash of weights, biases and activations."""
        return self.network.hash

    def product(self, norm):
        """Evidence by the product of norms."""
        return Evidence(product_bound(self.network, norm), norm, "product")

    def proves(self, certificate):
        """The check that needs numpy alone."""
        return check_certificate(
            self.network.weights, certificate, self.network.activation
        )


class ModuleSubject(Subject):
    """A torch module that is no plain stack: only the product of norms bounds it.

    Parameters
    ----------
    module : torch.nn.Module or ShapedModule
        The module, with the shape of its input and the linear map in front of it
        where they are known.
    """

    def __init__(self, module):
        self.module = module

    @property
    def hash(self):
        """Hash of weights, structure and preprocessing."""
        return hash_module(self.module)

    def product(self, norm):
        """Evidence by the product of norms."""
        value = bound_module(self.module, norm) * (1.0 + _MACHINES)
        return Evidence(value, norm, "product")

    def proves(self, certificate):
        """The product, computed again."""
        if certificate.seal != certificate_seal((), vars(certificate)):
            return False
        return bound_module(self.module, certificate.norm) <= certificate.value


def subject_of(model, *, output=None, feature=None):
    """What lipschitz_bound speaks of for a model.

    Parameters
    ----------
    model : FeedForward, NetworkView, torch module, fitted estimator or Pipeline
        Any model that has a bound.
    output : int or "all", default=None
        Single output of a network, or all of them together; None for what
        ``decision_function`` gives, which may be another function: the difference of
        two logits, the mean score of a bag.
    feature : int or str, default=None
        Single column of X.

    Returns
    -------
    subject : Subject
        A ModuleSubject for modules that are no plain stack of layers.
    """
    parts = split(model)
    if stated_module(parts.last) is not None:
        view = view_of(model)
        # Plain layers are a network.
        if isinstance(view, StackView):
            network = restricted_network(view, output=output, feature=feature)
            return NetworkSubject(network)
    elif isinstance(parts.last, BaseEstimator):
        view = logits_view(parts)
        return NetworkSubject(restricted_network(view, output=output, feature=feature))
    model = unwrap_any_module(model, output)
    if not is_any_module(model):
        return NetworkSubject(resolve_network(model, output=output, feature=feature))
    if not is_whole(output) or feature is not None:
        raise ValueError(
            "A module with convolutions, pooling or residual blocks is bounded by the "
            "product of norms as a whole: leave method, output and feature out."
        )
    return ModuleSubject(model)
