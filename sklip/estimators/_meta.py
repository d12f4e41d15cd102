# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the meta-estimators share: the inner estimator, its columns, its metadata."""

from numbers import Real

import numpy as np
from scipy import sparse
from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import Bunch, get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted

from sklip._arguments import NORM_NAMES, validate_data
from sklip._compat import (
    DocumentationLink,
    HasMethods,
    Interval,
    Options,
    StrOptions,
)
from sklip._copies import own_copy
from sklip.bounds import view_of

__all__ = ["BaseCertifiedEstimator"]


class BaseCertifiedEstimator(DocumentationLink, MetaEstimatorMixin, BaseEstimator):
    """A model around another one, whose answers hold within a radius; private."""

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict"])],
        "radius": [Interval(Real, 0, None, closed="left")],
        "norm": [Options(Real, {1, 2, np.inf}), StrOptions(set(NORM_NAMES))],
        "method": [str],
        "feature_eps": [HasMethods("items"), None],
    }

    def _check_X(self, X, *args, reset=False):
        """A copy of X; sparse refused, its columns noted or compared."""
        if sparse.issparse(X):
            raise TypeError(
                f"Sparse input is not supported by {type(self).__name__}: a radius "
                "moves every entry. Pass X.toarray()."
            )
        if getattr(X, "ndim", 2) == 1:
            raise ValueError(
                "X must be 2D, one row for each sample, but is 1D. Reshape your data: "
                "X.reshape(-1, 1) for one feature, X.reshape(1, -1) for one sample."
            )
        checked = validate_data(self, X, *args, reset=reset, skip_check_array=True)
        # The estimator inside may write into what it gets, with copy=False for one.
        return tuple(map(own_copy, checked)) if args else own_copy(checked)

    def _routed(self, fit_params):
        """Arguments for the inner fit."""
        if get_config()["enable_metadata_routing"]:
            return process_routing(self, "fit", **fit_params).estimator.fit
        return Bunch(**fit_params)

    def _fit_estimator(self, X, y, fit_params):
        """Fit a clone and see that it can be certified; its classes, or None."""
        self.estimator_ = clone(self.estimator).fit(X, y, **fit_params)
        view = view_of(self.estimator_, X, self.feature_eps, predicting=True)
        return view.classes

    def _certify_kwargs(self, **other):
        names = ("radius", "norm", "method", "feature_eps")
        return {name: getattr(self, name) for name in names} | other

    def get_metadata_routing(self):
        """Metadata that fit hands to the inner estimator.

        Returns
        -------
        routing : MetadataRouter
            What scikit-learn's metadata routing asks for.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        if hasattr(self, "fit_transform"):  # what a Pipeline calls
            mapping.add(caller="fit_transform", callee="fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags.sparse = False
        for name in ("allow_nan", "string", "categorical"):
            setattr(tags.input_tags, name, getattr(inner.input_tags, name))
        tags.target_tags.required = True
        return tags

    def _predict(self, X):
        check_is_fitted(self)
        return np.asarray(self.estimator_.predict(self._check_X(X)))
