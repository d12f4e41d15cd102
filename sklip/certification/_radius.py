# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Certified radii: how far a sample may move before its class can change."""

import numpy as np

from sklip.certification._attacks import attack_points
from sklip.certification._branching import BranchedRadii
from sklip.certification._decisions import decide
from sklip.certification._local_margins import LocalMargins
from sklip.certification._local_radius import (
    best_radii,
    local_radii,
    settled_pairs,
)
from sklip.certification._module_decisions import ModuleDecisions, module_radii
from sklip.certification._pairs import (
    LOCAL_METHODS,
    certificate_constant,
    check_method,
    norm_ratio,
    rules,
)
from sklip.certification._rounding import UNIT_ROUNDOFF
from sklip.certification._validation import check_norm

__all__ = ["Margins", "certified_radius", "proven_radii"]

# Effort of the attack that spares solves for samples which no proof can save.
_ATTACK_STEPS, _ATTACK_RESTARTS = 10, 3


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
):
    """Radius around each sample within which no perturbation changes the class.

    Parameters
    ----------
    model : FeedForward, fitted classifier or Pipeline
        Anything that :func:`sklip.networks.network_view` accepts as a classifier.
    X : array-like or DataFrame of shape (n_samples, n_features)
        Samples, as the model takes them.
    y : array-like of shape (n_samples,), default=None
        True labels; the radius is then 0 where the prediction is wrong. Without y the
        radius is about the predicted class.
    norm : {1, 2, numpy.inf}, default=2
        Norm of the perturbation, in the units of X.
    method : {"product", "pairwise", "sequential", "lipsdp", "ibp", "crown", "local", \
            "best"} or LipschitzCertificate, default="best"
        Where the constants of the logit differences come from: "product" is the product
        of all layers' norms times 2^((p-1)/p), "pairwise" takes the norm of the
        difference of two output rows times the product of the other layers,
        "sequential" the sequential bound of each pair, "lipsdp" solves LipSDP for
        each pair. The other three bound the network inside the ball: "ibp" by
        interval arithmetic, "crown" by linear bound propagation with optimised slopes,
        "local" by Lipschitz constants of the ball alone; their radii are found by
        trial, 0.14 % low at most. "best" takes for each sample and pair of classes what
        reaches farthest, with LipSDP up to 256 hidden neurons and 10 classes, and
        goes on by branch and bound in networks of up to 64 hidden neurons with ReLU,
        leaky ReLU or abs (see Notes). A certificate bounds every pair by itself.
    feature_eps : dict, default=None
        Feature name or index to its tolerance eps_j > 0; other features do not move.
        The result s then means: no change with ``||delta / eps|| <= s`` matters.
    categorical : {"immutable", "flip"}, default="immutable"
        Whether columns that an encoder of categories consumes stay as they are, or may
        take any of their values as well: the radius then holds for the worst case over
        all combinations of them.
    device : str, default="cpu"
        Where bounds inside balls are computed ("cuda"), in float64.

    Returns
    -------
    radius : ndarray of shape (n_samples,)
        Proven, rounded down, and valid for the model's own predict in float64, with its
        preprocessing; 0 at a tie, inf where nothing that may move matters at all.

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
    Branch and bound cuts a sample's ball, at any one radius, into at most
    100,000 / n_samples parts: 2000 for up to 50 samples, and it is left out beyond 1000
    samples. A sample may thus have a larger radius in a smaller call; in calls of one
    size it has the same. What the limit leaves open at one radius,
    :func:`certified_accuracy_score` and :func:`verify_robustness` may still settle.

    The radius is the smallest (f_t - f_j) / L_tj over the other classes j, with L_tj
    the Lipschitz constant of f_t - f_j with respect to the stated norm (Theorem 2 of
    paper 000, A8, A9b). A constant for l2 serves l1 as it is and linf with a factor
    sqrt(n), n the number of features that may move; Proposition 2 of the paper lacks
    that factor (A9). Bounds inside the ball replace L_tj by what the slopes there allow
    (A20, A21). Categories that were one-hot encoded do not move. Each difference
    is lowered by what rounding may do to the forward pass within the ball. A sklip
    estimator that holds a torch module has one constant for all pairs, from the product
    of norms; its radius is proven for the module in exact arithmetic.

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
    norm = check_norm(norm)
    method = check_method(method)
    decisions = decide(model, X, y, feature_eps, device)
    if categorical == "immutable":
        return proven_radii(decisions, norm, method)
    # Imported here: the worst case over categories asks for radii in turn.
    from sklip.certification._categories import check_categorical, flipped_radii

    check_categorical(categorical)
    return flipped_radii(decisions, norm, method)


def proven_radii(decisions, norm, method, needed=np.inf):
    """Radii about the targets, made no tighter than it takes to reach ``needed``."""
    if isinstance(decisions, ModuleDecisions):
        return module_radii(decisions, norm, method)
    margins = Margins(decisions, norm)
    n_classes = decisions.network.n_outputs
    if not isinstance(method, str):
        value = certificate_constant(method, decisions.view, norm)
        return margins.radii(np.full((n_classes, n_classes), value)).min(axis=1)
    if decisions.n_mutable == 0:
        return margins.radii(np.zeros((n_classes, n_classes))).min(axis=1)
    constants = _Constants(decisions, margins)
    if method in LOCAL_METHODS:
        local = LocalMargins(decisions, norm)
        return local_radii(local, method, constants.radii, needed)
    cheap, dear = rules(method, norm, decisions.view.mutable_network())
    constants.tighten(cheap, needed)
    if method == "best":
        return _best(decisions, norm, constants, dear, needed)
    constants.tighten(dear, needed)
    return constants.radii.min(axis=1)


def _best(decisions, norm, constants, dear, needed):
    """Global rules, bounds inside the ball and in its parts: for each pair the best."""
    local = LocalMargins(decisions, norm)
    branched = BranchedRadii(local)
    if not np.isfinite(needed):
        constants.tighten(dear, needed)
        return branched.rise(constants.radii, best_radii(local, constants.radii))
    # At a given radius local bounds are cheaper than semidefinite programs.
    for method in LOCAL_METHODS:
        constants.admit(settled_pairs(local, method, constants.radii, needed))
    if dear or branched.max_parts:
        constants.refute(decisions, norm, needed)
    rows = constants.still_open(needed)
    constants.admit(branched.reach(constants.radii, needed, rows))
    if dear:
        settled = constants.radii >= needed
        constants.tighten(dear, needed)
        # Again where fewer pairs are left.
        rows = constants.still_open(needed)
        fewer = (constants.radii >= needed) & ~settled
        rows = rows[fewer[rows].any(axis=1)]
        constants.admit(branched.reach(constants.radii, needed, rows))
    return constants.radii.min(axis=1)


class _Constants:
    """Constants of the logit differences so far, and the radii they prove."""

    def __init__(self, decisions, margins):
        n_classes = decisions.network.n_outputs
        self.network = decisions.view.mutable_network()
        self.target, self.margins = decisions.target, margins
        self.constants = np.full((n_classes, n_classes), np.inf)
        self.radii = margins.radii(self.constants)
        self.admitted = np.zeros_like(self.radii)
        self.possible = margins.positive

    def admit(self, radii):
        """Take radii of pairs that were proven by other means."""
        self.admitted = np.maximum(self.admitted, radii)
        self.radii = np.maximum(self.radii, self.admitted)

    def refute(self, decisions, norm, needed):
        """Samples that an attack flips within the radius need no constants."""
        rows, radii = self.still_open(needed), np.zeros(len(self.radii))
        radii[rows] = needed
        effort = _ATTACK_STEPS, _ATTACK_RESTARTS, np.random.default_rng(0)
        _, flipped = attack_points(decisions, radii, norm, *effort)
        self.possible = self.possible & ~(flipped & (radii > 0.0))

    def still_open(self, needed):
        """Samples that nothing has settled yet."""
        return np.flatnonzero(self.possible & (self.radii < needed).any(axis=1))

    def tighten(self, rules, needed):
        """Apply rules, each to the pairs that keep some sample from ``needed``."""
        for rule in rules:
            pairs = _open_pairs(self.target, self.radii, self.possible, needed)
            if len(pairs) == 0:
                break
            t, j = pairs.T
            tighter = np.minimum(self.constants[t, j], rule(self.network, pairs))
            self.constants[t, j] = self.constants[j, t] = tighter
            self.radii = np.maximum(self.margins.radii(self.constants), self.admitted)


class Margins:
    """Logit differences that rounding cannot undo, and radii from them."""

    def __init__(self, decisions, norm):
        error, growth = decisions.rounding()
        # Two logits err by at most sqrt(2) times the l2 error, here and at the far end.
        # An error that overflows leaves NaN or -inf, so that no class is sure.
        with np.errstate(invalid="ignore"):
            self.gaps = decisions.gaps() - 3.0 * error[:, None]
        ratio = norm_ratio(2, norm, decisions.n_mutable) if decisions.n_mutable else 0.0
        self.growth = 1.5 * growth * ratio
        self.target = decisions.target
        self.positive = (self.gaps > 0.0).all(axis=1)

    def radii(self, constants):
        """Radius for each other class; 0 for samples whose class is not sure."""
        radii = np.zeros_like(self.gaps)
        sure = self.positive
        slopes = constants[self.target[sure]]
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            radii[sure] = self.gaps[sure] / (slopes + self.growth)
        radii[np.isposinf(self.gaps)] = np.inf
        return radii * (1.0 - 8.0 * UNIT_ROUNDOFF)


def _open_pairs(target, radii, possible, needed):
    """Class pairs t < j that keep a possible sample below the needed radius."""
    rows, others = np.nonzero((radii < needed) & possible[:, None])
    pairs = np.sort(np.column_stack([target[rows], others]), axis=1)
    return np.unique(pairs, axis=0)
