# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Certified radii: how far a sample may move before its class can change."""

from functools import partial

from sklip._arguments import check_device, check_effort, check_norm, check_time_limit
from sklip._blocks import by_blocks, check_jobs, joined, step_for
from sklip._documentation import documented
from sklip._shared_docs import SHARED
from sklip.bounds import METHOD_DOCS, row_check
from sklip.certification._categories import check_categorical, radii_for
from sklip.certification._decisions import decide
from sklip.certification._label_sets import each_label, labels_of
from sklip.certification._pairs import check_method

__all__ = ["certified_radius"]


@documented(METHOD_DOCS, SHARED)
def certified_radius(
    model,
    X,
    y=None,
    *,
    norm=2,
    method="best",
    feature_eps=None,
    categorical="immutable",
    device="cpu",
    effort="normal",
    time_limit=None,
    n_jobs=None,
    verbose=0,
):
    """Radius around each sample within which no perturbation changes the class.

    Parameters
    ----------
    model : FeedForward, torch module, fitted classifier or Pipeline
        Anything that :func:`sklip.networks.network_view` accepts as a classifier, or a
        torch module in eval mode with one output for each class.
    {X}
    y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
        True labels; the radius is then 0 where the prediction is wrong. Without y the
        radius is about the predicted class. Of a multilabel classifier a matrix of 0
        and 1.
    norm : {1, 2, numpy.inf}, default=2
        Norm of the perturbation, in the units of X.
    {radius_methods}
        "best" takes for each sample and pair of classes what
        reaches farthest, with LipSDP up to 256 hidden neurons and 10 classes, and
        goes on by branch and bound in networks with ReLU, leaky ReLU or abs, as far as
        ``effort`` allows; "auto" is "best". A certificate bounds every pair by itself.
    feature_eps : dict or Series, default=None
        Feature name or index to its tolerance eps_j > 0, or to a pair (down, up) of
        which one may be 0; other features do not move. The result s then means: no
        change with ``||delta / eps|| <= s`` matters, each entry divided by the
        tolerance of its own direction.
    categorical : {"immutable", "flip"}, default="immutable"
        Whether columns that an encoder of categories consumes stay as they are, or may
        take any of their values as well: the radius then holds for the worst case over
        all combinations of them.
    {device}
    effort : {"low", "normal", "high"} or int, default="normal"
        Limit of the work of branch and bound, which "best" alone does: a number is
        that of the parts for one sample at any one radius; see Notes.
    {time_limit, n_jobs, verbose}

    Returns
    -------
    radius : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Proven, rounded down, and valid for what the model's own predict computes, its
        preprocessing included; 0 at a tie, inf where nothing that may move matters.
        Of a multilabel classifier one for each label; the whole set of labels stays as
        it is within the smallest, ``radius.min(axis=1)``.

    Raises
    ------
    TypeError
        If method is an estimate or a bare number: neither proves anything.
    ValueError
        If the model is a regressor, a certificate belongs to another network, or an
        argument is out of range.

    See Also
    --------
    certified_interval : The same for regressors.
    robustness_bracket : A certified radius beside the nearest flip that is found.
    verify_robustness : Exact at one radius, for small piecewise linear networks.

    Notes
    -----
    With pairs (down, up) bounds inside the ball speak of the half-boxes and
    half-ellipsoids of ``delta``; the constants of "product", "pairwise", "sequential",
    "lipsdp" and "local" of the ball with the larger tolerance on both sides. A column
    that a curved map reads (FunctionTransformer, QuantileTransformer) has the larger
    one on both sides as well.

    Branch and bound cuts a sample's ball, at any one radius, into at most
    100,000 / n_samples parts, and 2000; in networks where a part takes more than 6000
    multiplications, or of more than 64 hidden neurons, into fewer in proportion. It is
    left out beyond 1000 samples, and where fewer than eight parts remain.
    ``effort="low"`` takes a tenth of that and "high" eight times as many; a number of
    parts is taken as it is, whatever the size of the call or of the network. A part
    costs at most five times what "crown" does for one ball, counted in linear functions
    propagated to the inputs, and what precedes the first part at most 40 times: at one
    radius "low" costs at most 1,040 times "crown", "normal" 10,040, "high" 80,040 and a
    number n of parts 5 n + 40 times. Networks of tanh, logistic and other curved
    activations are cut, an eighth as often, under "high" and a number alone: a part
    costs them up to 15 times what "crown" does. Under
    "low", "normal" and "high" a sample may have a larger radius in a smaller call; in
    calls of one size it has the same. What the limit leaves open at one radius,
    :func:`certified_accuracy_score` and :func:`verify_robustness` may still settle:
    they take 25 times as many parts, or the number that is asked.

    The radius is the smallest (f_t - f_j) / L_tj over the other classes j, with L_tj
    the Lipschitz constant of f_t - f_j with respect to the stated norm (Theorem 2 of
    paper 000, A8, A9b). A constant for l2 serves l1 as it is and linf with a factor
    sqrt(n), n the number of features that may move; Proposition 2 of the paper lacks
    that factor (A9). Bounds inside the ball replace L_tj by what the slopes there allow
    (A20, A21). Categories that were one-hot encoded do not move, and an entry that is
    missing stays missing. Each difference is lowered by what rounding may do to the
    forward pass within the ball, for rows of the type of X and for float64. A torch
    module of other layers than a stack's, bare or in an estimator, knows "product",
    "ibp", "crown", "local" and "best"; the rounding of its own type is covered.

    Examples
    --------
    >>> from sklip.certification import certified_radius
    >>> from sklip.networks import FeedForward
    >>> net = FeedForward([[[1.5, 2.0], [-1.5, -2.0]]])
    >>> certified_radius(net, [[1.0, 0.5]]).round(6)
    array([1.])
    >>> certified_radius(net, [[1.0, 0.5]], feature_eps={0: 0.1}).round(4)
    array([16.6667])
    """
    norm, method = check_norm(norm), check_method(method)
    device, effort = check_device(device), check_effort(effort)
    check_categorical(categorical)
    time_limit = check_time_limit(time_limit)
    check_jobs(n_jobs, verbose)
    check = row_check(model, feature_eps)
    ask = partial(
        _radii, model, feature_eps, device, effort, (norm, method, categorical)
    )
    step = step_for(method, effort, X)
    limits = {"time_limit": time_limit, "n_jobs": n_jobs, "verbose": verbose}
    return joined(by_blocks(ask, check, X, y, step=step, **limits))


def _radii(model, feature_eps, device, effort, rule, X, y, block):
    """Radii of a block of the rows."""
    told = {"device": device, "effort": effort, "block": block}
    views = labels_of(model, X, feature_eps, rule[1])
    if views is None:
        return radii_for(decide(model, X, y, feature_eps, **told), *rule)

    def of_label(view, y):
        return radii_for(decide(view, X, y, **told), *rule)

    return each_label(views, y, of_label)
