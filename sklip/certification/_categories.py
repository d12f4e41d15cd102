# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Radii that hold whatever the categorical columns say.

The combinations of a few columns are gone through one by one; what the other columns
may change at most is taken off the margins.
"""

from dataclasses import dataclass
from itertools import product
from typing import ClassVar

import numpy as np

from sklip._arguments import check_option
from sklip._floats import UNIT
from sklip.bounds import output_difference_bounds
from sklip.certification._decisions import Decisions
from sklip.certification._module_radii import module_radii
from sklip.certification._pair_constants import Margins
from sklip.certification._pairs import LOCAL_METHODS, certificate_constant, rules
from sklip.certification._proven_radii import proven_radii
from sklip.exceptions import UnsupportedModelError
from sklip.networks import FeedForward

__all__ = ["PROOFS", "check_categorical", "flipped_radii", "radii_for"]

# What proves the radii of each kind of decisions, which know it by this import.
PROOFS = (proven_radii, module_radii)

# Combinations of categories that are evaluated one by one.
_MOST_COMBINATIONS = 256


def check_categorical(categorical):
    """ "immutable" or "flip", else ValueError."""
    return check_option(categorical, "categorical", ("immutable", "flip"))


def radii_for(decisions, norm, method, categorical, needed=np.inf):
    """Proven radii under either rule for the categorical columns."""
    if isinstance(method, str) and decisions.block.is_late:
        method = decisions.cheapest
    if check_categorical(categorical) == "immutable":
        return decisions.radii(norm, method, needed)
    return flipped_radii(decisions, norm, method, needed)


@dataclass(frozen=True)
class _Lowered(Decisions):
    """Decisions whose gaps are lowered by what other changes may do."""

    loss: np.ndarray | float = 0.0

    _of_samples: ClassVar[tuple[str, ...]] = (*Decisions._of_samples, "loss")

    def gaps(self):
        """Gaps less the loss; inf for the target itself."""
        return super().gaps() - self.loss


def flipped_radii(decisions, norm, method, needed=np.inf):
    """Smallest radius over all values of all categorical columns.

    Parameters
    ----------
    decisions : Decisions
        The samples; their targets are kept.
    norm : {1, 2, numpy.inf}
        Norm of the change in the numeric columns.
    method : str or LipschitzCertificate
        Where constants come from. "best" takes the global ones only; "ibp", "crown" and
        "local" need at most 256 combinations of categories.
    needed : float, default=inf
        Radius at which the question is settled.

    Returns
    -------
    radii : ndarray of shape (n_samples,)
        Proven for every combination of categories that the encoders know, and for an
        unknown one where they accept it.
    """
    decisions.refuse_flips()
    groups = _listed(decisions.view)
    if not groups:
        return decisions.radii(norm, method, needed)
    network = decisions.network
    if len(network.weights) == 1 and method not in LOCAL_METHODS:
        each, rest = [], groups
    else:
        each, rest = _split(network, groups)
    if method in LOCAL_METHODS and rest:
        raise ValueError(
            f"method={method!r} with categorical='flip' goes through all combinations "
            f"of categories, and there are more than {_MOST_COMBINATIONS}. Use 'best'."
        )
    loss = _loss(decisions, rest)
    constants = None
    if method not in LOCAL_METHODS:
        constants = _constants(decisions, norm, method)
    radii = np.full(len(decisions.target), np.inf)
    for values in product(*(group.values for group in each)):
        inputs = decisions.inputs.copy()
        for group, value in zip(each, values, strict=True):
            inputs[:, group.coordinates] = value
        there = _Lowered(
            decisions.view,
            network,
            inputs,
            network.forward(inputs),
            decisions.target,
            decisions.device,
            decisions.missing,
            decisions.effort,
            decisions.block,
            loss,
        )
        if constants is None:
            found = there.radii(norm, method, needed)
        else:
            found = Margins(there, norm).radii(constants).min(axis=1)
        radii = np.minimum(radii, found)
    return radii


def _listed(view):
    for group in view.groups:
        if group.values is None:
            names = view.feature_names or range(view.n_features)
            columns = [names[j] for j in sorted(group.sources)]
            raise UnsupportedModelError(
                f"categorical='flip' needs a list of all values of the columns "
                f"{columns}, but they are used as numbers too, behind a curved map, or "
                "imputed behind the encoder in more ways than one."
            )
    return list(view.groups)


def _split(network, groups):
    """Groups to go through one by one, those that matter most first, and the rest."""
    first = network.weights[0]
    spreads = []
    for group in groups:
        moved = group.values @ first[:, group.coordinates].T
        spreads.append(np.linalg.norm(moved - moved.mean(axis=0), axis=1).max())
    each, rest, n_combinations = [], [], 1
    for k in np.argsort(spreads)[::-1]:
        size = len(groups[k].values)
        if n_combinations * size <= _MOST_COMBINATIONS:
            n_combinations *= size
            each.append(groups[k])
        else:
            rest.append(groups[k])
    return each, rest


def _loss(decisions, groups):
    """What the categories of these groups can take off each gap."""
    network, target = decisions.network, decisions.target
    loss = np.zeros((len(target), network.n_outputs))
    if not groups:
        return loss
    _, growth = decisions.rounding()
    lost = _linear_loss if len(network.weights) == 1 else _Behind(network).loss
    for group in groups:
        first = network.weights[0][:, group.coordinates]
        # A group has few values: what matters is which one a sample has now.
        now, which = np.unique(
            decisions.inputs[:, group.coordinates], axis=0, return_inverse=True
        )
        there, here = group.values @ first.T, now @ first.T
        far = np.linalg.norm(group.values[None] - now[:, None], axis=2).max(axis=1)
        size = np.abs(now).max() + np.abs(group.values).max()
        slack = 8.0 * len(first.T) * UNIT * np.linalg.norm(first) * size
        # Twice sqrt(2) times the rounding that grows with the distance.
        rounding = 3.0 * growth * far[:, None, None]
        worst = lost(there, here, slack) * (1.0 + 1e-12) + rounding
        loss += worst[which.ravel(), target]
    return loss


def _linear_loss(there, here, slack):
    """The exact worst case where the logits are affine: each group by itself.

    Shape (values now, targets, classes).
    """
    now = here[:, :, None] - here[:, None, :]
    return now - (there[:, :, None] - there[:, None, :]).min(axis=0) + 4.0 * slack


class _Behind:
    """What is behind the first layer's sums z, as a function of them."""

    def __init__(self, network):
        identity = np.eye(len(network.weights[0]))
        behind = FeedForward([identity, *network.weights[1:]], None, network.activation)
        self.slopes = _matrix(behind, _all_pairs(behind), [_sequential])
        # |y_t - y_j| changes by at most entries . |dz|, each path by itself.
        last = network.weights[-1]
        entries = np.abs(last[:, None] - last[None, :])
        slopes = [activation.lipschitz for activation in network.activations]
        for weight, slope in zip(network.weights[-2:0:-1], slopes[:0:-1], strict=True):
            entries = slope * entries @ np.abs(weight)
        self.entries = slopes[0] * entries

    def loss(self, there, here, slack):
        """Largest change over all values; shape (values now, targets, classes)."""
        moved = np.abs(there[None] - here[:, None]) + slack
        lengths = np.linalg.norm(moved, axis=2)[:, :, None, None]
        by_entry = np.einsum("tjk,nvk->nvtj", self.entries, moved)
        return np.minimum(lengths * self.slopes, by_entry).max(axis=1)


def _sequential(network, pairs):
    return output_difference_bounds(network, pairs, method="sequential")


def _constants(decisions, norm, method):
    n_classes = decisions.network.n_outputs
    if not isinstance(method, str):
        value = certificate_constant(method, decisions.view, norm)
        return np.full((n_classes, n_classes), value)
    if decisions.n_mutable == 0:
        return np.zeros((n_classes, n_classes))
    network = decisions.view.mutable_network()
    cheap, dear = rules(method, norm, network)
    present = np.isin(_all_pairs(network), np.unique(decisions.target)).any(axis=1)
    return _matrix(network, _all_pairs(network)[present], [*cheap, *dear])


def _all_pairs(network):
    return np.argwhere(np.triu(np.ones((network.n_outputs,) * 2, dtype=bool), 1))


def _matrix(network, pairs, rules):
    constants = np.full((network.n_outputs,) * 2, np.inf)
    t, j = pairs.T
    constants[t, j] = np.min([rule(network, pairs) for rule in rules], axis=0)
    np.fill_diagonal(constants, 0.0)
    return np.minimum(constants, constants.T)
