# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Certified l2 radii of convolutional networks: product of norms, and inside balls.

    cd benchmarks && python modules.py --data mnist.npz --output modules.csv

Networks are trained by Adam on images with pixels in [0, 1]: the paper's CNN, the same
with half the sum of the layers' squared spectral norms as a penalty, a CNN of two
strided convolutions and one of four with that penalty, and ResNet-20 on few images.
They compute in float64. Of the first test images that are classified right, each row
of the CSV has the mean and median radius by one method, CPU seconds (one thread), the
number of images whose nearest flip found by an attack is nearer than the radius (a
violation), and the mean distance of those flips. Digits are scikit-learn's, 8 x 8.
"""

import warnings

import numpy as np
import torch
from _harness import Table, parse, timed
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from sklip import certified_radius, minimum_norm_attack
from sklip.bounds import module_bound
from sklip.datasets import load_mnist
from sklip.training import convnet, resnet

torch.set_num_threads(1)
warnings.filterwarnings("ignore", category=UserWarning)

COLUMNS = [
    "data",
    "network",
    "penalty",
    "method",
    "accuracy",
    "product_bound",
    "mean_radius",
    "median_radius",
    "cpu_seconds",
    "violations",
    "mean_attack",
]
METHODS = ["product", "ibp", "local", "crown", "best"]
# Network, weight of the penalty, training images, epochs, test images.
CASES = {
    "digits": [
        ("paper's CNN", 0.0, 1200, 20, 20),
        ("paper's CNN", 0.02, 1200, 20, 20),
        ("strided CNN", 0.02, 1200, 40, 20),
        ("deep CNN", 0.002, 1200, 40, 20),
    ],
    "mnist": [
        ("paper's CNN", 0.0, 10000, 3, 20),
        ("paper's CNN", 0.02, 10000, 3, 20),
        ("strided CNN", 0.02, 10000, 5, 20),
        ("deep CNN", 0.002, 10000, 3, 10),
        ("ResNet-20", 0.0, 2000, 2, 3),
    ],
}


def images(data, path):
    """Training and test images with labels."""
    if data == "digits":
        X, y = load_digits(return_X_y=True)
        X = (X / 16.0).reshape(-1, 1, 8, 8)
        return train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
    (X, y), (X_test, y_test) = (
        load_mnist(path, split=split, return_X_y=True) for split in ("train", "test")
    )
    X, X_test = (rows.reshape(-1, 1, 28, 28) for rows in (X, X_test))
    return X, X_test, y, y_test


def network(name, shape):
    """A new network for images of a shape."""
    torch.manual_seed(0)
    if name == "paper's CNN":
        return convnet(shape, 10)
    if name == "ResNet-20":
        return resnet(20, shape[0], 10)
    if name == "deep CNN":
        layers, n_in = [], shape[0]
        for n_out, stride in ((8, 1), (8, 2), (16, 1), (16, 2)):
            layers += [nn.Conv2d(n_in, n_out, 3, stride, padding=1), nn.ReLU()]
            n_in = n_out
        width = 16 * -(-shape[1] // 4) * -(-shape[2] // 4)
        layers += [nn.Flatten(), nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, 10)]
        return nn.Sequential(*layers)
    kernel, stride = (3, 2) if shape[1] < 10 else (4, 2)
    layers = [nn.Conv2d(shape[0], 16, kernel, stride), nn.ReLU()]
    layers += [nn.Conv2d(16, 32, kernel, stride), nn.ReLU(), nn.Flatten()]
    width = nn.Sequential(*layers)(torch.zeros(1, *shape)).shape[1]
    return nn.Sequential(*layers, nn.Linear(width, 10))


class Norms:
    """Half the squared spectral norms of the layers, by power iteration."""

    def __init__(self, module, shape):
        self.layers, self.vectors = [], []
        self.hooks = [
            layer.register_forward_hook(self._seen)
            for layer in module.modules()
            if isinstance(layer, nn.Conv2d | nn.Linear)
        ]
        with torch.no_grad():
            module(torch.zeros(2, *shape))
        for hook in self.hooks:
            hook.remove()

    def _seen(self, layer, inputs, output):
        self.layers.append(layer)
        self.vectors.append(torch.randn(1, *inputs[0].shape[1:]))

    def __call__(self):
        total = 0.0
        for k, layer in enumerate(self.layers):
            x = self.vectors[k].clone().requires_grad_()
            y = self._linear(layer, x)
            (back,) = torch.autograd.grad(y, x, y.detach())
            x = self.vectors[k] = back.detach() / back.detach().norm()
            total = total + 0.5 * self._linear(layer, x).square().sum()
        return total

    @staticmethod
    def _linear(layer, x):
        if isinstance(layer, nn.Linear):
            return x @ layer.weight.T
        return nn.functional.conv2d(
            x, layer.weight, None, layer.stride, layer.padding, layer.dilation
        )


def train(module, X, y, penalty, epochs):
    """Adam, batches of 100."""
    X, y = torch.as_tensor(X, dtype=torch.float32), torch.as_tensor(y)
    norms = Norms(module, X.shape[1:]) if penalty else None
    optimizer = torch.optim.Adam(module.parameters(), 2e-3)
    generator = torch.Generator().manual_seed(0)
    module.train()
    for _ in range(epochs):
        order = torch.randperm(len(X), generator=generator)
        for rows in order.split(100):
            loss = nn.functional.cross_entropy(module(X[rows]), y[rows])
            if penalty:
                loss = loss + penalty * norms()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return module.eval().double()


def measured(data, name, penalty, n_train, epochs, n_test, path):
    """Rows of one network."""
    X_train, X_test, y_train, y_test = images(data, path)
    y_train, y_test = np.asarray(y_train, int), np.asarray(y_test, int)
    shape = X_train.shape[1:]
    module = network(name, shape)
    module = train(module, X_train[:n_train], y_train[:n_train], penalty, epochs)
    with torch.no_grad():
        tested = torch.as_tensor(np.asarray(X_test[:1000], float))
        right = module(tested).argmax(1).numpy() == y_test[:1000]
    rows = np.flatnonzero(right)[:n_test]
    X = np.asarray(X_test[rows], float)
    bound = module_bound(module, shape)
    _, distance = minimum_norm_attack(module, X, random_state=0, n_steps=60)
    for method in METHODS:
        radius, seconds = timed(lambda m=method: certified_radius(module, X, method=m))
        yield [
            method,
            right.mean(),
            bound,
            radius.mean(),
            np.median(radius),
            seconds,
            int((distance < radius).sum()),
            distance[np.isfinite(distance)].mean(),
        ]


def main():
    options = parse(__doc__, data="")
    table = Table(options.output, COLUMNS, form="{:.4g}".format)
    for data, cases in CASES.items():
        if data == "mnist" and not options.data:
            continue
        for name, penalty, *sizes in cases:
            key = (data, name, penalty)
            table.fill_group(key, lambda k=key, s=sizes: measured(*k, *s, options.data))


if __name__ == "__main__":
    main()
