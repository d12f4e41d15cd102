# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A classifier that answers only where its answer is proven."""

from numbers import Integral

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite, column_or_1d, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from sklip._compat import Interval, StrOptions, fit_context
from sklip._documentation import answers, documented
from sklip._shared_docs import META, SHARED
from sklip.certification import is_certified
from sklip.estimators._meta import BaseCertifiedEstimator
from sklip.exceptions import UnsupportedModelError
from sklip.networks import FeedForward, full_name

__all__ = ["CertifiedRejectClassifier"]

# The name of a method is checked before any work is done, on a network of one weight.
_PROBE = FeedForward([[[1.0], [-1.0]]])


def _inner_has(name):
    """Condition that the estimator, once fitted the fitted one, has a method."""

    def check(self):
        getattr(getattr(self, "estimator_", self.estimator), name)
        return True

    return check


_ANSWERS = answers(
    SHARED["X"],
    """
    labels : ndarray of shape (n_samples,)
        Predicted classes, ``reject_label`` where :meth:`rejected`.
    rejected : ndarray of bool of shape (n_samples,)
        Where no proof was found that the class holds within ``radius``.
    proba : ndarray of shape (n_samples, n_classes)
        Probabilities, in the order of ``classes_``.
    scores : ndarray of shape (n_samples, n_classes) or (n_samples,)
        As the estimator gives them.
    """,
)


@documented(_ANSWERS, META, SHARED)
class CertifiedRejectClassifier(ClassifierMixin, BaseCertifiedEstimator):
    """Reject what could be predicted otherwise within a radius.

    A sample is answered if no perturbation up to ``radius`` changes its predicted
    class, which is proven, and rejected otherwise. So an answer is the one that the
    model gives to the unperturbed sample, whatever an adversary within ``radius`` did
    to it; all that he can reach is a rejection.

    Parameters
    ----------
    estimator : classifier
        What predicts: anything that :func:`sklip.certified_radius` takes once it is
        fitted, a Pipeline for instance. A clone is fitted; a fitted one is kept by
        :class:`sklearn.frozen.FrozenEstimator`.
    radius : float
        Size of the perturbations that must not matter, in the units of X (or of
        ``feature_eps``). 0 rejects nothing.
    {norm}
    reject_label : int or str, default=-1
        What ``predict`` gives for a rejected sample: no class, a string where the
        classes are strings and an integer where they are numbers.
    {method, feature_eps, effort}

    Attributes
    ----------
    estimator_ : classifier
        The fitted clone.
    classes_ : ndarray of shape (n_classes,)
        Labels of the estimator, without ``reject_label``.
    {n_features_in_, feature_names_in_}

    See Also
    --------
    sklip.risk_coverage_curve : Errors among the answers against their share.
    CertifiedIntervalRegressor : The same for regressors.

    Notes
    -----
    ``score`` is the share of samples that are answered and answered correctly. On
    clean data that is the certified accuracy at ``radius``.

    ``predict_proba`` and ``decision_function`` are those of the estimator, rejected
    samples included.

    References
    ----------
    .. [1] C. K. Chow, "On optimum recognition error and reject tradeoff", IEEE
       Transactions on Information Theory 16, 1970.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklip import CertifiedRejectClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = CertifiedRejectClassifier(LogisticRegression(max_iter=500), radius=0.5)
    >>> model.fit(X, y).predict(X[[0, 70, 120]])
    array([ 0, -1,  2])
    >>> int(model.rejected(X).sum())
    42
    """

    _parameter_constraints = {
        **BaseCertifiedEstimator._parameter_constraints,
        "reject_label": [Integral, str],
        "effort": [
            StrOptions({"low", "normal", "high"}),
            Interval(Integral, 0, None, closed="left"),
        ],
    }

    def __init__(
        self,
        estimator,
        *,
        radius,
        norm=2,
        reject_label=-1,
        method="best",
        feature_eps=None,
        effort="normal",
    ):
        self.estimator = estimator
        self.radius = radius
        self.norm = norm
        self.reject_label = reject_label
        self.method = method
        self.feature_eps = feature_eps
        self.effort = effort

    def _certify_kwargs(self, **other):
        return super()._certify_kwargs(effort=self.effort, **other)

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, **fit_params):
        """Fit a clone of the estimator.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Training samples, as the estimator takes them.
        y : array-like of shape (n_samples,)
            Class labels.
        {fit_params}

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        {UnsupportedModelError}
        ValueError
            If ``reject_label`` is a class or not of the type of the classes.
        """
        X, y = self._check_X(X, y, reset=True)
        if np.ndim(y) == 2 and np.shape(y)[1] > 1:
            raise ValueError(
                f"{type(self).__name__} rejects samples of one label each, but y has "
                f"the shape {np.shape(y)}. For multilabel y put it into "
                "sklearn.multioutput.MultiOutputClassifier."
            )
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        is_certified(_PROBE, [[1.0]], **self._certify_kwargs(feature_eps=None))
        self._check_reject_label(np.unique(y))
        classes = self._fit_estimator(X, y, self._routed(fit_params))
        if classes is None:
            raise ValueError(
                f"estimator must be a classifier; {type(self.estimator).__name__} is "
                "not. Use CertifiedIntervalRegressor for a regressor."
            )
        self.classes_ = np.array(classes)
        self._check_reject_label(self.classes_)
        return self

    def _check_reject_label(self, classes):
        if self.radius == 0:
            return  # nothing is rejected
        strings = all(isinstance(label, str) for label in classes.tolist())
        if strings != isinstance(self.reject_label, str):
            wanted = "a string" if strings else "an integer"
            raise ValueError(
                f"reject_label must be {wanted}, as the classes are "
                f"{classes.tolist()}; got {self.reject_label!r}."
            )
        if self.reject_label in classes.tolist():
            raise ValueError(
                f"reject_label={self.reject_label!r} is one of the classes "
                f"{classes.tolist()}: choose a value that is none."
            )

    def predict(self, X):
        """Class of each sample, or ``reject_label``.

        {labels}
        """
        labels = self._predict(X)
        rejected = self.rejected(X)
        if self.radius == 0:
            return labels
        kind = np.result_type(labels.dtype, np.asarray(self.reject_label).dtype)
        labels = labels.astype(kind)
        labels[rejected] = self.reject_label
        return labels

    def rejected(self, X):
        """Whether each sample is rejected.

        {rejected}
        """
        check_is_fitted(self)
        X = self._check_X(X)
        return ~is_certified(self.estimator_, X, **self._certify_kwargs())

    def __sklip_network__(self):
        """The estimator, where nothing is rejected."""
        check_is_fitted(self)
        if self.radius == 0:
            return self.estimator_
        raise UnsupportedModelError(
            f"{full_name(self)} answers reject_label by a radius, which is no network. "
            "Pass the classifier inside, its estimator_, whose radii say what is "
            "rejected."
        )

    @available_if(_inner_has("predict_proba"))
    def predict_proba(self, X):
        """Probabilities of the estimator.

        {proba}
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(self._check_X(X))

    @available_if(_inner_has("decision_function"))
    def decision_function(self, X):
        """Scores of the estimator.

        {scores}
        """
        check_is_fitted(self)
        return self.estimator_.decision_function(self._check_X(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator).classifier_tags
        if inner is not None:
            tags.classifier_tags.multi_class = inner.multi_class
            tags.classifier_tags.poor_score = inner.poor_score
        return tags
