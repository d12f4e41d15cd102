# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Data of benchmarks/bounded.py: splits, sizes and epochs."""

import os
from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

__all__ = ["IMAGES", "Task", "classification_tasks", "regression_tasks"]

# Data whose inputs are pixels; all else is standardised.
IMAGES = ("digits", "digits splits", "mnist")

# Bounds on the Lipschitz constants of the tables.
_BOUNDS = {"concrete": (1.09, 3.4), "power_plant": (0.667, 0.955, 1.46)}
_EPOCHS = {"concrete": 200, "power_plant": 80}
_SEEDS = {"concrete": 3, "power_plant": 1}


@dataclass
class Task:
    """One split of some data, and the network that is trained on it."""

    data: str
    split: int
    seed: int
    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    hidden: tuple
    epochs: int
    bounds: tuple = ()


def classification_tasks(mnist=None, folder=None):
    """digits and small tables, MNIST and larger tables where their files are given."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    for data, split, seed in [
        *(("digits", 0, seed) for seed in range(3)),
        *(("digits splits", split, 0) for split in range(4)),
    ]:
        yield _task(data, split, seed, X, y, (128, 128), 80)
    for data, X, y in _tables(folder):
        for split in range(5):
            yield _task(data, split, 0, X, y, (64,), 80, scaled=True)
    if mnist is not None:
        yield from _mnist(mnist)


def _tables(folder):
    yield "cancer", *load_breast_cancer(return_X_y=True)
    yield "wine", *load_wine(return_X_y=True)
    for data in ("ionosphere", "spambase") if folder is not None else ():
        path = os.path.join(folder, f"{data}.csv")
        rows = np.loadtxt(path, delimiter=",", skiprows=1, dtype=str)
        _, y = np.unique(rows[:, -1], return_inverse=True)
        yield data, rows[:, :-1].astype(float), y


def _task(data, split, seed, X, y, hidden, epochs, scaled=False):
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=split
    )
    if scaled:
        scaler = StandardScaler().fit(X)
        X, X_test = scaler.transform(X).astype(np.float32), scaler.transform(X_test)
    return Task(data, split, seed, X, y, X_test, y_test, hidden, epochs)


def _mnist(path):
    with np.load(path) as file:
        arrays = [file[f"{a}_{b}"] for b in ("train", "test") for a in "xy"]
    X, y, X_test, y_test = arrays
    X, X_test = (
        (a.reshape(len(a), -1) / 255).astype(np.float32) for a in (X[:8000], X_test)
    )
    for seed in range(3):
        yield Task("mnist", 0, seed, X, y[:8000], X_test, y_test, (256, 256), 12)


def regression_tasks(folder=None):
    """The tables of a folder, five splits each."""
    if folder is None:
        return
    for data, bounds in _BOUNDS.items():
        path = os.path.join(folder, f"{data}.csv")
        rows = np.loadtxt(path, delimiter=",", skiprows=1)
        for split in range(5):
            parts = train_test_split(
                rows[:, :-1], rows[:, -1], test_size=0.3, random_state=split
            )
            scaler = StandardScaler().fit(parts[0])
            X, X_test = (scaler.transform(a) for a in parts[:2])
            mean, std = parts[2].mean(), parts[2].std()
            y, y_test = ((a - mean) / std for a in parts[2:])
            sizes = (64, 64), _EPOCHS[data]
            X = X.astype(np.float32)
            for seed in range(_SEEDS[data]):
                yield Task(data, split, seed, X, y, X_test, y_test, *sizes, bounds)
