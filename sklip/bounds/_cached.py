# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Bounds remembered by the network's hash: one solve for all scorers of a fit."""

from sklip._lru import LRU
from sklip.bounds._certificate import LipschitzCertificate
from sklip.bounds._dispatch import auto_method, check_options, lipschitz_bound
from sklip.bounds._resolve import resolve_network
from sklip.exceptions import UnsupportedModelError

__all__ = ["cached_bound"]

_known = LRU(32)


def cached_bound(model, *, method="auto"):
    """:func:`lipschitz_bound`, solved once for each network and method.

    Parameters
    ----------
    model : FeedForward or fitted model
        As for :func:`lipschitz_bound`.
    method : str, default="auto"
        As for :func:`lipschitz_bound`.

    Returns
    -------
    certificate : LipschitzCertificate
        That of fit, if it is what this method gives; else one from the cache, which
        holds the last 32.

    Examples
    --------
    >>> from sklip.bounds import cached_bound
    >>> from sklip.networks import FeedForward
    >>> network = FeedForward([[[3.0, 4.0]]])
    >>> cached_bound(network) is cached_bound(network)
    True
    """
    method, *_ = check_options(method, 2, 1e-6, None, "cpu")
    try:
        network = resolve_network(model)
    except UnsupportedModelError:
        return lipschitz_bound(model, method=method)
    if method == "auto" and auto_method(network) == "lipsdp":
        method = "lipsdp"
    fitted = getattr(model, "certificate_", None)
    if isinstance(fitted, LipschitzCertificate):
        # Where "auto" is some sweeps no method of a certificate stands for it.
        same = (fitted.network_hash, fitted.method) == (network.hash, method)
        # An attribute may have been replaced since: its number is proven again.
        if same and fitted.verify(network):
            return fitted
    key = network.hash, method
    return _known.get(key, lambda: lipschitz_bound(network, method=method))
