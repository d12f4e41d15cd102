# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""How steep a model can be around each row, as a column for the next step."""

from numbers import Real

from sklip._compat import HasMethods, Interval
from sklip._documentation import documented
from sklip._shared_docs import META, SHARED
from sklip.bounds import local_lipschitz_bound
from sklip.networks import network_view
from sklip.preprocessing._base import CertificateTransformer

__all__ = ["LocalLipschitzTransformer"]


@documented(META, SHARED)
class LocalLipschitzTransformer(CertificateTransformer):
    """Turn each row into a proven bound of the model's slope around it.

    Parameters
    ----------
    estimator : classifier or regressor
        Anything that :func:`sklip.local_lipschitz_bound` takes once it is fitted. A
        clone is fitted; a fitted one is kept by
        :class:`sklearn.frozen.FrozenEstimator`.
    radius : float
        Radius of the l2 ball around each row, in the units of X.

    Attributes
    ----------
    estimator_ : classifier or regressor
        The fitted clone.
    {n_features_in_, feature_names_in_}

    See Also
    --------
    CertifiedRadiusTransformer : Margin and certified radius.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sklip import LocalLipschitzTransformer
    >>> X, y = load_diabetes(return_X_y=True)
    >>> slopes = LocalLipschitzTransformer(Ridge(), radius=0.01).fit_transform(X, y)
    >>> slopes.shape
    (442, 1)
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict"])],
        "radius": [Interval(Real, 0, None, closed="neither")],
    }
    _names_out = ("local_lipschitz",)

    def __init__(self, estimator, *, radius):
        self.estimator = estimator
        self.radius = radius

    def _check_classes(self, classes):
        # A torch module has a radius but no bound inside balls.
        network_view(self.estimator_)

    def transform(self, X):
        """Bound of the Lipschitz constant in the ball around each row.

        Parameters
        ----------
        {X}

        Returns
        -------
        columns : ndarray of shape (n_samples, 1)
            Proven bounds, of ``decision_function`` or ``predict``.
        """
        X = self._checked(X)
        return local_lipschitz_bound(self.estimator_, X, radius=self.radius)[:, None]
