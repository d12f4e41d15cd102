# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Models of benchmarks/bounded.py: ours, and a plain loop in torch to time against."""

from dataclasses import dataclass, field

import numpy as np
import torch
from _bounded_data import IMAGES
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from sklip import (
    ADMMLipschitzMLPClassifier,
    ADMMLipschitzMLPRegressor,
    LipschitzBoundedMLPClassifier,
    LipschitzBoundedMLPRegressor,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    certified_radius,
)

__all__ = ["Model", "classifiers", "plain_loop", "regressors"]

_BATCH = 128
_LONG = {"tol": 0, "n_iter_no_change": 10**6, "batch_size": _BATCH}
# What validation parts of the training rows asked of a regressor besides its defaults,
# by data and bound: noise on the inputs among 0, .05, .1 and .2 (no bound else is that
# tight), or a step size among .03, .01 and .005 (no bound else leaves that few rows so
# much freedom).
_CHOSEN = {
    ("concrete", 1.09): {"input_noise": 0.1},
    ("concrete", 3.4): {"learning_rate_init": 0.01},
}
# Hidden layers that the same parts preferred to those of the task, among other numbers
# and widths of them, at the same bound.
_SIZES = {("concrete", 1.09): (128, 128), ("concrete", 3.4): (256,)}
# Bisections of the weight of the spectral penalty, between these powers of ten.
_STEPS, _POWERS = 6, (-3.0, 0.5)


@dataclass
class Model:
    """An estimator with its name in the table."""

    name: str
    setting: str
    make: object
    options: dict = field(default_factory=dict)
    components: int = 0
    hidden: tuple = ()  # in the place of the task's layers

    def fit(self, task):
        """Fitted estimator or Pipeline."""
        hidden = self.hidden or task.hidden
        model = self.make(hidden, random_state=task.seed, **self.options)
        if self.components:
            model = make_pipeline(PCA(self.components, random_state=0), model)
        return model.fit(self._rows(task.X), task.y)

    def predict(self, model, X):
        """Predicted labels."""
        return model.predict(self._rows(X))

    def radii(self, model, task):
        """Certified radii of the test rows by constants of pairs."""
        method = "pairwise" if self.name == "bounded" else "sequential"
        X = self._rows(task.X_test)
        return certified_radius(model, X, task.y_test, method=method)

    def _rows(self, X):
        """In float64 for a transformer: rounding of float32 counts against a radius."""
        return X.astype(float) if self.components else X


def classifiers(task):
    """The models of one classification task."""
    bounded = LipschitzBoundedMLPClassifier
    if task.data == "mnist":
        # Chosen on training images beyond the first 8,000: a little above the largest
        # radius that counts, and twice the usual temperature.
        options = {"radius": 1.05, "temperature": 8.0 / 1.05, "max_iter": task.epochs}
        return [
            Model("bounded", "radius 1.05", bounded, options),
            Model("bounded", "radius 1.05, PCA 128", bounded, options, 128),
        ]
    if task.data not in IMAGES:
        radii = (2.0,) if task.data == "cancer" else (1.0, 2.0)
        ours = [
            Model("bounded", f"radius {r:g}", bounded, {"radius": r}) for r in radii
        ]
        return [*ours, _spectral(0.1), _admm(2.0)]
    radii = (0.35, 0.5, 1.0) if task.data == "digits" else (0.5, 1.0)
    models = [
        Model("bounded", f"radius {r:g}", bounded, {"radius": r, "input_noise": 0.05})
        for r in radii
    ]
    if task.data == "digits":
        models += [_spectral(0.1), _admm(2.7)]
    return models


def _spectral(weight):
    options = {"lipschitz_weight": weight, "max_iter": 200, **_LONG}
    make = LipschitzRegularizedMLPClassifier
    return Model("spectral", f"weight {weight:g}", make, options)


def _admm(bound):
    options = {"lipschitz_bound": bound, "batch_size": _BATCH}
    return Model("ADMM", f"L {bound:g}", ADMMLipschitzMLPClassifier, options)


def regressors(task):
    """The models of one regression task."""
    for bound in task.bounds:
        options = {"lipschitz_bound": bound}
        chosen = _CHOSEN.get((task.data, bound), {})
        ours = {**options, "max_iter": task.epochs, **chosen}
        name = f"L {bound:g}"
        yield Model("bounded", name, LipschitzBoundedMLPRegressor, ours)
        if (task.data, bound) in _SIZES:
            sizes = _SIZES[task.data, bound]
            title = f"{name}, {'-'.join(map(str, sizes))}"
            make = LipschitzBoundedMLPRegressor
            yield Model("bounded", title, make, ours, hidden=sizes)
        if task.seed:
            continue  # only ours with more than one seed
        yield Model("ADMM", name, ADMMLipschitzMLPRegressor, options)
        yield _SpectralUnder("spectral", name, bound)


@dataclass
class _SpectralUnder:
    """The spectral penalty with the smallest weight that keeps a bound."""

    name: str
    setting: str
    bound: float
    hidden: tuple = ()

    def fit(self, task):
        """Bisection over the weight."""
        low, high = _POWERS
        best = None
        for _ in range(_STEPS):
            middle = 0.5 * (low + high)
            model = LipschitzRegularizedMLPRegressor(
                task.hidden, lipschitz_weight=10.0**middle, random_state=task.seed
            ).fit(task.X, task.y)
            if model.lipschitz_bound_ <= self.bound:
                best, high = model, middle
            else:
                low = middle
        return best


def plain_loop(task):
    """Train a network of the task's sizes with Adam, as a plain loop in torch."""
    torch.manual_seed(task.seed)
    classify = task.y.dtype.kind in "iu"
    sizes = (task.X.shape[1], *task.hidden, task.y.max() + 1 if classify else 1)
    layers = []
    for n_in, n_out in zip(sizes, sizes[1:], strict=False):
        layers += [torch.nn.Linear(n_in, int(n_out)), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    loss = torch.nn.CrossEntropyLoss() if classify else torch.nn.MSELoss()
    X = torch.from_numpy(np.ascontiguousarray(task.X, dtype=np.float32))
    y = task.y.astype(np.int64) if classify else task.y.astype(np.float32)[:, None]
    y = torch.from_numpy(y)
    for _ in range(task.epochs):
        for rows in torch.randperm(len(X)).split(_BATCH):
            optimizer.zero_grad()
            loss(network(X[rows]), y[rows]).backward()
            optimizer.step()
    return network
