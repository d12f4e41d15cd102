# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""lipschitz_bound: one door to every method."""

from sklip._arguments import (
    check_device,
    check_norm,
    check_option,
    check_positive,
    check_time_limit,
)
from sklip._documentation import documented
from sklip._threads import limit_threads
from sklip.bounds._certificate import sealed
from sklip.bounds._chain import dense_work
from sklip.bounds._docs import BOUNDS
from sklip.bounds._lipsdp import granted_sweeps, swept_bound
from sklip.bounds._method_docs import METHOD_DOCS
from sklip.bounds._methods import BOUND_METHODS, METHODS
from sklip.bounds._subject import NetworkSubject, subject_of

__all__ = ["auto_method", "check_options", "lipschitz_bound"]

# What "best" takes the smallest of, by the norm, besides what "auto" takes.
_CHEAP = {1.0: (), 2.0: ("product", "path", "sequential"), float("inf"): ()}

# Gap up to which "auto" solves LipSDP above the limit of its table.
_AUTO_TOL = 1e-4


@documented(BOUNDS, METHOD_DOCS)
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
        scikit-learn's MLPs and linear models, Pipelines of them; or a torch module
        in eval mode: a plain stack of linear layers is treated as a network, one with
        convolutions, pooling or residual blocks gets the product of norms for any
        input size (:func:`sklip.bounds.module_bound` takes the size and is tighter). A
        sklip estimator that holds a module knows the size, also behind scalers in a
        Pipeline. Of a fitted model the bound speaks
        of ``decision_function`` or ``predict`` (regression) as a function of
        the numeric columns of X, in the units of the user's X and y; columns that an
        encoder consumes do not count. Of a classifier without ``decision_function`` it
        speaks of what decides: the logits of an MLPClassifier, the mean probability of
        a soft vote.
    {bound_methods}
        "auto": LipSDP up to 512 hidden neurons; above, to a gap of 1e-4 or as near as a
        number of sweeps over its dual comes that follows from the layers' sizes (some
        seconds of one core); where too few would be left (two layers of more than about
        7000), "sequential". For norms 1 and inf the smaller of "path" and "product".
        "best": the smallest of "auto" and the methods that cost less.
    {norm}
    output : int or "all", default=None
        Bound this output of the network by which ``predict`` decides alone, or
        ``"all"`` of them together. That differs from None for two classes with two
        logits, as sklip's classifiers have them: their ``decision_function`` is the
        difference of the logits, which may be sqrt(2) times as steep as both together
        (norm inf: twice); and for bags, which decide by their mean probability. A bare
        FeedForward has outputs only.
    feature : int or str, default=None
        Bound the slope in this column of X alone, by index or name.
    {tol, time_limit, device}

    Returns
    -------
    certificate : LipschitzCertificate
        The bound with its evidence; ``float(certificate)`` is the bound.

    Raises
    ------
    {NotFittedError, UnsupportedModelError, ValueError}
    OverflowError
        If the bound exceeds the largest float64.

    Notes
    -----
    ``"product"`` is (28)-(31) of paper 000 (A28) with the activations' slopes,
    ``"path"`` its refinement entry by entry;
    ``"sequential"`` a point of Theorem 1 of paper 001 (P7), ``"lipsdp"`` its optimum.
    All account for rounding errors; ``"sequential"`` is never looser than its forward
    pass, ECLipsE-Fast. For a Pipeline the bound is proven for the network with the
    folded, rounded first matrix (``network_view(model).network``); radii and intervals
    also cover the rounding of the fold.

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
    method, norm, *options = check_options(method, norm, tol, time_limit, device)
    subject = subject_of(model, output=output, feature=feature)
    if not isinstance(subject, NetworkSubject):
        _check_whole(method)
        return sealed(subject, subject.product(norm))
    options = dict(zip(("tol", "time_limit", "device"), options, strict=True))
    with limit_threads(dense_work(subject.network)):
        return sealed(subject, _bound(subject.network, method, norm, options))


def check_options(method, norm, tol, time_limit, device):
    """The arguments that say how, not what, as ``lipschitz_bound`` computes with them.

    Returns
    -------
    options : tuple
        In the same order; ValueError or TypeError if one is not allowed.
    """
    norm = check_norm(norm)
    return (
        _check_method(method, norm),
        norm,
        check_positive(tol, "tol"),
        check_time_limit(time_limit),
        check_device(device),
    )


def _bound(network, method, norm, options):
    if method == "best":
        found = [_bound(network, m, norm, options) for m in ("auto", *_CHEAP[norm])]
        return min(found, key=float)
    if method == "auto":
        return _automatic(network, norm, options)
    return METHODS[method].bound(network, norm, **options)


def _automatic(network, norm, options):
    method = auto_method(network, norm)
    if method == "path":
        both = [METHODS[m].bound(network, norm) for m in ("path", "product")]
        return min(both, key=float)
    n_sweeps = granted_sweeps(network) if method == "sequential" else 0
    if n_sweeps:
        tol, time_limit = max(options["tol"], _AUTO_TOL), options["time_limit"]
        return swept_bound(network, tol=tol, time_limit=time_limit, n_sweeps=n_sweeps)
    return METHODS[method].bound(network, norm, **options)


@documented(BOUNDS)
def auto_method(network, norm=2, *, often=False):
    """The tightest method that is cheap and exact for a network of this size.

    Parameters
    ----------
    network : FeedForward
        Only its layers' sizes and activations are asked.
    {norm}
    often : bool, default=False
        Whether it is asked many times, as in each fit of a search: LipSDP is then
        chosen for smaller networks only.

    Returns
    -------
    method : str
        A method of :func:`lipschitz_bound`; decided by the sizes alone. For norm 2
        ``lipschitz_bound`` improves on ``"sequential"`` by sweeps over LipSDP's dual.

    Examples
    --------
    >>> from sklip.bounds import auto_method
    >>> from sklip.networks import random_network
    >>> auto_method(random_network([8, 64, 2], random_state=0))
    'lipsdp'
    """
    if norm != 2:
        return "path"
    lipsdp = METHODS["lipsdp"]
    limit = lipsdp.limit_often if often else lipsdp.limit
    return "lipsdp" if lipsdp.fits(network, limit) else "sequential"


def _check_method(method, norm):
    check_option(method, "method", ("auto", *BOUND_METHODS, "best"))
    if method in METHODS and norm not in METHODS[method].norms:
        allowed = [m for m in BOUND_METHODS if norm in METHODS[m].norms]
        raise ValueError(
            f"method={method!r} bounds the l2 constant only; for norm={norm:g} use "
            f"{' or '.join(map(repr, allowed))}."
        )
    return method


def _check_whole(method):
    if method not in ("auto", "product", "best"):
        raise ValueError(
            "A module with convolutions, pooling or residual blocks is bounded by the "
            "product of norms as a whole: leave method, output and feature out."
        )
