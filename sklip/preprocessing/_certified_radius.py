# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Margin and certified radius of each row, as columns for the next step."""

import numpy as np

from sklip._compat import HasMethods
from sklip._documentation import documented
from sklip._shared_docs import META, SHARED
from sklip.certification import certified_radius, margins
from sklip.estimators import BaseCertifiedEstimator
from sklip.preprocessing._base import CertificateTransformer

__all__ = ["CertifiedRadiusTransformer"]


@documented(META, SHARED)
class CertifiedRadiusTransformer(CertificateTransformer):
    """Turn each row into the margin and the certified radius of its prediction.

    Parameters
    ----------
    estimator : classifier
        Anything that :func:`sklip.certified_radius` takes once it is fitted. A clone is
        fitted; a fitted one is kept by :class:`sklearn.frozen.FrozenEstimator`.
    norm : {1, 2, numpy.inf}, default=2
        Norm of the perturbations, in the units of X.

    Attributes
    ----------
    estimator_ : classifier
        The fitted clone.
    {n_features_in_, feature_names_in_}

    See Also
    --------
    CertifiedRejectClassifier : Rejects predictions whose radius is too small.

    Notes
    -----
    Both columns are about the predicted class. A radius that is infinite, where nothing
    that may move matters, is given as the largest float32: steps behind this one take
    finite numbers only. Rows of the training set look surer than new ones do; behind
    this step, fit on rows that the estimator has not seen.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklip import CertifiedRadiusTransformer
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = CertifiedRadiusTransformer(LogisticRegression(max_iter=500)).fit(X, y)
    >>> table = model.set_output(transform="pandas").transform(X)
    >>> table.columns.tolist()
    ['margin', 'radius']
    >>> bool(table["radius"][:50].min() > table["radius"][50:].min())
    True
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict"])],
        "norm": BaseCertifiedEstimator._parameter_constraints["norm"],
    }
    _names_out = ("margin", "radius")

    def __init__(self, estimator, *, norm=2):
        self.estimator = estimator
        self.norm = norm

    def _check_classes(self, classes):
        if classes is None:
            raise ValueError(
                f"estimator must be a classifier; {type(self.estimator).__name__} is "
                "not: it has no margin. Use LocalLipschitzTransformer."
            )

    def transform(self, X):
        """Margin and certified radius of each row.

        Parameters
        ----------
        {X}

        Returns
        -------
        columns : ndarray of shape (n_samples, 2)
            Top logit minus the second, and the radius within which the prediction
            cannot change.
        """
        X = self._checked(X)
        radius = certified_radius(self.estimator_, X, norm=self.norm)
        largest = np.finfo(np.float32).max
        return np.column_stack(
            [margins(self.estimator_, X), np.minimum(radius, largest)]
        )
