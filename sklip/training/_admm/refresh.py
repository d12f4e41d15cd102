# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""When better multipliers are searched, and how the rest of the allowance is used."""

from dataclasses import replace

from sklip.bounds import lipschitz_bound
from sklip.training._admm.deploy import TARGET
from sklip.training._admm.rho import binds
from sklip.training._admm.state import scaled_multipliers

__all__ = ["Refresh", "full_allowance"]

# Share of an enforced bound that may stay unused.
_SLACK = 0.005
# Iterations between two searches at first, and the largest number of them.
_FIRST, _LONGEST = 12, 96
# A network below this share of its bound that no force holds back does not want it.
_WANTED = 0.5


class Refresh:
    """The rule that says in which iterations of ADMM multipliers are searched anew.

    Parameters
    ----------
    every : int or "auto"
        Iterations between two searches; 0 never. "auto" searches more often while the
        search finds more than half a percent of the bound unused, and not at all while
        nothing holds the weights back.
    """

    def __init__(self, every):
        self.every = every
        self._period = self._next = _FIRST

    def __call__(self, n_iter, state):
        """Whether to search before the iteration that comes after ``n_iter``."""
        if self.every != "auto":
            return self.every > 0 and n_iter > 0 and n_iter % self.every == 0
        return n_iter >= self._next and binds(state)

    def found(self, n_iter, share):
        """Note which share of the bound a search found in use."""
        if share > 1.0 - _SLACK:
            self._period = min(2 * self._period, _LONGEST)
        self._next = n_iter + self._period


def full_allowance(network, state):
    """The network scaled up to its bound where better multipliers prove a smaller one.

    Parameters
    ----------
    network : FeedForward
        The certified copy of the weights, and biases.
    state : SplitState
        Its multipliers and the bound that is enforced.

    Returns
    -------
    certificate : LipschitzCertificate
        LipSDP's, of the network as it is.
    scaled : SplitState or None
        Its ``projected`` are the weights scaled evenly, its multipliers those of
        LipSDP, which prove the bound. None where all of the bound but half a percent
        is in use, or where the bound does not bind: the loss does not push against it,
        and it is more than twice what the network needs.
    factor : float
        Of the matrices.
    """
    certificate = lipschitz_bound(network, method="lipsdp")
    share = certificate.value / state.bound
    if certificate.multipliers is None or share > 1.0 - _SLACK:
        return certificate, None, 1.0
    if share < _WANTED and not binds(state):
        return certificate, None, 1.0
    # The bound is homogeneous in each matrix.
    factor = (TARGET / share) ** (1.0 / len(network.weights))
    found = [0.5 * d * d for d in certificate.multipliers]
    scaled = replace(
        state,
        projected=[factor * w for w in network.weights],
        multipliers=scaled_multipliers(found, factor),
    )
    return certificate, scaled, factor
