# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Constants of the differences of two outputs, each by a LipSDP of its own."""

from functools import cached_property

import numpy as np

from sklip._floats import UNIT
from sklip.bounds._chain import chain_of
from sklip.bounds._lipsdp.bound import solve_lipsdp
from sklip.bounds._lipsdp.low_rank import balanced, low_rank_method
from sklip.bounds._lipsdp.sequential import SequentialPasses
from sklip.bounds._proof import prove

__all__ = ["LipSDPPairs"]

# Relative gap of a pair's solve: a radius needs no more digits.
_TOL = 1e-4
# Rank of the dual matrices, at first: with one output it is small.
_RANK = 12


class LipSDPPairs:
    """LipSDP (P7 of paper 001) with the last layer replaced by a row difference.

    Solved once for each pair that is asked for, and remembered.

    Parameters
    ----------
    network : FeedForward
        Pairs are of its outputs.
    fallback : callable
        ``fallback(pairs)``: proven constants that are never to be exceeded.
    """

    def __init__(self, network, fallback):
        self._chain = chain_of(network)
        self._fallback = fallback
        self._known = {}

    @cached_property
    def _inner(self):
        """What the pairs share of their balanced weights."""
        return balanced(self._chain.weights[:-1], has_output=False)

    def _balanced(self, chain):
        """Balanced weights of a pair's chain, and their exponents."""
        last = balanced(chain.weights[-1:], has_input=False)
        return tuple([*a, *b] for a, b in zip(self._inner, last, strict=True))

    def __call__(self, pairs):
        """Proven constants of shape (n_pairs,)."""
        constants = self._fallback(pairs)
        if len(self._chain) == 1:
            return constants
        for k, (t, j) in enumerate(np.sort(pairs, axis=1)):
            if t != j and constants[k] > 0.0:
                constants[k] = min(constants[k], self._solve(int(t), int(j)))
        return constants

    def _solve(self, t, j):
        if (t, j) not in self._known:
            proven, chain = None, self._difference(t, j)
            if np.any(chain.weights[-1]):
                proven = _solved(chain, self._balanced(chain))
            self._known[t, j] = np.inf if proven is None else proven
        return self._known[t, j]

    def _difference(self, t, j):
        last, radius = self._chain.weights[-1], self._chain.radii[-1]
        row = last[[t]] - last[[j]]
        spread = UNIT * np.abs(row)
        if radius is not None:
            spread = (spread + radius[[t]] + radius[[j]]) * (1.0 + 4.0 * UNIT)
        return self._chain.with_last(row, spread)


def _solved(chain, prepared):
    """The proven bound of a pair's chain; None on failure."""
    found = low_rank_method(chain, _TOL, rank=_RANK, prepared=prepared)
    if found is not None and found.is_closed:
        return found.value
    solution = solve_lipsdp(SequentialPasses(chain), tol=_TOL)
    bounds = [] if found is None else [found.value]
    if solution is not None:
        proven = prove(chain, solution.lipschitz, solution.multipliers)
        bounds += [] if proven is None else [proven[0]]
    return min(bounds, default=None)
