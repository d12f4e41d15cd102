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
from sklip._threads import limit_threads
from sklip.bounds._certificate import module_certificate, product_certificate
from sklip.bounds._chain import dense_work
from sklip.bounds._lipsdp import (
    cvxpy_bound,
    first_order_bound,
    first_order_evaluations,
    lipsdp_bound,
    sequential_bound,
)
from sklip.bounds._modules import is_any_module, unwrap_any_module
from sklip.bounds._path import path_bound
from sklip.bounds._resolve import resolve_network

__all__ = ["METHODS", "auto_method", "check_options", "lipschitz_bound"]

_EUCLIDEAN_ONLY = ("sequential", "lipsdp-layer", "lipsdp", "lipsdp-cvxpy")
METHODS = ("product", "path", *_EUCLIDEAN_ONLY)
# Hidden neurons up to which "auto" solves LipSDP: seconds on one core.
_LIPSDP_UP_TO = 512
# What "best" takes the smallest of, by the norm, besides what "auto" takes.
_CHEAP = {1.0: (), 2.0: ("product", "path", "sequential"), float("inf"): ()}


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
        of ``decision_function`` (logits) or ``predict`` (regression) as a function of
        the numeric columns of X, in the units of the user's X and y; columns that an
        encoder consumes do not count.
    method : {"auto", "product", "path", "sequential", "lipsdp-layer", "lipsdp", \
            "lipsdp-cvxpy", "best"}, default="auto"
        ``"product"``: product of the layers' norms. ``"path"``: signed path norms, no
        worse in norms 1 and inf. The others bound the l2 constant: ``"sequential"``:
        multipliers layer by layer in one pass, never worse than the product;
        ``"lipsdp-layer"``: the best multiplier for each layer; ``"lipsdp"``: the best
        for each neuron, the tightest; ``"lipsdp-cvxpy"``: the same by a general solver,
        for comparison, up to 200 hidden neurons. ``"auto"``: ``"lipsdp"`` up to 512
        hidden neurons; above, LipSDP's first-order method, whose number of steps
        follows from the layers' sizes (about ten seconds of one core at most); where
        too few would be left (a layer of more than about 1400), ``"sequential"``. For
        norms 1 and inf the smaller of ``"path"`` and ``"product"``. ``"best"``: the
        smallest of ``"auto"`` and the methods that cost less.
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
    options = check_options(method, norm, tol, time_limit, device)
    method, norm = options[:2]
    model = unwrap_any_module(model)
    if is_any_module(model):
        _check_module_arguments(method, output, feature)
        return module_certificate(model, norm)
    network = resolve_network(model, output=output, feature=feature)
    with limit_threads(dense_work(network)):
        return _bound(network, *options)


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


def _bound(network, method, norm, tol, time_limit, device):
    if method == "best":
        methods = ("auto", *_CHEAP[norm])
        found = [_bound(network, m, norm, tol, time_limit, device) for m in methods]
        return min(found, key=float)
    if method == "auto":
        method = auto_method(network, norm)
        if method == "path":
            both = path_bound(network, norm), product_certificate(network, norm)
            return min(both, key=float)
        if method == "sequential":
            n_evaluations = first_order_evaluations(network)
            if n_evaluations:
                return first_order_bound(
                    network, tol=tol, time_limit=time_limit, n_evaluations=n_evaluations
                )
    if method == "product":
        return product_certificate(network, norm)
    if method == "path":
        return path_bound(network, norm)
    if method == "sequential":
        return sequential_bound(network)
    if method == "lipsdp-cvxpy":
        return cvxpy_bound(network)
    return lipsdp_bound(
        network,
        per_layer=method == "lipsdp-layer",
        tol=tol,
        time_limit=time_limit,
        device=device,
    )


def auto_method(network, norm=2, up_to=_LIPSDP_UP_TO):
    """The tightest method that is cheap and exact for a network of this size.

    Parameters
    ----------
    network : FeedForward
        The network.
    norm : {1, 2, inf}, default=2
        Norm of both the input and the output.
    up_to : int
        Largest number of hidden neurons for which LipSDP is chosen.

    Returns
    -------
    method : str
        A method of :func:`lipschitz_bound`; decided by the sizes alone. For norm 2
        ``lipschitz_bound`` improves on ``"sequential"`` by first-order steps.

    Examples
    --------
    >>> from sklip.bounds import auto_method
    >>> from sklip.networks import random_network
    >>> auto_method(random_network([8, 64, 2], random_state=0))
    'lipsdp'
    """
    if norm != 2:
        return "path"
    return "lipsdp" if sum(network.layer_sizes[1:-1]) <= up_to else "sequential"


def _check_method(method, norm):
    check_option(method, "method", ("auto", *METHODS, "best"))
    if norm != 2.0 and method in _EUCLIDEAN_ONLY:
        allowed = [m for m in METHODS if m not in _EUCLIDEAN_ONLY]
        raise ValueError(
            f"method={method!r} bounds the l2 constant only; for norm={norm:g} use "
            f"{' or '.join(map(repr, allowed))}."
        )
    return method


def _check_module_arguments(method, output, feature):
    whole = output is None and feature is None
    if method not in ("auto", "product", "best") or not whole:
        raise ValueError(
            "A module with convolutions, pooling or residual blocks is bounded by the "
            "product of norms as a whole: leave method, output and feature out."
        )
