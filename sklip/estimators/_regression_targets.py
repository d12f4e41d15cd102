# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Regression targets: encoded for the net, and read off its outputs."""

import numpy as np
from scipy import sparse
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if

from sklip._compat import StrOptions, fit_context
from sklip._documentation import documented
from sklip.estimators._shared_docs import PREDICT
from sklip.estimators._targets import is_stochastic
from sklip.training import LOG_LINK_LOSSES, REGRESSOR_LOSSES

__all__ = ["NetworkRegressorMixin"]


@documented(PREDICT)
class NetworkRegressorMixin(RegressorMixin):
    """One output for each target."""

    _y_numeric = True
    _is_multilabel = False
    _link = "identity"
    _target_constraints = {"loss": [StrOptions(set(REGRESSOR_LOSSES))]}

    @available_if(is_stochastic)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch more on these samples.

        A parameter changed since the last call counts from now on; the optimizer then
        starts without its moments. The layers cannot change.

        Parameters
        ----------
        {X}
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return self._fit_more(X, y, sample_weight, not self.__sklearn_is_fitted__())

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _encode_targets(self, y, dtype, reset):
        y = y.toarray() if sparse.issparse(y) else y
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        targets = np.asarray(y, dtype=dtype).reshape(len(y), -1)
        if self.loss in LOG_LINK_LOSSES and not np.all(targets >= 0):
            raise ValueError(f"loss={self.loss!r} needs y >= 0, such as counts.")
        if reset:
            self._y_ndim = y.ndim
        elif targets.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y has {targets.shape[1]} outputs, the fitted network "
                f"{self.n_outputs_}."
            )
        return targets, y

    @property
    def _loss_of_net(self):
        return self.loss

    def _outputs_of_y(self):
        """Outputs that the targets of fit need; None if any number has a shape."""
        return 1 if self._y_ndim == 1 else None

    def predict(self, X):
        """Predicted targets.

        {y}
        """
        outputs = self._outputs(X)
        if self.out_activation_ == "exp":
            outputs = np.exp(outputs)
        return outputs[:, 0] if self._y_ndim == 1 else outputs
