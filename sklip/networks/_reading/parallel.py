# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Several networks side by side, as one network."""

from dataclasses import replace

import numpy as np
from scipy.linalg import block_diag

from sklip.exceptions import UnsupportedModelError
from sklip.networks._feedforward import FeedForward
from sklip.networks._folding import FoldRounding

__all__ = ["averaged", "side_by_side", "single_logit", "with_sigmoid"]

# As many roundings in one entry leave no digit of it.
_MOST_ROUNDINGS = 2.0**50


def side_by_side(networks, roundings, name):
    """The outputs of several networks, each with inputs of its own.

    Parameters
    ----------
    networks : sequence of FeedForward
        The networks.
    roundings : sequence of FoldRounding
        Those of the networks.
    name : str
        The ensemble, for messages.

    Returns
    -------
    network : FeedForward
        Its inputs and outputs are those of all networks, one after the other.
    rounding : FoldRounding
        Sizes and counts of the whole.

    Raises
    ------
    UnsupportedModelError
        If the networks differ in depth or activation and are not all ReLU: only those
        can be padded, by y = relu(y) - relu(-y).
    """
    depth = max(len(network.weights) for network in networks)
    chains = {network.activation for network in networks}
    if len(chains) > 1:
        if any(set(chain) - {"relu"} for chain in chains):
            shown = sorted("/".join(chain) or "linear" for chain in chains)
            raise UnsupportedModelError(
                f"The members of {name} have different activations or depths "
                f"({', '.join(shown)}): only ReLU and linear members can be mixed."
            )
        padded = [
            _padded(n, r, depth) for n, r in zip(networks, roundings, strict=True)
        ]
        networks, roundings = zip(*padded, strict=True)
    network = FeedForward(
        [
            block_diag(*layer)
            for layer in zip(*(n.weights for n in networks), strict=True)
        ],
        [
            np.concatenate(layer)
            for layer in zip(*(n.biases for n in networks), strict=True)
        ],
        networks[0].activation,
    )
    return network, FoldRounding(
        first=block_diag(*(r.first for r in roundings)),
        first_bias=np.concatenate([r.first_bias for r in roundings]),
        last_size=block_diag(*(r.last_size for r in roundings)),
        last_bias=np.concatenate([r.last_bias for r in roundings]),
        is_single=roundings[0].is_single,
        n_first=max(r.n_first for r in roundings),
        n_hidden=max(r.n_hidden for r in roundings),
        n_last=max(r.n_last for r in roundings),
    )


def averaged(network, rounding, shares, offset=0.0):
    """The weighted sum of blocks of outputs, plus a constant.

    Parameters
    ----------
    network : FeedForward
        Its outputs are blocks of equal length, one for each share.
    rounding : FoldRounding
        That of the network.
    shares : array-like of shape (n_blocks,)
        Weights of the sum.
    offset : float, default=0.0
        Added to every sum.

    Returns
    -------
    network : FeedForward
        The sum.
    rounding : FoldRounding
        Its rounding.
    """
    n_outputs = network.n_outputs // len(shares)
    matrix = np.kron(np.asarray(shares)[None, :], np.eye(n_outputs))
    offset = np.full(n_outputs, offset)
    return (
        network.with_output_map(matrix, offset),
        rounding.mixed(matrix, np.abs(offset)),
    )


def single_logit(network, rounding):
    """The logit of the second class of a network with one or two outputs."""
    if network.n_outputs == 1:
        return network, rounding
    difference = np.array([[-1.0, 1.0]])
    return network.with_output_map(difference), rounding.mixed(difference, 0.0)


def with_sigmoid(network, rounding):
    """The sigmoid of each output."""
    n = network.n_outputs
    network = FeedForward(
        [*network.weights, np.eye(n)],
        [*network.biases, np.zeros(n)],
        (*network.activation, "logistic"),
    )
    # What cancelled in the bias reaches the end with a slope below one.
    last_bias, n_last = np.ones(n) + rounding.last_bias, 16 + rounding.n_last
    rounding = _inside(rounding, network.weights[-2])
    return network, replace(
        rounding, last_size=np.eye(n), last_bias=last_bias, n_last=n_last
    )


def _padded(network, rounding, depth):
    """A ReLU network with more hidden layers, each handing on y as (y+, y-)."""
    if len(network.weights) == depth:
        return network, rounding
    n = network.n_outputs
    split = np.vstack([np.eye(n), -np.eye(n)])
    both = network.with_output_map(split)
    between = [np.eye(2 * n)] * (depth - len(network.weights) - 1)
    padded = FeedForward(
        [*both.weights, *between, split.T],
        [*both.biases, *(np.zeros(2 * n) for _ in between), np.zeros(n)],
        "relu",
    )
    last_bias = 2.0 * rounding.last_bias
    rounding = _inside(rounding.mixed(split, n_more=0), both.weights[-1])
    return padded, replace(rounding, last_size=np.abs(split.T), last_bias=last_bias)


def _inside(rounding, weight):
    """What was folded into the last layer, once it is no longer the last.

    The sizes of the terms of inner matrices are not kept: where they cancelled, that
    counts as more roundings of what is left.
    """
    inside = rounding.n_hidden
    largest = rounding.last_size.max(initial=0.0)
    if largest > 0.0:
        # In units of the largest: squares of tiny weights would vanish.
        size = np.linalg.norm(rounding.last_size / largest)
        kept = np.linalg.norm(weight / largest)
        n_terms = rounding.last_size.shape[1] + 8 + rounding.n_last
        if not kept * _MOST_ROUNDINGS > n_terms * size:
            raise UnsupportedModelError(
                "The terms of the last layer of an ensemble's member cancel: nothing "
                "is left beside their rounding."
            )
        inside = max(inside, int(np.ceil(n_terms * size / kept)))
    return replace(rounding, is_single=False, n_hidden=inside)
