# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Fitted state that the user may write to: network, weights, and their certificate."""

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sklip.exceptions import UnsupportedModelError
from sklip.networks import FeedForward
from sklip.training import (
    export_training_state,
    pack_history,
    sequential_module,
    unpack_history,
    without_training_state,
)

__all__ = ["FittedNetwork"]


class _Proven:
    """A number that was proven for one network and holds for no other.

    ``certificate_`` beside it stays: it names its network, and ``verify`` compares.
    """

    def __set_name__(self, owner, name):
        self._name = name

    def __get__(self, model, owner=None):
        if model is None:
            return self
        value = model._fitted(self._name)
        if value is not None and model._proven_hash != model._proof_hash():
            raise AttributeError(
                f"{self._name} was proven for the network that fit made, which has "
                "been changed since: sklip.lipschitz_bound(model) certifies the "
                "present one, and fit or partial_fit train and certify."
            )
        return value

    def __set__(self, model, value):
        vars(model)[self._name] = value
        if value is not None:
            model._proven_hash = model._proof_hash()


class _Arrays:
    """Weights and biases in scikit-learn's layout, for the user to write to."""

    def __init__(self, network):
        self.coefs = [w.T.copy() for w in network.weights]
        self.intercepts = [b.copy() for b in network.biases]

    def follow(self, network):
        """The network if it has these values, or else one that does."""
        if _equal(self.coefs, [w.T for w in network.weights]) and _equal(
            self.intercepts, network.biases
        ):
            return network
        try:
            weights = [np.asarray(c, dtype=np.float64).T for c in self.coefs]
            edited = FeedForward(weights, list(self.intercepts), network.activation)
        except (TypeError, ValueError) as error:
            raise ValueError(f"coefs_ and intercepts_ as set: {error}") from error
        ends = (network.n_inputs, network.n_outputs)
        if (edited.n_inputs, edited.n_outputs) != ends:
            raise ValueError(
                f"coefs_ as set take {edited.n_inputs} features to {edited.n_outputs} "
                f"outputs, but the model was fitted for {ends[0]} and {ends[1]}."
            )
        return edited


def _equal(arrays, others):
    return len(arrays) == len(others) and all(
        a is b or np.array_equal(a, b) for a, b in zip(arrays, others, strict=True)
    )


class FittedNetwork:
    """What a fitted multilayer perceptron holds, how it is pickled, and its edits.

    Whatever is written to ``coefs_``, ``intercepts_`` or ``network_`` is what predict
    and every bound use from then on; the certificate of fit does not survive it.
    """

    lipschitz_bound_ = _Proven()
    _handed_out = None
    _proven_hash = None

    @property
    def network_(self):
        """The fitted network in float64; prediction and certificate use this object."""
        network = self._fitted("network_")
        if self._handed_out is not None:
            network = vars(self)["network_"] = self._handed_out.follow(network)
        return network

    @network_.setter
    def network_(self, network):
        if not isinstance(network, FeedForward):
            raise TypeError(f"network_ must be a FeedForward, got {network!r}.")
        ends, outputs = (network.n_inputs, network.n_outputs), self._outputs_of_y()
        if ends != (self.n_features_in_, outputs or network.n_outputs):
            raise ValueError(
                f"network_ takes {ends[0]} features to {ends[1]} outputs, but the "
                f"model was fitted for {self.n_features_in_} features and {outputs} "
                "outputs."
            )
        vars(self)["network_"] = network
        self._handed_out = None
        self.n_layers_ = len(network.layer_sizes)

    @property
    def coefs_(self):
        """Weights, (n_in, n_out) each; ``network_`` follows what is written to them."""
        return self._arrays().coefs

    @coefs_.setter
    def coefs_(self, coefs):
        self._arrays().coefs = list(coefs)

    @property
    def intercepts_(self):
        """Biases; ``network_`` follows what is written to them."""
        return self._arrays().intercepts

    @intercepts_.setter
    def intercepts_(self, intercepts):
        self._arrays().intercepts = list(intercepts)

    def _arrays(self):
        network = self._fitted("network_")
        if self._handed_out is None:
            self._handed_out = _Arrays(network)
        return self._handed_out

    def _network_hash(self):
        """Hash of the present weights, whatever holds them."""
        return self.network_.hash

    def _proof_hash(self):
        """Hash of the function that a certificate speaks of."""
        return self.network_.hash

    def _fitted(self, name):
        if name not in vars(self):
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' "
                "with appropriate arguments before using this estimator."
            )
        return vars(self)[name]

    def to_torch(self):
        """The fitted network as a plain torch module in float64.

        Returns
        -------
        module : torch.nn.Sequential
            Linear layers and activations; a copy, independent of the estimator.
        """
        check_is_fitted(self)
        return sequential_module(self.network_)

    def __sklip_network__(self):
        """The network that predict evaluates, for certificates; None with a module."""
        if not self.__sklearn_is_fitted__():
            return None
        if self.out_activation_ == "exp":
            raise UnsupportedModelError(
                f"{type(self).__name__}(loss={self.loss!r}) predicts the exponential "
                "of its network, which has no global bound: its slopes are unbounded. "
                "Give model.network_ for what is true of the logarithm."
            )
        return self.network_

    def __sklearn_is_fitted__(self):
        return "network_" in vars(self)

    def __getstate__(self):
        if self._handed_out is not None:
            self.network_  # noqa: B018 - takes in what was written
        state = dict(super().__getstate__())
        state.pop("_handed_out", None)
        net = state.pop("_net", None)
        if net is not None and self.__sklearn_is_fitted__():
            # Arrays instead of torch objects: trained on a GPU, loaded without one.
            # A stream of partial_fit goes on exactly; after fit, size comes first.
            compact = not getattr(self, "_streams", False)
            state["_training_state"] = export_training_state(net, compact=compact)
            state["_net"] = None
        if "history_" in state:
            state["history_"] = pack_history(state["history_"])
        if "callbacks" in state:
            state["callbacks"] = without_training_state(state["callbacks"])
        return state

    def __setstate__(self, state):
        if isinstance(state.get("history_"), dict):
            state = {**state, "history_": unpack_history(state["history_"])}
        super().__setstate__(state)
