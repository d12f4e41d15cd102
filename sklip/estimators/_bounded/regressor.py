# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Multilayer perceptron regressors of orthonormal layers."""

from numbers import Real

from sklip._compat import Interval
from sklip._documentation import documented
from sklip.estimators._bounded.base import BaseBoundedMLP
from sklip.estimators._bounded.docs import BOUNDED
from sklip.estimators._regression_targets import NetworkRegressorMixin
from sklip.estimators._shared_docs import REGRESSOR, SHARED

__all__ = ["LipschitzBoundedMLPRegressor"]


@documented(BOUNDED, REGRESSOR, SHARED)
class LipschitzBoundedMLPRegressor(NetworkRegressorMixin, BaseBoundedMLP):
    """Regressor whose Lipschitz constant is at most the one that is given.

    Every hidden layer is orthonormal and followed by absolute values, so that it has
    the Lipschitz constant 1 by construction; the norm of the last weights is kept at
    most ``lipschitz_bound``. The training minimises the squared error under that bound,
    and the fitted network proves it: no prediction moves farther than
    ``lipschitz_bound`` times the change of the input.

    After the epochs of :meth:`fit` the last layer of a single output is solved for:
    least squares among weights no longer than its own. Not so after early stopping,
    which keeps what it validated.

    Ctrl-C ends the training and keeps the epochs done, certified; a warning says so. A
    fit of a clone, as searches make them, keeps them too and passes the interrupt on,
    and so does any fit that meets a second Ctrl-C within a minute.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(64, 64)
        Number of units of each hidden layer.
    lipschitz_bound : float, default=1.0
        Largest l2 Lipschitz constant, in units of y per unit of X.
    {input_noise, learning_rate_init, batch_size, max_iter, averaging, random_state,
    tol, verbose, warm_start, early_stopping, validation_fraction, n_iter_no_change}
    certificate : str or None, default="auto"
        How the bound of the fitted network is proven: "auto" and "pairwise" by the
        product of the layers' norms, which are 1 but for the last; a method of
        :func:`sklip.bounds.lipschitz_bound` that costs more is taken where it proves
        less. None skips it.
    {device, callbacks}

    Attributes
    ----------
    {network_, certificate_}
    lipschitz_bound_ : float
        Proven upper bound of the l2 Lipschitz constant of all outputs together;
        never above ``lipschitz_bound``.
    {coefs_, intercepts_, n_features_in_, feature_names_in_, n_outputs_, n_layers_,
    n_iter_, history_}
    loss_curve_ : list of float
        Training loss of each epoch:
        half the squared error, in units of the spread of y.
    {net_}

    See Also
    --------
    ADMMLipschitzMLPRegressor : A bound on networks of other activations.
    sklip.certification.certified_interval : Interval that no small change leaves.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import scale
    >>> from sklip import LipschitzBoundedMLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X, y = scale(X), scale(y)
    >>> model = LipschitzBoundedMLPRegressor(
    ...     (32,), lipschitz_bound=0.5, max_iter=20, random_state=0
    ... ).fit(X, y)
    >>> model.lipschitz_bound_ <= 0.5
    True
    >>> bool(model.score(X, y) > 0.4)
    True
    """

    _parameter_constraints = {
        **BaseBoundedMLP._parameter_constraints,
        "lipschitz_bound": [Interval(Real, 0, None, closed="neither")],
    }
    loss = "squared_error"

    def __init__(
        self,
        hidden_layer_sizes=(64, 64),
        lipschitz_bound=1.0,
        *,
        input_noise=0.0,
        learning_rate_init=0.03,
        batch_size=128,
        max_iter=80,
        averaging=0.99,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        certificate="auto",
        device="cpu",
        callbacks=None,
    ):
        self._store(locals())

    def _module_options(self):
        return {"lipschitz_bound": float(self.lipschitz_bound)}

    def _net_options(self):
        return {"averaging": self.averaging, "backprop": self._backprop()}
