# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The one table of methods: what each bounds, in which norms, and up to which size.

A new method is a row here; functions, checks and displays ask the table.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sklip.bounds._evidence import Evidence
from sklip.bounds._lipsdp import MAX_HIDDEN, cvxpy_bound, lipsdp_bound, sequential_bound
from sklip.bounds._pair_rules import (
    lipsdp_rule,
    pairwise_rule,
    product_rule,
    sequential_rule,
)
from sklip.bounds._path import path_bound
from sklip.bounds._product import product_bound

__all__ = ["BALL_METHODS", "BOUND_METHODS", "METHODS", "PAIR_METHODS", "Method"]

_ALL_NORMS, _EUCLIDEAN = (1.0, 2.0, np.inf), (2.0,)


@dataclass(frozen=True)
class Method:
    """One way to bound."""

    name: str  # as ``method=`` takes it
    norms: tuple[float, ...] = _ALL_NORMS  # norms of the input that it knows
    # ``bound(network, norm, **options) -> Evidence`` of the global constant; options
    # are tol, time_limit and device.
    bound: Callable | None = None
    # ``pairs(network, norm)``: a function from pairs of outputs to the constants of
    # their differences.
    pairs: Callable | None = None
    # What docstrings and the guide say: of the global constant; of what it proves for
    # pairs of outputs or inside a ball.
    says: str = ""
    says_of_pairs: str = ""
    in_balls: bool = False  # whether it bounds the network inside a ball
    # Hidden neurons up to which it is chosen without being asked for: seconds.
    limit: float = np.inf
    # The same where it is asked many times, as in each fit of a search.
    limit_often: float = np.inf
    # Hidden neurons and outputs up to which it is chosen for all pairs of classes.
    limit_pairs: tuple[float, ...] = (np.inf, np.inf)

    def fits(self, network, limit=None):
        """Whether a network has no more hidden neurons than the limit."""
        limit = self.limit if limit is None else limit
        return sum(network.layer_sizes[1:-1]) <= limit

    def fits_pairs(self, network):
        """Whether a network is small enough for all its pairs of outputs."""
        neurons, outputs = self.limit_pairs
        return self.fits(network, neurons) and network.n_outputs <= outputs


def _product(network, norm, **options):
    return Evidence(product_bound(network, norm), norm, "product")


def _path(network, norm, **options):
    return path_bound(network, norm)


def _sequential(network, norm, **options):
    return sequential_bound(network)


def _lipsdp_layer(network, norm, **options):
    return lipsdp_bound(network, per_layer=True, **options)


def _lipsdp(network, norm, **options):
    return lipsdp_bound(network, **options)


def _cvxpy(network, norm, **options):
    return cvxpy_bound(network)


METHODS = {
    method.name: method
    for method in (
        Method(
            "product",
            bound=_product,
            pairs=product_rule,
            says="the product of the layers' norms",
            says_of_pairs="the product of the layers' norms times 2^((p-1)/p) "
            "(Theorem 2 of paper 000, A8)",
        ),
        Method(
            "path",
            bound=_path,
            says="signed path norms, no worse than the product in norms 1 and inf",
        ),
        Method(
            "pairwise",
            pairs=pairwise_rule,
            says_of_pairs="the dual norm of the difference of the two output rows, "
            "times the product of the other layers (A9b)",
        ),
        Method(
            "sequential",
            _EUCLIDEAN,
            _sequential,
            sequential_rule,
            says="multipliers layer by layer in one pass, never worse than the product",
            says_of_pairs="LipSDP (P7 of paper 001) with the multipliers of the "
            "sequential bound, those of its two passes for all pairs at once",
        ),
        Method(
            "lipsdp-layer",
            _EUCLIDEAN,
            _lipsdp_layer,
            says="LipSDP with the best multiplier for each layer",
        ),
        Method(
            "lipsdp",
            _EUCLIDEAN,
            _lipsdp,
            lipsdp_rule,
            says="LipSDP with the best multiplier for each neuron, the tightest",
            says_of_pairs="a LipSDP of its own for each pair",
            limit=512,
            limit_often=128,
            limit_pairs=(256, 10),
        ),
        Method(
            "lipsdp-cvxpy",
            _EUCLIDEAN,
            _cvxpy,
            says="the same by a general solver, for comparison, up to "
            f"{MAX_HIDDEN} hidden neurons",
            limit=MAX_HIDDEN,
        ),
        Method("ibp", in_balls=True, says_of_pairs="interval arithmetic"),
        Method(
            "crown",
            in_balls=True,
            says_of_pairs="linear bound propagation with optimised slopes",
        ),
        Method(
            "local",
            in_balls=True,
            says_of_pairs="slopes in the ball, from its center",
        ),
    )
}
BOUND_METHODS = tuple(m.name for m in METHODS.values() if m.bound)
PAIR_METHODS = tuple(m.name for m in METHODS.values() if m.pairs)
BALL_METHODS = tuple(m.name for m in METHODS.values() if m.in_balls)
