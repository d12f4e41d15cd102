# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A Lipschitz constant from both sides."""

from sklip._documentation import documented
from sklip.bounds._dispatch import check_options, lipschitz_bound
from sklip.bounds._docs import BOUNDS
from sklip.bounds._empirical import lipschitz_lower_bound

__all__ = ["lipschitz_bracket"]


@documented(BOUNDS)
def lipschitz_bracket(
    model,
    X=None,
    *,
    method="auto",
    n_restarts=10,
    random_state=None,
    tol=1e-6,
    time_limit=None,
    device="cpu",
):
    """Bracket the global l2 Lipschitz constant of a fitted model.

    Parameters
    ----------
    model : FeedForward or fitted model
        As for :func:`lipschitz_bound`.
    X : {array-like, DataFrame} of shape (n_samples, n_features), default=None
        Samples from which :func:`lipschitz_lower_bound` starts too.
    method : str, default="auto"
        A ``method`` of :func:`lipschitz_bound`.
    n_restarts : int, default=10
        Effort of :func:`lipschitz_lower_bound`.
    random_state : int, RandomState instance or None, default=None
        Seed of :func:`lipschitz_lower_bound`.
    {tol, time_limit, device}

    Returns
    -------
    lower : LipschitzEstimate
        Of kind ``"lower"``: some pair of inputs reaches it.
    upper : LipschitzCertificate
        No pair exceeds it.

    Notes
    -----
    The bounds of Theorem 1 of paper 000 (A4, A5) and of Theorem 1 of paper 001 (P7).
    How far they lie apart is how much the certificate may still overestimate.

    Examples
    --------
    >>> from sklip.bounds import lipschitz_bracket
    >>> from sklip.networks import random_network
    >>> network = random_network([4, 16, 1], random_state=0)
    >>> lower, upper = lipschitz_bracket(network, random_state=0)
    >>> float(lower) <= float(upper)
    True
    """
    check_options(method, 2, tol, time_limit, device)
    lower = lipschitz_lower_bound(
        model, X, n_restarts=n_restarts, random_state=random_state
    )
    upper = lipschitz_bound(
        model, method=method, tol=tol, time_limit=time_limit, device=device
    )
    return lower, upper
