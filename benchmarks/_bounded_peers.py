# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Peers of benchmarks/bounded.py: deel-torchlip, orthogonium and sandwich layers.

The first two are installed for the benchmark alone (``pip install deel-torchlip==1.0.5
orthogonium==0.0.4``) and trained by their own recipes. Sandwich layers are those of R.
Wang and I. R. Manchester, "Direct parameterization of Lipschitz-bounded deep networks"
(ICML 2023), with the cross-entropy of logits times a temperature. All radii are by the
same rule as ours: the gap of two logits over the distance of their rows in the last
matrix and the exact norms of the others (one for sandwich layers, as constructed).
"""

import importlib
from dataclasses import dataclass

import numpy as np
import torch
from _bounded_data import IMAGES

__all__ = ["peers"]

_BATCH, _RATE = 128, 1e-3


def peers(task):
    """The peers that are installed."""
    if task.data in IMAGES:
        alphas = (0.98,) if task.data == "mnist" else (0.9, 0.98)
        found = [_Peer("deel", f"SoftHKR {a:g}", _deel, a) for a in alphas]
    else:
        found = [_Peer("deel", "SoftHKR 0.9", _deel, 0.9)]
    found.append(_Peer("orthogonium", "LossXent", _orthogonium, None))
    temperature = 4.0 if task.data in IMAGES else 1.0
    setting = f"temperature {temperature:g}"
    found.append(_Peer("sandwich", setting, _sandwich, temperature))
    return [peer for peer in found if peer.is_installed()]


@dataclass
class _Peer:
    name: str
    setting: str
    make: object
    option: float

    def is_installed(self):
        try:
            self.make((2, 2, 2), self.option)
        except ImportError:
            return False
        return True

    def fit(self, task):
        """Network trained with Adam at its package's loss."""
        torch.manual_seed(task.seed)
        sizes = (task.X.shape[1], *task.hidden, int(task.y.max()) + 1)
        network, loss = self.make(sizes, self.option)
        optimizer = torch.optim.Adam(network.parameters(), _RATE)
        X = torch.from_numpy(np.ascontiguousarray(task.X, dtype=np.float32))
        y = torch.from_numpy(task.y.astype(np.int64))
        for _ in range(task.epochs):
            for rows in torch.randperm(len(X)).split(_BATCH):
                optimizer.zero_grad()
                loss(network(X[rows]), y[rows]).backward()
                optimizer.step()
        return network.eval()

    def predict(self, network, X):
        """Class of the largest logit."""
        return self._logits(network, X).argmax(axis=1)

    def radii(self, network, task):
        """Radii of the right predictions; 0 for the others."""
        logits = self._logits(network, task.X_test)
        weights = _weights(network, task.X.shape[1])
        head, rows = weights[-1], np.arange(len(logits))
        product = np.prod([np.linalg.norm(w, 2) for w in weights[:-1]], initial=1.0)
        distances = np.linalg.norm(head[task.y_test][:, None] - head[None], axis=2)
        distances[rows, task.y_test] = 1.0
        gaps = logits[rows, task.y_test][:, None] - logits
        ratios = gaps / (distances * product)
        ratios[rows, task.y_test] = np.inf
        return np.maximum(ratios.min(axis=1), 0.0)

    def _logits(self, network, X):
        X = torch.from_numpy(np.ascontiguousarray(X, dtype=np.float32))
        with torch.no_grad():
            return network(X).double().numpy()


def _weights(network, n_features):
    """Matrices of the linear layers as they multiply; one more pass fills them in."""
    kept, hooks = [], []
    for module in network:
        if hasattr(module, "in_features"):
            hooks.append(
                module.register_forward_hook(
                    lambda m, _, __: kept.append(m.weight.detach().double().numpy())
                )
            )
    with torch.no_grad():
        network(torch.zeros(1, n_features))
    for hook in hooks:
        hook.remove()
    return kept


def _deel(sizes, alpha):
    torchlip = importlib.import_module("deel.torchlip")
    layers = []
    for n_in, n_out in zip(sizes[:-2], sizes[1:-1], strict=True):
        layers += [torchlip.SpectralLinear(n_in, n_out), torchlip.GroupSort2()]
    layers.append(torchlip.FrobeniusLinear(sizes[-2], sizes[-1]))
    soft = torchlip.SoftHKRMulticlassLoss(alpha=alpha)

    def loss(outputs, y):
        one_hot = torch.nn.functional.one_hot(y, sizes[-1]).to(outputs.dtype)
        return soft(outputs, one_hot)

    return torch.nn.Sequential(*layers), loss


def _orthogonium(sizes, _):
    layers_of = importlib.import_module("orthogonium.layers.linear.ortho_linear")
    activations = importlib.import_module("orthogonium.layers.custom_activations")
    losses = importlib.import_module("orthogonium.losses")
    layers = []
    for n_in, n_out in zip(sizes[:-2], sizes[1:-1], strict=True):
        layers += [layers_of.OrthoLinear(n_in, n_out), activations.MaxMin()]
    layers.append(layers_of.UnitNormLinear(sizes[-2], sizes[-1]))
    return torch.nn.Sequential(*layers), losses.LossXent(sizes[-1])


class _Cayley(torch.nn.Module):
    """A and B with A^T A + B^T B = I, of free parameters: Cayley's transform."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.free = torch.nn.Parameter(torch.empty(n_out + n_in, n_out))
        torch.nn.init.xavier_normal_(self.free)
        self.size = torch.nn.Parameter(self.free.detach().norm())
        self.bias = torch.nn.Parameter(torch.zeros(n_out))

    def pair(self):
        """A of shape (n_out, n_out) and B of shape (n_in, n_out)."""
        free = self.free * (self.size / self.free.norm())
        n_out = free.shape[1]
        x, y = free[:n_out], free[n_out:]
        identity = torch.eye(n_out)
        z = x - x.T + y.T @ y
        columns = torch.cat([identity - z, -2.0 * y])
        both = torch.linalg.solve(identity + z, columns, left=False)
        return both[:n_out], both[n_out:]


class _Sandwich(_Cayley):
    """2^(1/2) A P relu(2^(1/2) P^-1 B^T x + b), P diagonal: slopes of 1 at most."""

    def __init__(self, n_in, n_out):
        super().__init__(n_in, n_out)
        self.log_scale = torch.nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        a, b = self.pair()
        scale, root = self.log_scale.exp(), 2.0**0.5
        x = torch.relu(root * (x @ b) / scale + self.bias)
        return root * ((x * scale) @ a.T)


class _SandwichHead(_Cayley):
    """B^T x + b."""

    def __init__(self, n_in, n_out):
        super().__init__(n_in, n_out)
        self.in_features = n_in

    @property
    def weight(self):
        """The matrix as it multiplies."""
        return self.pair()[1].T

    def forward(self, x):
        return x @ self.weight.T + self.bias


def _sandwich(sizes, temperature):
    layers = [_Sandwich(*pair) for pair in zip(sizes[:-2], sizes[1:-1], strict=True)]
    entropy = torch.nn.CrossEntropyLoss()

    def loss(outputs, y):
        return entropy(temperature * outputs, y)

    head = _SandwichHead(sizes[-2], sizes[-1])
    return torch.nn.Sequential(*layers, head), loss
