# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A regressor whose intervals hold under perturbation."""

from numbers import Real

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted, indexable

from sklip._compat import RANDOM_STATE, Interval, fit_context
from sklip._documentation import documented
from sklip._shared_docs import META, SHARED
from sklip.certification import certified_interval
from sklip.estimators._meta import BaseCertifiedEstimator
from sklip.networks import FeedForward

__all__ = ["CertifiedIntervalRegressor"]

# The name of a method is checked before any work is done, on a network of one weight.
_PROBE = FeedForward([[[1.0]]])
# Of parameters that only a calibration on samples held out uses.
_DEFAULTS = {"coverage": 0.9, "calibration_fraction": 0.25}


@documented(META, SHARED)
class CertifiedIntervalRegressor(RegressorMixin, BaseCertifiedEstimator):
    """Intervals that a prediction cannot leave within a radius, and that may cover y.

    Every interval contains the prediction at each point within ``radius`` of the
    sample; this is proven. With ``conformal=True`` it is widened so that it also
    contains the target of a new sample with probability ``coverage``, even if the
    sample was perturbed by up to ``radius`` before the interval was computed.

    Parameters
    ----------
    estimator : regressor
        What predicts: anything that :func:`sklip.certified_interval` takes once it is
        fitted, a Pipeline or TransformedTargetRegressor for instance. A clone is
        fitted; a fitted one is kept by :class:`sklearn.frozen.FrozenEstimator`.
    radius : float
        Size of the perturbations, in the units of X (or of ``feature_eps``).
    {norm}
    conformal : bool, default=False
        Hold a part of the samples of fit out, and widen the intervals by a quantile of
        its absolute errors, not weighted. A FrozenEstimator is calibrated on all of
        them, which must then be new to it.
    coverage : float in (0, 1), default=0.9
        Probability with which a conformal interval contains the target; refused
        without ``conformal``.
    method : str, default="best"
        As for :func:`sklip.certified_interval`.
    {feature_eps}
    calibration_fraction : float in (0, 1), default=0.25
        Share of the samples that ``conformal=True`` holds out; refused without, and
        for a FrozenEstimator.
    random_state : int, RandomState instance or None, default=None
        Draws the samples that are held out.

    Attributes
    ----------
    estimator_ : regressor
        The fitted clone.
    conformal_width_ : ndarray of shape (n_outputs,) or None
        What the certified interval is widened by on each side, in the units of y; only
        with ``conformal=True``.
    n_calibration_ : int
        Number of samples held out; 0 without ``conformal``.
    {n_features_in_, feature_names_in_}

    See Also
    --------
    sklip.certified_interval : The certified part, for any fitted regressor.
    CertifiedRejectClassifier : The same for classifiers.

    Notes
    -----
    Split conformal prediction [1]_ with the score ``|y - f(x)|`` gives the width q,
    the ceil(coverage (n + 1))-th smallest of n scores: with probability ``coverage``
    over calibration and test samples together, ``|y - f(x)| <= q``. The interval
    certified at a perturbed sample contains f(x), for the sample is as far from its
    perturbation as that from the sample; so widened by q it contains y. This is
    marginal, holds for each output by itself, supposes that calibration and test
    samples are exchangeable, and leaves y unperturbed.

    References
    ----------
    .. [1] V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World",
       Springer, 2005.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sklip import CertifiedIntervalRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = CertifiedIntervalRegressor(
    ...     Ridge(), radius=0.01, conformal=True, random_state=0
    ... ).fit(X[:300], y[:300])
    >>> lower, upper = model.predict_interval(X[300:])
    >>> bool(((lower <= y[300:]) & (y[300:] <= upper)).mean() > 0.85)
    True
    """

    _parameter_constraints = {
        **BaseCertifiedEstimator._parameter_constraints,
        "conformal": ["boolean"],
        "coverage": [Interval(Real, 0, 1, closed="neither")],
        "calibration_fraction": [Interval(Real, 0, 1, closed="neither")],
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        estimator,
        *,
        radius,
        norm=2,
        conformal=False,
        coverage=0.9,
        method="best",
        feature_eps=None,
        calibration_fraction=0.25,
        random_state=None,
    ):
        self.estimator = estimator
        self.radius = radius
        self.norm = norm
        self.conformal = conformal
        self.coverage = coverage
        self.method = method
        self.feature_eps = feature_eps
        self.calibration_fraction = calibration_fraction
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, **fit_params):
        """Fit a clone of the estimator, and calibrate it if ``conformal``.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Training samples, as the estimator takes them.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        {fit_params}

        Returns
        -------
        self : object
            The fitted regressor.

        Raises
        ------
        {UnsupportedModelError}
        ValueError
            If the calibration part is too small for ``coverage``.
        """
        X, y = self._check_X(X, y, reset=True)
        X, y = indexable(X, y)
        certified_interval(_PROBE, [[1.0]], **self._certify_kwargs(feature_eps=None))
        self._check_calibration()
        fit_params = self._routed(fit_params)
        held_out = None
        if self.conformal:
            X, y, fit_params, held_out = self._hold_out(X, y, fit_params)
        classes = self._fit_estimator(X, y, fit_params)
        if classes is not None:
            raise ValueError(
                f"estimator must be a regressor; {type(self.estimator).__name__} is "
                "not. Use CertifiedRejectClassifier for a classifier."
            )
        self.conformal_width_, self.n_calibration_ = None, 0
        if held_out is not None:
            self._calibrate(*held_out)
        return self

    def _check_calibration(self):
        """Refuse what would not be used: the intervals would not be those asked for."""
        unused = [] if self.conformal else ["coverage", "calibration_fraction"]
        if self.conformal and isinstance(self.estimator, FrozenEstimator):
            unused = ["calibration_fraction"]
        for name in unused:
            value, default = getattr(self, name), _DEFAULTS[name]
            if value != default:
                reason = (
                    "a FrozenEstimator is calibrated on all samples"
                    if self.conformal
                    else "only conformal=True calibrates"
                )
                raise ValueError(
                    f"{name}={value} has no effect, for {reason}: leave it at "
                    f"{default}"
                    + ("." if self.conformal else ", or set conformal=True.")
                )

    def _hold_out(self, X, y, fit_params):
        """Split off the calibration part: X, y, fit_params, (X, y) held out."""
        if isinstance(self.estimator, FrozenEstimator):
            self._check_calibration_size(len(y))
            return X, y, fit_params, (X, y)
        n_samples = len(y)
        n_held_out = int(np.ceil(self.calibration_fraction * n_samples))
        self._check_calibration_size(n_held_out)
        if n_held_out >= n_samples:
            raise ValueError(
                f"calibration_fraction={self.calibration_fraction} of {n_samples} "
                "sample(s) leaves nothing to fit on."
            )
        aligned = {
            name: value
            for name, value in fit_params.items()
            if hasattr(value, "__len__") and len(value) == n_samples
        }
        parts = train_test_split(
            X,
            y,
            *aligned.values(),
            test_size=n_held_out,
            random_state=check_random_state(self.random_state),
        )
        aligned = dict(zip(aligned, parts[4::2], strict=True))
        return parts[0], parts[2], {**fit_params, **aligned}, (parts[1], parts[3])

    def _check_calibration_size(self, n):
        if _rank(self.coverage, n) > n:
            needed = int(np.ceil(self.coverage / (1.0 - self.coverage) - 1e-9))
            raise ValueError(
                f"coverage={self.coverage} needs a calibration part of at least "
                f"{needed} samples, but it would have n_samples = {n}. Fit more "
                "samples, raise calibration_fraction, or lower coverage."
            )

    def _calibrate(self, X, y):
        """Width that the stated share of the held-out targets keeps to."""
        y = np.asarray(y, dtype=np.float64)
        error = np.abs(y - self.estimator_.predict(X).reshape(y.shape))
        error = np.sort(error.reshape(len(y), -1), axis=0)
        self.n_calibration_ = len(y)
        width = error[_rank(self.coverage, len(y)) - 1]
        # The difference and the later sum are rounded.
        size = np.abs(y).reshape(len(y), -1).max(axis=0)
        self.conformal_width_ = np.nextafter(width + 1e-15 * (width + size), np.inf)

    def predict(self, X):
        """Prediction of the estimator.

        Parameters
        ----------
        {X}

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions, shaped as the estimator gives them.
        """
        return self._predict(X)

    def __sklip_network__(self):
        """The estimator, which predicts the same."""
        check_is_fitted(self)
        return self.estimator_

    def predict_interval(self, X):
        """Lower and upper end of each sample's interval.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Samples, perturbed by up to ``radius`` or not.

        Returns
        -------
        lower, upper : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Shaped as the predictions.
        """
        shape = self.predict(X).shape
        lower, upper = certified_interval(
            self.estimator_, self._check_X(X), **self._certify_kwargs()
        )
        if self.conformal_width_ is not None:
            width = (
                self.conformal_width_ if lower.ndim == 2 else self.conformal_width_[0]
            )
            lower = np.nextafter(lower - width, -np.inf)
            upper = np.nextafter(upper + width, np.inf)
        return lower.reshape(shape), upper.reshape(shape)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.target_tags.multi_output = inner.target_tags.multi_output
        tags.target_tags.single_output = inner.target_tags.single_output
        if inner.regressor_tags is not None:
            tags.regressor_tags.poor_score = inner.regressor_tags.poor_score
        return tags


def _rank(coverage, n):
    """Which of n sorted scores is the conformal quantile, counted from 1."""
    # Without the slack .9 * 10 = 9.000000000000002 would ask for the tenth.
    return int(np.ceil(coverage * (n + 1) * (1.0 - 4e-16)))
