# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Proven constants of the differences of two outputs: what a margin is divided by."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from sklip._arguments import check_norm, check_option
from sklip._floats import FLOOR, SAFETY, UNIT, gamma, lengths
from sklip._threads import limit_threads
from sklip.bounds._chain import chain_of, dense_work
from sklip.bounds._lipsdp import LipSDPPairs, sequential_passes
from sklip.bounds._norms import (
    layer_norms,
    product_up,
    spectral_norm_bound,
    vector_norms,
)
from sklip.bounds._product import product_bound
from sklip.bounds._proof import output_factor, prove

__all__ = ["output_difference_bounds"]

_CACHE_SIZE = 32
_DUAL = {1.0: np.inf, 2.0: 2.0, np.inf: 1.0}
# 2^((p-1)/p), the dual norm of e_t - e_j, rounded up.
_DIFFERENCE_NORM = {1.0: 1.0, 2.0: np.nextafter(np.sqrt(2.0), 2.0), np.inf: 2.0}
_cache: OrderedDict = OrderedDict()
_lock = threading.Lock()


def output_difference_bounds(network, pairs, *, method="sequential", norm=2):
    """Bound the Lipschitz constants of ``y_t - y_j`` for pairs of outputs.

    Parameters
    ----------
    network : FeedForward
        The network with outputs y.
    pairs : array-like of int of shape (n_pairs, 2)
        Columns t and j.
    method : {"product", "pairwise", "sequential", "lipsdp", "auto", "best"}, \
            default="sequential"
        ``"product"``: 2^((p-1)/p) times the product of norms (Theorem 2 of paper 000,
        A8). ``"pairwise"``: dual norm of the difference of the two last rows times the
        product of the other layers (A9b). ``"sequential"``: LipSDP (P7 of paper 001)
        with the multipliers of the sequential bound, those of its two passes for all
        pairs at once, and never above ``"pairwise"``; norm 2 only. ``"lipsdp"``: a
        LipSDP of its own for each pair, never above ``"sequential"``; norm 2 only.
        ``"auto"`` is ``"sequential"`` and ``"best"`` is ``"lipsdp"``, both
        ``"pairwise"`` in norms 1 and inf.
    norm : {1, 2, inf}, default=2
        Norm of the input.

    Returns
    -------
    constants : ndarray of shape (n_pairs,)
        Proven upper bounds, rounding accounted for. What is shared between pairs is
        cached by the network's hash.

    Raises
    ------
    ValueError
        If a pair names an output that does not exist, or ``method`` or ``norm`` is not
        one of the above.

    Examples
    --------
    >>> import numpy as np
    >>> from sklip.bounds import output_difference_bounds
    >>> from sklip.networks import FeedForward
    >>> linear = FeedForward([np.eye(3)])
    >>> output_difference_bounds(linear, [[0, 1]], norm=np.inf, method="pairwise")
    array([2.])
    """
    norm = check_norm(norm)
    check_option(method, "method", (*_RULES, *_CHOICES))
    if method in _CHOICES:
        method = _CHOICES[method] if norm == 2.0 else "pairwise"
    if method in ("sequential", "lipsdp") and norm != 2.0:
        raise ValueError(
            f"method={method!r} is for norm=2, got {norm:g}; use 'product' or "
            "'pairwise'."
        )
    pairs = _check_pairs(pairs, network.n_outputs)
    with limit_threads(dense_work(network)):
        constants = _cached_rule(network, method, norm)(pairs)
    constants[pairs[:, 0] == pairs[:, 1]] = 0.0
    if not np.all(np.isfinite(constants)):
        raise OverflowError("A constant exceeds the largest float64: rescale weights.")
    return constants


def _check_pairs(pairs, n_outputs):
    pairs = np.asarray(pairs)
    if pairs.size == 0:
        pairs = np.zeros((0, 2), dtype=int)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        raise ValueError("pairs must be integers of shape (n_pairs, 2).")
    if pairs.size and (pairs.min() < 0 or pairs.max() >= n_outputs):
        raise ValueError(f"pairs must name outputs from 0 to {n_outputs - 1}.")
    return pairs


