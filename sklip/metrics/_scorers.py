# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Scorers of robustness, for scikit-learn's model selection."""

from sklip._arguments import check_count, check_radius, check_seed
from sklip._documentation import documented
from sklip._shared_docs import SHARED
from sklip.bounds import LipschitzCertificate, cached_bound, lipschitz_bound
from sklip.certification import (
    adversarial_accuracy_score,
    certified_accuracy_score,
    certified_error_score,
    noise_accuracy_curve,
)
from sklip.metrics._scorer import SCORER_DOCS, Scorer, checked_eps, told
from sklip.networks import FeedForward

__all__ = [
    "make_adversarial_accuracy_scorer",
    "make_certified_accuracy_scorer",
    "make_certified_error_scorer",
    "make_lipschitz_scorer",
    "make_noise_accuracy_scorer",
]

# Arguments are checked when a scorer is made, by scoring a network of one weight.
_PROBE = FeedForward([[[1.0], [-1.0]]])
_PROBE_X, _PROBE_Y = [[1.0]], [0]


@documented(SCORER_DOCS, SHARED)
def make_certified_accuracy_scorer(
    *,
    radius,
    norm=2,
    method="best",
    feature_eps=None,
    categorical="immutable",
    effort="normal",
    groups=None,
    n_jobs=None,
    verbose=0,
):
    """Make a scorer of the certified accuracy.

    Parameters
    ----------
    {radius, norm, method, feature_eps, categorical, effort}
    {worst_class, n_jobs, verbose}

    {returns_and_raises}
        A certificate is refused as method: it belongs to one network, and a scorer
        meets many.

    Examples
    --------
    {iris_model}
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklip.metrics import make_certified_accuracy_scorer
    >>> scorer = make_certified_accuracy_scorer(radius=0.1)
    >>> scorer
    make_certified_accuracy_scorer(radius=0.1, norm=2, method='best', \
categorical='immutable', effort='normal', feature_eps=None)
    >>> bool(cross_val_score(model, X, y, scoring=scorer, cv=3).min() > 0.8)
    True
    """
    if isinstance(method, LipschitzCertificate):
        raise TypeError("A scorer meets many networks: method must be a name.")
    kwargs = {
        "radius": radius,
        "norm": norm,
        "method": method,
        "categorical": categorical,
        "effort": effort,
        **told(groups, n_jobs, verbose),
    }
    certified_accuracy_score(_PROBE, _PROBE_X, _PROBE_Y, **kwargs)
    kwargs["feature_eps"] = checked_eps(feature_eps)
    return Scorer("make_certified_accuracy_scorer", certified_accuracy_score, kwargs)


@documented(SCORER_DOCS, SHARED)
def make_certified_error_scorer(
    *,
    radius,
    loss="squared_error",
    norm=2,
    feature_eps=None,
    n_jobs=None,
    verbose=0,
):
    """Make a scorer of a regressor's worst-case error: greater is better.

    Parameters
    ----------
    {radius}
    loss : {"squared_error", "absolute_error", "r2"}, default="squared_error"
        The first two are negated; R² is taken as it is.
    {norm, feature_eps, n_jobs, verbose}

    {returns_and_raises}

    Examples
    --------
    >>> from sklip.metrics import make_certified_error_scorer
    >>> from sklip.networks import FeedForward
    >>> scorer = make_certified_error_scorer(radius=0.2, loss="absolute_error")
    >>> round(scorer(FeedForward([[[3.0, 4.0]]]), [[1.0, 0.0]], [3.0]), 6)
    -1.0
    """
    kwargs = {"radius": radius, "loss": loss, "norm": norm}
    kwargs |= told(None, n_jobs, verbose)
    network = FeedForward([[[1.0]]])
    certified_error_score(network, [[0.0], [1.0]], [0.0, 1.0], **kwargs)
    kwargs["feature_eps"] = checked_eps(feature_eps)
    return Scorer("make_certified_error_scorer", _negated_error, kwargs)


