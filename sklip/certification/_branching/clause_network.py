# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Unsafe polyhedra as outputs of a network: the largest excess of the rows of each.

A polyhedron is excluded where one of its rows is exceeded, that is where the largest
excess is positive. max(p, q) = p + relu(q - p), so a few more neurons say it exactly:
the slopes of their lower lines are a convex combination of the rows, which the ascent
optimises, and the signs by which they are split choose a row.
"""

import numpy as np

from sklip.bounds import Propagation, hidden_bounds, outputs_lower
from sklip.networks import FeedForward

__all__ = ["excess_network"]


def excess_network(network, clauses, center, half):
    """The network with outputs 0 and, for each polyhedron, minus the largest excess.

    Parameters
    ----------
    network : FeedForward
        Whose outputs y the polyhedra are about.
    clauses : list of (ndarray, ndarray)
        Matrix A and limits b of each, with a row at least; the excess is A y - b.
    center, half : ndarray of shape (n_inputs,)
        A box that holds every input in question.

    Returns
    -------
    excess : FeedForward or None
        Its last output is at most zero wherever a polyhedron is excluded. None if
        the outputs have no finite bound.
    """
    matrix = np.concatenate([a for a, _ in clauses])
    limits = np.concatenate([b for _, b in clauses])
    sizes = [len(b) for _, b in clauses]
    if max(sizes) == 1:
        return _extended(network, [(_zero_first(-matrix), np.append(0.0, limits))], [])
    shift = _shift(network, matrix, limits, center, half)
    if not np.isfinite(shift):
        return None
    layers, activations = [(matrix, -limits)], ["identity"]
    # Each value is a sum of the last activations, less the shift if there was one.
    values, lowered = np.eye(len(matrix)), 0.0
    owners = np.repeat(np.arange(len(sizes)), sizes)
    while len(values) > len(sizes):
        values, owners, layer = _paired(values, owners, lowered, shift)
        layers.append(layer)
        activations.append("relu")
        lowered = shift
    layers.append((_zero_first(-values), np.append(0.0, np.full(len(values), lowered))))
    return _extended(network, layers, activations)


def _paired(values, owners, lowered, shift):
    """Maxima of pairs of values of one owner, and the layer that they are sums of."""
    rows, biases, sums, left = [], [], [], []
    k = 0
    while k < len(values):
        # No value is below minus the shift: the ReLU of the first changes nothing.
        rows.append(values[k])
        biases.append(shift - lowered)
        terms = [len(rows) - 1]
        if k + 1 < len(values) and owners[k + 1] == owners[k]:
            rows.append(values[k + 1] - values[k])
            biases.append(0.0)
            terms.append(len(rows) - 1)
        sums.append(terms)
        left.append(owners[k])
        k += len(terms)
    found = np.zeros((len(sums), len(rows)))
    for row, terms in zip(found, sums, strict=True):
        row[terms] = 1.0
    return found, np.array(left), (np.array(rows), np.array(biases))


def _shift(network, matrix, limits, center, half):
    """A power of two, of which no excess falls short by more, anywhere in the box."""
    radius = half.max(initial=0.0)
    propagation = Propagation(network, np.inf)
    tensor = propagation.tensor
    balls = propagation.balls(center[None], [np.nextafter(radius, np.inf)])
    bounds = hidden_bounds(propagation, balls, "ibp")
    lower = outputs_lower(propagation, bounds, tensor(matrix)[None])[0].numpy()
    least = np.min(lower - limits - 2.0**-50 * (np.abs(lower) + np.abs(limits)))
    if not np.isfinite(least):
        return np.inf
    return float(2.0 ** np.ceil(np.log2(max(-1.01 * least, 2.0**-100))))


def _zero_first(matrix):
    return np.vstack([np.zeros((1, matrix.shape[1])), matrix])


def _extended(network, layers, activations):
    """The network, its outputs through further layers, the last of them linear."""
    weights, biases = zip(*layers, strict=True)
    return FeedForward(
        (*network.weights, *weights),
        (*network.biases, *biases),
        (*network.activation, "identity", *activations),
    )
