# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The last layer of a regressor, solved for once the layers in front of it are fixed.

Least squares in a ball: convex, and by the eigenvectors of one small matrix an equation
in one unknown, the multiplier of the ball.
"""

import numpy as np
import torch

from sklip.training._bounded.manifold import polar_factor
from sklip.training._data import row_blocks

__all__ = ["ball_least_squares", "refit_head"]

# Eigenvalues below this share of the largest are noise of the features' rounding.
_LEAST = 1e-9
_BISECTIONS = 60


def refit_head(module, data):
    """Give a network of one output the best last layer that is no longer than its own.

    Parameters
    ----------
    module : BoundedMLP
        A regressor; its last weight and bias are changed.
    data : TensorData
        What the squared error is taken over.
    """
    *hidden, head = (w.cpu().double().numpy() for w in module.weights)
    bound = float(np.linalg.norm(head))
    if len(head) > 1 or bound == 0.0:
        return
    biases = [b.cpu().double().numpy() for b in module.biases[:-1]]
    layers = list(zip(map(polar_factor, hidden), biases, strict=True))
    moments = sum(_moments(module, layers, data, r) for r in row_blocks(data.X))
    mean = moments[0, 1:] / moments[0, 0]
    second = moments[1:, 1:] / moments[0, 0] - np.outer(mean, mean)
    head = ball_least_squares(second[:-1, :-1], second[:-1, -1], bound)
    module.weights[-1].copy_(torch.from_numpy(head[None]))
    module.biases[-1].fill_(mean[-1] - head @ mean[:-1])


def _moments(module, layers, data, rows):
    """Weighted second moments of one, the last hidden values and the target."""
    values = (data.X[rows] - module.offset) / module.units.scale
    values = values.cpu().double().numpy()
    for weight, bias in layers:
        values = np.abs(values @ weight.T + bias)
    targets = module.scaled_targets(data.targets[rows]).cpu().double().numpy()
    table = np.hstack([np.ones((len(values), 1)), values, targets])
    weight = data.sample_weight
    if weight is None:
        return table.T @ table
    share = (weight[rows] / weight.max()).cpu().double().numpy()  # squares stay finite
    return table.T @ (table * share[:, None])


def ball_least_squares(gram, moment, bound):
    """The h with norm at most ``bound`` that minimises h' G h / 2 - h' m.

    Parameters
    ----------
    gram : ndarray of shape (n, n)
        G, symmetric without negative eigenvalues but for rounding.
    moment : ndarray of shape (n,)
        m, in its range.
    bound : float
        Radius of the ball, above 0.

    Returns
    -------
    h : ndarray of shape (n,)
        (G + s I)^-1 m with the smallest s from which on it fits.
    """
    values, vectors = np.linalg.eigh(gram)
    moment = vectors.T @ moment
    least = max(_LEAST * values[-1], np.finfo(float).tiny)
    values = np.maximum(values, 0.0)
    # Its norm falls as s grows, and at the larger end it is at most the bound.
    low, high = least, max(least, float(np.linalg.norm(moment)) / bound)
    for _ in range(_BISECTIONS):
        if np.linalg.norm(moment / (values + low)) <= bound:
            high = low
            break
        middle = np.sqrt(low * high)
        fits = np.linalg.norm(moment / (values + middle)) <= bound
        low, high = (low, middle) if fits else (middle, high)
    return vectors @ (moment / (values + high))
