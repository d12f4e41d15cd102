# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the transformers around a model share."""

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklip._compat import fit_context
from sklip._documentation import documented
from sklip._shared_docs import META
from sklip.estimators import BaseCertifiedEstimator

__all__ = ["CertificateTransformer"]


@documented(META)
class CertificateTransformer(TransformerMixin, BaseCertifiedEstimator):
    """Fit a clone of a model and hand on what is proven about each row; private."""

    feature_eps = None
    _names_out: tuple = ()

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, **fit_params):
        """Fit a clone of the estimator.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Training samples, as the estimator takes them.
        y : array-like of shape (n_samples,)
            Targets.
        {fit_params}

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        {UnsupportedModelError}
        """
        X, y = self._check_X(X, y, reset=True)
        self._check_classes(self._fit_estimator(X, y, self._routed(fit_params)))
        return self

    def _check_classes(self, classes):
        """Refuse a fitted estimator that the transformer has no use for."""

    def _checked(self, X):
        check_is_fitted(self)
        return self._check_X(X)

    def get_feature_names_out(self, input_features=None):
        """Names of the columns that transform gives.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Not used; here for scikit-learn's convention.

        Returns
        -------
        names : ndarray of str of shape (n_columns,)
            The names.
        """
        check_is_fitted(self)
        return np.array(self._names_out, dtype=object)
