# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The alternatives that the benchmarks compare with, one thread each."""

import warnings

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier
from skorch import NeuralNetClassifier
from threadpoolctl import threadpool_limits

from sklip import LipschitzRegularizedMLPClassifier

# One thread for every library.
torch.set_num_threads(1)
threadpool_limits(1)
warnings.filterwarnings("ignore")

HIDDEN = (64, 64)


def make_data(n_samples, n_features, dtype=np.float32):
    """Gaussian rows; ten classes from 64 features on, else two."""
    X = np.random.default_rng(0).standard_normal((n_samples, n_features), dtype=dtype)
    n_classes = 10 if n_features >= 64 else 2
    return X, X[:, :n_classes].argmax(axis=1)


def sklip_model(batch_size, epochs, penalty="none"):
    """Our estimator; the certificate is left out, epochs are compared."""
    return LipschitzRegularizedMLPClassifier(
        HIDDEN,
        penalty=penalty,
        batch_size=batch_size,
        max_iter=epochs,
        tol=0,
        n_iter_no_change=10**6,
        certificate=None,
        random_state=0,
    )


def sklearn_model(batch_size, epochs):
    """scikit-learn's multilayer perceptron."""
    return MLPClassifier(
        HIDDEN,
        batch_size=batch_size,
        max_iter=epochs,
        tol=0,
        n_iter_no_change=10**6,
        random_state=0,
    )


def skorch_model(batch_size, epochs, n_features, n_classes):
    """skorch as its users run it: DataLoader, torch's Adam."""
    sizes = (n_features, *HIDDEN, n_classes)
    layers = []
    for n_in, n_out in zip(sizes, sizes[1:], strict=False):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    return NeuralNetClassifier(
        torch.nn.Sequential(*layers[:-1]),
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=batch_size,
        max_epochs=epochs,
        train_split=None,
        verbose=0,
    )
