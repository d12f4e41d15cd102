# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Columns measured in units of what they are allowed to be wrong by."""

from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import (
    FLOAT_DTYPES,
    check_array,
    check_is_fitted,
)

from sklip._arguments import (
    check_numbers,
    check_positive,
    is_bool,
    refuse_ambiguous,
    refuse_masked,
    validate_data,
)
from sklip._compat import DocumentationLink, Interval, fit_context
from sklip._documentation import documented
from sklip._shared_docs import META, SHARED

__all__ = ["LipschitzScaler"]


@documented(META, SHARED)
class LipschitzScaler(
    DocumentationLink, OneToOneFeatureMixin, TransformerMixin, BaseEstimator
):
    """Divide each column by its tolerance.

    A network behind it is trained, penalised and bounded in units of tolerance: a
    Lipschitz constant of 2 means that a change by one tolerance moves the output by 2
    at most. Certificates of the whole Pipeline still speak of X's own units.

    Parameters
    ----------
    tolerance : float, array-like of shape (n_features,) or dict
        Size of the error that one column is expected to have, > 0, in units of the
        column: one for all, one for each, or a dict of names or indices. Columns that a
        dict leaves out are not scaled.

    Attributes
    ----------
    scale_ : ndarray of shape (n_features,)
        Tolerance of each column.
    {n_features_in_, feature_names_in_}

    Notes
    -----
    The map is linear, so it folds into the first layer of a network behind it. Missing
    values stay missing.

    Examples
    --------
    >>> import numpy as np
    >>> from sklip import LipschitzScaler
    >>> X = np.array([[20.0, 1000.0], [60.0, 3000.0]])
    >>> LipschitzScaler(tolerance=[2.0, 500.0]).fit_transform(X)
    array([[10.,  2.],
           [30.,  6.]])
    """

    _parameter_constraints = {
        "tolerance": ["array-like", dict, Interval(Real, 0, None, closed="neither")]
    }

    def __init__(self, *, tolerance):
        self.tolerance = tolerance

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Match the tolerances with the columns.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Samples; their values play no part.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted scaler.

        Raises
        ------
        ValueError
            If a column is unknown or named twice, or a tolerance is not a positive
            finite number.
        """
        if isinstance(self.tolerance, Mapping):
            refuse_ambiguous(self.tolerance, X, "tolerance")
        self._validate(X, reset=True)
        self.scale_ = self._tolerances()
        return self

    def _tolerances(self):
        n = self.n_features_in_
        if isinstance(self.tolerance, Mapping):
            scale, seen = np.ones(n), set()
            for key, value in self.tolerance.items():
                j = self._column(key)
                if j in seen:
                    raise ValueError(f"tolerance names column {key!r} twice.")
                seen.add(j)
                scale[j] = check_positive(value, f"tolerance[{key!r}]")
        else:
            scale = check_numbers(self.tolerance, "tolerance")
            if scale.ndim and scale.shape != (n,):
                raise ValueError(
                    f"tolerance must have one entry for each of the {n} columns, got "
                    f"shape {scale.shape}."
                )
            scale = np.broadcast_to(scale, (n,)).copy()
        if not (np.isfinite(scale) & (scale > 0)).all():
            raise ValueError(
                f"Every tolerance must be a positive finite number, got "
                f"{self.tolerance!r}."
            )
        return scale

    def _column(self, key):
        names = list(getattr(self, "feature_names_in_", ()))
        if isinstance(key, str) and key in names:
            return names.index(key)
        if isinstance(key, Integral) and not is_bool(key):
            if 0 <= key < self.n_features_in_:
                return int(key)
        known = names or f"the indices 0 to {self.n_features_in_ - 1}"
        raise ValueError(f"tolerance names the unknown column {key!r}; known: {known}.")

    def transform(self, X):
        """Divide each column by its tolerance.

        Parameters
        ----------
        {X}

        Returns
        -------
        scaled : ndarray of shape (n_samples, n_features)
            In units of tolerance.
        """
        check_is_fitted(self)
        X = self._validate(X, reset=False)
        return X / self.scale_.astype(X.dtype)

    def inverse_transform(self, X):
        """Multiply each column by its tolerance.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            In units of tolerance.

        Returns
        -------
        original : ndarray of shape (n_samples, n_features)
            In the units of X.
        """
        check_is_fitted(self)
        refuse_masked(X, "X")
        X = check_array(X, dtype=FLOAT_DTYPES, ensure_all_finite="allow-nan")
        if X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {X.shape[1]} features, but {type(self).__name__} was fitted on "
                f"{self.n_features_in_}."
            )
        return X * self.scale_.astype(X.dtype)

    def __sklip_affine__(self):
        """Scale and offset of each column, for certificates of a Pipeline."""
        return 1.0 / self.scale_, np.zeros(len(self.scale_))

    def _validate(self, X, reset):
        return validate_data(
            self, X, dtype=FLOAT_DTYPES, ensure_all_finite="allow-nan", reset=reset
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
