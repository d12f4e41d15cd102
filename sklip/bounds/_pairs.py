# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Proven constants of the differences of two outputs: what a margin is divided by."""

import numpy as np

from sklip._arguments import check_norm, check_option
from sklip._documentation import documented
from sklip._lru import LRU
from sklip._threads import limit_threads
from sklip.bounds._chain import dense_work
from sklip.bounds._method_docs import METHOD_DOCS
from sklip.bounds._methods import METHODS

__all__ = ["output_difference_bounds"]

_CHOICES = {"auto": "sequential", "best": "lipsdp"}
# Rules by network, method and norm.
_known = LRU(32)


@documented(METHOD_DOCS)
def output_difference_bounds(network, pairs, *, method="sequential", norm=2):
    """Bound the Lipschitz constants of ``y_t - y_j`` for pairs of outputs.

    Parameters
    ----------
    network : FeedForward
        The network with outputs y.
    pairs : array-like of int of shape (n_pairs, 2)
        Columns t and j.
    {pair_methods}
        "sequential" is never above "pairwise", and "lipsdp" never above that. "auto" is
        "sequential" and "best" is "lipsdp", both "pairwise" in norms 1 and inf.
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
    rules = {name: m for name, m in METHODS.items() if m.pairs}
    check_option(method, "method", (*rules, *_CHOICES))
    if method in _CHOICES:
        method = _CHOICES[method] if norm == 2.0 else "pairwise"
    if norm not in rules[method].norms:
        raise ValueError(
            f"method={method!r} is for norm=2, got {norm:g}; use 'product' or "
            "'pairwise'."
        )
    pairs = _check_pairs(pairs, network.n_outputs)
    with limit_threads(dense_work(network)):
        key = network.hash, method, norm
        rule = _known.get(key, lambda: rules[method].pairs(network, norm))
        constants = rule(pairs)
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
