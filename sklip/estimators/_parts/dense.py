# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The multilayer perceptron of an estimator: its weights, and the edits to them."""

import copy

import numpy as np
import torch

from sklip.bounds import auto_method, lipschitz_bound
from sklip.estimators._engine import torch_device
from sklip.estimators._parts.base import NetworkPart
from sklip.networks import FeedForward
from sklip.training import FlatMLP, sequential_module

__all__ = ["DensePart"]


class _Arrays:
    """Weights and biases in scikit-learn's layout, for the user to write to."""

    def __init__(self, network):
        self.coefs = [w.T.copy() for w in network.weights]
        self.intercepts = [b.copy() for b in network.biases]

    def follow(self, network):
        """The network if it has these values, or else one that does."""
        # By value: ``coefs_[0][:] = 0`` writes into an array that stays the same
        # object.
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


class DensePart(NetworkPart):
    """Fully connected layers: float32 or float64 in training, float64 from then on.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Units of each hidden layer.
    activation : str or sequence of str
        Activations of the hidden layers.
    init_gain : float, default=1.0
        Factor of new weights.
    device : str, default="cpu"
        Where the module is trained.
    """

    accepted = (np.float64, np.float32)

    def __init__(self, hidden_layer_sizes, activation, init_gain=1.0, device="cpu"):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.init_gain = init_gain
        self.device = device
        self.dtype = self._network = self._arrays = None

    @property
    def network(self):
        """The FeedForward; it follows what was written to the arrays handed out."""
        if self._arrays is not None:
            self._network = self._arrays.follow(self._network)
        return self._network

    @network.setter
    def network(self, network):
        self._network, self._arrays = network, None

    @property
    def arrays(self):
        """``coefs`` and ``intercepts`` that the user may write to."""
        if self._arrays is None:
            self._arrays = _Arrays(self._network)
        return self._arrays

    def _take(self, fitted):
        sizes = fitted.network.layer_sizes[1:-1]
        if self.hidden_layer_sizes != sizes:
            raise ValueError(
                f"hidden_layer_sizes is {self.hidden_layer_sizes}, but the fitted "
                f"network that warm_start or partial_fit goes on with has {sizes}."
                " Put it back, or clone the estimator to start anew."
            )
        self.network, self.dtype = fitted.network, fitted.dtype

    def rows(self, X):
        """X is rows already."""
        return X, None

    def begin(self, X, shape):
        """Nothing: new weights depend on the number of features alone."""

    def target_dtype(self, X):
        """That of X."""
        return X.dtype

    def build(self, generator, X=None, n_outputs=None):
        """A FlatMLP of the type of X; without X, of that of the fit before."""
        network = self.network
        if X is not None:
            self.dtype = X.dtype.name
        if network is None:
            sizes = (X.shape[1], *self.hidden_layer_sizes, n_outputs)
        else:
            sizes = network.layer_sizes
        module = self._flat(
            sizes,
            generator=generator,
            dtype=getattr(torch, self.dtype),
            device=torch_device(self.device),
        )
        if network is not None:
            module.load_feedforward(network)
        return module

    def _flat(self, sizes, **options):
        return FlatMLP(sizes, self.activation, init_gain=self.init_gain, **options)

    def split_dtype(self, module):
        """That of X."""
        return None

    def batch(self, X):
        """The rows."""
        return X

    def collect(self, module):
        """The network in float64."""
        collected = self.kept()
        collected.network = module.to_feedforward()
        return collected

    def kept(self):
        """The network as it was written to last."""
        kept = copy.copy(self)
        # The setter lets go of the arrays: the copy hands out its own.
        kept.network = self.network
        return kept

    @property
    def n_layers(self):
        """Layers, inputs included."""
        return len(self.network.layer_sizes)

    @property
    def n_outputs(self):
        """Outputs of the network."""
        return self.network.n_outputs

    @property
    def hash(self):
        """The network's own."""
        return self.network.hash

    proof_hash = hash

    def certificate(self, model, method):
        """Certificate of the network."""
        if method == "auto":
            # Every fit of a search pays for its certificate.
            method = auto_method(self.network, often=True)
        return lipschitz_bound(self.network, method=method)

    def outputs(self, X):
        """Forward in float64."""
        return self.network.forward(X)

    def to_torch(self):
        """Linear layers and activations in float64."""
        return sequential_module(self.network)

    def stated_network(self):
        """The network."""
        return self.network

    def stated_module(self):
        """None."""
        return None

    @property
    def module(self):
        """Refused: there is no module of the user's."""
        raise AttributeError("module_ is for fits with a module; see network_.")

    @property
    def input_shape(self):
        """Refused: samples are rows."""
        raise AttributeError("module_input_shape_ is for fits with a module.")