def make_lipschitz_scorer(*, method="auto"):
    """Make a scorer of the proven Lipschitz bound, negated: greater is better.

    It is the bound of :func:`sklip.bounds.lipschitz_bound`, of ``decision_function`` or
    of a regressor's ``predict``.

    Parameters
    ----------
    method : str, default="auto"
        As for :func:`sklip.bounds.lipschitz_bound`.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X=None, y=None)`` for ``scoring=``; the data play no part.

    Raises
    ------
    ValueError
        If the method is unknown.

    Examples
    --------
    >>> from sklip.metrics import make_lipschitz_scorer
    >>> from sklip.networks import FeedForward
    >>> round(make_lipschitz_scorer()(FeedForward([[[3.0, 4.0]]])), 6)
    -5.0
    """
    lipschitz_bound(_PROBE, method=method)
    return Scorer(
        "make_lipschitz_scorer", _negated_bound, {"method": method}, weighted=False
    )


@documented(SCORER_DOCS, SHARED)
def make_adversarial_accuracy_scorer(
    *,
    radius,
    norm=2,
    feature_eps=None,
    n_steps=20,
    n_restarts=10,
    random_state=0,
    groups=None,
    n_jobs=None,
    verbose=0,
):
    """Make a scorer of the accuracy under an attack.

    Parameters
    ----------
    {radius, norm, feature_eps}
    n_steps, n_restarts : int, default=20, 10
        Effort of :func:`sklip.certification.pgd_attack`.
    random_state : int or None, default=0
        Of the attack's random starts; fixed by default, so that a search can be
        repeated.
    {worst_class, n_jobs, verbose}

    {returns_and_raises}

    Examples
    --------
    >>> from sklip.metrics import make_adversarial_accuracy_scorer
    >>> from sklip.networks import FeedForward
    >>> net = FeedForward([[[1.5, 2.0], [-1.5, -2.0]]])
    >>> make_adversarial_accuracy_scorer(radius=0.5)(net, [[1, 0.5], [0.1, 0]], [0, 0])
    0.5
    """
    kwargs = {
        "radius": radius,
        "norm": norm,
        "n_steps": n_steps,
        "n_restarts": n_restarts,
        "random_state": check_seed(random_state),
        **told(groups, n_jobs, verbose),
    }
    adversarial_accuracy_score(_PROBE, _PROBE_X, _PROBE_Y, **kwargs)
    kwargs["feature_eps"] = checked_eps(feature_eps)
    return Scorer(
        "make_adversarial_accuracy_scorer", adversarial_accuracy_score, kwargs
    )


@documented(SCORER_DOCS, SHARED)
def make_noise_accuracy_scorer(
    *, noise_std, n_repeats=1, random_state=0, groups=None, n_jobs=None, verbose=0
):
    """Make a scorer of the accuracy under Gaussian noise.

    Parameters
    ----------
    noise_std : float
        Standard deviation of the noise in every entry, in the units of X.
    n_repeats : int, default=1
        Draws of the noise that are averaged.
    random_state : int or None, default=0
        Seed of the noise; fixed by default, so that a search can be repeated.
    {worst_class, n_jobs, verbose}

    {returns_and_raises}

    Examples
    --------
    {iris_model}
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklip.metrics import make_noise_accuracy_scorer
    >>> scorer = make_noise_accuracy_scorer(noise_std=0.1)
    >>> bool(cross_val_score(model, X, y, scoring=scorer, cv=3).min() > 0.85)
    True
    """
    kwargs = {
        "noise_std": check_radius(noise_std, "noise_std"),
        "n_repeats": check_count(n_repeats, "n_repeats"),
        "random_state": check_seed(random_state),
        **told(groups, n_jobs, verbose),
    }
    return Scorer("make_noise_accuracy_scorer", _mean_noise_accuracy, kwargs)


def _mean_noise_accuracy(estimator, X, y, *, noise_std, **kwargs):
    found = noise_accuracy_curve(estimator, X, y, [noise_std], **kwargs)
    if isinstance(found, dict):
        return {label: curve.mean() for label, curve in found.items()}
    return found.mean()


def _negated_bound(estimator, X, y, *, method):
    return -cached_bound(estimator, method=method).value


def _negated_error(estimator, X, y, *, loss, **kwargs):
    score = certified_error_score(estimator, X, y, loss=loss, **kwargs)
    return score if loss == "r2" else -score
