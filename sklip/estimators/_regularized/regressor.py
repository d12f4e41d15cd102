# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Multilayer perceptron regressors with a penalty on their Lipschitz constant."""

from sklip._documentation import documented
from sklip.estimators._regression_targets import NetworkRegressorMixin
from sklip.estimators._regularized.classifier import LipschitzRegularizedMLP
from sklip.estimators._regularized.docs import REGULARIZED
from sklip.estimators._shared_docs import REGRESSOR, SHARED

__all__ = ["LipschitzRegularizedMLPRegressor"]


@documented(REGULARIZED, REGRESSOR, SHARED)
class LipschitzRegularizedMLPRegressor(NetworkRegressorMixin, LipschitzRegularizedMLP):
    """Multilayer perceptron regressor that is trained to be smooth and certified.

    The training minimises the weighted mean of the loss plus
    ``alpha / 2 * ||W||_F^2 / sum(sample_weight)`` plus ``lipschitz_weight`` times the
    penalty. The bound that fit proves says how far the
    prediction can move when the input moves, and :func:`sklip.certified_interval`
    turns it into an interval for each sample.

    Ctrl-C ends the training and keeps the epochs done, certified; a warning says so. A
    fit of a clone, as searches make them, keeps them too and passes the interrupt on,
    and so does any fit that meets a second Ctrl-C within a minute.

    Parameters
    ----------
    {hidden_layer_sizes, activation, penalty, lipschitz_weight, solver, momentum,
    nesterovs_momentum, beta_1, epsilon, alpha, batch_size, learning_rate_init,
    learning_rate, power_t, max_iter, max_fun, shuffle, random_state, tol, verbose,
    warm_start, early_stopping, validation_fraction, n_iter_no_change, init_gain, loss,
    certificate, device, callbacks}

    Attributes
    ----------
    {network_, certificate_, lipschitz_bound_, lipschitz_weight_, coefs_, intercepts_,
    n_features_in_, feature_names_in_, n_outputs_, n_layers_, n_iter_, t_, loss_,
    best_loss_, validation_scores_, best_validation_score_, out_activation_, history_,
    loss_curve_, net_}

    See Also
    --------
    sklip.bounds.lipschitz_bound : Certify any fitted network.
    sklip.certification.certified_interval : Interval that no small change leaves.

    References
    ----------
    .. [1] Y. Yoshida, T. Miyato, "Spectral norm regularization for improving the
       generalizability of deep learning", arXiv:1705.10941, 2017 (``"spectral"``).
    .. [2] A. Abuduweili, C. Liu, "Estimating neural network robustness via Lipschitz
       constant and architecture sensitivity", 2024, (28) (``"product"``; item A28).

    Examples
    --------
    >>> from sklearn.compose import TransformedTargetRegressor
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklip import LipschitzRegularizedMLPRegressor, certified_interval
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = TransformedTargetRegressor(
    ...     LipschitzRegularizedMLPRegressor(
    ...         (16,), lipschitz_weight=1e-3, solver="lbfgs", max_iter=1000,
    ...         random_state=0,
    ...     ),
    ...     transformer=StandardScaler(),
    ... ).fit(X, y)
    >>> lower, upper = certified_interval(model, X, radius=0.01)
    >>> bool((lower < upper).all())
    True
    """

    _whole_weight = 3e-3
    _parameter_constraints = {
        **LipschitzRegularizedMLP._parameter_constraints,
        **NetworkRegressorMixin._target_constraints,
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        penalty="spectral",
        lipschitz_weight="auto",
        solver="adam",
        momentum=0.9,
        nesterovs_momentum=True,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        alpha=1e-4,
        batch_size="auto",
        learning_rate_init=1e-3,
        learning_rate="auto",
        power_t=0.5,
        max_iter=200,
        max_fun=15000,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        init_gain=1.0,
        loss="squared_error",
        certificate="auto",
        device="cpu",
        callbacks=None,
    ):
        self._store(locals())
