# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The frozen feed-forward network that both predicts and is certified."""

import hashlib
import importlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sklip.networks._activations import activation_names, get_activation
from sklip.networks._evaluation import jacobians, outputs
from sklip.networks._layers_given import all_frozen, check_chain

__all__ = ["FeedForward"]


@dataclass(frozen=True, eq=False, repr=False)
class FeedForward:
    """A fully connected network in float64, immutable.

    It computes ``a_0 = x``, ``a_{k+1} = activation_k(W_k a_k + b_k)`` and ends in an
    affine layer ((1) of paper 000). The estimators predict with this very object, so a
    certificate speaks of exactly the function that predicts.

    Parameters
    ----------
    weights : sequence of ndarray of shape (n_out, n_in)
        One matrix for each affine layer, rows are outputs (the papers' convention, the
        transpose of scikit-learn's ``coefs_``).
    biases : sequence of ndarray of shape (n_out,), or None
        One vector for each layer; None stands for zeros.
    activation : str or sequence of str, default="relu"
        One name for all hidden layers, or one for each.

    Attributes
    ----------
    weights, biases : tuple of ndarray
        Read-only float64 copies.
    activation : tuple of str
        Canonical names, one for each hidden layer.

    Raises
    ------
    ValueError
        If shapes do not chain, an entry is not finite, or an activation is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from sklip.networks import FeedForward
    >>> net = FeedForward([np.eye(2), [[1.0, -1.0]]], None, "relu")
    >>> net.forward([[3.0, -1.0]])
    array([[3.]])
    >>> net.layer_sizes
    (2, 2, 1)
    """

    # Any sequence; tuples of arrays and of names once it stands.
    weights: Any
    biases: Any = None
    activation: Any = "relu"

    def __init_subclass__(cls, **kwargs):
        """Refuse subclasses: one that computes otherwise would be certified as this."""
        raise TypeError(
            "FeedForward cannot be subclassed: what is proven of it follows from its "
            "weights alone. Hold one, and name it by a method __sklip_network__."
        )

    def __post_init__(self):
        weights = all_frozen(self.weights, 2, "weights")
        if not weights:
            raise ValueError("weights is empty: a network needs at least one matrix.")
        if self.biases is None:
            biases = all_frozen([np.zeros(len(w)) for w in weights], 1, "biases")
        else:
            biases = all_frozen(self.biases, 1, "biases")
        check_chain(weights, biases)
        names = activation_names(self.activation, len(weights) - 1)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "biases", biases)
        object.__setattr__(self, "activation", names)

    @classmethod
    def from_onnx(cls, model, *, output=None):
        """Read the network that an ONNX model computes.

        Parameters
        ----------
        model : str, path-like, bytes or onnx.ModelProto
            The model; from a path, with the external data beside it. One chain of
            affine operators (Gemm, MatMul, Add, Sub, Mul, Div, BatchNormalization in
            inference, reshapes) and registered activations.
        output : str, default=None
            Name of the tensor that is the network's output, as the logits in front of a
            Softmax; None if the graph has one output.

        Returns
        -------
        network : FeedForward
            Of one flattened input, row by row, as float64 computes it. A runtime that
            computes in float32 rounds on its own: that is not part of the network.

        Raises
        ------
        ImportError
            If the package onnx is not installed (sklip's extra ``onnx``).
        ValueError
            If the model is no ONNX, or has several outputs and none is named.
        UnsupportedModelError
            If an operator is not supported; its name and node are given.

        Examples
        --------
        >>> from sklip.networks import FeedForward
        >>> network = FeedForward.from_onnx("model.onnx")  # doctest: +SKIP
        """
        # onnx is imported when a model is read, not with sklip.
        from sklip.networks._onnx import read_graph

        return cls(*read_graph(model, output))

    @classmethod
    def from_torch(cls, module, input_shape=None):
        """Read the network that a torch module computes.

        Parameters
        ----------
        module : torch.nn.Module
            In eval mode: linear layers and registered activations in a row, with
            flattening, dropout, and batch normalisation, which is multiplied into the
            layer beside it; also by a ``forward`` of its own that torch.fx can trace.
        input_shape : tuple of int, default=None
            Shape of one sample; with it small convolutions and average pooling become
            matrices too.

        Returns
        -------
        network : FeedForward
            Of flat rows, in float64 with the weights as they are stored; a module in
            float32 rounds on its own, which is no part of the network.

        Raises
        ------
        UnsupportedModelError
            If the module has a layer that is none of these.
        ValueError
            If it is in training mode, or ``input_shape`` does not fit.

        Examples
        --------
        >>> import torch
        >>> from sklip.networks import FeedForward
        >>> layers = torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)
        >>> FeedForward.from_torch(torch.nn.Sequential(*layers).eval())
        FeedForward(3-4-2, tanh)
        """
        # What reads torch stands above this package: it is asked for by name.
        reader = importlib.import_module("sklip.bounds")
        return reader.read_stack(module, input_shape)

    def to_torch(self):
        """The network as a plain torch module in float64.

        Returns
        -------
        module : torch.nn.Sequential
            Linear layers and activations, in eval mode; :meth:`from_torch` gives the
            same network again.

        Examples
        --------
        >>> from sklip.networks import random_network
        >>> network = random_network([3, 4, 2], random_state=0)
        >>> network.from_torch(network.to_torch()).hash == network.hash
        True
        """
        return importlib.import_module("sklip.training").sequential_module(self)

    def __getstate__(self):
        return {
            "weights": self.weights,
            "biases": self.biases,
            "activation": self.activation,
        }

    def __setstate__(self, state):
        # Arrays come back from a pickle writeable: the constructor freezes them again.
        self.__init__(**state)

    def __repr__(self):
        sizes = "-".join(map(str, self.layer_sizes))
        names = sorted(set(self.activation)) or ["linear"]
        return f"FeedForward({sizes}, {'/'.join(names)})"

    @property
    def layer_sizes(self):
        """Number of units, input and output included."""
        return (self.weights[0].shape[1], *(len(w) for w in self.weights))

    @property
    def n_inputs(self):
        """Number of input features."""
        return self.weights[0].shape[1]

    @property
    def n_outputs(self):
        """Number of outputs."""
        return len(self.weights[-1])

    @property
    def activations(self):
        """The registry entries of the hidden layers."""
        return tuple(get_activation(name) for name in self.activation)

    @cached_property
    def hash(self):
        """SHA-256 of weights, biases and activations, as hexadecimal digits."""
        digest = hashlib.sha256("|".join(self.activation).encode())
        for array in (*self.weights, *self.biases):
            digest.update(repr(array.shape).encode())
            digest.update(np.ascontiguousarray(array, dtype="<f8"))
        return digest.hexdigest()

    def forward(self, X):
        """Evaluate the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_inputs)
            Inputs; computed in float64 whatever their type, by blocks of dense rows.

        Returns
        -------
        outputs : ndarray of shape (n_samples, n_outputs)
            Logits of a classifier, predictions of a regressor.
        """
        return outputs(self, X)

    def jacobian(self, X):
        """Jacobian of the outputs at each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_inputs)
            Inputs.

        Returns
        -------
        jacobians : ndarray of shape (n_samples, n_outputs, n_inputs)
            At a kink of a piecewise linear network, that of one adjoining piece.
        """
        return jacobians(self, X)

    def with_input_map(self, matrix, offset=None):
        """Network of ``u`` where the input is ``matrix @ u + offset``.

        Parameters
        ----------
        matrix : {ndarray, sparse array} of shape (n_inputs, n_new_inputs)
            Linear part of the map in front of the network.
        offset : ndarray of shape (n_inputs,), default=None
            Constant part.

        Returns
        -------
        network : FeedForward
            The composition, as one network.
        """
        first = self.weights[0]
        bias = self.biases[0] if offset is None else self.biases[0] + first @ offset
        return FeedForward(
            (first @ matrix, *self.weights[1:]),
            (bias, *self.biases[1:]),
            self.activation,
        )

    def with_output_map(self, matrix, offset=None):
        """Network with outputs ``matrix @ y + offset``.

        Parameters
        ----------
        matrix : ndarray of shape (n_new_outputs, n_outputs)
            Linear part of the map behind the network.
        offset : ndarray of shape (n_new_outputs,), default=None
            Constant part.

        Returns
        -------
        network : FeedForward
            The composition, as one network.
        """
        matrix = np.atleast_2d(np.asarray(matrix, dtype=np.float64))
        bias = matrix @ self.biases[-1]
        if offset is not None:
            bias = bias + offset
        return FeedForward(
            (*self.weights[:-1], matrix @ self.weights[-1]),
            (*self.biases[:-1], bias),
            self.activation,
        )