def _cached_rule(network, method, norm):
    key = (network.hash, method, norm)
    with _lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]
    rule = _RULES[method](network, norm)
    with _lock:
        _cache[key] = rule
        while len(_cache) > _CACHE_SIZE:
            _cache.popitem(last=False)
    return rule


def _product_rule(network, norm):
    constant = product_up([_DIFFERENCE_NORM[norm], product_bound(network, norm)])
    return lambda pairs: np.full(len(pairs), constant)


def _pairwise_rule(network, norm):
    slopes = [activation.lipschitz for activation in network.activations]
    rest = product_up([*layer_norms(network, norm)[:-1], *slopes])
    last = network.weights[-1]

    def constants(pairs):
        difference = last[pairs[:, 0]] - last[pairs[:, 1]]
        norms = vector_norms(difference, _DUAL[norm])
        # The difference, both products and this factor round once each.
        with np.errstate(over="ignore", under="ignore"):
            upward = np.nextafter(norms * rest * (1.0 + 8.0 * UNIT), np.inf)
        return np.where((norms == 0.0) | (rest == 0.0), 0.0, upward)

    return constants


def _sequential_rule(network, norm):
    pairwise = _pairwise_rule(network, norm)
    chain = chain_of(network)
    if not all(np.any(w) for w in chain.weights):
        return pairwise
    if len(chain) == 1:
        return _linear_rule(chain.weights[0], chain.radii[0])
    rest = product_up(
        [
            spectral_norm_bound(np.abs(w) + radius if radius is not None else w)
            for w, radius in zip(chain.weights[:-1], chain.radii[:-1], strict=True)
        ]
        + [max(abs(a), abs(b)) for a, b in chain.sectors]
    )
    shared = [_share(chain, *found, rest) for found in sequential_passes(chain)]
    rules = [rule for rule in shared if rule is not None]

    def constants(pairs):
        return np.min([pairwise(pairs), *(rule(pairs) for rule in rules)], axis=0)

    return constants


def _lipsdp_rule(network, norm):
    return LipSDPPairs(network, _sequential_rule(network, norm))


def _linear_rule(weight, radius):
    def constants(pairs):
        t, j = pairs.T
        norms = vector_norms(weight[t] - weight[j], 2.0)
        if radius is not None:
            norms = norms + vector_norms(radius[t] + radius[j], 2.0)
        # The difference, the sum of radii and that of the norms round once each.
        return np.nextafter(norms * (1.0 + 8.0 * UNIT), np.inf)

    return constants


@dataclass(frozen=True, eq=False)
class _Shared:
    """Proof that y = R a has constant lipschitz, a being the last hidden layer.

    With w = R^T v + r an output w^T a has the constant ||v|| lipschitz + ||r|| rest, so
    one proof serves every pair.
    """

    factor: np.ndarray  # R
    lipschitz: float
    rest: float  # constant of a itself
    last: np.ndarray
    radius: np.ndarray | None

    def __call__(self, pairs):
        t, j = pairs.T
        w = (self.last[t] - self.last[j]).T
        transposed = self.factor.T
        v = solve_triangular(transposed, w, lower=True, check_finite=False)
        residual = lengths(w - transposed @ v, axis=0)
        size = np.abs(transposed) @ np.abs(v) + np.abs(w) + FLOOR
        residual += gamma(len(w)) * lengths(size, axis=0)
        if self.radius is not None:
            residual += lengths(self.radius[t] + self.radius[j])
        total = vector_norms(v.T, 2.0) * self.lipschitz
        total = total + SAFETY * residual * self.rest
        return np.nextafter(total * (1.0 + 8.0 * UNIT), np.inf)


def _share(chain, lipschitz, multipliers, rest):
    factor = output_factor(chain, lipschitz, multipliers)
    if factor is None:
        return None
    proven = prove(chain.with_last(factor), lipschitz, multipliers)
    if proven is None:
        return None
    return _Shared(factor, proven[0], rest, chain.weights[-1], chain.radii[-1])


_RULES = {
    "product": _product_rule,
    "pairwise": _pairwise_rule,
    "sequential": _sequential_rule,
    "lipsdp": _lipsdp_rule,
}
_CHOICES = {"auto": "sequential", "best": "lipsdp"}
