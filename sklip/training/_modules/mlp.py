# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A multilayer perceptron whose parameters are views of one flat vector."""

import torch
from torch import nn

from sklip.networks import FeedForward, get_activation
from sklip.training._passes import torch_activation

__all__ = ["FlatMLP", "sequential_module"]


class FlatMLP(nn.Module):
    """Fully connected network on one flat parameter vector.

    All weights, then all biases lie in ``flat``, their gradients in ``flat_grad``: the
    L2 term, the update and the test for finiteness are then one operation each, which
    is most of the time of a step on a small network. The layers' own parameters are
    views, so that optimizers and callbacks see ordinary modules.

    Parameters
    ----------
    layer_sizes : sequence of int
        Number of units, input and output included.
    activation : str or sequence of str
        One name, or one for each hidden layer.
    init_gain : float, default=1.0
        Gain of Glorot's normal initialisation ((9) of paper 000), biases included.
    generator : torch.Generator, default=None
        Source of the initial weights, on the CPU whatever the device.
    dtype : torch.dtype, default=torch.float64
        Type of the parameters.
    device : str or torch.device, default="cpu"
        Where they live.
    """

    # Whether biases start at random values, or else at zero.
    drawn_biases = True
    # Whether the weights are those of reset: the first step may choose where to begin.
    as_drawn = False

    def __init__(
        self,
        layer_sizes,
        activation="relu",
        *,
        init_gain=1.0,
        generator=None,
        dtype=torch.float64,
        device="cpu",
    ):
        super().__init__()
        self.layer_sizes = tuple(int(n) for n in layer_sizes)
        n_hidden = len(self.layer_sizes) - 2
        if isinstance(activation, str):
            activation = (activation,) * n_hidden
        self.activation = tuple(get_activation(name).name for name in activation)
        shapes = list(zip(self.layer_sizes[1:], self.layer_sizes[:-1], strict=True))
        self.n_weights = sum(rows * columns for rows, columns in shapes)
        size = self.n_weights + sum(self.layer_sizes[1:])
        self.flat = torch.zeros(size, dtype=dtype, device=device)
        self.flat_grad = torch.zeros_like(self.flat)
        self.flat.grad = self.flat_grad
        self.flat_parameters = self.flat
        self.optimized = [self.flat]
        self.hidden_modules = [torch_activation(name) for name in self.activation]
        self.layers = nn.ModuleList()
        self._make_views(shapes)
        # The pass by hand trains all of them, frozen or not: the net asks.
        self.hand_trained = list(self.parameters())
        self.reset(init_gain, generator)

    def _make_views(self, shapes):
        start, bias_start = 0, self.n_weights
        for rows, columns in shapes:
            layer = nn.Module()
            stop = start + rows * columns
            bias_stop = bias_start + rows
            layer.weight = self._view(slice(start, stop), (rows, columns))
            layer.bias = self._view(slice(bias_start, bias_stop), (rows,))
            self.layers.append(layer)
            start, bias_start = stop, bias_stop

    def _view(self, part, shape):
        parameter = nn.Parameter(self.flat[part].view(shape))
        parameter.grad = self.flat_grad[part].view(shape)
        return parameter

    def reset(self, init_gain=1.0, generator=None):
        """Draw new weights and biases, N(0, 2 gain² / (n_in + n_out)).

        Biases that start at zero leave every kink of the network at the origin, and a
        regression behind after as many epochs. They are drawn last: seeds keep their
        weights.
        """
        for layer in self.layers:
            rows, columns = layer.weight.shape
            std = init_gain * (2.0 / (rows + columns)) ** 0.5
            # Drawn in float64 on the CPU, so that every device and type starts alike.
            draw = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
            layer.weight.data.copy_(draw * std)
            layer.bias.data.zero_()
        for layer in self.layers if self.drawn_biases else ():
            rows, columns = layer.weight.shape
            std = init_gain * (2.0 / (rows + columns)) ** 0.5
            draw = torch.randn(rows, generator=generator, dtype=torch.float64)
            layer.bias.data.copy_(draw * std)
        self.as_drawn = True

    def begin_outputs(self, center, unit):
        """Scale and shift the outputs, but for what a callback has frozen."""
        last = self.layers[-1]
        if last.weight.requires_grad:
            last.weight.data.mul_(unit[:, None])
        if last.bias.requires_grad:
            last.bias.data.add_(center)

    @property
    def work(self):
        """Multiply-adds of one row, to decide on threads."""
        return self.n_weights

    @property
    def output_parts(self):
        """Slices of ``flat_parameters`` that the outputs are linear in."""
        n_outputs, n_inputs = self.layers[-1].weight.shape
        last = slice(self.n_weights - n_outputs * n_inputs, self.n_weights)
        return [last, slice(len(self.flat) - n_outputs, len(self.flat))]

    @property
    def weights(self):
        """The weight matrices, as tensors without autograd."""
        return [layer.weight.data for layer in self.layers]

    @property
    def biases(self):
        """The bias vectors, as tensors without autograd."""
        return [layer.bias.data for layer in self.layers]

    def forward(self, X):
        """Logits or predictions, with autograd."""
        for layer, activation in zip(self.layers, self.hidden_modules, strict=False):
            X = activation(nn.functional.linear(X, layer.weight, layer.bias))
        return nn.functional.linear(X, self.layers[-1].weight, self.layers[-1].bias)

    def to_feedforward(self):
        """The network as frozen float64 arrays."""
        return FeedForward(
            [w.cpu().double().numpy() for w in self.weights],
            [b.cpu().double().numpy() for b in self.biases],
            self.activation,
        )

    def load_feedforward(self, network):
        """Copy the weights and biases of a network of the same shape."""
        self.as_drawn = False
        arrays = (*network.weights, *network.biases)
        for tensor, array in zip((*self.weights, *self.biases), arrays, strict=True):
            tensor.copy_(torch.tensor(array))


def sequential_module(network):
    """A network as a plain torch module in float64.

    Returns
    -------
    module : torch.nn.Sequential
        Linear layers and activations with copies of the weights.
    """
    layers = []
    for k, (w, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        linear = nn.Linear(w.shape[1], w.shape[0], dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(w))
            linear.bias.copy_(torch.tensor(b))
        layers.append(linear)
        if k < len(network.activation):
            layers.append(torch_activation(network.activation[k]))
    return nn.Sequential(*layers).eval()
