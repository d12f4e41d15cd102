# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""lipschitz_bound: one door to every method."""

from numbers import Real

import numpy as np

from sklip.bounds._certificate import product_certificate
from sklip.bounds._norms import check_norm
from sklip.bounds._resolve import resolve_network
from sklip.bounds._sequential import sequential_bound

__all__ = ["lipschitz_bound"]

_METHODS = {
    "product": lambda network, norm: product_certificate(network, norm),
    "sequential": lambda network, norm: sequential_bound(network),
}
_EUCLIDEAN_ONLY = {"sequential"}
_DEVICES = ("cpu", "cuda", "auto")


def lipschitz_bound(
    model,
    *,
    method="auto",
    norm=2,
    output=None,
    feature=None,
    tol=1e-6,
    time_limit=None,
    device="cpu",
):
    """Bound the global Lipschitz constant of a fitted model, with a proof.

    Parameters
    ----------
    model : FeedForward or fitted model
        Anything that :func:`sklip.networks.network_view` takes: sklip estimators,
        scikit-learn's MLPs and linear models, Pipelines of them. The bound then speaks
        of ``decision_function`` (logits) or ``predict`` (regression) as a function of
        the numeric columns of X, in the units of the user's X and y; columns that an
        encoder consumes do not count.
    method : {"auto", "product", "sequential"}, default="auto"
        ``"product"``: product of the layers' norms. ``"sequential"``: one multiplier a
        layer of LipSDP, never worse than the product (norm 2 only). ``"auto"``: the
        tightest of these for the norm.
    norm : {1, 2, inf}, default=2
        Norm of both the input and the output.
    output : int, default=None
        Bound this output of the network alone.
    feature : int or str, default=None
        Bound the slope in this column of X alone, by index or name.
    tol : float, default=1e-6
        Relative gap at which an iterative method stops.
    time_limit : float, default=None
        Seconds after which an iterative method returns its best proven bound.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where an iterative method computes.

    Returns
    -------
    certificate : LipschitzCertificate
        The bound with its evidence; ``float(certificate)`` is the bound.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    UnsupportedModelError
        If no bound is known for the model or a transformer in it.
    ValueError
        If an argument is not one of the allowed values.
    OverflowError
        If the bound exceeds the largest float64.

    Notes
    -----
    ``"product"`` is (28)-(31) of paper 000 (A28) with the activations' slopes;
    ``"sequential"`` a point of Theorem 1 of paper 001 (P7). Both account for rounding
    errors; the forward half of ``"sequential"`` is ECLipsE-Fast.

    Examples
    --------
    >>> from sklip.bounds import lipschitz_bound
    >>> from sklip.networks import random_network
    >>> network = random_network([8, 32, 32, 3], random_state=0)
    >>> tight = lipschitz_bound(network)
    >>> float(tight) < float(lipschitz_bound(network, method="product"))
    True
    >>> tight.verify(network)
    True
    """
    norm = check_norm(norm)
    method = _check_method(method, norm)
    _check_solver_options(tol, time_limit, device)
    network = resolve_network(model, output=output, feature=feature)
    return _METHODS[method](network, norm)


def _check_method(method, norm):
    allowed = [m for m in _METHODS if norm == 2.0 or m not in _EUCLIDEAN_ONLY]
    if method == "auto":
        return allowed[-1]
    if not isinstance(method, str) or method not in _METHODS:
        raise ValueError(
            f"method must be one of 'auto', {', '.join(map(repr, _METHODS))}, got "
            f"{method!r}."
        )
    if method not in allowed:
        raise ValueError(
            f"method={method!r} bounds the l2 constant only; for norm={norm:g} use "
            f"{' or '.join(map(repr, allowed))}."
        )
    return method


def _check_solver_options(tol, time_limit, device):
    if not _is_positive(tol):
        raise ValueError(f"tol must be a positive number, got {tol!r}.")
    if time_limit is not None and not _is_positive(time_limit):
        raise ValueError(
            f"time_limit must be None or a positive number of seconds, got "
            f"{time_limit!r}."
        )
    if device not in _DEVICES:
        raise ValueError(
            f"device must be one of {', '.join(map(repr, _DEVICES))}, got {device!r}."
        )


def _is_positive(value):
    number = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    return number and value > 0
